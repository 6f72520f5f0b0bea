/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <time.h>

#include "lunette/moment.h"

static const struct {
	int64_t when;
	const char *text;
} moments[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ -1, "1969-12-31T23:59:59Z" },
	{ 951782400, "2000-02-29T00:00:00Z" },
	{ INT64_C(4107542399), "2100-02-28T23:59:59Z" },
	{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
	{ INT64_C(-62167219200), "0000-01-01T00:00:00Z" },
};

static void a_moment_is_told_in_utc_and_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		char text[MOMENT_TEXT];
		int64_t when = 7;
		assert_true(moment_text(moments[i].when, text));
		assert_string_equal(text, moments[i].text);
		assert_true(moment_parse(text, &when));
		assert_int_equal(when, moments[i].when);
	}
}

static void years_of_more_digits_are_not_told(void **state)
{
	(void)state;
	static const int64_t when[] = { INT64_C(253402300800), INT64_C(-62167219201), INT64_MAX,
					INT64_MIN };
	for (size_t i = 0; i < sizeof(when) / sizeof(*when); i++) {
		char text[MOMENT_TEXT] = "";
		assert_false(moment_text(when[i], text));
		assert_string_equal(text, "an unknown time");
	}
}

static void other_spellings_are_none(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		NULL,
		"",
		"2026-11-22",
		"2026-11-22T17:00:00",
		"2026-11-22T17:00:00Z ",
		"2026-11-22T17:00:00.5Z",
		"2026-11-22 17:00:00Z",
		"2026-11-22t17:00:00z",
		" 026-11-22T17:00:00Z",
		"+026-11-22T17:00:00Z",
		"2026-1-22T17:00:00Z",
		"2026-02-29T17:00:00Z",
		"2026-13-01T17:00:00Z",
		"2026-00-01T17:00:00Z",
		"2026-11-00T17:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T17:60:00Z",
		"2026-11-22T17:00:61Z",
		"an unknown time",
	};
	int64_t when = 7;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(moment_parse(wrong[i], &when));
	assert_int_equal(when, 7);
}

static void now_has_the_digits_that_are_asked_for(void **state)
{
	(void)state;
	char text[MOMENT_TEXT];
	int64_t when;
	int64_t before = time(NULL);
	assert_true(moment_now(0, text));
	assert_true(moment_parse(text, &when));
	assert_true(when >= before && when <= (int64_t)time(NULL) + 1);
	assert_true(moment_now(3, text));
	assert_int_equal(strlen(text), 24);
	assert_int_equal(text[19], '.');
	assert_int_equal(text[23], 'Z');
	assert_true(moment_now(9, text));
	assert_int_equal(strlen(text), 30);
	assert_int_equal(text[29], 'Z');
}

static void a_plain_time_has_no_colons_and_an_end(void **state)
{
	(void)state;
	char plain[MOMENT_TEXT];
	moment_plain("2026-11-22T17:00:00Z", plain);
	assert_string_equal(plain, "2026-11-22T170000Z");
	moment_plain(plain, plain);
	assert_string_equal(plain, "2026-11-22T170000Z");
	moment_plain("", plain);
	assert_string_equal(plain, "");
	char text[200] = { 0 };
	memset(text, '7', sizeof(text) - 1);
	moment_plain(text, plain);
	assert_int_equal(strlen(plain), MOMENT_TEXT - 1);
}

static void what_clocks_may_differ_by_is_not_the_future(void **state)
{
	(void)state;
	char text[MOMENT_TEXT];
	int64_t now = 1790000000;
	moment_text(now + MOMENT_SLACK, text);
	assert_false(moment_is_future(text, now));
	moment_text(now + MOMENT_SLACK + 1, text);
	assert_true(moment_is_future(text, now));
	assert_true(moment_is_future("2099-99-99T99:99:99Z", now));
	assert_false(moment_is_future("1970-01-01T00:00:00Z", now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_moment_is_told_in_utc_and_understood),
		cmocka_unit_test(years_of_more_digits_are_not_told),
		cmocka_unit_test(other_spellings_are_none),
		cmocka_unit_test(a_plain_time_has_no_colons_and_an_end),
		cmocka_unit_test(what_clocks_may_differ_by_is_not_the_future),
		cmocka_unit_test(now_has_the_digits_that_are_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
