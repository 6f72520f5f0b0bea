/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan over maps and a file system whose used ranges are known. What is expected is worked out
 * granule by granule, from the volume forwards to the disks, which is not how the plan does it.
 */
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

#include "driver.h"
#include "lunette/plan.h"

#define MIB ((uint64_t)1 << 20)
#define G   PLAN_GRANULE

/* ---- a disk with holes that nobody may read ----------------------------------------------------
 */

struct hollow {
	struct blk blk;
	struct layout_range zero; /* known to be zero */
};

static int hollow_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)blk;
	(void)buf;
	(void)len;
	(void)off;
	return error_set(err, -EIO, "a plan reads nothing");
}

static int hollow_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	(void)err;
	const struct layout_range *zero = &((struct hollow *)blk)->zero;
	if (off < zero->start)
		*ret = (struct blk_extent){ .length = zero->start - off };
	else if (off < zero->start + zero->length)
		*ret = (struct blk_extent){ .length = zero->start + zero->length - off,
					    .zero = true };
	else
		*ret = (struct blk_extent){ .length = blk->size - off };
	return 0;
}

static void hollow_destroy(struct blk *blk)
{
	free(blk);
}

static const struct blk_ops hollow_ops = { .name = "hollow",
					   .leaf = true,
					   .read = hollow_read,
					   .extent = hollow_extent,
					   .destroy = hollow_destroy };

static struct blk *new_disk(uint64_t size)
{
	struct hollow *disk = calloc(1, sizeof(*disk));
	assert_non_null(disk);
	blk_init(&disk->blk, &hollow_ops, size, 512);
	disk->zero.start = size;
	return &disk->blk;
}

/* ---- a file system that uses what it is told ---------------------------------------------------
 */

struct fake_fs {
	struct fs fs;
	uint8_t *used; /* one a granule of the volume */
	bool broken;
};

static int fake_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err)
{
	struct fake_fs *fake = (struct fake_fs *)fs;
	if (fake->broken)
		return error_set(err, -EUCLEAN, "the bitmap is damaged");
	uint64_t n = (fs->blk->size + G - 1) / G, g = off / G;
	bool used = fake->used[g];
	while (g < n && (bool)fake->used[g] == used)
		g++;
	*ret = (struct fs_used){ .length = g * G - off, .used = used };
	return 0;
}

static void fake_close(struct fs *fs)
{
	struct fake_fs *fake = (struct fake_fs *)fs;
	blk_unref(fs->blk);
	free(fake->used);
	free(fake);
}

static const struct fs_driver fake_driver = { .close = fake_close, .used = fake_used };

static struct fake_fs *new_fs(struct blk *blk)
{
	struct fake_fs *fake = calloc(1, sizeof(*fake));
	assert_non_null(fake);
	fake->fs = (struct fs){ .driver = &fake_driver, .blk = blk_ref(blk) };
	fake->used = calloc(blk->size / G + 1, 1);
	assert_non_null(fake->used);
	return fake;
}

/* ---- two disks, a volume that spans them, and one that no driver knows --------------------------
 */

#define DISK_SIZE (150 * MIB + 3 * G) /* three windows, the last one short */

struct bed {
	struct layout_disk disks[2];
	struct layout_volume volumes[2];
	struct layout layout;
	struct plan *plan;
	struct fake_fs *fs;
	struct plan_window *window;
	uint8_t *expected[2];
};

static int bed_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	assert_non_null(bed);
	for (int i = 0; i < 2; i++) {
		bed->disks[i].blk = new_disk(DISK_SIZE);
		snprintf(bed->disks[i].name, sizeof(bed->disks[i].name), "disk%d", i);
		bed->expected[i] = calloc(DISK_SIZE / G, 1);
		assert_non_null(bed->expected[i]);
	}
	struct map *map = NULL;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 70 * MIB, bed->disks[0].blk, 5 * MIB, NULL), 0);
	assert_int_equal(map_add_zero(map, MIB, NULL), 0);
	assert_int_equal(map_add_linear(map, 50 * MIB + G, bed->disks[1].blk, 60 * MIB, NULL), 0);
	assert_int_equal(map_add_linear(map, 20 * MIB, bed->disks[0].blk, 120 * MIB, NULL), 0);
	static char spanned[] = "spanned", unknown[] = "unknown";
	bed->volumes[0].name = spanned;
	bed->volumes[0].size = map->size;
	assert_int_equal(map_blk(map, 512, &bed->volumes[0].blk, NULL), 0);

	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 3 * MIB, bed->disks[1].blk, 2 * MIB, NULL), 0);
	bed->volumes[1].name = unknown;
	bed->volumes[1].size = map->size;
	assert_int_equal(map_blk(map, 512, &bed->volumes[1].blk, NULL), 0);

	bed->layout = (struct layout){
		.n_disks = 2, .disks = bed->disks, .n_volumes = 2, .volumes = bed->volumes
	};
	bed->fs = new_fs(bed->volumes[0].blk);
	bed->plan = calloc(1, sizeof(*bed->plan));
	bed->window = malloc(sizeof(*bed->window));
	assert_non_null(bed->plan);
	assert_non_null(bed->window);
	bed->plan->layout = &bed->layout;
	bed->plan->volumes = calloc(2, sizeof(*bed->plan->volumes));
	assert_non_null(bed->plan->volumes);
	bed->plan->volumes[0] =
		(struct plan_volume){ .volume = &bed->volumes[0], .fs = &bed->fs->fs };
	bed->plan->volumes[1] = (struct plan_volume){ .volume = &bed->volumes[1] };
	bed->plan->n_volumes = 2;
	*state = bed;
	return 0;
}

static int bed_down(void **state)
{
	struct bed *bed = *state;
	/* fs_close() is for real drivers' handles: the fake is closed by its own. */
	for (size_t i = 0; i < bed->plan->n_volumes; i++)
		bed->plan->volumes[i].fs = NULL;
	fake_close(&bed->fs->fs);
	plan_free(bed->plan);
	for (int i = 0; i < 2; i++) {
		blk_unref(bed->volumes[i].blk);
		blk_unref(bed->disks[i].blk);
		free(bed->expected[i]);
	}
	free(bed->window);
	free(bed);
	return 0;
}

/* What the used granules of the spanned volume are on the disks, segment by segment. */
static void expect_spanned(struct bed *bed)
{
	const struct map *map;
	assert_int_equal(blk_map(bed->volumes[0].blk, &map, NULL), 0);
	for (size_t s = 0; s < map->n_segments; s++) {
		const struct map_segment *seg = &map->segments[s];
		for (uint64_t in = 0; seg->kind == MAP_LINEAR && in < seg->length; in += G) {
			int disk = seg->legs[0].blk == bed->disks[1].blk;
			if (bed->fs->used[(seg->start + in) / G])
				bed->expected[disk][(seg->legs[0].start + in) / G] = 1;
		}
	}
}

static void expect_range(struct bed *bed, int disk, uint64_t length, uint64_t off, uint8_t used)
{
	memset(bed->expected[disk] + off / G, used, (off + length + G - 1) / G - off / G);
}

/* A spared granule would be one thing only, and so would each other. */
static void assert_each_byte_has_one_place(const struct bed *bed)
{
	const struct plan_window *w = bed->window;
	uint64_t rest = w->length - w->used - w->excluded - w->free;
	assert_true(rest <= w->length);
	if (bed->plan->every_volume)
		assert_int_equal(rest, 0);
	for (size_t i = 0; i < ARRAY_SIZE(w->in_use); i++) {
		assert_int_equal(w->in_use[i] & w->is_free[i], 0);
		assert_int_equal(w->in_use[i] & w->left_out[i], 0);
		assert_int_equal(w->left_out[i] & w->is_free[i], 0);
	}
}

/* Every used granule is read, and no other. */
static void assert_plan_is_as_expected(struct bed *bed)
{
	for (int d = 0; d < 2; d++) {
		uint64_t off = 0;
		while (off < DISK_SIZE) {
			struct error err = { 0 };
			int rc = plan_window(bed->plan, &bed->disks[d], off, bed->window, &err);
			assert_int_equal(rc, 0);
			assert_int_equal(bed->window->off, off);
			uint64_t read = 0;
			for (size_t g = 0; g * G < bed->window->length; g++) {
				bool planned = bed->window->bits[g / 64] >> (g % 64) & 1;
				assert_int_equal(planned, bed->expected[d][off / G + g]);
				read += planned ? G : 0;
			}
			assert_int_equal(bed->window->read, read);
			assert_each_byte_has_one_place(bed);
			off += bed->window->length;
		}
		assert_int_equal(off, DISK_SIZE);
	}
}

static void every_used_byte_is_read_and_no_other(void **state)
{
	struct bed *bed = *state;
	unsigned int seed = 7;
	uint64_t n = bed->volumes[0].size / G;
	for (uint64_t g = 0; g < n;) {
		uint64_t run = 1 + (uint64_t)rand_r(&seed) % 3000;
		bool used = rand_r(&seed) % 2;
		for (; run && g < n; run--)
			bed->fs->used[g++] = used;
	}
	expect_spanned(bed);
	expect_range(bed, 1, 3 * MIB, 2 * MIB, 1); /* no driver knows it: all of it */
	assert_plan_is_as_expected(bed);
}

static void single_granules_are_found(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 1;
	uint64_t n = bed->volumes[0].size / G;
	uint64_t in_first_leg = (70 * MIB) / G;
	const uint64_t places[] = { 0, 1, 63, 64, in_first_leg - 1, in_first_leg + MIB / G, n - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		bed->fs->used[places[i]] = 1;
	expect_spanned(bed);
	assert_plan_is_as_expected(bed);
}

/* Free granules of the spanned volume are all that is not read. */
static void expect_all_but_free(struct bed *bed)
{
	const struct map *map;
	assert_int_equal(blk_map(bed->volumes[0].blk, &map, NULL), 0);
	for (int d = 0; d < 2; d++)
		expect_range(bed, d, DISK_SIZE, 0, 1);
	for (size_t s = 0; s < map->n_segments; s++) {
		const struct map_segment *seg = &map->segments[s];
		for (uint64_t in = 0; seg->kind == MAP_LINEAR && in < seg->length; in += G) {
			int disk = seg->legs[0].blk == bed->disks[1].blk;
			if (!bed->fs->used[(seg->start + in) / G])
				bed->expected[disk][(seg->legs[0].start + in) / G] = 0;
		}
	}
}

static void what_nobody_speaks_of_is_stored(void **state)
{
	struct bed *bed = *state;
	bed->plan->every_volume = true;
	uint64_t n = bed->volumes[0].size / G;
	for (uint64_t g = 0; g < n; g++)
		bed->fs->used[g] = g % 7 == 0;
	expect_all_but_free(bed);
	assert_plan_is_as_expected(bed);
}

static void records_in_free_space_are_stored(void **state)
{
	struct bed *bed = *state;
	bed->plan->every_volume = true;
	struct layout_range range = { 6 * MIB, MIB };
	bed->disks[0].n_metadata = 1;
	bed->disks[0].metadata = &range;
	expect_all_but_free(bed);
	expect_range(bed, 0, MIB, 6 * MIB, 1);
	assert_plan_is_as_expected(bed);
}

static void what_is_free_in_one_volume_may_be_used_in_another(void **state)
{
	struct bed *bed = *state;
	bed->plan->every_volume = true;
	struct map *map = NULL;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, MIB, bed->disks[1].blk, 70 * MIB, NULL), 0);
	blk_unref(bed->volumes[1].blk);
	assert_int_equal(map_blk(map, 512, &bed->volumes[1].blk, NULL), 0);
	expect_all_but_free(bed);
	expect_range(bed, 1, MIB, 70 * MIB, 1);
	assert_plan_is_as_expected(bed);
}

/* The two granules at its ends belong to something else as well. */
static void a_granule_that_is_free_in_part_is_stored(void **state)
{
	struct bed *bed = *state;
	bed->plan->every_volume = true;
	struct map *map = NULL;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, MIB, bed->disks[0].blk, MIB + 100, NULL), 0);
	blk_unref(bed->volumes[0].blk);
	assert_int_equal(map_blk(map, 512, &bed->volumes[0].blk, NULL), 0);
	blk_unref(bed->fs->fs.blk);
	bed->fs->fs.blk = blk_ref(bed->volumes[0].blk);
	for (int d = 0; d < 2; d++)
		expect_range(bed, d, DISK_SIZE, 0, 1);
	expect_range(bed, 0, MIB - G, MIB + G, 0);
	assert_plan_is_as_expected(bed);
}

static void to_the_very_end_of_the_disk_it_may_be_free(void **state)
{
	struct bed *bed = *state;
	bed->plan->every_volume = true;
	bed->plan->n_volumes = 1;
	bed->disks[0].blk->size = 1000;
	struct map *map = NULL;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 1000 - G, bed->disks[0].blk, G, NULL), 0);
	blk_unref(bed->volumes[0].blk);
	assert_int_equal(map_blk(map, 512, &bed->volumes[0].blk, NULL), 0);
	blk_unref(bed->fs->fs.blk);
	bed->fs->fs.blk = blk_ref(bed->volumes[0].blk);
	assert_int_equal(plan_window(bed->plan, &bed->disks[0], 0, bed->window, NULL), 0);
	assert_int_equal(bed->window->used, G);
	assert_int_equal(bed->window->free, 1000 - G);
	assert_int_equal(bed->window->in_use[0], 1);
}

static void an_empty_file_system_costs_nothing(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 1;
	assert_plan_is_as_expected(bed);
}

static void metadata_is_read_in_whole_granules(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 0;
	struct layout_range ranges[] = { { 0, 1000 }, { 64 * MIB - 1, 2 }, { DISK_SIZE - 1, 1 } };
	bed->disks[0].n_metadata = ARRAY_SIZE(ranges);
	bed->disks[0].metadata = ranges;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		expect_range(bed, 0, ranges[i].length, ranges[i].start, 1);
	assert_plan_is_as_expected(bed);
}

static void all_blocks_are_all_blocks(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 0;
	bed->plan->all_blocks = true;
	for (int d = 0; d < 2; d++)
		expect_range(bed, d, DISK_SIZE, 0, 1);
	assert_plan_is_as_expected(bed);
}

static void a_disk_may_end_within_a_granule(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 0;
	bed->plan->all_blocks = true;
	bed->disks[0].blk->size = 1000;
	assert_int_equal(plan_window(bed->plan, &bed->disks[0], 0, bed->window, NULL), 0);
	assert_int_equal(bed->window->bits[0], 3);
	assert_int_equal(bed->window->used, 1000);
	assert_int_equal(bed->window->read, 1000);
}

static void known_zeros_are_not_read(void **state)
{
	struct bed *bed = *state;
	bed->plan->n_volumes = 0;
	bed->plan->all_blocks = true;
	expect_range(bed, 0, DISK_SIZE, 0, 1);
	expect_range(bed, 1, DISK_SIZE, 0, 1);
	/* The granules at both ends are zero in part only. */
	struct hollow *disk = (struct hollow *)bed->disks[0].blk;
	disk->zero = (struct layout_range){ .start = 10 * MIB + 100, .length = 90 * MIB };
	expect_range(bed, 0, 90 * MIB - G, 10 * MIB + G, 0);
	assert_plan_is_as_expected(bed);

	/* To the very end of the disk, which is within a granule. */
	disk->blk.size = DISK_SIZE - 100;
	disk->zero =
		(struct layout_range){ .start = 140 * MIB, .length = disk->blk.size - 140 * MIB };
	assert_int_equal(plan_window(bed->plan, &bed->disks[0], 128 * MIB, bed->window, NULL), 0);
	assert_int_equal(bed->window->read, 12 * MIB);
	assert_int_equal(bed->window->used, disk->blk.size - 128 * MIB);
}

static void a_file_system_that_cannot_say_is_an_error(void **state)
{
	struct bed *bed = *state;
	bed->fs->broken = true;
	struct error err = { 0 };
	assert_int_equal(plan_window(bed->plan, &bed->disks[0], 0, bed->window, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "spanned"));
	assert_non_null(strstr(err.msg, "--all-blocks"));
}

static void volumes_are_chosen_by_name(void **state)
{
	struct bed *bed = *state;
	struct plan *plan = NULL;
	struct error err = { 0 };
	const char *const nobody[] = { "nobody" };
	assert_int_equal(plan_new(&bed->layout,
				  &(struct plan_choice){ .volumes = nobody, .n_volumes = 1 }, &plan,
				  &err),
			 -ENOENT);
	assert_non_null(strstr(err.msg, "nobody"));

	const struct plan_choice all = { 0 };
	bed->volumes[0].state = LAYOUT_DEGRADED;
	strcpy(bed->volumes[0].reason, "a mirror is missing");
	assert_int_equal(plan_new(&bed->layout, &all, &plan, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "a mirror is missing"));
	assert_non_null(strstr(err.msg, "--degraded"));

	bed->volumes[0].state = LAYOUT_INCOMPLETE;
	strcpy(bed->volumes[0].reason, "a member is missing");
	assert_int_equal(plan_new(&bed->layout, &all, &plan, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "spanned"));
	assert_non_null(strstr(err.msg, "a member is missing"));
	assert_non_null(strstr(err.msg, "--all-blocks"));
	const char *const incomplete[] = { "unknown", "spanned" };
	assert_int_equal(plan_new(&bed->layout,
				  &(struct plan_choice){
					  .volumes = incomplete, .n_volumes = 2, .degraded = true },
				  &plan, &err),
			 -ENODATA);
	assert_int_equal(
		plan_new(&bed->layout, &(struct plan_choice){ .all_blocks = true }, &plan, &err),
		0);
	plan_free(plan);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		test(every_used_byte_is_read_and_no_other),
		test(single_granules_are_found),
		test(what_nobody_speaks_of_is_stored),
		test(records_in_free_space_are_stored),
		test(what_is_free_in_one_volume_may_be_used_in_another),
		test(a_granule_that_is_free_in_part_is_stored),
		test(to_the_very_end_of_the_disk_it_may_be_free),
		test(an_empty_file_system_costs_nothing),
		test(metadata_is_read_in_whole_granules),
		test(all_blocks_are_all_blocks),
		test(a_disk_may_end_within_a_granule),
		test(known_zeros_are_not_read),
		test(a_file_system_that_cannot_say_is_an_error),
		test(volumes_are_chosen_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
