/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "lunette/random.h"

/* 256 bytes is what one call of the system's promises. */
static void all_of_it_is_filled_and_nothing_else(void **state)
{
	(void)state;
	uint8_t bytes[3000 + 16] = { 0 };
	struct error err = { 0 };
	assert_int_equal(random_bytes(bytes, 3000, &err), 0);
	for (size_t at = 0; at < 3000; at += 100) {
		unsigned int zeros = 0;
		for (size_t i = 0; i < 100; i++)
			zeros += bytes[at + i] == 0;
		assert_true(zeros < 50);
	}
	for (size_t i = 3000; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

static void two_are_not_alike(void **state)
{
	(void)state;
	uint64_t a[2], b[2];
	assert_int_equal(random_bytes(a, sizeof(a), NULL), 0);
	assert_int_equal(random_bytes(b, sizeof(b), NULL), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_filled_and_nothing_else),
		cmocka_unit_test(two_are_not_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
