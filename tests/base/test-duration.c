/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/duration.h"
#include "lunette/util.h"

static void a_duration_is_a_whole_number_with_a_unit(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",    "h",     "26",   "-1h",          "+1h",
					     " 1h", "1 h",   "1.5h", "1hh",          "1w",
					     "1H",  "1h30m", "0x1h", "213503982335d" };
	static const struct {
		const char *text;
		uint64_t ms;
	} right[] = { { "500ms", 500 },    { "9s", 9000 },
		      { "2m", 120000 },    { "26h", 93600000 },
		      { "7d", 604800000 }, { "213503982334d", 213503982334 * 86400000ull } };
	uint64_t ms = 7;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(duration_parse(wrong[i], &ms));
		assert_int_equal(ms, 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		assert_true(duration_parse(right[i].text, &ms));
		assert_true(ms == right[i].ms);
	}
}

static void people_read_two_of_a_unit_at_least(void **state)
{
	(void)state;
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = { { 0, "0ms" },        { 1999, "1999ms" },           { 119999, "119s" },
		      { 7199999, "119m" }, { 93600000, "26h" },          { 172799999, "47h" },
		      { 172800000, "2d" }, { 999 * 86400000ull, "999d" } };
	char text[DURATION_TEXT];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(duration_text(cases[i].ms, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_is_a_whole_number_with_a_unit),
		cmocka_unit_test(people_read_two_of_a_unit_at_least),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
