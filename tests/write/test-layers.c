/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A volume of every kind of blk is backed up and put together again over the disks of the restore
 * point: it reads the same, byte for byte, and nothing but it was stored. Where nobody can say what
 * its bytes lie on, everything was.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "lunette/backup.h"
#include "lunette/image.h"
#include "repo-fixture.h"
#include "stacks.h"

/**
 * struct bed - disks with one volume, and the same from a restore point
 * @expected: what is stored of the disks
 */
struct bed {
	struct blk_mem *disks[STACK_DISKS];
	struct layout_disk layout_disks[STACK_DISKS];
	struct layout_range tables[STACK_DISKS];
	struct layout_volume volume;
	struct layout layout;
	struct plan *plan;
	uint8_t expected[STACK_DISKS][STACK_SIZE];

	char *dir;
	struct repo *repo;
	struct image_cache *cache;
	struct stack restored;
};

static struct bed *new_bed(const struct stack_kind *kind)
{
	static char name[] = "volume", source[] = "memory";
	struct bed *bed = calloc(1, sizeof(*bed));
	assert_non_null(bed);
	bed->volume = (struct layout_volume){ .name = name, .type = LAYOUT_SIMPLE };
	stack_write_disks(kind, bed->disks);
	for (size_t d = 0; d < STACK_DISKS; d++) {
		struct layout_disk *disk = &bed->layout_disks[d];
		snprintf(disk->name, sizeof(disk->name), "disk%zu", d);
		disk->source = source;
		disk->blk = &bed->disks[d]->blk;
		disk->sector = 512;
		disk->table = LAYOUT_TABLE_GPT;
	}
	bed->layout = (struct layout){ .n_disks = STACK_DISKS,
				       .disks = bed->layout_disks,
				       .n_volumes = 1,
				       .volumes = &bed->volume };
	return bed;
}

/* @blk is taken over. */
static void put_volume(struct bed *bed, struct blk *blk)
{
	bed->volume.blk = blk;
	bed->volume.size = blk->size;
}

static void build(struct bed *bed, const struct stack_kind *kind)
{
	struct stack s;
	for (size_t d = 0; d < STACK_DISKS; d++)
		s.disks[d] = &bed->disks[d]->blk;
	put_volume(bed, stack_build(kind, &s));
	for (size_t d = 0; d < STACK_DISKS; d++) {
		bed->tables[d].length = s.tables[d];
		bed->layout_disks[d].metadata = &bed->tables[d];
		bed->layout_disks[d].n_metadata = s.tables[d] > 0;
	}
}

static int make_plan(struct bed *bed, struct error *err)
{
	const struct plan_choice choice = { .only_known = true };
	return plan_new(&bed->layout, &choice, &bed->plan, err);
}

static int run_backup(struct bed *bed, struct error *why)
{
	static struct source source;
	static struct source *const sources[STACK_DISKS] = { &source, &source, &source,
							     &source, &source, &source };
	static const atomic_bool never = false;
	const struct backup_request request = {
		.name = "test",
		.sources = sources,
		.writer = { .level = 1, .threads = 2, .stop = &never },
	};
	struct backup_result result;
	ok(make_plan(bed, err));
	bed->dir = fixture_dir();
	ok(repo_init(bed->dir, FIXTURE_SETTINGS, err));
	ok(repo_open(bed->dir, NULL, &bed->repo, err));
	return backup_run(bed->repo, bed->plan, &request, &result, why);
}

static void back_up(struct bed *bed)
{
	char id[65];
	json_t *point;
	ok(run_backup(bed, err));
	ok(repo_point_find(bed->repo, "test@latest", id, &point, err));
	ok(image_cache_new(bed->repo, (size_t)20 * CHUNK, &bed->cache, err));
	for (size_t d = 0; d < STACK_DISKS; d++) {
		struct repo_disk disk;
		repo_point_disk(point, d, &disk);
		ok(image_open(bed->repo, bed->cache, &disk, &bed->restored.disks[d], err));
	}
	json_decref(point);
}

static void teardown(struct bed *bed)
{
	for (size_t d = 0; d < STACK_DISKS; d++)
		blk_unref(bed->restored.disks[d]);
	image_cache_unref(bed->cache);
	repo_close(bed->repo);
	if (bed->dir)
		fixture_dir_free(bed->dir);
	plan_free(bed->plan);
	blk_unref(bed->volume.blk);
	for (size_t d = 0; d < STACK_DISKS; d++)
		blk_unref(&bed->disks[d]->blk);
	for (size_t i = 0; i < bed->layout.n_warnings; i++)
		free(bed->layout.warnings[i]);
	free(bed->layout.warnings);
	free(bed);
}

static void assert_reads_the_same(struct blk *a, struct blk *b, const char *what)
{
	static uint8_t one[STACK_SIZE], other[STACK_SIZE];
	assert_int_equal(a->size, b->size);
	ok(blk_read(a, one, a->size, 0, err));
	ok(blk_read(b, other, b->size, 0, err));
	if (memcmp(one, other, a->size) != 0)
		fail_msg("%s: it reads otherwise", what);
}

static int expect_range(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			struct error *err)
{
	(void)err;
	struct bed *bed = ctx;
	size_t d = (size_t)(disk - bed->layout_disks);
	uint64_t from = off / PLAN_GRANULE * PLAN_GRANULE;
	uint64_t to = (off + length + PLAN_GRANULE - 1) / PLAN_GRANULE * PLAN_GRANULE;
	memcpy(bed->expected[d] + from, bed->disks[d]->bytes + from, to - from);
	return 0;
}

static void assert_stored_is_as_expected(struct bed *bed, const char *what)
{
	static uint8_t bytes[STACK_SIZE];
	for (size_t d = 0; d < STACK_DISKS; d++) {
		ok(blk_read(bed->restored.disks[d], bytes, STACK_SIZE, 0, err));
		if (memcmp(bytes, bed->expected[d], STACK_SIZE) != 0)
			fail_msg("%s: what is stored of disk %zu", what, d);
	}
}

static void assert_whole_disks_are_stored(struct bed *bed)
{
	for (size_t d = 0; d < STACK_DISKS; d++)
		memcpy(bed->expected[d], bed->disks[d]->bytes, STACK_SIZE);
	assert_stored_is_as_expected(bed, "whole disks");
	assert_int_equal(bed->layout.n_warnings, 1);
	assert_non_null(strstr(bed->layout.warnings[0], "every block of the disks is stored"));
}

static void every_kind_comes_back_and_nothing_else_is_stored(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(stack_kinds); k++) {
		const struct stack_kind *kind = &stack_kinds[k];
		struct bed *bed = new_bed(kind);
		build(bed, kind);
		back_up(bed);
		struct blk *again = stack_build(kind, &bed->restored);
		assert_reads_the_same(bed->volume.blk, again, kind->name);
		blk_unref(again);

		ok(layout_walk(&bed->layout, bed->volume.blk, bed->volume.size, 0, expect_range,
			       bed, err));
		for (size_t d = 0; d < STACK_DISKS; d++)
			ok(expect_range(bed, &bed->layout_disks[d], bed->tables[d].length, 0, err));
		assert_stored_is_as_expected(bed, kind->name);
		assert_int_equal(bed->layout.n_warnings, 0);
		teardown(bed);
	}
}

/* ---- planted layers ----------------------------------------------------------------------------
 */

/* All of a blk, backwards. */
struct backwards {
	struct blk blk;
	struct blk *under;
};

static int backwards_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	int rc = blk_read(((struct backwards *)blk)->under, buf, len, blk->size - off - len, err);
	for (size_t i = 0; i < len / 2; i++) {
		uint8_t *a = (uint8_t *)buf + i, *b = (uint8_t *)buf + len - 1 - i, byte = *a;
		*a = *b;
		*b = byte;
	}
	return rc;
}

/* Of its second half it cannot say where it lies. */
static int backwards_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn,
			   void *ctx, uint64_t *ret, struct error *err)
{
	if (off >= blk->size / 2)
		return error_set(err, -ENOTSUP, "it was not told");
	*ret = length = MIN(length, blk->size / 2 - off);
	return fn(ctx, ((struct backwards *)blk)->under, length, blk->size - off - length, err);
}

static void backwards_destroy(struct blk *blk)
{
	blk_unref(((struct backwards *)blk)->under);
	free(blk);
}

static const struct blk_ops silent_ops = { .name = "silent",
					   .read = backwards_read,
					   .destroy = backwards_destroy };
static const struct blk_ops half_ops = { .name = "half",
					 .read = backwards_read,
					 .below = backwards_below,
					 .destroy = backwards_destroy };

static struct blk *new_backwards(const struct blk_ops *ops, struct blk *under)
{
	struct backwards *m = calloc(1, sizeof(*m));
	assert_non_null(m);
	blk_init(&m->blk, ops, under->size, 512);
	m->under = under;
	return &m->blk;
}

static struct blk *on_backwards(const struct blk_ops *ops, struct stack *s)
{
	return stack_part(stack_cache(new_backwards(ops, stack_raid5(s))), 80 * 1024, 1024);
}

static void where_a_layer_cannot_say_what_is_below_all_is_stored(void **state)
{
	(void)state;
	static const struct blk_ops *const kinds[] = { &silent_ops, &half_ops };
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct bed *bed = new_bed(&stack_kinds[0]);
		struct stack s;
		for (size_t d = 0; d < STACK_DISKS; d++)
			s.disks[d] = &bed->disks[d]->blk;
		put_volume(bed, on_backwards(kinds[k], &s));
		back_up(bed);
		assert_whole_disks_are_stored(bed);
		assert_non_null(strstr(bed->layout.warnings[0], "'volume'"));
		struct blk *again = on_backwards(kinds[k], &bed->restored);
		assert_reads_the_same(bed->volume.blk, again, kinds[k]->name);
		blk_unref(again);
		teardown(bed);
	}
}

static void where_records_lie_nobody_knows_where_all_is_stored(void **state)
{
	(void)state;
	struct bed *bed = new_bed(&stack_kinds[1]);
	build(bed, &stack_kinds[1]);
	bed->layout.unplaced = true;
	back_up(bed);
	assert_whole_disks_are_stored(bed);
	teardown(bed);
}

static void a_volume_on_a_disk_that_is_not_in_the_backup_is_an_error(void **state)
{
	(void)state;
	struct bed *bed = new_bed(&stack_kinds[0]);
	struct blk_mem *other = blk_mem_new(STACK_SIZE, 512);
	struct map_leg legs[] = { { &bed->disks[0]->blk, 0 }, { &other->blk, 512 } };
	struct map_segment segments[] = {
		{ .kind = MAP_LINEAR, .length = 4096, .n_legs = 1, .legs = &legs[0] },
		{ .kind = MAP_LINEAR, .length = 512, .n_legs = 1, .legs = &legs[1] },
	};
	put_volume(bed, stack_cache(stack_map(segments, 2)));
	struct error why = { 0 };
	assert_int_equal(make_plan(bed, &why), -ENXIO);
	assert_non_null(strstr(why.msg, "volume 'volume'"));
	assert_non_null(strstr(why.msg, "none of its disks"));
	assert_null(bed->plan);
	blk_unref(&other->blk);
	teardown(bed);
}

/* ---- disks that are exchanged ------------------------------------------------------------------
 */

static int is_another_one(struct blk *blk, struct error *err)
{
	(void)blk;
	return error_set(err, -ESTALE, "this is another disk now");
}

static void of_a_disk_that_was_exchanged_there_is_no_restore_point(void **state)
{
	(void)state;
	struct bed *bed = new_bed(&stack_kinds[0]);
	build(bed, &stack_kinds[0]);
	struct blk *last = &bed->disks[STACK_DISKS - 1]->blk;
	struct blk_ops exchanged = *last->ops;
	exchanged.confirm = is_another_one;
	last->ops = &exchanged;
	struct error why = { 0 };
	assert_int_equal(run_backup(bed, &why), -ESTALE);
	assert_string_equal(why.msg, "this is another disk now");
	char id[65];
	json_t *point;
	assert_int_equal(repo_point_find(bed->repo, "test@latest", id, &point, &why), -ENOENT);
	/* Layers ask what they lie on. */
	struct blk *layer = stack_overlay(stack_cache(blk_ref(last)));
	assert_int_equal(blk_confirm(layer, &why), -ESTALE);
	blk_unref(layer);
	teardown(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back_and_nothing_else_is_stored),
		cmocka_unit_test(where_a_layer_cannot_say_what_is_below_all_is_stored),
		cmocka_unit_test(where_records_lie_nobody_knows_where_all_is_stored),
		cmocka_unit_test(a_volume_on_a_disk_that_is_not_in_the_backup_is_an_error),
		cmocka_unit_test(of_a_disk_that_was_exchanged_there_is_no_restore_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
