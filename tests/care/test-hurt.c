/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files have bytes in what is lost, over a driver that is right, and over wrong ones. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "hurt-files.h"
#include "toy-fs.h"

struct bed {
	struct fs *fs;
	struct hurt_ranges lost;
	json_t *found;
};

static int up(void **state)
{
	struct blk_mem *mem = toy_volume();
	struct bed *bed = calloc(1, sizeof(*bed));
	if (!bed || fs_open(&(struct fs_source){ .blk = &mem->blk }, &bed->fs, NULL) < 0)
		abort();
	blk_unref(&mem->blk);
	*state = bed;
	return 0;
}

static int down(void **state)
{
	struct bed *bed = *state;
	fs_close(bed->fs);
	hurt_ranges_clear(&bed->lost);
	json_decref(bed->found);
	free(bed);
	return 0;
}

static void lose(struct bed *bed, uint64_t start, uint64_t length)
{
	assert_int_equal(hurt_ranges_add(&bed->lost, start, length, NULL), 0);
}

/* "path bytes;" of each file, with "!" where there is an error */
static void expect_files(struct bed *bed, const char *wanted)
{
	const atomic_bool stop = false;
	char text[1024] = "";
	size_t used = 0, i;
	const json_t *file;
	struct error err = { 0 };
	bed->found = json_object();
	if (hurt_files(bed->fs, &bed->lost, &stop, bed->found, &err) < 0)
		fail_msg("%s", err.msg);
	json_array_foreach(json_object_get(bed->found, "files"), i, file) used +=
		(size_t)snprintf(text + used, sizeof(text) - used, "%s %d%s;",
				 json_string_value(json_object_get(file, "path")),
				 (int)json_integer_value(json_object_get(file, "bytes")),
				 json_object_get(file, "error") ? "!" : "");
	assert_string_equal(text, wanted);
}

static void files_with_lost_bytes_are_named(void **state)
{
	struct bed *bed = *state;
	lose(bed, 3 * TOY_ROOM + 9000, 5000); /* the end of "plain", and behind it */
	lose(bed, 9 * TOY_ROOM + 10, 20);     /* in "down" */
	lose(bed, TOY_SIZE - 1000, 1000);     /* nobody uses it */
	expect_files(bed, "/plain 1000;/dir/deep/down 20;");
	assert_int_equal(json_integer_value(json_object_get(bed->found, "structures")), 4000);
	assert_int_equal(json_integer_value(json_object_get(bed->found, "unused")), 1000);
}

static void a_file_that_only_the_driver_can_read_is_read(void **state)
{
	struct bed *bed = *state;
	toy_driver.read = wrong_read_nothing;
	lose(bed, 0, 1);
	expect_files(bed, "/packed 3000;");
}

static void wrong_runs_are_told_for_each_file(void **state)
{
	struct bed *bed = *state;
	toy_driver.file_extent = wrong_extent_empty_later;
	lose(bed, 3 * TOY_ROOM, 10);
	expect_files(bed, "/plain 10!;/zeros 0!;/packed 0!;/dir/inner 0!;/dir/deep/down 0!;");
}

static void runs_beyond_a_file_are_not_its_own(void **state)
{
	struct bed *bed = *state;
	toy_driver.file_extent = wrong_extent_long;
	lose(bed, 7 * TOY_ROOM + 50, TOY_ROOM);
	expect_files(bed, "/dir/inner 50;");
}

static void what_is_used_is_used_where_the_driver_is_wrong(void **state)
{
	struct bed *bed = *state;
	toy_driver.used = wrong_used_empty;
	lose(bed, TOY_SIZE - 1000, 1000);
	expect_files(bed, "");
	assert_int_equal(json_integer_value(json_object_get(bed->found, "structures")), 1000);
}

static void listings_that_do_not_go_on_are_told(void **state)
{
	struct bed *bed = *state;
	toy_driver.readdir = wrong_readdir_stuck;
	lose(bed, 3 * TOY_ROOM, 10);
	expect_files(bed, "/ 0!;/again 10;");
}

static void names_that_are_none_are_told(void **state)
{
	struct bed *bed = *state;
	toy_driver.readdir = wrong_readdir_names;
	lose(bed, 3 * TOY_ROOM, 10);
	expect_files(bed, "/ 0!;/plain 10;");
}

static void circles_are_told_and_left(void **state)
{
	struct bed *bed = *state;
	toy_driver.readdir = wrong_readdir_circles;
	lose(bed, 0, 1);
	expect_files(bed, "/dir/dir 0!;/dir/deep/dir 0!;/dir/deep/deep 0!;/dir/deep/root 0!;"
			  "/dir/root 0!;/deep 0!;/root 0!;");
}

static void inodes_that_cannot_be_are_told(void **state)
{
	struct bed *bed = *state;
	toy_driver.stat = wrong_stat_size;
	lose(bed, 0, 1);
	expect_files(bed, "/dir 0!;/plain 0!;/zeros 0!;/packed 0!;/link 0!;");
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		test(files_with_lost_bytes_are_named),
		test(a_file_that_only_the_driver_can_read_is_read),
		test(wrong_runs_are_told_for_each_file),
		test(runs_beyond_a_file_are_not_its_own),
		test(what_is_used_is_used_where_the_driver_is_wrong),
		test(listings_that_do_not_go_on_are_told),
		test(names_that_are_none_are_told),
		test(circles_are_told_and_left),
		test(inodes_that_cannot_be_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
