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

#include "lunette/json.h"
#include "outcome.h"

/* Paths, and what others say, are bytes. */
static void a_reason_that_is_no_utf8_does_not_hide_how_a_run_ended(void **state)
{
	(void)state;
	struct settings settings = { .name = "db" };
	struct run run = { .settings = &settings, .who = { .id = "20261122T170000Z-1a2b" } };
	struct error why = { .code = -EIO, .msg = "'/srv/\xff' is away" };
	struct error undone = { .code = -EIO, .msg = "\xfe is still there" };
	assert_int_equal(story_open(NULL, true, &run.log.story, &why), 0);
	run.log.warnings = json_array();
	run_warn(&run, "hook: %s", "\xfd");

	CLEANUP(json_decref_cleanup) json_t *doc = outcome_json(&run, &why, &undone, 1.5);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "status")), "failed");
	assert_string_equal(json_string_value(json_object_get(doc, "why")),
			    "'/srv/\xef\xbf\xbd' is away");
	assert_string_equal(json_string_value(json_object_get(doc, "not_cleaned")),
			    "\xef\xbf\xbd is still there");
	assert_string_equal(json_string_value(json_array_get(json_object_get(doc, "warnings"), 0)),
			    "hook: \xef\xbf\xbd");
	json_decref(run.log.warnings);
	story_close(run.log.story);
}

/* A file that two jobs were given by mistake. */
static void what_another_job_did_is_not_taken_for_what_this_one_did(void **state)
{
	(void)state;
	char path[] = "/tmp/lunette-outcome-XXXXXX", text[8192] = "";
	FILE *file = fdopen(mkstemp(path), "w");
	fputs("lunette_job_last_success_timestamp_seconds{job=\"db\"} 1000\n"
	      "lunette_job_last_success_timestamp_seconds{job=\"web\"} 2000\n"
	      "lunette_job_failures_total{job=\"web\"} 7\n",
	      file);
	fclose(file);
	struct error err = { 0 };
	struct settings settings = { .name = "db", .prometheus_file = path };
	struct run run = { .settings = &settings, .log.warnings = json_array() };
	CLEANUP(json_decref_cleanup)
	json_t *doc = outcome_json(&run, &(struct error){ .code = -EIO, .msg = "away" }, NULL, 1);
	assert_int_equal(outcome_metrics(&run, doc, &err), 0);
	file = fopen(path, "r");
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	unlink(path);
	assert_non_null(
		strstr(text, "\nlunette_job_last_success_timestamp_seconds{job=\"db\"} 1000\n"));
	assert_non_null(strstr(text, "\nlunette_job_failures_total{job=\"db\"} 1\n"));
	json_decref(run.log.warnings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_that_is_no_utf8_does_not_hide_how_a_run_ended),
		cmocka_unit_test(what_another_job_did_is_not_taken_for_what_this_one_did),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
