/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/digest.h"
#include "lunette/hex.h"
#include "repo-fixture.h"
#include "store-mem.h"

static void make(char **ret, size_t *ret_len)
{
	struct store_mem *mem = store_mem_new();
	ok(config_create(&mem->store, &(struct repo_settings){ .chunk_size = 1 << 20, .level = -3 },
			 err));
	ok(store_get(&mem->store, "config", CONFIG_MAX, ret, ret_len, err));
	store_free(&mem->store);
}

static void what_was_written_is_read(void **state)
{
	(void)state;
	char *text;
	size_t len;
	struct config config;
	make(&text, &len);
	ok(config_parse(text, len, &config, err));
	assert_int_equal(config.chunk_size, 1 << 20);
	assert_int_equal(config.level, -3);
	assert_int_equal(strlen(config.id), 32);
	assert_string_equal(config.write_refused, "");
	free(text);
}

static void two_repositories_have_two_ids(void **state)
{
	(void)state;
	char *text;
	size_t len;
	struct config one, two;
	make(&text, &len);
	ok(config_parse(text, len, &one, err));
	free(text);
	make(&text, &len);
	ok(config_parse(text, len, &two, err));
	free(text);
	assert_string_not_equal(one.id, two.id);
}

static void no_byte_can_change_what_it_says(void **state)
{
	(void)state;
	char *text;
	size_t len;
	struct config config, changed;
	make(&text, &len);
	ok(config_parse(text, len, &config, err));
	for (size_t i = 0; i < len; i++)
		for (int c = 0; c < 256; c++) {
			char was = text[i];
			text[i] = (char)c;
			if (config_parse(text, len, &changed, NULL) == 0) {
				/* white space between members, or a digit in another spelling */
				assert_string_equal(changed.id, config.id);
				assert_int_equal(changed.chunk_size, config.chunk_size);
				assert_int_equal(changed.level, config.level);
			}
			text[i] = was;
		}
	for (size_t i = 0; i < len; i++)
		assert_true(config_parse(text, i, &changed, NULL) < 0);
	free(text);
}

/* A config of somebody else: with some members replaced, and a digest that is right. */
static int parse_with(const char *replacement, struct config *ret, struct error *why)
{
	char *text, hex[65];
	size_t len;
	uint8_t sum[32];
	make(&text, &len);
	json_t *json = json_loadb(text, len, 0, NULL), *change = json_loads(replacement, 0, NULL);
	free(text);
	assert_non_null(change);
	json_object_update(json, change);
	json_object_del(json, "sha256");
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	ok(digest(text, strlen(text), sum, err));
	hex_text(sum, 32, hex);
	free(text);
	json_object_set_new(json, "sha256", json_string(hex));
	text = json_dumps(json, 0);
	int rc = config_parse(text, strlen(text), ret, why);
	free(text);
	json_decref(json);
	json_decref(change);
	return rc;
}

static void what_cannot_be_used_is_refused_for_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *change;
		int code;
		const char *says;
	} cases[] = {
		{ "{\"new-member\": 5}", 0, "" },
		{ "{\"version\": 2}", -EPROTONOSUPPORT, "has version 2" },
		{ "{\"version\": 0}", -EUCLEAN, "no version" },
		{ "{\"version\": \"1\"}", -EUCLEAN, "no version" },
		{ "{\"features\": [\"encryption\"]}", -EPROTONOSUPPORT,
		  "needs the feature 'encryption', which this lunette does not know: please use a "
		  "newer one" },
		{ "{\"features\": null}", -EUCLEAN, "features" },
		{ "{\"features\": [\"\\u001b[2J\"]}", -EUCLEAN, "features" },
		{ "{\"write_features\": 1}", -EUCLEAN, "features for writing" },
		{ "{\"format\": \"tar\"}", -EMEDIUMTYPE,
		  "is not that of a repository, or damaged" },
		{ "{\"chunk_size\": 262143}", -EUCLEAN, "chunk size" },
		{ "{\"chunk_size\": -1}", -EUCLEAN, "chunk size" },
		{ "{\"chunk_size\": 4294967296}", -EUCLEAN, "chunk size" },
		{ "{\"level\": 0}", -EUCLEAN, "level" },
		{ "{\"level\": 20}", -EUCLEAN, "level" },
		{ "{\"level\": \"1\"}", -EUCLEAN, "level" },
		{ "{\"id\": \"x\"}", -EUCLEAN, "id" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config;
		struct error why = { 0 };
		assert_int_equal(parse_with(cases[i].change, &config, &why), cases[i].code);
		assert_non_null(strstr(why.msg, cases[i].says));
	}
}

static void a_feature_for_writing_leaves_reading_open(void **state)
{
	(void)state;
	struct config config;
	ok(parse_with("{\"write_features\": [\"moths\"]}", &config, err));
	assert_string_equal(config.write_refused, "moths");
}

static void there_is_one_config(void **state)
{
	(void)state;
	struct store_mem *mem = store_mem_new();
	ok(config_create(&mem->store, FIXTURE_SETTINGS, err));
	assert_int_equal(config_create(&mem->store, FIXTURE_SETTINGS, NULL), -EEXIST);
	store_free(&mem->store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(two_repositories_have_two_ids),
		cmocka_unit_test(no_byte_can_change_what_it_says),
		cmocka_unit_test(what_cannot_be_used_is_refused_for_a_reason),
		cmocka_unit_test(a_feature_for_writing_leaves_reading_open),
		cmocka_unit_test(there_is_one_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
