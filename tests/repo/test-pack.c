/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/bytes.h"
#include "lunette/digest.h"
#include "lunette/hex.h"
#include "repo-fixture.h"
#include "store-mem.h"

/* Everything below is written from FORMAT.md, not from pack.c. */

#define N 100

static void make_pack(struct store_mem *mem, struct index_pack *ret, uint32_t offsets[N])
{
	static uint8_t buf[CHUNK], sealed_buf[CHUNK];
	struct sealer *sealer;
	struct pack *pack;
	struct store_draft *draft;
	char key[STORE_KEY_MAX];
	ok(sealer_new(NULL, 1, &sealer, err));
	ok(pack_begin(&mem->store, NULL, &pack, err));
	for (uint64_t i = 0; i < N; i++) {
		struct sealed sealed = { .buf = sealed_buf };
		struct chunk_id id;
		fixture_chunk(i, 1, buf);
		ok(digest(buf, CHUNK, id.bytes, err));
		ok(sealer_seal(sealer, &id, buf, CHUNK, &sealed, err));
		ok(pack_add(pack, &id, &sealed, CHUNK, i % 2 ? PACK_KIND_MAP : PACK_KIND_DATA,
			    &offsets[i], err));
	}
	ok(pack_finish(pack, NULL, &draft, ret, err));
	pack_key(ret->id, key);
	ok(store_put(&mem->store, key, &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
	sealer_free(sealer);
}

static void a_pack_is_as_the_format_says(void **state)
{
	(void)state;
	struct store_mem *mem = store_mem_new();
	struct index_pack made;
	uint32_t offsets[N];
	make_pack(mem, &made, offsets);
	const struct mem_entry *entry = &mem->entries[0];
	assert_int_equal(made.size, entry->len);

	const uint8_t *p = entry->bytes, *trailer = p + entry->len - 32;
	assert_memory_equal(p, "LUNEPACK\1\0\0\0\0\0\0\0", 16);
	assert_memory_equal(trailer, "PACKTAIL\1\0\0\0\0\0\0\0", 16);
	assert_int_equal(get_le32(trailer + 16), N);
	assert_true(is_all_zero(trailer + 24, 8));
	const uint8_t *table = p + get_le32(trailer + 20);
	assert_ptr_equal(table + 48 * N, trailer);

	uint8_t name[32];
	char hex[65], key[STORE_KEY_MAX];
	ok(digest(table, 48 * N + 32, name, err));
	assert_memory_equal(name, made.id, 32);
	hex_text(name, 32, hex);
	snprintf(key, sizeof(key), "packs/%.2s/%s", hex, hex);
	assert_string_equal(entry->key, key);

	static uint8_t buf[CHUNK];
	struct opener *opener;
	ok(opener_new(&opener, err));
	uint32_t end = 16;
	for (uint32_t i = 0; i < N; i++, table += 48) {
		uint8_t id[32];
		assert_int_equal(get_le32(table + 32), end);
		assert_int_equal(offsets[i], end);
		end += get_le32(table + 36);
		assert_int_equal(get_le32(table + 40), CHUNK);
		assert_int_equal(table[45], i % 2);
		assert_true(is_all_zero(table + 46, 2));
		ok(opener_open(opener, p + get_le32(table + 32), get_le32(table + 36), table[44],
			       buf, CHUNK, err));
		ok(digest(buf, CHUNK, id, err));
		assert_memory_equal(id, table, 32);
	}
	opener_free(opener);
	store_free(&mem->store);
}

static void the_same_chunks_make_the_same_pack(void **state)
{
	(void)state;
	struct store_mem *mem = store_mem_new();
	struct index_pack one, two;
	uint32_t offsets[N];
	make_pack(mem, &one, offsets);
	make_pack(mem, &two, offsets);
	assert_memory_equal(one.id, two.id, sizeof(one.id));
	assert_int_equal(mem->n, 1);
	store_free(&mem->store);
}

static void a_pack_is_full_by_chunks_and_by_bytes(void **state)
{
	(void)state;
	struct store_mem *mem = store_mem_new();
	static uint8_t buf[1 << 20];
	struct pack *pack;
	uint32_t offset;
	ok(pack_begin(&mem->store, NULL, &pack, err));
	struct chunk_id id = { { 1 } };
	struct sealed sealed = { .buf = buf, .len = 1 };
	for (uint32_t i = 0; i < PACK_FULL_CHUNKS; i++) {
		assert_false(pack_full(pack));
		ok(pack_add(pack, &id, &sealed, 1, PACK_KIND_DATA, &offset, err));
	}
	assert_true(pack_full(pack));
	pack_abort(pack);

	ok(pack_begin(&mem->store, NULL, &pack, err));
	sealed.len = sizeof(buf);
	for (uint32_t i = 0; i < PACK_FULL_BYTES / sizeof(buf); i++) {
		assert_false(pack_full(pack));
		ok(pack_add(pack, &id, &sealed, sizeof(buf), PACK_KIND_DATA, &offset, err));
	}
	assert_true(pack_full(pack));
	pack_abort(pack);
	assert_int_equal(mem->n, 0);
	store_free(&mem->store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pack_is_as_the_format_says),
		cmocka_unit_test(the_same_chunks_make_the_same_pack),
		cmocka_unit_test(a_pack_is_full_by_chunks_and_by_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
