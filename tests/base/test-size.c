/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/size.h"
#include "lunette/util.h"

static void a_number_of_bytes_may_have_one_letter(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",     "K",         "-1",   "+1",
					     " 1",   "1k",        "1KB",  "1 M",
					     "0x10", "16777216T", "1.5M", "18446744073709551616" };
	uint64_t n = 7;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(size_parse(wrong[i], &n));
		assert_int_equal(n, 7);
	}
	assert_true(size_parse("65536", &n));
	assert_int_equal(n, 65536);
	assert_true(size_parse("256K", &n));
	assert_int_equal(n, 256 << 10);
	assert_true(size_parse("16777215T", &n));
	assert_true(n == 16777215ull << 40);
	assert_true(size_parse("18446744073709551615", &n));
	assert_true(n == UINT64_MAX);
}

static void people_read_two_digits(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" },           { 1023, "1023 B" },        { 1024, "1.0 KiB" },
		      { 10 << 20, "10 MiB" }, { 3972844748, "3.7 GiB" }, { UINT64_MAX, "16 EiB" } };
	char text[SIZE_TEXT];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(size_text(cases[i].bytes, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_of_bytes_may_have_one_letter),
		cmocka_unit_test(people_read_two_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
