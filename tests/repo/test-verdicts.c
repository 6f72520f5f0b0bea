/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks have found, noted in a repository: whose word is the last, and what stays of the
 * rest. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>

#include "lunette/document.h"
#include "lunette/forgotten.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/verdicts.h"
#include "open-fixture.h"

static char a[65], b[65];

/* Two restore points, without backups. */
static int setup_two(void **state)
{
	int rc = setup(state);
	struct fixture *f = *state;
	struct chunk_id root = { { 1 } };
	json_t *one = fixture_point("one", "2026-11-22T17:00:00Z", 1, &root);
	json_t *two = fixture_point("two", "2026-11-22T17:00:00Z", 1, &root);
	ok(point_put(f->repo, one, a, err));
	ok(point_put(f->repo, two, b, err));
	json_decref(one);
	json_decref(two);
	return rc;
}

/* A check of another time than now. @whole, @hurt: NULL for none */
static void put(struct fixture *f, const char *time, unsigned int data, const char *whole,
		const char *hurt)
{
	char name[65];
	CLEANUP(json_decref_cleanup)
	json_t *document = json_pack("{s:s, s:i, s:[], s:s, s:i, s:[], s:[]}", "format",
				     "lunette-check", "version", 1, "features", "time", time,
				     "data", (int)data, "whole", "hurt");
	if (whole)
		json_array_append_new(json_object_get(document, "whole"), json_string(whole));
	if (hurt)
		json_array_append_new(json_object_get(document, "hurt"), json_string(hurt));
	ok(document_put(f->repo, VERDICTS_FOLDER, document, name, err));
}

static void check(struct fixture *f, unsigned int data, const char *whole, const char *hurt)
{
	CLEANUP(json_decref_cleanup) json_t *good = json_array();
	CLEANUP(json_decref_cleanup) json_t *bad = json_array();
	if (whole)
		json_array_append_new(good, json_string(whole));
	if (hurt)
		json_array_append_new(bad, json_string(hurt));
	const struct verdicts_check note = { .whole = good, .hurt = bad, .data = data };
	ok(verdicts_note(f->repo, &note, err));
}

/* "whole", "hurt", or "" */
static const char *of(struct fixture *f, const char *id)
{
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	ok(verdicts_read(f->repo, &verdicts, err));
	const json_t *verdict = json_object_get(verdicts, id);
	bool hurt = verdicts_hurt(verdicts, id);
	assert_int_equal(hurt, json_is_false(json_object_get(verdict, "whole")));
	return !verdict ? "" : hurt ? "hurt" : "whole";
}

static size_t documents(struct fixture *f)
{
	char path[256];
	size_t n = 0;
	snprintf(path, sizeof(path), "%s/" VERDICTS_FOLDER, f->dir);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		n += strlen(entry->d_name) == 64;
	if (dir)
		closedir(dir);
	return n;
}

static void the_later_check_has_the_last_word(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(of(f, a), "");
	put(f, "2026-11-22T18:00:00Z", 0, a, NULL);
	put(f, "2026-11-22T17:00:00Z", 100, NULL, a);
	assert_string_equal(of(f, a), "hurt"); /* without reading data nobody would have seen it */
	assert_string_equal(of(f, b), "");
	put(f, "2026-11-22T19:00:00Z", 99, a, NULL);
	assert_string_equal(of(f, a), "hurt");
	put(f, "2026-11-22T20:00:00Z", 100, a, NULL);
	assert_string_equal(of(f, a), "whole");
	put(f, "2026-11-22T21:00:00Z", 0, NULL, a);
	assert_string_equal(of(f, a), "hurt");
	put(f, "2026-11-22T22:00:00Z", 0, a, NULL);
	assert_string_equal(of(f, a), "whole");
}

static void a_part_that_was_hurt_is_only_cleared_by_all(void **state)
{
	struct fixture *f = *state;
	put(f, "2026-11-22T17:00:00Z", 1, NULL, a);
	put(f, "2026-11-22T18:00:00Z", 99, a, NULL);
	assert_string_equal(of(f, a), "hurt");
}

static void damage_seen_in_the_data_outlives_other_damage(void **state)
{
	struct fixture *f = *state;
	put(f, "2026-11-22T17:00:00Z", 100, NULL, a);
	put(f, "2026-11-22T18:00:00Z", 0, NULL, a);
	check(f, 0, a, NULL); /* the other damage is gone */
	assert_string_equal(of(f, a), "hurt");
	assert_int_equal(documents(f), 2);
	check(f, 1, NULL, a);
	assert_string_equal(of(f, a), "hurt");
	assert_int_equal(documents(f), 1);
	check(f, 100, a, NULL);
	assert_string_equal(of(f, a), "whole");
}

static void a_check_of_the_future_does_not_speak_last(void **state)
{
	struct fixture *f = *state;
	put(f, "2099-01-01T00:00:00Z", 0, NULL, a);
	assert_string_equal(of(f, a), "hurt");
	put(f, "2026-11-22T17:00:00Z", 0, a, NULL);
	assert_string_equal(of(f, a), "whole");
}

/* On a fast machine all of them are of the same second. */
static void checks_of_one_second_speak_in_their_order(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 20; i++) {
		check(f, 100, NULL, a);
		assert_string_equal(of(f, a), "hurt");
		check(f, 100, a, NULL);
		assert_string_equal(of(f, a), "whole");
	}
	assert_int_equal(documents(f), 1);
}

static void what_is_superfluous_goes(void **state)
{
	struct fixture *f = *state;
	put(f, "2026-11-22T17:00:00Z", 0, a, NULL);
	put(f, "2026-11-22T18:00:00Z", 100, NULL, b);
	assert_int_equal(documents(f), 2);
	check(f, 0, a, NULL); /* has the last word on a, and none on b */
	assert_int_equal(documents(f), 2);
	assert_string_equal(of(f, a), "whole");
	assert_string_equal(of(f, b), "hurt");
	ok(repo_forget(f->repo, b, NULL, err)); /* and may be brought back */
	check(f, 100, NULL, a);
	assert_int_equal(documents(f), 2);
	assert_string_equal(of(f, b), "hurt");
	ok(forgotten_remove(f->repo, b, err));
	put(f, "2026-11-22T19:00:00Z", 0, NULL, NULL);
	check(f, 100, NULL, a);
	assert_int_equal(documents(f), 1);
	ok(verdicts_clear(f->repo, err));
	assert_int_equal(documents(f), 0);
	assert_string_equal(of(f, a), "");
}

static void what_cannot_be_read_says_nothing_and_goes(void **state)
{
	struct fixture *f = *state;
	char path[512], name[65];
	put(f, "2026-11-22T17:00:00Z", 0, NULL, a);
	put(f, "not a time", 0, a, NULL);
	put(f, "2026-11-22T18:00:00Z", 101, a, NULL);
	put(f, "2026-11-22T19:00:00Z", 0, "no id", NULL);
	CLEANUP(json_decref_cleanup) json_t *document = json_pack("{s:s}", "format", "other");
	ok(document_put(f->repo, VERDICTS_FOLDER, document, name, err));
	snprintf(path, sizeof(path), "%s/" VERDICTS_FOLDER "/%064d", f->dir, 7);
	fclose(fopen(path, "w"));
	assert_int_equal(documents(f), 6);
	assert_string_equal(of(f, a), "hurt");
	check(f, 0, b, NULL);
	assert_int_equal(documents(f), 2);
	assert_string_equal(of(f, a), "hurt");
	assert_string_equal(of(f, b), "whole");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_two, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_later_check_has_the_last_word),
		TEST(a_part_that_was_hurt_is_only_cleared_by_all),
		TEST(damage_seen_in_the_data_outlives_other_damage),
		TEST(a_check_of_the_future_does_not_speak_last),
		TEST(checks_of_one_second_speak_in_their_order),
		TEST(what_is_superfluous_goes),
		TEST(what_cannot_be_read_says_nothing_and_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
