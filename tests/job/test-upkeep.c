/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lunette/json.h"
#include "lunette/moment.h"
#include "lunette/upkeep.h"
#include "upkeep-metrics.h"

#define ID "00112233445566778899aabbccddeeff"

static char state[] = "/tmp/lunette-upkeep.XXXXXX";

static json_t *done_at(enum upkeep_task task, const char *status, const char *time)
{
	json_t *doc = json_pack("{s:s, s:s}", "status", status, "time", time);
	json_t *note = upkeep_add(NULL, task, doc);
	json_decref(doc);
	return note;
}

static bool due(const json_t *note, enum upkeep_when when, const char *now)
{
	int64_t moment;
	assert_true(moment_parse(now, &moment));
	return upkeep_is_due(note, UPKEEP_PRUNE, when, moment);
}

static void what_was_never_done_is_due(void **ctx)
{
	(void)ctx;
	json_t *note = json_object();
	assert_true(due(note, UPKEEP_MONTHLY, "2026-11-29T00:00:00Z"));
	assert_false(due(note, UPKEEP_NEVER, "2026-11-29T00:00:00Z"));
	json_decref(note);
	note = done_at(UPKEEP_CHECK, "ok", "2026-11-29T00:00:00Z");
	assert_true(due(note, UPKEEP_DAILY, "2026-11-29T00:00:00Z"));
	json_decref(note);
}

/* 2026-11-29 is a Sunday; in Berlin it begins an hour before midnight UTC. */
static void days_weeks_and_months_are_those_of_the_calendar_here(void **ctx)
{
	(void)ctx;
	setenv("TZ", "CET-1", 1);
	tzset();
	json_t *note = done_at(UPKEEP_PRUNE, "ok", "2026-11-28T22:59:00Z");
	assert_true(due(note, UPKEEP_AFTER_RUN, "2026-11-28T22:59:00Z"));
	assert_false(due(note, UPKEEP_DAILY, "2026-11-28T22:59:59Z"));
	assert_true(due(note, UPKEEP_DAILY, "2026-11-28T23:00:00Z"));
	assert_false(due(note, UPKEEP_WEEKLY, "2026-11-29T22:59:59Z"));
	assert_true(due(note, UPKEEP_WEEKLY, "2026-11-29T23:00:00Z"));
	assert_false(due(note, UPKEEP_MONTHLY, "2026-11-30T22:59:59Z"));
	assert_true(due(note, UPKEEP_MONTHLY, "2026-11-30T23:00:00Z"));
	assert_true(due(note, UPKEEP_MONTHLY, "2027-11-28T22:59:00Z"));
	json_decref(note);
}

static void a_clock_that_was_ahead_puts_nothing_off(void **ctx)
{
	(void)ctx;
	json_t *note = done_at(UPKEEP_PRUNE, "ok", "2036-11-28T12:00:00Z");
	assert_true(due(note, UPKEEP_MONTHLY, "2026-11-28T12:00:00Z"));
	json_decref(note);
}

static void what_did_not_come_to_its_end_is_due_again(void **ctx)
{
	(void)ctx;
	static const struct {
		const char *status;
		bool due, success;
	} cases[] = { { "ok", false, true },
		      { "warnings", false, false },
		      { "damaged", false, false },
		      { "failed", true, false },
		      { "interrupted", true, false } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *old = done_at(UPKEEP_PRUNE, "ok", "2026-11-20T12:00:00Z");
		json_t *doc = json_pack("{s:s, s:s}", "status", cases[i].status, "time",
					"2026-11-28T12:00:00Z");
		json_t *note = upkeep_add(old, UPKEEP_PRUNE, doc);
		assert_int_equal(due(note, UPKEEP_DAILY, "2026-11-28T13:00:00Z"), cases[i].due);
		const json_t *prune = json_object_get(note, "prune");
		assert_string_equal(json_string_value(json_object_get(prune, "success")),
				    cases[i].success ? "2026-11-28T12:00:00Z"
						     : "2026-11-20T12:00:00Z");
		json_decref(note);
		json_decref(doc);
		json_decref(old);
	}
}

static json_t *read_part(const json_t *note, const char *status, int number, int of)
{
	json_t *doc = json_pack("{s:s, s:s, s:{s:i, s:i}}", "status", status, "time",
				"2026-11-28T12:00:00Z", "part", "number", number, "of", of);
	json_t *ret = upkeep_add(note, UPKEEP_CHECK, doc);
	json_decref(doc);
	return ret;
}

static void one_part_comes_after_the_other_and_then_the_first(void **ctx)
{
	(void)ctx;
	json_t *note = json_object();
	for (int i = 0; i < 7; i++) {
		assert_int_equal(upkeep_next_part(note, 3), i % 3 + 1);
		json_t *more = read_part(note, i == 4 ? "damaged" : "ok", i % 3 + 1, 3);
		json_decref(note);
		note = more;
	}
	/* What was not read to its end is read again, and who divides otherwise has his own. */
	json_t *failed = read_part(note, "interrupted", 2, 3);
	assert_int_equal(upkeep_next_part(failed, 3), 2);
	assert_int_equal(upkeep_next_part(failed, 5), 1);
	json_decref(failed);
	json_decref(note);
}

static void a_note_from_elsewhere_does_no_harm(void **ctx)
{
	(void)ctx;
	static const char *const texts[] = { "{\"next\":{\"3\":4}}", "{\"next\":{\"3\":0}}",
					     "{\"next\":{\"3\":\"2\"}}", "{\"next\":[2]}",
					     "{\"prune\":7, \"next\":3}" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		json_t *note = json_loads(texts[i], 0, NULL);
		assert_int_equal(upkeep_next_part(note, 3), 1);
		assert_true(due(note, UPKEEP_WEEKLY, "2026-11-28T12:00:00Z"));
		json_t *more = read_part(note, "ok", 1, 3);
		assert_int_equal(upkeep_next_part(more, 3), 2);
		json_decref(more);
		json_decref(note);
	}
}

static void put(const char *text)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/repositories/" ID "/upkeep.json", state);
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void it_is_noted_in_the_state_folder(void **ctx)
{
	(void)ctx;
	struct error err = { 0 };
	json_t *note = NULL;
	struct check_portion portion = { .parts = 3 };
	assert_int_equal(upkeep_read(state, ID, &note, &err), 0);
	assert_int_equal(json_object_size(note), 0);
	json_decref(note);
	json_t *doc = json_pack("{s:s, s:s, s:{s:i, s:i}}", "status", "ok", "time",
				"2026-11-28T12:00:00Z", "part", "number", 2, "of", 3);
	assert_int_equal(upkeep_note(state, ID, UPKEEP_CHECK, doc, NULL, &err), 0);
	assert_int_equal(upkeep_note(state, ID, UPKEEP_PRUNE, doc, &note, &err), 0);
	assert_int_equal(json_object_size(note), 3);
	json_decref(note);
	assert_int_equal(upkeep_choose(state, ID, &portion, &err), 0);
	assert_int_equal(portion.part, 3);
	put("{\"check\":"); /* as if a disk had been full */
	assert_int_equal(upkeep_choose(state, ID, &portion, &err), 0);
	assert_int_equal(portion.part, 1);
	assert_int_equal(upkeep_note(state, ID, UPKEEP_CHECK, doc, NULL, &err), 0);
	assert_int_equal(upkeep_choose(state, ID, &portion, &err), 0);
	assert_int_equal(portion.part, 3);
	json_decref(doc);
	assert_int_equal(upkeep_choose("/proc/nowhere", ID, &portion, &err), -ENOENT);
}

static void only_one_at_a_time_does_it(void **ctx)
{
	(void)ctx;
	struct error err = { 0 };
	int one, two, three;
	assert_int_equal(upkeep_lock(state, ID, UPKEEP_PRUNE, &one, &err), 0);
	assert_int_equal(upkeep_lock(state, ID, UPKEEP_PRUNE, &two, &err), -EBUSY);
	assert_int_equal(upkeep_lock(state, ID, UPKEEP_CHECK, &three, &err), 0);
	close(one);
	assert_int_equal(upkeep_lock(state, ID, UPKEEP_PRUNE, &two, &err), 0);
	close(two);
	close(three);
}

static void a_document_tells_people_what_was_done(void **ctx)
{
	(void)ctx;
	char text[UPKEEP_TEXT];
	const struct check_result found = {
		.n_problems = 3, .n_hurt = 2, .packs = 90, .packs_read = 4, .data_read = 3 << 20
	};
	const struct check_portion part = { .part = 4, .parts = 30 };
	json_t *doc = upkeep_check_document(&found, &part, NULL, 1.5);
	upkeep_text(UPKEEP_CHECK, doc, text);
	assert_string_equal(text, "DAMAGE: 3 problems, 2 restore points are hurt; 3.0 MiB of data "
				  "read, in 4 of 90 packs: part 4 of 30");
	assert_string_equal(json_string_value(json_object_get(doc, "status")), "damaged");
	json_decref(doc);

	const struct error why = { .code = -EIO, .msg = "the store is \xff away" };
	doc = upkeep_prune_document(&(struct prune_result){ 0 }, &why, 0);
	upkeep_text(UPKEEP_PRUNE, doc, text);
	assert_string_equal(text, "failed: the store is \xef\xbf\xbd away");
	json_decref(doc);

	const struct prune_result pruned = { .removed = { 2, 1000 },
					     .marked = { 1, 500 },
					     .missing = 7 };
	doc = upkeep_prune_document(&pruned, NULL, 0);
	upkeep_text(UPKEEP_PRUNE, doc, text);
	assert_string_equal(text,
			    "1000 B in 2 packs were removed, 1 wait for writers to end, but 7 "
			    "chunks are missing and 0 packs cannot be read");
	json_decref(doc);
}

/* What the file holds, all of it. */
static void read_file(const char *path, char *ret, size_t room)
{
	FILE *in = fopen(path, "re");
	assert_non_null(in);
	ret[fread(ret, 1, room - 1, in)] = '\0';
	fclose(in);
}

static void a_label_may_be_anything(void **ctx)
{
	(void)ctx;
	struct error err = { 0 };
	char path[200], text[8192];
	snprintf(path, sizeof(path), "%s/x.prom", state);
	json_t *note = done_at(UPKEEP_PRUNE, "ok", "1970-01-01T00:00:07Z");
	assert_int_equal(upkeep_metrics(path, "/a \"b\"\\c\n\xff", note, &err), 0);
	read_file(path, text, sizeof(text));
	assert_non_null(strstr(text, "\nlunette_repository_prune_last_success_timestamp_seconds"
				     "{repository=\"/a \\\"b\\\"\\\\c\\n\xef\xbf\xbd\"} 7\n"));
	assert_null(strstr(text, "check"));
	json_decref(note);
}

static void metrics_of_before_can_be_taken_over(void **ctx)
{
	(void)ctx;
	struct error err = { 0 };
	struct metrics metrics;
	char path[200], text[8192];
	snprintf(path, sizeof(path), "%s/y.prom", state);
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	fputs("# HELP a_x A.\n# TYPE a_x gauge\na_x{} 1\n# HELP b_y a_x.\n# TYPE b_y gauge\n"
	      "b_y{} 2\nb_torn",
	      out);
	fclose(out);
	assert_int_equal(metrics_open(&metrics, &err), 0);
	metrics_take_over(&metrics, path, "b_");
	assert_int_equal(metrics_write(&metrics, path, &err), 0);
	metrics_close(&metrics);
	read_file(path, text, sizeof(text));
	assert_string_equal(text, "# HELP b_y a_x.\n# TYPE b_y gauge\nb_y{} 2\n");
}

static int make_state(void **ctx)
{
	(void)ctx;
	return mkdtemp(state) ? 0 : -1;
}

static int remove_state(void **ctx)
{
	(void)ctx;
	static const char *const files[] = { "/repositories/" ID "/upkeep.json",
					     "/repositories/" ID "/lock",
					     "/repositories/" ID "/prune.lock",
					     "/repositories/" ID "/check.lock",
					     "/repositories/" ID,
					     "/repositories",
					     "/x.prom",
					     "/y.prom",
					     "" };
	int rc = 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[200];
		snprintf(path, sizeof(path), "%s%s", state, files[i]);
		rc = remove(path);
	}
	return rc; /* of the folder: nothing else was left in it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_never_done_is_due),
		cmocka_unit_test(days_weeks_and_months_are_those_of_the_calendar_here),
		cmocka_unit_test(a_clock_that_was_ahead_puts_nothing_off),
		cmocka_unit_test(what_did_not_come_to_its_end_is_due_again),
		cmocka_unit_test(one_part_comes_after_the_other_and_then_the_first),
		cmocka_unit_test(a_note_from_elsewhere_does_no_harm),
		cmocka_unit_test(it_is_noted_in_the_state_folder),
		cmocka_unit_test(only_one_at_a_time_does_it),
		cmocka_unit_test(a_document_tells_people_what_was_done),
		cmocka_unit_test(a_label_may_be_anything),
		cmocka_unit_test(metrics_of_before_can_be_taken_over),
	};
	return cmocka_run_group_tests(tests, make_state, remove_state);
}
