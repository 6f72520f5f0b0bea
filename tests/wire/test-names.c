/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a name is, and an owner. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "lunette/names.h"
#include "lunette/util.h"

#define SIXTY_THREE "a23456789-123456789-123456789-123456789-123456789-123456789-123"

static void a_name_is_short_and_plain(void **state)
{
	(void)state;
	static const char *const names[] = { "a", "Z", "0", "a.b_c-D", SIXTY_THREE };
	static const char *const others[] = { "",    ".a",       "-a",           "_a",
					      "a b", "a/b",      "a,b",          "a\n",
					      "a:b", "\xc3\xa4", SIXTY_THREE "4" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(names_ok(names[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(names_ok(others[i]));
}

static void what_may_be_anything_is_made_a_name(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "host", "host" },   { "h st.x", "h-st.x" },
		{ ".host", "xhost" }, { " ", "x" },
		{ "", "x" },          { SIXTY_THREE "4", SIXTY_THREE }
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[80];
		memset(text, '!', sizeof(text));
		memcpy(text, rows[i][0], strlen(rows[i][0]) + 1);
		names_mend(text);
		assert_string_equal(text, rows[i][1]);
		assert_true(names_ok(text));
	}
}

static void an_owner_is_lunette_and_three_names(void **state)
{
	(void)state;
	static const char *const others[] = { "",
					      "lunette",
					      "lunette/h/j",
					      "lunette/h/j/",
					      "lunette/h//r",
					      "lunette/h/j/r/x",
					      "lunette/h/j/r/",
					      "other/h/j/r",
					      "lunette/h/j/r r",
					      "lunette/h/j/" SIXTY_THREE "4" };
	assert_true(names_owner_ok("lunette/h/j/r"));
	assert_true(names_owner_ok("lunette/" SIXTY_THREE "/j.1/r_2"));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(names_owner_ok(others[i]));
}

static void an_owner_is_the_same_in_another_run(void **state)
{
	(void)state;
	assert_true(names_same_owner("lunette/h/j/1", "lunette/h/j/2"));
	assert_false(names_same_owner("lunette/h/j/1", "lunette/h/jj/1"));
	assert_false(names_same_owner("lunette/h/j/1", "lunette/g/j/1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_short_and_plain),
		cmocka_unit_test(what_may_be_anything_is_made_a_name),
		cmocka_unit_test(an_owner_is_lunette_and_three_names),
		cmocka_unit_test(an_owner_is_the_same_in_another_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
