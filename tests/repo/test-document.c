/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/digest.h"
#include "lunette/document.h"
#include "lunette/hex.h"
#include "repo-fixture.h"
#include "store-mem.h"

#define FOLDER "notes"
#define LIMIT  4096

struct fixture {
	struct store_mem *mem;
	struct repo *repo;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->mem = store_mem_new();
	*state = f;
	ok(config_create(&f->mem->store, FIXTURE_SETTINGS, err));
	ok(repo_open_store(&f->mem->store, "mem", NULL, &f->repo, err));
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	repo_close(f->repo);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *word, char id[65])
{
	json_t *document = json_pack("{s:s}", "word", word);
	ok(document_put(f->repo, FOLDER, document, id, err));
	json_decref(document);
}

static int get(struct fixture *f, const char *id, json_t **ret, struct error *err)
{
	return document_get(f->repo, FOLDER, id, LIMIT, ret, err);
}

static struct mem_entry *entry_of(struct fixture *f, const char *id)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), FOLDER "/%s", id);
	return store_mem_find(f->mem, key);
}

static void what_was_put_is_got_by_its_name(void **state)
{
	struct fixture *f = *state;
	char id[65], other[65];
	json_t *document;
	put(f, "one", id);
	put(f, "two", other);
	assert_string_not_equal(id, other);
	ok(get(f, id, &document, err));
	assert_string_equal(json_string_value(json_object_get(document, "word")), "one");
	json_decref(document);
	assert_int_equal(document_get(f->repo, "elsewhere", id, LIMIT, &document, NULL), -ENOENT);
}

static void its_name_is_the_digest_of_what_is_stored(void **state)
{
	struct fixture *f = *state;
	char id[65], hex[65];
	uint8_t sum[DIGEST_SIZE];
	put(f, "one", id);
	ok(digest(entry_of(f, id)->bytes, entry_of(f, id)->len, sum, err));
	hex_text(sum, sizeof(sum), hex);
	assert_string_equal(id, hex);
}

static void no_bit_can_change_unnoticed(void **state)
{
	struct fixture *f = *state;
	char id[65];
	json_t *document;
	put(f, "one", id);
	struct mem_entry *entry = entry_of(f, id);
	for (size_t i = 0; i < 8 * entry->len; i++) {
		entry->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(get(f, id, &document, NULL), -EUCLEAN);
		entry->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ok(get(f, id, &document, err));
	json_decref(document);
}

static void what_is_not_json_or_too_long_is_damaged(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = { "", "{", "{\"a\":1,\"a\":1}", "{} {}", "word" };
	char id[65];
	json_t *document;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		ok(document_put_bytes(f->repo->store, FOLDER, texts[i], strlen(texts[i]), id, err));
		assert_int_equal(get(f, id, &document, NULL), -EUCLEAN);
	}
	put(f, "one", id);
	size_t len = entry_of(f, id)->len;
	assert_int_equal(document_get(f->repo, FOLDER, id, len - 1, &document, NULL), -EUCLEAN);
	ok(document_get(f->repo, FOLDER, id, len, &document, err));
	json_decref(document);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_got_by_its_name),
		TEST(its_name_is_the_digest_of_what_is_stored),
		TEST(no_bit_can_change_unnoticed),
		TEST(what_is_not_json_or_too_long_is_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
