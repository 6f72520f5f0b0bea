/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "lunette/clock.h"
#include "lunette/limit.h"
#include "lunette/util.h"

#define SECOND 1000000000ull
#define MIB    (1u << 20)

static void bytes_are_due_at_the_rate(void **state)
{
	(void)state;
	struct limit limit;
	limit_init(&limit, 10 * MIB);
	uint64_t first = limit_book(&limit, 5 * SECOND, MIB), due = first;
	assert_true(first <= 5 * SECOND);
	for (int i = 1; i <= 100; i++) { /* whoever asks waits for all that was asked before */
		due = limit_book(&limit, 5 * SECOND, MIB);
		assert_int_equal(due, first + (unsigned int)i * SECOND / 10);
	}
}

static void a_pause_is_not_followed_by_a_burst(void **state)
{
	(void)state;
	struct limit limit;
	limit_init(&limit, 10 * MIB);
	limit_book(&limit, SECOND, MIB);
	uint64_t now = 100 * SECOND, at_once = 0;
	while (limit_book(&limit, now, MIB / 10) <= now)
		at_once += MIB / 10;
	assert_true(at_once <= 10 * MIB / 8); /* what a tenth of a second is worth, and a piece */
}

static void time_that_is_too_early_does_not_wrap(void **state)
{
	(void)state;
	struct limit limit;
	limit_init(&limit, MIB);
	assert_int_equal(limit_book(&limit, 5, 4096), 0);
	assert_true(limit_book(&limit, 5, 4096) > 0);
}

static void pieces_are_a_tenth_of_a_second(void **state)
{
	(void)state;
	static const struct {
		uint64_t rate;
		size_t piece;
	} cases[] = {
		{ 1, 4096 },       { 40960, 4096 },       { 100 * 1000, 8192 },
		{ 10 * MIB, MIB }, { 40 * MIB, 4 * MIB }, { UINT64_MAX, 4 * MIB },
		{ 0, 4 * MIB },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct limit limit;
		limit_init(&limit, cases[i].rate);
		assert_int_equal(limit_piece(&limit), cases[i].piece);
	}
}

static void who_waits_can_be_stopped(void **state)
{
	(void)state;
	struct limit limit;
	struct error err = { 0 };
	atomic_bool stop = false;
	limit_init(&limit, 1);
	assert_int_equal(limit_wait(&limit, 4096, &stop, &err), 0); /* the first need not wait */
	atomic_store(&stop, true);
	assert_int_equal(limit_wait(&limit, 4096, &stop, &err), -EINTR); /* an hour */
	assert_string_equal(err.msg, "interrupted");
}

static void waiting_takes_as_long_as_the_rate_says(void **state)
{
	(void)state;
	struct limit limit;
	const atomic_bool stop = false;
	limit_init(&limit, 10 * MIB);
	uint64_t begin = clock_now_ns();
	for (int i = 0; i < 10; i++) /* a third of a second, less the tenth that is free at first */
		assert_int_equal(limit_wait(&limit, MIB / 3, &stop, NULL), 0);
	assert_true(clock_now_ns() - begin >= SECOND * 19 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_due_at_the_rate),
		cmocka_unit_test(a_pause_is_not_followed_by_a_burst),
		cmocka_unit_test(time_that_is_too_early_does_not_wrap),
		cmocka_unit_test(pieces_are_a_tenth_of_a_second),
		cmocka_unit_test(who_waits_can_be_stopped),
		cmocka_unit_test(waiting_takes_as_long_as_the_rate_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
