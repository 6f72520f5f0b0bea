/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

#include "lunette/util.h"
#include "name.h"

static bool nothing_taken(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return false;
}

static void names_become_safe_in_a_path(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "server-1", "server-1" },
		{ "with space, ü and 日本", "with space, ü and 日本" },
		{ "a/b", "a_b" },
		{ "/etc/passwd", "_etc_passwd" },
		{ "", "_" },
		{ ".", "_" },
		{ "..", "__" },
		{ "...", "..." },
		{ ".hidden", ".hidden" },
		{ "a\nb\x1b[2Jc\x7f", "a_b_[2Jc_" },
		{ "c1\xc2\x85", "c1_" },
		{ "bad \xff\xc3 utf", "bad __ utf" },
		{ "cut \xe6\x97", "cut __" },
		{ "overlong \xc0\xaf", "overlong __" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[NAME_SAFE_MAX];
		name_safe(cases[i].in, out, nothing_taken, NULL);
		assert_string_equal(out, cases[i].out);
	}
}

static void long_names_are_cut_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		char in[1000] = "ab";
		char out[NAME_SAFE_MAX];
		for (size_t n = shift; n + 3 < sizeof(in); n += 3)
			memcpy(in + n, "日", 3);
		name_safe(in, out, nothing_taken, NULL);
		size_t len = strlen(out);
		assert_in_range(len, NAME_SAFE_MAX - 20, NAME_SAFE_MAX - 1);
		assert_int_equal((len - shift) % 3, 0);
		assert_memory_equal(in, out, len);
	}
}

struct taken {
	size_t n;
	char names[12][NAME_SAFE_MAX];
};

static bool is_taken(void *ctx, const char *name)
{
	const struct taken *t = ctx;
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->names[i], name) == 0)
			return true;
	return false;
}

static void names_never_collide(void **state)
{
	(void)state;
	char long_a[500], long_b[500];
	memset(long_a, 'x', sizeof(long_a) - 1);
	long_a[sizeof(long_a) - 1] = '\0';
	memcpy(long_b, long_a, sizeof(long_b));
	long_b[400] = 'y';
	const char *in[] = { "a/b",  "a_b", "a_b~2", "a\nb", "a_b", long_a,
			     long_b, "..",  "__",    "",     "." };
	struct taken t = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
		char out[NAME_SAFE_MAX];
		name_safe(in[i], out, is_taken, &t);
		assert_false(is_taken(&t, out));
		strcpy(t.names[t.n++], out);
	}
	assert_string_equal(t.names[1], "a_b~2");
	assert_string_equal(t.names[2], "a_b~2~2");
	assert_string_equal(t.names[3], "a_b~3");
}

/* ---- names of files ---- */

#define SLASH  "\xe2\x88\x95"
#define NOUGHT "\xe2\x90\x80"

static void names_of_files_are_spelled_so_that_a_path_can_have_them(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} cases[] = {
		{ "plain, ü and 日本\n", 21, "plain, ü and 日本\n" },
		{ "100%", 4, "100%" },
		{ "50%/2", 5, "50%%%" SLASH "2" },
		{ "a/b", 3, "a%" SLASH "b" },
		{ "/", 1, "%" SLASH },
		{ "a" SLASH "b", 5, "a" SLASH "b" },
		{ "a%" SLASH "b", 6, "a%%" SLASH "b" },
		{ "%%%" NOUGHT, 6, "%%%%%%" NOUGHT },
		{ "a\0b", 3, "a%" NOUGHT "b" },
		{ "\0", 1, "%" NOUGHT },
		{ ".", 1, "%." },
		{ "..", 2, "%.." },
		{ "%..", 3, "%%.." },
		{ "...", 3, "..." },
		{ "%...", 4, "%..." },
		{ "..%", 3, "..%" },
		{ "\xff\xe2\x88", 3, "\xff\xe2\x88" },
		{ "a%#70", 5, "a%%#70" },
		{ "a#70", 4, "a#70" },
		{ "a%#07", 5, "a%#07" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[64], back[64];
		uint64_t twin;
		assert_int_equal(name_shown(cases[i].in, cases[i].len, 0, out, sizeof(out)),
				 strlen(cases[i].out));
		assert_string_equal(out, cases[i].out);
		assert_int_equal(name_meant(out, back, &twin), cases[i].len);
		assert_int_equal(twin, 0);
		assert_memory_equal(back, cases[i].in, cases[i].len);
	}
	char small[4];
	assert_int_equal(name_shown("abc", 3, 0, small, 4), 3);
	assert_int_equal(name_shown("abcd", 4, 0, small, 4), 0);
	assert_int_equal(name_shown("/", 1, 0, small, 4), 0);
	assert_int_equal(name_shown("", 0, 7, small, 4), 0);
}

/* Every name of up to six of the pieces that mean something, alone and as a twin, read back: so no
 * two look the same. */
static void assert_read_back(const char *in, size_t len, uint64_t twin)
{
	char out[96], back[96];
	uint64_t again = 1;
	size_t shown = name_shown(in, len, twin, out, sizeof(out));
	assert_int_equal(strlen(out), shown);
	assert_true(shown <= 4 * len + (twin ? 4 : 0));
	assert_null(strchr(out, '/'));
	assert_true(strcmp(out, ".") != 0 && strcmp(out, "..") != 0);
	assert_int_equal(name_meant(out, back, &again), len);
	assert_int_equal(again, twin);
	assert_memory_equal(back, in, len);
}

static void every_spelling_can_be_read_back(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
	} pieces[] = { { "%", 1 },   { ".", 1 },    { "/", 1 },        { "\0", 1 },
		       { SLASH, 3 }, { NOUGHT, 3 }, { "\xe2\x88", 2 }, { "#7", 2 } };
	for (size_t n = 1; n <= 6; n++) {
		size_t digits[6] = { 0 };
		for (size_t at = 0; at < n;) {
			char in[18];
			size_t len = 0;
			for (size_t i = 0; i < n; i++) {
				memcpy(in + len, pieces[digits[i]].bytes, pieces[digits[i]].len);
				len += pieces[digits[i]].len;
			}
			assert_read_back(in, len, 0);
			assert_read_back(in, len, 70);
			for (at = 0; at < n && ++digits[at] == ARRAY_SIZE(pieces); at++)
				digits[at] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_safe_in_a_path),
		cmocka_unit_test(long_names_are_cut_between_characters),
		cmocka_unit_test(names_never_collide),
		cmocka_unit_test(names_of_files_are_spelled_so_that_a_path_can_have_them),
		cmocka_unit_test(every_spelling_can_be_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
