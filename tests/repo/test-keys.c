/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <ctype.h>

#include "lunette/hex.h"
#include "lunette/key-document.h"
#include "cheap-scrypt.h"
#include "repo-fixture.h"
#include "store-mem.h"

#define REPO  "00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff"

static struct keys *make_keys(const char *repo_id)
{
	uint8_t master[KEYS_MASTER];
	struct keys *keys;
	for (size_t i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)i;
	ok(keys_new(master, repo_id, &keys, err));
	return keys;
}

static void hex_of(const void *bytes, size_t len, char *ret)
{
	hex_text(bytes, len, ret);
}

/*
 * From an implementation that is not ours: python3-cryptography, HKDF(SHA256(), 32,
 * salt=b"00112233445566778899aabbccddeeff", info=b"lunette data").derive(bytes(range(32))), and so
 * on; the id and the proof by hmac and hashlib.
 */
static void keys_are_derived_as_the_format_says(void **state)
{
	(void)state;
	struct keys *keys = make_keys(REPO);
	uint8_t sum[DIGEST_SIZE] = { 0 }, mac[DIGEST_SIZE];
	struct chunk_id id;
	char hex[65];
	hex_of(keys->data.key, 32, hex);
	assert_string_equal(hex,
			    "cb97e164b7ce8469ac5456ebca42d2e176cbc4f20c9697d41bbd8f6453bb8d52");
	hex_of(keys->metadata.key, 32, hex);
	assert_string_equal(hex,
			    "9a0b73f015c245aa740eb5e039d15f7a7170b76565458dc3a2aa8baec49466ee");
	ok(keys_chunk_id(keys, "abc", 3, &id, err));
	chunk_id_hex(&id, hex);
	assert_string_equal(hex,
			    "e3575b05cb813ec22e3236b1ebf9f79cf82040874fb4d8b0dc523b1b66de7952");
	ok(keys_config_mac(keys, sum, mac, err));
	hex_of(mac, 32, hex);
	assert_string_equal(hex,
			    "ed97afd43988610cbc50bf0b5759121b00d91daade76185cf085804ca995d409");
	keys_free(keys);
}

static void another_repository_has_other_keys(void **state)
{
	(void)state;
	struct keys *a = make_keys(REPO), *b = make_keys(OTHER);
	struct chunk_id x, y;
	assert_memory_not_equal(a->data.key, b->data.key, 32);
	assert_memory_not_equal(a->metadata.key, b->metadata.key, 32);
	ok(keys_chunk_id(a, "abc", 3, &x, err));
	ok(keys_chunk_id(b, "abc", 3, &y, err));
	assert_memory_not_equal(&x, &y, sizeof(x));
	keys_free(a);
	keys_free(b);
}

/* ---- the exported key ---- */

static void an_exported_key_comes_back_however_it_is_typed(void **state)
{
	(void)state;
	struct keys *keys = make_keys(REPO);
	uint8_t master[KEYS_MASTER];
	char *text;
	ok(keys_export(keys, REPO, &text, err));
	ok(keys_import(text, master, err));
	assert_memory_equal(master, keys->master, sizeof(master));

	char typed[1024], *p = typed;
	for (const char *c = strstr(text, "1: "); *c; c++) {
		if (*c == '-')
			continue;
		*p++ = (char)(*c == '0' ? 'o' : *c == '1' && c[1] != ':' ? 'l' : tolower(*c));
		if (*c == ':' || *c == '\n')
			*p++ = ' ';
	}
	*p = '\0';
	memset(master, 0, sizeof(master));
	ok(keys_import(typed, master, err));
	assert_memory_equal(master, keys->master, sizeof(master));
	free(text);
	keys_free(keys);
}

static void a_mistyped_line_is_named(void **state)
{
	(void)state;
	struct keys *keys = make_keys(REPO);
	uint8_t master[KEYS_MASTER];
	char *text, want[16];
	ok(keys_export(keys, REPO, &text, err));
	for (unsigned int n = 1; n <= 4; n++) {
		snprintf(want, sizeof(want), "%u: ", n);
		char *digit = strstr(text, want) + 3;
		for (; *digit != '\n'; digit++) {
			struct error why = { 0 };
			char was = *digit;
			if (was == '-')
				continue;
			*digit = was == '7' ? '8' : '7';
			assert_int_equal(keys_import(text, master, &why), -EINVAL);
			snprintf(want, sizeof(want), "line %u", n);
			assert_non_null(strstr(why.msg, want));
			*digit = was;
		}
	}
	ok(keys_import(text, master, err));
	free(text);
	keys_free(keys);
}

static void lines_cannot_be_swapped_or_left_out(void **state)
{
	(void)state;
	struct keys *keys = make_keys(REPO);
	uint8_t master[KEYS_MASTER];
	struct error why;
	char *text;
	ok(keys_export(keys, REPO, &text, err));
	char *one = strstr(text, "1: "), *two = strstr(text, "2: ");
	*one = '2';
	*two = '1';
	assert_int_equal(keys_import(text, master, NULL), -EINVAL);
	*one = '1';
	*two = '9';
	assert_int_equal(keys_import(text, master, &why), -EINVAL);
	assert_non_null(strstr(why.msg, "begins with '2:'"));
	*strstr(one, "4: ") = '\0';
	*two = '2';
	assert_int_equal(keys_import(text, master, NULL), -EINVAL);
	assert_int_equal(keys_import("", master, NULL), -EINVAL);
	free(text);
	keys_free(keys);
}

/* ---- key documents ---- */

struct bed {
	struct store_mem *mem;
	struct keys *keys;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	bed->mem = store_mem_new();
	bed->keys = make_keys(REPO);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	store_free(&bed->mem->store);
	keys_free(bed->keys);
	free(bed);
	return 0;
}

static int unlock(struct bed *bed, const char *password, char id[65], struct error *err)
{
	uint8_t master[KEYS_MASTER];
	int rc = key_document_unlock(&bed->mem->store, REPO, password, master, id, err);
	if (rc == 0)
		assert_memory_equal(master, bed->keys->master, sizeof(master));
	return rc;
}

static void each_password_opens_and_no_other(void **state)
{
	struct bed *bed = *state;
	struct error why;
	char a[65], b[65], id[65];
	assert_int_equal(unlock(bed, "one", id, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "there is no key"));
	ok(key_document_put(&bed->mem->store, REPO, bed->keys, "one", "first", a, err));
	ok(key_document_put(&bed->mem->store, REPO, bed->keys, "two", "", b, err));
	ok(unlock(bed, "one", id, err));
	assert_string_equal(id, a);
	ok(unlock(bed, "two", id, err));
	assert_string_equal(id, b);
	assert_int_equal(unlock(bed, "three", id, &why), -EKEYREJECTED);
	assert_string_equal(why.msg, "the password is wrong");
	assert_int_equal(unlock(bed, "", id, NULL), -EINVAL);
}

static void passwords_and_labels_have_bounds(void **state)
{
	struct bed *bed = *state;
	char id[65], text[KEY_PASSWORD_MAX + 2];
	struct store *store = &bed->mem->store;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(key_document_put(store, REPO, bed->keys, text, "", id, NULL), -EINVAL);
	text[KEY_LABEL_MAX + 1] = '\0';
	assert_int_equal(key_document_put(store, REPO, bed->keys, "x", text, id, NULL), -EINVAL);
	assert_int_equal(key_document_put(store, REPO, bed->keys, "x", "\xff", id, NULL), -EINVAL);
	assert_int_equal(bed->mem->n, 0);
}

/* Puts a document that somebody has changed, under the name that fits. */
static void change(struct bed *bed, const char *member, json_t *value)
{
	char id[65];
	struct mem_entry *entry = &bed->mem->entries[0];
	json_t *document = json_loadb((char *)entry->bytes, entry->len, 0, NULL);
	json_object_set_new(document, member, value);
	char *text = json_dumps(document, 0);
	uint8_t sum[DIGEST_SIZE];
	ok(digest(text, strlen(text), sum, err));
	hex_text(sum, sizeof(sum), id);
	snprintf(entry->key, sizeof(entry->key), "keys/%s", id);
	store_mem_set(bed->mem, entry->key, text, strlen(text));
	free(text);
	json_decref(document);
}

static void what_a_document_says_cannot_be_changed(void **state)
{
	struct bed *bed = *state;
	char id[65];
	struct {
		const char *member;
		json_t *value;
	} cases[] = {
		{ "label", json_string("somebody else's") },
		{ "created", json_string("2000-01-01T00:00:00Z") },
		{ "note", json_string("new") },
		{ "n", json_integer(65536) },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bed->mem->n = 0;
		ok(key_document_put(&bed->mem->store, REPO, bed->keys, "one", "", id, err));
		change(bed, cases[i].member, cases[i].value);
		assert_int_equal(unlock(bed, "one", id, NULL), -EKEYREJECTED);
		free(bed->mem->entries[0].bytes);
		bed->mem->entries[0].bytes = NULL;
	}
	bed->mem->n = 0;
}

static void what_is_asked_of_scrypt_is_bounded(void **state)
{
	struct bed *bed = *state;
	static const struct {
		const char *member;
		json_int_t value;
	} cases[] = {
		{ "n", 0 },         { "n", 1 << 30 }, { "n", 131073 },  { "n", -131072 },
		{ "n", 512 },       { "n", 1 << 21 }, { "r", 0 },       { "r", 65 },
		{ "r", INT64_MAX }, { "p", 0 },       { "p", 1 << 20 }, { "p", 17 },
	};
	char id[65];
	struct key_scrypt scrypt;
	ok(key_document_put(&bed->mem->store, REPO, bed->keys, "one", "", id, err));
	struct mem_entry *entry = &bed->mem->entries[0];
	json_t *document = json_loadb((char *)entry->bytes, entry->len, 0, NULL);
	ok(key_document_check(document, REPO, &scrypt, err));
	assert_int_equal(key_document_check(document, OTHER, &scrypt, NULL), -EUCLEAN);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *copy = json_copy(document);
		json_object_set_new(copy, cases[i].member, json_integer(cases[i].value));
		if (key_document_check(copy, REPO, &scrypt, NULL) != -EUCLEAN)
			fail_msg("%s = %lld", cases[i].member, (long long)cases[i].value);
		json_decref(copy);
	}
	json_decref(document);
}

static void a_damaged_document_does_not_hide_the_others(void **state)
{
	struct bed *bed = *state;
	struct error why;
	char a[65], b[65], id[65];
	ok(key_document_put(&bed->mem->store, REPO, bed->keys, "one", "", a, err));
	ok(key_document_put(&bed->mem->store, REPO, bed->keys, "two", "", b, err));
	bed->mem->entries[0].bytes[20] ^= 1;
	ok(unlock(bed, "two", id, err));
	assert_int_equal(unlock(bed, "one", id, &why), -EUCLEAN);
	assert_non_null(strstr(why.msg, "one cannot"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_derived_as_the_format_says),
		cmocka_unit_test(another_repository_has_other_keys),
		cmocka_unit_test(an_exported_key_comes_back_however_it_is_typed),
		cmocka_unit_test(a_mistyped_line_is_named),
		cmocka_unit_test(lines_cannot_be_swapped_or_left_out),
		TEST(each_password_opens_and_no_other),
		TEST(passwords_and_labels_have_bounds),
		TEST(what_a_document_says_cannot_be_changed),
		TEST(what_is_asked_of_scrypt_is_bounded),
		TEST(a_damaged_document_does_not_hide_the_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
