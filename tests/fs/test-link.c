/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where links lead, in a tree that stands somewhere else. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <limits.h>
#include <stdio.h>

#include "link.h"
#include "toy-fs.h"

/* ---- targets ---- */

static void targets_stay_below_the_root(void **state)
{
	(void)state;
	static const struct {
		unsigned int depth;
		const char *target, *inside;
	} cases[] = {
		/* as they were */
		{ 0, "plain", "plain" },
		{ 0, "a//b/./c/", "a//b/./c/" },
		{ 1, "../lib/x.so", "../lib/x.so" },
		{ 3, "../.././../x", "../.././../x" },
		{ 2, "..", ".." },
		{ 0, "...", "..." },
		{ 0, "..x/y..", "..x/y.." },
		/* absolute */
		{ 0, "/etc/shadow", "etc/shadow" },
		{ 1, "/etc/shadow", "../etc/shadow" },
		{ 3, "//etc/./shadow/", "../../../etc/shadow" },
		{ 0, "/", "." },
		{ 2, "/", "../.." },
		{ 2, "/..", "../.." },
		{ 1, "/../../etc", "../etc" },
		{ 1, "/a/b/../../../../etc", "../etc" },
		/* too far up */
		{ 0, "..", "." },
		{ 0, "../../../../etc", "etc" },
		{ 2, "../../../../etc/shadow", "../../etc/shadow" },
		/* a name may be a link that leads higher than it stands */
		{ 2, "x/../../../etc", "../../etc" },
		{ 2, "x/../y", "y" },
		{ 1, "x/y/../..", "." },
		{ 1, "../x/../../etc", "../etc" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[64];
		size_t n = link_inside(cases[i].target, cases[i].depth, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].inside);
		assert_int_equal(n, strlen(cases[i].inside));
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const char *const targets[] = { "/etc/x", "../../etc", "a/bcd", "/../a/b", "/" };
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char whole[64], buf[64];
		size_t n = link_inside(targets[i], 2, whole, sizeof(whole));
		assert_true(n > 0);
		for (size_t size = 1; size <= n + 1; size++) {
			memset(buf, '#', sizeof(buf));
			assert_int_equal(link_inside(targets[i], 2, buf, size), size > n ? n : 0);
			assert_int_equal(buf[size], '#');
		}
		assert_string_equal(buf, whole);
	}
}

/* ---- on a file system ---- */

static struct blk_mem *mem;
static struct fs *fs;
static const char *target;

static int read_target(struct fs *of, uint64_t ino, char *buf, size_t size, struct error *err)
{
	(void)of, (void)ino, (void)err;
	snprintf(buf, size, "%s", target);
	return 0;
}

static int up(void **state)
{
	(void)state;
	mem = toy_volume();
	toy_driver.readlink = read_target;
	return fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, NULL);
}

static int down(void **state)
{
	(void)state;
	fs_close(fs);
	blk_unref(&mem->blk);
	return 0;
}

static void expect(uint64_t ino, const char *text, const char *inside)
{
	char buf[64];
	target = text;
	assert_int_equal(link_read(fs, ino, buf, sizeof(buf), NULL), 0);
	assert_string_equal(buf, inside);
}

static void a_link_is_led_from_where_it_is(void **state)
{
	(void)state;
	expect(6, "/dir/inner", "dir/inner");
	expect(7, "/plain", "../plain");
	expect(9, "/plain", "../../plain");
	expect(9, "../../../../plain", "../../plain");
	expect(9, "../inner", "../inner");
	expect(9, "", "");
}

/* /dir/deep/down is also /down. */
static int two_links(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	int rc = ino == 9 ? fn(ctx, TOY_ROOT, "down", 4, err) : 0;
	return rc < 0 ? rc : toy_links(of, ino, fn, ctx, err);
}

static void of_several_names_the_highest_counts(void **state)
{
	(void)state;
	toy_driver.links = two_links;
	expect(9, "/etc/shadow", "etc/shadow");
	expect(9, "../../etc", "etc");
}

static int many_links(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	int rc = 0;
	(void)of, (void)ino;
	for (int i = 0; rc == 0 && i < 100; i++)
		rc = fn(ctx, 2, "x", 1, err);
	return rc;
}

static int no_links(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	(void)of, (void)ino, (void)fn, (void)ctx, (void)err;
	return 0;
}

static int circle_links(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	(void)of;
	return fn(ctx, ino == 2 ? 8 : 2, "x", 1, err);
}

static void where_nobody_can_tell_an_absolute_link_leads_nowhere(void **state)
{
	static const struct {
		int (*links)(struct fs *of, uint64_t ino, fs_link_fn *fn, void *ctx,
			     struct error *err);
		int code;
	} cases[] = { { NULL, -EOPNOTSUPP },
		      { many_links, -EOPNOTSUPP },
		      { no_links, -EUCLEAN },
		      { circle_links, -EUCLEAN } };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[64];
		struct error err = { 0 };
		toy_driver.links = cases[i].links;
		target = "/etc/shadow";
		assert_int_equal(link_read(fs, 6, buf, sizeof(buf), &err), cases[i].code);
		assert_non_null(strstr(err.msg, "/etc/shadow"));
		expect(6, "etc/shadow", "etc/shadow");
	}
}

static void a_target_too_long_to_be_led_is_refused(void **state)
{
	static char text[PATH_MAX];
	char buf[PATH_MAX];
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	target = text;
	assert_int_equal(link_read(fs, 9, buf, sizeof(buf), NULL), 0);
	text[0] = '/';
	assert_int_equal(link_read(fs, 9, buf, sizeof(buf), NULL), -ENAMETOOLONG);
	assert_int_equal(link_read(fs, 6, buf, sizeof(buf), NULL), 0);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_stay_below_the_root),
		cmocka_unit_test(what_does_not_fit_is_refused),
		test(a_link_is_led_from_where_it_is),
		test(of_several_names_the_highest_counts),
		test(where_nobody_can_tell_an_absolute_link_leads_nowhere),
		test(a_target_too_long_to_be_led_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
