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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_that_is_no_utf8_does_not_hide_how_a_run_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
