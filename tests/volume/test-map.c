/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "blk-mem.h"
#include "lunette/map.h"

#define KIB 1024u

/* Two disks of 64 KiB whose bytes tell where they are, and a volume over both:
 *   0 KiB   8 KiB of disk a at 16 KiB
 *   8 KiB   4 KiB of zeros
 *  12 KiB   8 KiB of disk b at 1 KiB
 *  20 KiB   8 KiB of disk a at 24 KiB */
struct fixture {
	struct blk_mem *a, *b;
	struct blk *volume;
};

static void fill(struct blk_mem *mem, uint8_t seed)
{
	for (size_t i = 0; i < mem->blk.size; i++)
		mem->bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static void setup(struct fixture *f)
{
	f->a = blk_mem_new(64 * KIB, 512);
	f->b = blk_mem_new(64 * KIB, 512);
	fill(f->a, 1);
	fill(f->b, 2);
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 8 * KIB, &f->a->blk, 16 * KIB, NULL), 0);
	assert_int_equal(map_add_zero(map, 4 * KIB, NULL), 0);
	assert_int_equal(map_add_linear(map, 8 * KIB, &f->b->blk, 1 * KIB, NULL), 0);
	assert_int_equal(map_add_linear(map, 8 * KIB, &f->a->blk, 24 * KIB, NULL), 0);
	assert_int_equal(map_blk(map, 512, &f->volume, NULL), 0);
}

static void teardown(struct fixture *f)
{
	blk_unref(f->volume);
	blk_unref(&f->a->blk);
	blk_unref(&f->b->blk);
}

/* What the volume must read as, worked out without the code under test. */
static uint8_t expected(const struct fixture *f, size_t off)
{
	if (off < 8 * KIB)
		return f->a->bytes[16 * KIB + off];
	if (off < 12 * KIB)
		return 0;
	if (off < 20 * KIB)
		return f->b->bytes[1 * KIB + off - 12 * KIB];
	return f->a->bytes[24 * KIB + off - 20 * KIB];
}

static void every_range_reads_as_its_segments_say(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	assert_int_equal(f.volume->size, 28 * KIB);
	static const size_t lengths[] = {
		1, 511, 512, 4 * KIB, 8 * KIB, 9 * KIB, 21 * KIB, 28 * KIB
	};
	uint8_t buf[28 * KIB];
	for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
		for (size_t off = 0; off + lengths[l] <= f.volume->size; off += 509) {
			memset(buf, 0xEE, sizeof(buf));
			assert_int_equal(blk_read(f.volume, buf, lengths[l], off, NULL), 0);
			for (size_t i = 0; i < lengths[l]; i++)
				assert_int_equal(buf[i], expected(&f, off + i));
		}
	struct error err;
	assert_int_equal(blk_read(f.volume, buf, 2, 28 * KIB - 1, &err), -ERANGE);
	teardown(&f);
}

static void extents_end_with_the_segment_and_come_from_the_leg(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	static const struct {
		uint64_t off, length;
		bool zero;
	} cases[] = {
		{ 0, 8 * KIB, false },        { 8 * KIB - 1, 1, false },
		{ 8 * KIB, 4 * KIB, true },   { 9 * KIB, 3 * KIB, true },
		{ 12 * KIB, 8 * KIB, false }, { 21 * KIB, 7 * KIB, false },
		{ 28 * KIB - 1, 1, false },
	};
	struct blk_extent ext;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(blk_extent(f.volume, cases[i].off, &ext, NULL), 0);
		assert_int_equal(ext.length, cases[i].length);
		assert_int_equal(ext.zero, cases[i].zero);
	}
	assert_int_equal(blk_extent(f.volume, 28 * KIB, &ext, NULL), -ERANGE);

	/* A linear segment over the volume sees the zeros behind it. */
	struct map *map;
	struct blk *outer;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 20 * KIB, f.volume, 6 * KIB, NULL), 0);
	assert_int_equal(map_blk(map, 4096, &outer, NULL), 0);
	assert_int_equal(blk_extent(outer, 3 * KIB, &ext, NULL), 0);
	assert_int_equal(ext.length, 3 * KIB);
	assert_true(ext.zero);
	assert_int_equal(blk_extent(outer, 15 * KIB, &ext, NULL), 0);
	assert_int_equal(ext.length, 5 * KIB);
	assert_false(ext.zero);
	blk_unref(outer);
	teardown(&f);
}

struct ranges {
	size_t n;
	struct {
		struct blk *blk;
		uint64_t length, off;
	} r[16];
	size_t stop_at;
	bool leaves; /* on the way down: only they */
};

static int collect(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	struct ranges *ranges = ctx;
	if (ranges->leaves && !blk->ops->leaf)
		return BLK_BELOW;
	assert_true(ranges->n < ARRAY_SIZE(ranges->r));
	ranges->r[ranges->n].blk = blk;
	ranges->r[ranges->n].length = length;
	ranges->r[ranges->n++].off = off;
	return ranges->n == ranges->stop_at ? error_set(err, -ECANCELED, "enough") : 0;
}

static void assert_range(const struct ranges *ranges, size_t i, const struct blk *blk,
			 uint64_t length, uint64_t off)
{
	assert_true(i < ranges->n);
	assert_ptr_equal(ranges->r[i].blk, blk);
	assert_int_equal(ranges->r[i].length, length);
	assert_int_equal(ranges->r[i].off, off);
}

/* The fixture's volume from 4 KiB to 26 KiB, as a volume of its own. */
static struct blk *nested(struct fixture *f)
{
	struct map *map;
	struct blk *outer;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add_linear(map, 22 * KIB, f->volume, 4 * KIB, NULL), 0);
	assert_int_equal(map_blk(map, 512, &outer, NULL), 0);
	return outer;
}

static void walking_descends_to_the_disks(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct blk *outer = nested(&f);

	struct ranges got = { .leaves = true };
	assert_int_equal(blk_walk(outer, 20 * KIB, 1 * KIB, collect, &got, NULL), 0);
	assert_int_equal(got.n, 3);
	assert_range(&got, 0, &f.a->blk, 3 * KIB, 21 * KIB);
	assert_range(&got, 1, &f.b->blk, 8 * KIB, 1 * KIB);
	assert_range(&got, 2, &f.a->blk, 5 * KIB, 24 * KIB);

	/* A disk is behind itself; an empty range is behind nothing. */
	got = (struct ranges){ .leaves = true };
	assert_int_equal(blk_walk(&f.a->blk, 5, 7, collect, &got, NULL), 0);
	assert_int_equal(blk_walk(outer, 0, outer->size, collect, &got, NULL), 0);
	assert_int_equal(got.n, 1);
	assert_range(&got, 0, &f.a->blk, 5, 7);

	struct error err;
	assert_int_equal(blk_walk(outer, 2, outer->size - 1, collect, &got, &err), -ERANGE);
	assert_int_equal(blk_walk(outer, UINT64_MAX, 1, collect, &got, &err), -ERANGE);
	got = (struct ranges){ .stop_at = 2, .leaves = true };
	assert_int_equal(blk_walk(outer, 20 * KIB, 0, collect, &got, &err), -ECANCELED);
	assert_int_equal(got.n, 2);
	blk_unref(outer);
	teardown(&f);
}

static void finding_comes_back_from_a_disk_to_the_volume(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct blk *outer = nested(&f);

	/* All of disk a: 16..24 KiB is the volume's 0..8, 24..32 its 20..28; the outer volume
	 * begins at 4 and ends at 26. */
	struct ranges got = { 0 };
	assert_int_equal(blk_find(outer, &f.a->blk, UINT64_MAX, 0, collect, &got, NULL), 0);
	assert_int_equal(got.n, 2);
	assert_range(&got, 0, outer, 4 * KIB, 0);
	assert_range(&got, 1, outer, 6 * KIB, 16 * KIB);

	got = (struct ranges){ 0 };
	assert_int_equal(blk_find(f.volume, &f.b->blk, 2 * KIB, 0, collect, &got, NULL), 0);
	assert_int_equal(got.n, 1);
	assert_range(&got, 0, f.volume, 1 * KIB, 12 * KIB);

	/* Between the segments, behind them, and on a disk of somebody else there is nothing. */
	got = (struct ranges){ 0 };
	struct blk_mem *other = blk_mem_new(KIB, 512);
	assert_int_equal(blk_find(f.volume, &f.a->blk, 16 * KIB, 0, collect, &got, NULL), 0);
	assert_int_equal(blk_find(f.volume, &f.a->blk, 32 * KIB, 32 * KIB, collect, &got, NULL), 0);
	assert_int_equal(blk_find(f.volume, &f.b->blk, 64 * KIB, 9 * KIB, collect, &got, NULL), 0);
	assert_int_equal(blk_find(f.volume, &other->blk, KIB, 0, collect, &got, NULL), 0);
	assert_int_equal(blk_find(&f.a->blk, &f.a->blk, 1, 64 * KIB, collect, &got, NULL), 0);
	assert_int_equal(got.n, 0);
	blk_unref(&other->blk);
	blk_unref(outer);
	teardown(&f);
}

static int must_contain(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err)
{
	(void)blk;
	(void)err;
	uint64_t *wanted = ctx;
	if (*wanted - off < length)
		*wanted = UINT64_MAX;
	return 0;
}

static void every_byte_that_walking_finds_is_found_again(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct blk *outer = nested(&f);
	for (uint64_t off = 0; off < outer->size; off += 131) {
		struct ranges got = { .leaves = true };
		assert_int_equal(blk_walk(outer, 1, off, collect, &got, NULL), 0);
		if (got.n == 0)
			continue; /* in the zeros */
		uint64_t wanted = off;
		assert_int_equal(
			blk_find(outer, got.r[0].blk, 1, got.r[0].off, must_contain, &wanted, NULL),
			0);
		assert_int_equal(wanted, UINT64_MAX);
	}
	blk_unref(outer);
	teardown(&f);
}

static void a_failing_disk_fails_the_read_and_no_other(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	uint8_t buf[28 * KIB];
	int failures = 0;
	for (int n = 1;; n++) {
		atomic_store(&f.a->reads, 0);
		f.a->fail_at = n;
		struct error err = { 0 };
		int rc = blk_read(f.volume, buf, sizeof(buf), 0, &err);
		if (rc == 0)
			break;
		assert_int_equal(rc, -EIO);
		assert_int_equal(err.code, -EIO);
		failures++;
	}
	assert_int_equal(failures, 2); /* the two segments that lie on disk a */
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], expected(&f, i));
	teardown(&f);
}

static void a_leg_outside_of_its_blk_is_refused(void **state)
{
	(void)state;
	struct blk_mem *mem = blk_mem_new(64 * KIB, 512);
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	struct error err;
	assert_int_equal(map_add_linear(map, 2, &mem->blk, 64 * KIB - 1, &err), -ERANGE);
	assert_int_equal(map_add_linear(map, 1, &mem->blk, UINT64_MAX, &err), -ERANGE);
	assert_int_equal(map_add_linear(map, UINT64_MAX, &mem->blk, 1, &err), -ERANGE);
	assert_int_equal(map_add_zero(map, UINT64_MAX, NULL), 0);
	assert_int_equal(map_add_linear(map, 1, &mem->blk, 0, &err), -ERANGE);
	assert_int_equal(map->n_segments, 1);
	assert_int_equal(map->size, UINT64_MAX);
	map_free(map);
	blk_unref(&mem->blk);
}

static void a_map_knows_its_blk_and_a_disk_has_none(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	const struct map *map;
	assert_int_equal(blk_map(f.volume, &map, NULL), 0);
	assert_int_equal(map->n_segments, 4);
	assert_string_equal(map_kind_name(map->segments[1].kind), "zero");
	assert_int_equal(blk_map(&f.a->blk, &map, NULL), -ENOTSUP);
	teardown(&f);
}

/* Each level stands ten times on the one below it. */
static void volumes_on_volumes_are_refused_before_they_multiply_without_end(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(KIB, 512);
	struct blk *top = &disk->blk;
	struct error err = { 0 };
	int level, rc = 0;
	for (level = 0; level < 16; level++) {
		struct map *map;
		assert_int_equal(map_new(&map, NULL), 0);
		for (int i = 0; rc == 0 && i < 10; i++)
			rc = map_add_linear(map, KIB, top, 0, &err);
		if (rc < 0) {
			map_free(map);
			break;
		}
		blk_unref(top);
		assert_int_equal(map_blk(map, 512, &top, NULL), 0);
		assert_true(top->whole);
		assert_true(top->readable);
	}
	assert_int_equal(level, 6);
	assert_int_equal(rc, -ELOOP);
	blk_unref(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_reads_as_its_segments_say),
		cmocka_unit_test(extents_end_with_the_segment_and_come_from_the_leg),
		cmocka_unit_test(walking_descends_to_the_disks),
		cmocka_unit_test(finding_comes_back_from_a_disk_to_the_volume),
		cmocka_unit_test(every_byte_that_walking_finds_is_found_again),
		cmocka_unit_test(a_failing_disk_fails_the_read_and_no_other),
		cmocka_unit_test(a_leg_outside_of_its_blk_is_refused),
		cmocka_unit_test(volumes_on_volumes_are_refused_before_they_multiply_without_end),
		cmocka_unit_test(a_map_knows_its_blk_and_a_disk_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
