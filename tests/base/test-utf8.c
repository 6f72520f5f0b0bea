/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "lunette/utf8.h"
#include "lunette/util.h"

#define BAD "\xEF\xBF\xBD" /* U+FFFD */

static void utf16_becomes_utf8_whatever_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *utf16;
		size_t units;
		const char *wanted;
	} cases[] = {
		{ "A\0b\0", 2, "Ab" },
		{ "A\0\0\0b\0", 3, "A" },
		{ "\xe4\0\xac\x20", 2, "ä€" },
		{ "\x3d\xd8\x00\xde", 2, "\U0001f600" },
		{ "\xff\xdb\xff\xdf", 2, "\U0010ffff" },
		{ "\x3d\xd8", 1, BAD }, /* first half at the end */
		{ "\x3d\xd8"
		  "A\0",
		  2, BAD "A" }, /* first half before a letter */
		{ "\x00\xde"
		  "A\0",
		  2, BAD "A" }, /* second half alone */
		{ "\x3d\xd8\x3d\xd8\x00\xde", 3, BAD "\U0001f600" },
		{ "\x00\xde\x3d\xd8", 2, BAD BAD }, /* the wrong way round */
		{ "", 0, "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[32];
		utf8_from_utf16le(cases[i].utf16, cases[i].units, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].wanted);
	}
}

static void bytes_become_utf8_whatever_they_are(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *wanted;
	} cases[] = {
		{ "plain", "plain" },
		{ "ä€\U0001f600\U0010ffff", "ä€\U0001f600\U0010ffff" },
		{ "\xe4", BAD }, /* latin-1 */
		{ "\xe4\x62", BAD "b" },
		{ "\xc0\x80", BAD BAD }, /* NUL, spelt too long */
		{ "\xe0\x80\xaf", BAD BAD BAD },
		{ "\xf0\x80\x80\xaf", BAD BAD BAD BAD },
		{ "\xed\xa0\xbd", BAD BAD BAD },         /* a surrogate */
		{ "\xf4\x90\x80\x80", BAD BAD BAD BAD }, /* past the last character */
		{ "\xff\xfe", BAD BAD },
		{ "\xf0\x9f\x98", BAD BAD BAD }, /* cut */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[32];
		utf8_clean(cases[i].bytes, strlen(cases[i].bytes), buf, sizeof(buf));
		assert_string_equal(buf, cases[i].wanted);
	}
}

static void a_name_that_does_not_fit_is_cut_between_characters(void **state)
{
	(void)state;
	static const char *const wanted[] = {
		NULL, "", "a", "a", "a", "a\xe2\x82\xac", "a\xe2\x82\xac", "a\xe2\x82\xac\xc3\xa4"
	};
	for (size_t size = 1; size < ARRAY_SIZE(wanted); size++) {
		char buf[16];
		memset(buf, 'x', sizeof(buf));
		utf8_clean("a\xe2\x82\xac\xc3\xa4", 6, buf, size);
		assert_string_equal(buf, wanted[size]);
		assert_int_equal(buf[size], 'x');
		memset(buf, 'x', sizeof(buf));
		utf8_from_utf16le("a\0\xac\x20\xe4\0", 3, buf, size);
		assert_string_equal(buf, wanted[size]);
		assert_int_equal(buf[size], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf16_becomes_utf8_whatever_it_is),
		cmocka_unit_test(bytes_become_utf8_whatever_they_are),
		cmocka_unit_test(a_name_that_does_not_fit_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
