/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans, and what is left out of them, over a driver that is wrong: nothing is lost, nothing hangs.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "lunette/plan.h"
#include "make-table.h"
#include "toy-fs.h"

struct bed {
	struct layout *layout;
	struct plan *plan;
	struct plan_window *window;
	struct error err;
};

static int up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	if (!bed || !(bed->window = malloc(sizeof(*bed->window))))
		abort();
	bed->layout = toy_layout();
	*state = bed;
	return 0;
}

static int down(void **state)
{
	struct bed *bed = *state;
	plan_free(bed->plan);
	layout_free(bed->layout);
	free(bed->window);
	free(bed);
	return 0;
}

/* Return: of a plan without "*.x" and "/dir/", or why it cannot be made or asked. */
static int plan_it(struct bed *bed, const char *pattern)
{
	const struct plan_choice choice = { .exclude = { .patterns = &pattern,
							 .n_patterns = pattern != NULL,
							 .no_defaults = !pattern } };
	int rc = plan_new(bed->layout, &choice, &bed->plan, &bed->err);
	if (rc == 0)
		rc = plan_used(bed->plan, &bed->layout->disks[0], 0, bed->window, &bed->err);
	return rc;
}

static void a_right_driver_says_what_is_used_and_what_is_left_out(void **state)
{
	struct bed *bed = *state;
	assert_int_equal(plan_it(bed, "/dir/"), 0);
	/* Two files below /dir, and /packed by itself, of 4 KiB each. */
	assert_int_equal(bed->window->excluded, 3 * 4096);
	assert_int_equal(bed->window->used + bed->window->excluded, 16 * TOY_ROOM);
	assert_int_equal(bed->layout->n_warnings, 0);
}

static void without_used_all_is_in_use(void **state)
{
	struct bed *bed = *state;
	toy_driver.used = NULL;
	assert_int_equal(plan_it(bed, NULL), 0);
	assert_int_equal(bed->window->used, TOY_SIZE);
}

static void a_run_beyond_the_volume_ends_with_it(void **state)
{
	struct bed *bed = *state;
	toy_driver.used = wrong_used_long;
	assert_int_equal(plan_it(bed, NULL), 0);
	assert_int_equal(bed->window->used, TOY_SIZE);
}

/* No byte is left out, and the user is told why. */
static void assert_all_is_stored(struct bed *bed, const char *why)
{
	assert_int_equal(plan_it(bed, NULL), 0);
	assert_int_equal(bed->window->used, TOY_SIZE);
	assert_int_equal(bed->window->free, 0);
	assert_int_not_equal(bed->layout->n_warnings, 0);
	assert_non_null(strstr(bed->layout->warnings[bed->layout->n_warnings - 1], why));
}

static void a_map_that_makes_no_sense_is_not_believed(void **state)
{
	toy_driver.used = wrong_used_empty;
	assert_all_is_stored(*state, "cannot be told");
}

static void a_file_system_beside_another_is_not_believed(void **state)
{
	struct bed *bed = *state;
	uint8_t *bytes = ((struct blk_mem *)bed->layout->disks[0].blk)->bytes;
	memcpy(bytes + 4086, "SWAPSPACE2", 10);
	put_le(bytes + 1024, 1, 4);
	put_le(bytes + 1028, 100, 4);
	assert_all_is_stored(bed, "(swap)");
}

static void nor_where_something_may_lie_that_cannot_be_read(void **state)
{
	struct bed *bed = *state;
	struct blk *disk = bed->layout->disks[0].blk;
	assert_int_equal(layout_doubt(bed->layout, disk, 512, TOY_SIZE - 512, NULL), 0);
	assert_all_is_stored(bed, "cannot be read");
}

/* A table, too, may be that of an array, of which every second chunk is elsewhere. */
static void nor_on_a_member_of_an_array_of_the_firmware(void **state)
{
	struct bed *bed = *state;
	uint8_t *bytes = ((struct blk_mem *)bed->layout->disks[0].blk)->bytes;
	bed->layout->disks[0].table = LAYOUT_TABLE_MBR;
	memcpy(bytes + TOY_SIZE - 1024, "Intel Raid ISM Cfg Sig. 1.1.00", 30);
	assert_all_is_stored(bed, "cannot be opened (isw_raid_member)");
}

/* All that is below "/dir/" is stored, and the user is told so. */
static void assert_stored_with_a_warning(struct bed *bed, uint64_t excluded)
{
	assert_int_equal(plan_it(bed, "/dir/"), 0);
	assert_int_equal(bed->window->excluded, excluded);
	assert_int_equal(bed->window->used + excluded, 16 * TOY_ROOM);
	assert_int_equal(bed->layout->n_warnings, 1);
}

static void what_cannot_be_placed_is_stored(void **state)
{
	toy_driver.file_blocks = wrong_blocks;
	assert_stored_with_a_warning(*state, 0);
}

static void what_has_empty_runs_is_stored(void **state)
{
	toy_driver.file_blocks = wrong_blocks_empty;
	assert_stored_with_a_warning(*state, 0);
}

static void a_stuck_listing_is_left_and_told(void **state)
{
	toy_driver.readdir = wrong_readdir_stuck;
	assert_stored_with_a_warning(*state, 0);
}

static void names_that_are_none_are_told(void **state)
{
	toy_driver.readdir = wrong_readdir_names;
	assert_stored_with_a_warning(*state, 0);
}

static void circles_are_left_and_told(void **state)
{
	toy_driver.readdir = wrong_readdir_circles;
	assert_stored_with_a_warning(*state, 0);
}

static int linked_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	int rc = toy_stat(fs, ino, ret, err);
	ret->nlink = 2;
	return rc;
}

static void a_file_whose_names_are_none_is_stored(void **state)
{
	toy_driver.stat = linked_stat;
	toy_driver.links = wrong_links;
	assert_stored_with_a_warning(*state, 0);
}

static void without_its_names_nothing_of_a_volume_is_left_out(void **state)
{
	toy_driver.links = NULL;
	assert_stored_with_a_warning(*state, 0);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		test(a_right_driver_says_what_is_used_and_what_is_left_out),
		test(without_used_all_is_in_use),
		test(a_run_beyond_the_volume_ends_with_it),
		test(a_map_that_makes_no_sense_is_not_believed),
		test(a_file_system_beside_another_is_not_believed),
		test(nor_where_something_may_lie_that_cannot_be_read),
		test(nor_on_a_member_of_an_array_of_the_firmware),
		test(what_cannot_be_placed_is_stored),
		test(what_has_empty_runs_is_stored),
		test(a_stuck_listing_is_left_and_told),
		test(names_that_are_none_are_told),
		test(circles_are_left_and_told),
		test(a_file_whose_names_are_none_is_stored),
		test(without_its_names_nothing_of_a_volume_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
