/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What patterns match and what they do not, and where nobody needs to look. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pattern.h"

#define WORDS_MAX (PATTERN_TOKENS_MAX / 64 + 1)

/* Goes down a path, whose last name may end with '/'. 1: it, or something above it, matches. */
static int match(const struct pattern_set *set, const char *path)
{
	static uint64_t state[WORDS_MAX];
	char copy[512], *rest = copy;
	snprintf(copy, sizeof(copy), "%s", path);
	pattern_start(set, state);
	for (char *name; (name = strsep(&rest, "/")) && *name;)
		if (pattern_name(set, state, name, rest != NULL, state))
			return 1;
	return 0;
}

static struct pattern_set *set_of(const char *text)
{
	struct pattern_set *set;
	struct error err = { 0 };
	assert_int_equal(pattern_set_new(&set, NULL), 0);
	if (pattern_add(set, text, false, &err) < 0)
		fail_msg("%s", err.msg);
	return set;
}

static void patterns_match_what_they_say(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *path;
		int matches;
	} cases[] = {
		{ "/pagefile.sys", "pagefile.sys", 1 },
		{ "/pagefile.sys", "a/pagefile.sys", 0 },
		{ "/pagefile.sys", "pagefile.sys2", 0 },
		{ "/pagefile.sys", "pagefile.sy", 0 },
		{ "pagefile.sys", "a/b/pagefile.sys", 1 },
		{ "*.tmp", "a.tmp", 1 },
		{ "*.tmp", "a/b/.tmp", 1 },
		{ "*.tmp", "a.tmp/b", 1 },
		{ "*.tmp", "a.tmp.x", 0 },
		{ "/*.tmp", "a/b.tmp", 0 },
		{ "/a*b", "axxb", 1 },
		{ "/a*b", "ax/b", 0 },
		{ "/a**b", "ax/y/b", 1 },
		{ "/a*b*c", "aXbXbXc", 1 },
		{ "/a/", "a/", 1 },
		{ "/a/", "a/x", 1 },
		{ "/a/", "a", 0 },
		{ "b/c", "a/b/c", 1 },
		{ "b/c", "a/xb/c", 0 },
		{ "/a/**/z", "a/z", 1 },
		{ "/a/**/z", "a/b/z", 1 },
		{ "/a/**/z", "a/b/c/z/x", 1 },
		{ "/a/**/z", "a/bz", 0 },
		{ "/a/**/z", "az", 0 },
		{ "**/z", "z", 1 },
		{ "**/z", "a/b/z", 1 },
		{ "/a/**", "a/", 0 },
		{ "/a/**", "a/x", 1 },
		{ "/a/**/", "a/x", 0 },
		{ "/a/**/", "a/x/", 1 },
		{ "**", "anything", 1 },
		{ "?", "a", 1 },
		{ "?", "\xc3\xa4", 1 },
		{ "?", "\xf0\x9f\x98\x80", 1 },
		{ "?", "\xff", 1 },
		{ "/?", "ab", 0 },
		{ "/a?b", "a/b", 0 },
		{ "[a-c]x", "bx", 1 },
		{ "/[a-c]x", "dx", 0 },
		{ "/[!a-c]x", "dx", 1 },
		{ "/[^a-c]x", "ax", 0 },
		{ "/a[!x]b", "a/b", 0 },
		{ "/[]]", "]", 1 },
		{ "/[a-]", "-", 1 },
		{ "/[\\]-_]", "^", 1 },
		{ "/[\xc3\xa0-\xc3\xa9]", "\xc3\xa4", 1 },
		{ "/\\*", "*", 1 },
		{ "/\\*", "x", 0 },
		{ "\\!x", "!x", 1 },
		{ "/\xff*", "\xff\xfe", 1 },
		{ "a b", "x/a b", 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pattern_set *set = set_of(cases[i].pattern);
		if (match(set, cases[i].path) != cases[i].matches)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].path);
		pattern_set_free(set);
	}
}

static void what_is_no_pattern_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",    "/",      "//",  "a//b", "a//", "[",
					   "[]",  "[a",     "a[!", "\\",   "!x",  "[z-a]",
					   "[a-", "Temp\\", "[\\", "a\\/b" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pattern_set *set;
		struct error err = { 0 };
		assert_int_equal(pattern_set_new(&set, NULL), 0);
		if (pattern_add(set, bad[i], false, &err) != -EINVAL)
			fail_msg("'%s' is taken for a pattern", bad[i]);
		assert_non_null(strstr(err.msg, "pattern '"));
		/* And the set is as it was. */
		assert_int_equal(pattern_add(set, "good", false, NULL), 0);
		assert_int_equal(match(set, "x/good"), 1);
		pattern_set_free(set);
	}
}

static void patterns_of_a_set_do_not_disturb_each_other(void **state)
{
	(void)state;
	struct pattern_set *set = set_of("/a/b");
	assert_int_equal(pattern_add(set, "*.tmp", false, NULL), 0);
	assert_int_equal(pattern_add(set, "/file", true, NULL), 0);
	assert_int_equal(match(set, "a/b"), 1);
	assert_int_equal(match(set, "c/x.tmp"), 1);
	assert_int_equal(match(set, "a/c"), 0);
	assert_int_equal(match(set, "file"), 1);
	assert_int_equal(match(set, "file/"), 0);
	pattern_set_free(set);
}

static void nobody_looks_where_nothing_can_match(void **state)
{
	(void)state;
	struct pattern_set *set = set_of("/pagefile.sys");
	uint64_t root[4], dir[4];
	assert_true(pattern_words(set) <= 4);
	pattern_start(set, root);
	assert_true(pattern_goes_on(set, root));
	assert_false(pattern_name(set, root, "Windows", true, dir));
	assert_false(pattern_goes_on(set, dir));
	pattern_set_free(set);

	set = set_of("/a/*/c");
	pattern_start(set, root);
	pattern_name(set, root, "a", true, dir);
	assert_true(pattern_goes_on(set, dir));
	pattern_name(set, dir, "x", true, dir);
	assert_true(pattern_goes_on(set, dir));
	pattern_name(set, dir, "x", true, dir);
	assert_false(pattern_goes_on(set, dir));
	pattern_set_free(set);

	assert_int_equal(pattern_set_new(&set, NULL), 0);
	pattern_start(set, root);
	assert_false(pattern_goes_on(set, root));
	assert_int_equal(match(set, "x"), 0);
	pattern_set_free(set);
}

static void no_pattern_takes_long(void **state)
{
	(void)state;
	struct pattern_set *set = set_of("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
	char name[256];
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(match(set, name), 0);
	pattern_set_free(set);
}

static void too_many_are_refused(void **state)
{
	(void)state;
	char text[PATTERN_MAX + 2];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	struct pattern_set *set;
	assert_int_equal(pattern_set_new(&set, NULL), 0);
	assert_int_equal(pattern_add(set, text, false, NULL), -EINVAL);
	text[PATTERN_MAX] = '\0';
	int rc = 0, n = 0;
	while ((rc = pattern_add(set, text, false, NULL)) == 0)
		n++;
	assert_int_equal(rc, -E2BIG);
	assert_true(n >= 10);
	assert_int_equal(match(set, "y"), 0);
	pattern_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_what_they_say),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(patterns_of_a_set_do_not_disturb_each_other),
		cmocka_unit_test(nobody_looks_where_nothing_can_match),
		cmocka_unit_test(no_pattern_takes_long),
		cmocka_unit_test(too_many_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
