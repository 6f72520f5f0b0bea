/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codes of the protocol and errno: what goes out as a code comes in as one errno, and is that
 * code. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "lunette/code.h"
#include "lunette/util.h"

static const char *const codes[] = {
	"AUTH",        "DENIED",   "NOT_FOUND",   "ALREADY_EXISTS", "CONFLICT",
	"BUSY",        "NO_SPACE", "LIMIT",       "HAS_DEPENDENTS", "IS_MAPPED",
	"UNSUPPORTED", "DEADLINE", "UNREACHABLE", "BAD_REPLY",      "INTERNAL",
};

static void every_code_has_an_errno_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		assert_true(code_errno(codes[i]) < 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(code_errno(codes[i]), code_errno(codes[j]));
	}
	assert_int_equal(code_errno("no_space"), -EPROTO);
	assert_int_equal(code_errno(""), -EPROTO);
}

static void what_a_code_comes_in_as_goes_out_as_that_code(void **state)
{
	(void)state;
	bool retry;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_string_equal(code_of(code_errno(codes[i]), &retry), codes[i]);
}

static void no_code_comes_in_as_what_happens_on_the_way(void **state)
{
	(void)state;
	static const int ours[] = { -EPROTO, -EPIPE, -ETIMEDOUT, -EINTR, -ENOMSG, -ENOMEM };
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ours); j++)
			assert_int_not_equal(code_errno(codes[i]), ours[j]);
}

static void what_may_be_over_soon_is_worth_another_try(void **state)
{
	(void)state;
	static const struct {
		int rc;
		const char *code;
		bool retry;
	} cases[] = {
		{ -EBUSY, "BUSY", true },         { -ETIMEDOUT, "DEADLINE", true },
		{ -EPIPE, "UNREACHABLE", true },  { -EISCONN, "IS_MAPPED", false },
		{ -EDQUOT, "NO_SPACE", false },   { -EMLINK, "LIMIT", false },
		{ -EPROTO, "BAD_REPLY", false },  { -EINVAL, "INTERNAL", false },
		{ -EALREADY, "CONFLICT", false }, { -ENODEV, "NOT_FOUND", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool retry = !cases[i].retry;
		assert_string_equal(code_of(cases[i].rc, &retry), cases[i].code);
		assert_int_equal(retry, cases[i].retry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_an_errno_of_its_own),
		cmocka_unit_test(what_a_code_comes_in_as_goes_out_as_that_code),
		cmocka_unit_test(no_code_comes_in_as_what_happens_on_the_way),
		cmocka_unit_test(what_may_be_over_soon_is_worth_another_try),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
