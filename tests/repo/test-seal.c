/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "repo-fixture.h"

static uint8_t in[CHUNK], out[CHUNK], sealed_buf[REPO_SEAL_BOUND(CHUNK)];

static void seal_at(int level, const void *buf, size_t len, struct sealed *ret)
{
	struct sealer *sealer;
	ok(sealer_new(NULL, level, &sealer, err));
	*ret = (struct sealed){ .buf = sealed_buf };
	ok(sealer_seal(sealer, &(struct chunk_id){ 0 }, buf, len, ret, err));
	sealer_free(sealer);
}

static void seal(const void *buf, size_t len, struct sealed *ret)
{
	seal_at(REPO_LEVEL_DEFAULT, buf, len, ret);
}

static int open_sealed(const struct sealed *sealed, size_t len)
{
	struct opener *opener;
	ok(opener_new(&opener, err));
	int rc = opener_open(opener, sealed->buf, sealed->len, sealed->codec, out, len, NULL);
	opener_free(opener);
	return rc;
}

static void what_was_sealed_opens_again(void **state)
{
	(void)state;
	static const size_t lengths[] = { 1, 2, 511, 4096, CHUNK - 1, CHUNK };
	for (uint64_t n = 0; n < 7; n++)
		for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct sealed sealed;
			fixture_chunk(n, 1, in);
			seal(in, lengths[i], &sealed);
			assert_true(sealed.len <= lengths[i]);
			assert_int_equal(open_sealed(&sealed, lengths[i]), 0);
			assert_memory_equal(in, out, lengths[i]);
		}
}

static void what_does_not_shrink_is_stored_as_it_is(void **state)
{
	(void)state;
	struct sealed sealed;
	fixture_chunk(0, 1, in);
	seal(in, CHUNK, &sealed);
	assert_int_equal(sealed.codec, CODEC_STORED);
	assert_int_equal(sealed.len, CHUNK);
	assert_memory_equal(in, sealed.buf, CHUNK);
	fixture_chunk(1, 1, in);
	seal(in, CHUNK, &sealed);
	assert_int_equal(sealed.codec, CODEC_ZSTD);
	assert_true(sealed.len < CHUNK * 2 / 3);
}

static void what_opens_to_another_length_is_damage(void **state)
{
	(void)state;
	struct sealed sealed;
	for (uint64_t n = 0; n < 2; n++) {
		fixture_chunk(n, 1, in);
		seal(in, CHUNK, &sealed);
		assert_int_equal(open_sealed(&sealed, CHUNK - 1), -EUCLEAN);
		sealed.len--;
		assert_int_equal(open_sealed(&sealed, CHUNK), -EUCLEAN);
	}
	seal(in, CHUNK / 2, &sealed);
	assert_int_equal(open_sealed(&sealed, CHUNK), -EUCLEAN);
	sealed.codec = 2;
	assert_int_equal(open_sealed(&sealed, CHUNK), -EUCLEAN);
}

static void every_level_shrinks_what_shrinks_and_leaves_the_rest(void **state)
{
	(void)state;
	static const int levels[] = { REPO_LEVEL_MIN, -1, 1, 3, 6, 7, 12, REPO_LEVEL_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		for (uint64_t n = 0; n < 2; n++) { /* the first one does not shrink */
			struct sealed sealed;
			fixture_chunk(n, 1, in);
			seal_at(levels[i], in, CHUNK, &sealed);
			assert_int_equal(sealed.codec, n ? CODEC_ZSTD : CODEC_STORED);
			assert_int_equal(open_sealed(&sealed, CHUNK), 0);
			assert_memory_equal(in, out, CHUNK);
		}
}

static void levels_have_bounds(void **state)
{
	(void)state;
	struct sealer *sealer;
	assert_int_equal(sealer_new(NULL, 0, &sealer, NULL), -EINVAL);
	assert_int_equal(sealer_new(NULL, REPO_LEVEL_MAX + 1, &sealer, NULL), -EINVAL);
	assert_int_equal(sealer_new(NULL, REPO_LEVEL_MIN - 1, &sealer, NULL), -EINVAL);
	ok(sealer_new(NULL, REPO_LEVEL_MIN, &sealer, err));
	sealer_free(sealer);
	ok(sealer_new(NULL, REPO_LEVEL_MAX, &sealer, err));
	sealer_free(sealer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens_again),
		cmocka_unit_test(what_does_not_shrink_is_stored_as_it_is),
		cmocka_unit_test(what_opens_to_another_length_is_damage),
		cmocka_unit_test(every_level_shrinks_what_shrinks_and_leaves_the_rest),
		cmocka_unit_test(levels_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
