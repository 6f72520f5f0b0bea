/* SPDX-License-Identifier: GPL-3.0-or-later */
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

#include "blk-mem.h"
#include "lunette/map-dm.h"

#define LEGS 6

static struct blk_mem *disks[LEGS];

static int device(void *ctx, const struct map_leg *leg, uint64_t length, bool whole, char *buf,
		  size_t size, uint64_t *ret_start, struct error *err)
{
	(void)ctx, (void)length, (void)err;
	int i = 0;
	while (&disks[i]->blk != leg->blk)
		i++;
	snprintf(buf, size, "%c%s", 'a' + i, whole ? "w" : "");
	*ret_start = whole ? 0 : leg->start;
	return 0;
}

/* The table of one segment over the first legs; those in @missing (as "bd") are not there. */
static int table(struct map_segment seg, unsigned int n, const char *missing, char **ret,
		 struct error *err)
{
	struct map_leg legs[LEGS];
	for (unsigned int i = 0; i < n; i++)
		legs[i] = (struct map_leg){ strchr(missing, 'a' + (int)i) ? NULL : &disks[i]->blk,
					    512 * i };
	seg.legs = legs;
	seg.n_legs = n;
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add(map, &seg, err), 0);
	return map_dm_table(map, device, NULL, ret, err);
}

static void check(struct map_segment seg, unsigned int n, const char *missing, const char *wanted)
{
	struct error err = { 0 };
	CLEANUP(free_cleanup) char *text = NULL;
	if (table(seg, n, missing, &text, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, wanted);
}

static void raid6_is_not_told_that_it_is_in_sync(void **state)
{
	(void)state;
	struct map_segment seg = { .kind = MAP_RAID6,
				   .layout = MAP_ROTATING_ZERO_RESTART,
				   .chunk = 4096,
				   .length = 4 * 4096 };
	check(seg, 4, "", "0 32 raid raid6_zr 1 8 4 - aw - bw - cw - dw\n");
	check(seg, 4, "bc", "0 32 raid raid6_zr 1 8 4 - aw - - - - - dw\n");
}

static void raid10_is_a_stripe_over_one_copy_of_each_chunk(void **state)
{
	(void)state;
	struct map_segment seg = {
		.kind = MAP_RAID10, .layout = 0x102, .chunk = 4096, .length = 4 * 4096
	};
	check(seg, 4, "", "0 32 striped 2 8 a 0 c 2\n");
	check(seg, 4, "ad", "0 32 striped 2 8 b 1 c 2\n");
	seg.layout = 0x201; /* far: the first copies lie like stripes */
	check(seg, 4, "", "0 32 striped 4 8 a 0 b 1 c 2 d 3\n");
}

static void raid10_whose_copies_do_not_fall_into_place_is_refused(void **state)
{
	(void)state;
	static const struct {
		unsigned int layout, n;
		const char *missing;
	} cases[] = {
		{ 0x102, 3, "" },   /* near copies go round */
		{ 0x201, 4, "b" },  /* far ones, and the first is missing */
		{ 0x10201, 4, "" }, /* offset */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct map_segment seg = {
			.kind = MAP_RAID10, .layout = cases[i].layout, .chunk = 4096, .length = 8192
		};
		struct error err = { 0 };
		char *text;
		assert_int_equal(table(seg, cases[i].n, cases[i].missing, &text, &err), -ENOTSUP);
		assert_non_null(strstr(err.msg, "raid10"));
	}
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < LEGS; i++)
		disks[i] = blk_mem_new(1 << 20, 512);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < LEGS; i++)
		blk_unref(&disks[i]->blk);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raid6_is_not_told_that_it_is_in_sync),
		cmocka_unit_test(raid10_is_a_stripe_over_one_copy_of_each_chunk),
		cmocka_unit_test(raid10_whose_copies_do_not_fall_into_place_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
