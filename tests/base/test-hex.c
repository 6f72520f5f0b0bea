/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "lunette/hex.h"

static const uint8_t bytes[16] = { 0x00, 0x01, 0x9a, 0xaf, 0xfa, 0x10, 0x7f, 0x80,
				   0xff, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

static void each_byte_is_two_small_digits(void **state)
{
	(void)state;
	char text[33];
	hex_text(bytes, sizeof(bytes), text);
	assert_string_equal(text, "00019aaffa107f80ff23456789abcdef");
	hex_text(bytes, 0, text);
	assert_string_equal(text, "");
}

static void digits_become_the_bytes_that_they_were(void **state)
{
	(void)state;
	uint8_t got[16];
	assert_true(hex_parse("00019aaffa107f80ff23456789abcdef", got, sizeof(got)));
	assert_memory_equal(got, bytes, sizeof(bytes));
}

static void other_spellings_are_none(void **state)
{
	(void)state;
	uint8_t got[2] = { 1, 2 };
	static const char *const wrong[] = { "",     "019",  "019a0", "019A",
					     "01 9", "0x19", "019g",  "01:9a" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(hex_parse(wrong[i], got, sizeof(got)));
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 2);
}

static void a_digit_may_be_a_capital(void **state)
{
	(void)state;
	assert_int_equal(hex_digit('9'), 9);
	assert_int_equal(hex_digit('a'), 10);
	assert_int_equal(hex_digit('F'), 15);
	static const char none[] = { '/', ':', '@', 'G', '`', 'g', ' ', '\0', 0x10 };
	for (size_t i = 0; i < sizeof(none); i++)
		assert_int_equal(hex_digit(none[i]), -1);
}

static void a_uuid_has_five_groups(void **state)
{
	(void)state;
	char text[HEX_UUID];
	hex_uuid(bytes, text);
	assert_string_equal(text, "00019aaf-fa10-7f80-ff23-456789abcdef");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_two_small_digits),
		cmocka_unit_test(digits_become_the_bytes_that_they_were),
		cmocka_unit_test(other_spellings_are_none),
		cmocka_unit_test(a_digit_may_be_a_capital),
		cmocka_unit_test(a_uuid_has_five_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
