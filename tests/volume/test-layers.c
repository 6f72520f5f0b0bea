/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every kind of blk, and every kind on top of others, there and back: down with blk_walk(), up with
 * blk_find(), and every byte compared.
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

#include "lunette/layout.h"
#include "stacks.h"

/* ---- there and back ---------------------------------------------------------------------------
 */

/**
 * struct trip - what is seen on the way
 * @seen: bytes of the disks that blk_walk() came to
 * @found: bytes of the volume that blk_find() came back to
 */
struct trip {
	const struct stack_kind *kind;
	struct blk_mem *disks[STACK_DISKS];
	struct stack stack;
	struct blk *top;
	uint8_t *seen[STACK_DISKS];
	uint8_t *found;
};

static void rebuild(struct trip *trip)
{
	blk_unref(trip->top);
	trip->top = stack_build(trip->kind, &trip->stack);
}

static void setup(struct trip *trip, const struct stack_kind *kind)
{
	*trip = (struct trip){ .kind = kind };
	stack_write_disks(kind, trip->disks);
	for (size_t d = 0; d < STACK_DISKS; d++) {
		trip->stack.disks[d] = &trip->disks[d]->blk;
		trip->seen[d] = calloc(1, STACK_SIZE);
		assert_non_null(trip->seen[d]);
	}
	rebuild(trip);
	trip->found = calloc(1, trip->top->size);
	assert_non_null(trip->found);
}

static void teardown(struct trip *trip)
{
	blk_unref(trip->top);
	for (size_t d = 0; d < STACK_DISKS; d++) {
		blk_unref(&trip->disks[d]->blk);
		free(trip->seen[d]);
	}
	free(trip->found);
}

static int see(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct trip *trip = ctx;
	for (size_t d = 0; d < STACK_DISKS; d++)
		if (blk == &trip->disks[d]->blk) {
			memset(trip->seen[d] + off, 1, length);
			return 0;
		}
	return BLK_BELOW;
}

static int come_back(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct trip *trip = ctx;
	assert_ptr_equal(blk, trip->top);
	assert_true(length > 0 && range_inside(length, off, blk->size));
	memset(trip->found + off, 1, length);
	return 0;
}

/* Every byte that was not seen changes, but for the tables that are read when a stack is built. */
static void flip_unseen(struct trip *trip)
{
	for (size_t d = 0; d < STACK_DISKS; d++)
		for (size_t b = trip->stack.tables[d]; b < STACK_SIZE; b++)
			trip->disks[d]->bytes[b] ^= trip->seen[d][b] ? 0 : 0xff;
}

static void go_there_and_back(struct trip *trip, size_t len, uint64_t off)
{
	static uint8_t before[STACK_SIZE], after[STACK_SIZE];
	stack_ok(blk_read(trip->top, before, len, off, err));
	for (size_t d = 0; d < STACK_DISKS; d++)
		memset(trip->seen[d], 0, STACK_SIZE);
	stack_ok(blk_walk(trip->top, len, off, see, trip, err));
	flip_unseen(trip);
	rebuild(trip);
	stack_ok(blk_read(trip->top, after, len, off, err));
	if (memcmp(before, after, len) != 0)
		fail_msg("%s: %zu bytes at %ju lie elsewhere too", trip->kind->name, len,
			 (uintmax_t)off);
	flip_unseen(trip);
	rebuild(trip);

	memset(trip->found, 0, trip->top->size);
	for (size_t d = 0; d < STACK_DISKS; d++)
		for (size_t b = 0, n; b < STACK_SIZE; b += n) {
			n = 512 - b % 512;
			if (!memchr(trip->seen[d] + b, 1, n))
				continue;
			assert_true(blk_is_on(trip->top, &trip->disks[d]->blk));
			stack_ok(blk_find(trip->top, &trip->disks[d]->blk, n, b, come_back, trip,
					  err));
		}
	/* On these disks, what is zero is what lies nowhere. */
	for (size_t i = 0; i < len; i++)
		if (!trip->found[off + i] && before[i])
			fail_msg("%s: the byte at %ju is not found again", trip->kind->name,
				 (uintmax_t)(off + i));
}

static void the_way_down_and_back_misses_no_byte_of_any_kind(void **state)
{
	(void)state;
	static const size_t lengths[] = { 1, 512, 700, STACK_CHUNK, 9000, 40000 };
	for (size_t k = 0; k < ARRAY_SIZE(stack_kinds); k++) {
		struct trip trip;
		setup(&trip, &stack_kinds[k]);
		for (uint64_t off = 0, i = 0; off < trip.top->size; off += 5501, i++)
			go_there_and_back(
				&trip, MIN(lengths[i % ARRAY_SIZE(lengths)], trip.top->size - off),
				off);
		go_there_and_back(&trip, trip.top->size, 0);
		teardown(&trip);
	}
}

/* One range is led to no more than the disks that it may be on, and to no other one's bytes. */
static void a_volume_is_not_found_on_a_disk_that_it_is_not_on(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(stack_kinds); k++) {
		struct trip trip;
		setup(&trip, &stack_kinds[k]);
		struct blk_mem *other = blk_mem_new(STACK_SIZE, 512);
		assert_false(blk_is_on(trip.top, &other->blk));
		stack_ok(blk_find(trip.top, &other->blk, STACK_SIZE, 0, come_back, &trip, err));
		for (size_t d = 0; d < STACK_DISKS; d++)
			if (!blk_is_on(trip.top, &trip.disks[d]->blk))
				stack_ok(blk_find(trip.top, &trip.disks[d]->blk, STACK_SIZE, 0,
						  come_back, &trip, err));
		assert_null(memchr(trip.found, 1, trip.top->size));
		blk_unref(&other->blk);
		teardown(&trip);
	}
}

/* Where a kind is made of segments, a volume made of these reads the same. */
static void what_is_said_in_segments_is_the_volume(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(stack_kinds); k++) {
		static uint8_t bytes[STACK_SIZE], again[STACK_SIZE];
		struct trip trip;
		setup(&trip, &stack_kinds[k]);
		const struct map *map;
		if (blk_map(trip.top, &map, NULL) == 0) {
			struct blk *copy = stack_map(map->segments, map->n_segments);
			assert_int_equal(copy->size, trip.top->size);
			stack_ok(blk_read(trip.top, bytes, copy->size, 0, err));
			stack_ok(blk_read(copy, again, copy->size, 0, err));
			assert_memory_equal(bytes, again, copy->size);
			blk_unref(copy);
		} else {
			assert_true(trip.top->ops->leaf || !trip.top->ops->map);
		}
		teardown(&trip);
	}
}

static void what_is_missing_below_is_known_above(void **state)
{
	(void)state;
	struct blk_mem *disks[STACK_DISKS];
	struct stack s;
	stack_write_disks(&stack_kinds[0], disks);
	for (size_t d = 0; d < STACK_DISKS; d++)
		s.disks[d] = &disks[d]->blk;
	struct blk *blk = stack_cache(stack_part(stack_cache(stack_raid5_degraded(&s)), 512, 0));
	assert_false(blk->whole);
	assert_true(blk->readable);
	blk_unref(blk);
	blk = stack_cache(stack_part(stack_raid(&s, MAP_STRIPED, 0, 3, 1), 512, 0));
	assert_false(blk->whole);
	assert_false(blk->readable);
	blk_unref(blk);
	blk = stack_house(&s);
	assert_true(blk->whole && blk->readable);
	blk_unref(blk);
	for (size_t d = 0; d < STACK_DISKS; d++)
		blk_unref(&disks[d]->blk);
}

static void a_layer_is_read_as_what_is_below_it_wants_to_be(void **state)
{
	(void)state;
	struct blk_mem *disks[STACK_DISKS];
	struct stack s;
	stack_write_disks(&stack_kinds[0], disks);
	for (size_t d = 0; d < STACK_DISKS; d++) {
		s.disks[d] = &disks[d]->blk;
		assert_int_equal(s.disks[d]->preferred, BLK_PREFERRED);
		assert_int_equal(s.disks[d]->depth, BLK_DEPTH);
		s.disks[d]->preferred = 1024;
		s.disks[d]->depth = 1;
	}
	s.disks[2]->preferred = 4096;
	s.disks[1]->depth = 3;
	stack_write_thin(disks);
	struct blk *const tops[] = { stack_house(&s), stack_cached_thin_on_cached_pool(&s),
				     stack_cached_raid5(&s) };
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		assert_int_equal(tops[i]->preferred, 4096);
		assert_int_equal(tops[i]->depth, 3);
		blk_unref(tops[i]);
	}
	struct blk *zeros = stack_map(&(struct map_segment){ .kind = MAP_ZERO, .length = 512 }, 1);
	assert_int_equal(zeros->depth, BLK_DEPTH);
	blk_unref(zeros);
	for (size_t d = 0; d < STACK_DISKS; d++)
		blk_unref(&disks[d]->blk);
}

/* ---- layers that do not answer -----------------------------------------------------------------
 */

/**
 * struct odd - a layer over a disk of two MiB that says what it is told
 * @told: of how many bytes it says where they lie
 * @length: how long it says that their place is
 */
struct odd {
	struct blk blk;
	struct blk *under;
	uint64_t told;
	uint64_t length;
	uint64_t found_off;
};

static int odd_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	return blk_read(((struct odd *)blk)->under, buf, len, off, err);
}

static int odd_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	(void)off, (void)err;
	*ret = (struct blk_extent){ .length = ((struct odd *)blk)->length };
	return 0;
}

static int odd_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
		     uint64_t *ret, struct error *err)
{
	(void)length;
	const struct odd *odd = (struct odd *)blk;
	*ret = odd->told;
	return fn(ctx, odd->under, odd->length, off, err);
}

static int odd_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
		    blk_range_fn *fn, void *ctx, struct error *err)
{
	(void)disk, (void)length, (void)off;
	return fn(ctx, blk, UINT64_MAX, ((struct odd *)blk)->found_off, err);
}

static const struct blk_ops silent_ops = { .name = "silent", .read = odd_read };
static const struct blk_ops odd_ops = {
	.name = "odd", .read = odd_read, .extent = odd_extent, .below = odd_below, .find = odd_find
};

/* How many ranges and bytes were found, and the last one. */
struct sum {
	const struct blk *stop_at;
	unsigned int n;
	uint64_t length, off;
};

static int add_up(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct sum *sum = ctx;
	if (sum->stop_at && blk != sum->stop_at)
		return BLK_BELOW;
	sum->n++;
	sum->length = length;
	sum->off = off;
	return 0;
}

static void a_layer_that_cannot_say_is_everywhere(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(STACK_SIZE, 512), *other = blk_mem_new(512, 512);
	struct odd silent = { .under = &disk->blk };
	blk_init(&silent.blk, &silent_ops, disk->blk.size, 512);
	struct blk *top = stack_cache(stack_part(blk_ref(&silent.blk), 4096, 1024));

	struct error err;
	struct sum sum = { .stop_at = &disk->blk };
	assert_int_equal(blk_walk(top, 1, 0, add_up, &sum, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "'silent'"));
	assert_int_equal(sum.n, 0);
	sum = (struct sum){ .stop_at = &silent.blk }; /* which is where it was to go */
	assert_int_equal(blk_walk(top, 1, 5, add_up, &sum, &err), 0);
	assert_int_equal(sum.off, 1024 + 5);

	assert_true(blk_is_on(top, &disk->blk) && blk_is_on(top, &other->blk));
	sum = (struct sum){ 0 };
	assert_int_equal(blk_find(top, &other->blk, 1, 7, add_up, &sum, &err), 0);
	assert_int_equal(sum.n, 1);
	assert_int_equal(sum.off, 0);
	assert_int_equal(sum.length, 4096);
	const struct map *map;
	assert_int_equal(blk_map(&silent.blk, &map, &err), -ENOTSUP);
	blk_unref(top);
	blk_unref(&disk->blk);
	blk_unref(&other->blk);
}

static void a_leaf_that_nobody_knows_is_an_error(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(STACK_SIZE, 512), *other = blk_mem_new(512, 512);
	struct blk *top = stack_cache(stack_part(blk_ref(&disk->blk), 4096, 1024));
	struct error err;
	struct sum sum = { .stop_at = &other->blk };
	assert_int_equal(blk_walk(top, 1, 0, add_up, &sum, &err), -ENXIO);
	assert_non_null(strstr(err.msg, "'mem' that is none of its disks"));

	/* So it is of a layout, but for bytes that lie on its disks, whatever these stand on. */
	struct layout_disk disks[] = { { .blk = &other->blk } };
	struct layout layout = { .n_disks = 1, .disks = disks };
	assert_int_equal(layout_walk(&layout, top, 1, 0, NULL, NULL, &err), -ENXIO);
	blk_unref(top);
	blk_unref(&disk->blk);
	blk_unref(&other->blk);
}

static int must_be_first(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			 struct error *err)
{
	(void)err;
	assert_int_equal(length, 10);
	assert_int_equal(off, 1024 + 3);
	assert_ptr_equal(disk, ctx);
	return 0;
}

static void the_way_ends_at_the_disks_of_a_layout_whatever_they_stand_on(void **state)
{
	(void)state;
	struct blk_mem *mem = blk_mem_new(STACK_SIZE, 512);
	struct blk *disk = stack_cache(stack_part(blk_ref(&mem->blk), 65536, 512));
	struct blk *top = stack_part(blk_ref(disk), 4096, 1024);
	struct layout_disk disks[] = { { .blk = disk } };
	struct layout layout = { .n_disks = 1, .disks = disks };
	stack_ok(layout_walk(&layout, top, 10, 3, must_be_first, disks, err));
	blk_unref(top);
	blk_unref(disk);
	blk_unref(&mem->blk);
}

static void the_front_stops_a_layer_that_goes_nowhere_or_too_far(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(STACK_SIZE, 512);
	struct odd odd = { .under = &disk->blk, .length = 1 };
	blk_init(&odd.blk, &odd_ops, 4096, 512);
	struct sum sum = { .stop_at = &disk->blk };
	struct error err;
	assert_int_equal(blk_walk(&odd.blk, 10, 0, add_up, &sum, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "'odd' says nothing of the bytes at offset 0"));

	odd.told = UINT64_MAX; /* of more than was asked: once is enough */
	sum.n = 0;
	assert_int_equal(blk_walk(&odd.blk, 10, 0, add_up, &sum, &err), 0);
	assert_int_equal(sum.n, 1);
	odd.told = 3;
	sum.n = 0;
	assert_int_equal(blk_walk(&odd.blk, 10, 0, add_up, &sum, &err), 0);
	assert_int_equal(sum.n, 4);
	assert_int_equal(sum.off, 9);
	odd.length = STACK_SIZE + 1; /* past the end of what is below */
	assert_int_equal(blk_walk(&odd.blk, 10, 0, add_up, &sum, &err), -ERANGE);

	sum = (struct sum){ 0 };
	odd.found_off = 4000;
	assert_int_equal(blk_find(&odd.blk, &disk->blk, 1, 0, add_up, &sum, &err), 0);
	assert_int_equal(sum.n, 1);
	assert_int_equal(sum.length, 96);
	odd.found_off = 4096;
	assert_int_equal(blk_find(&odd.blk, &disk->blk, 1, 0, add_up, &sum, &err), 0);
	assert_int_equal(sum.n, 1);

	struct blk_extent ext;
	odd.length = 0;
	assert_int_equal(blk_extent(&odd.blk, 1, &ext, &err), -EUCLEAN);
	blk_unref(&disk->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_down_and_back_misses_no_byte_of_any_kind),
		cmocka_unit_test(a_volume_is_not_found_on_a_disk_that_it_is_not_on),
		cmocka_unit_test(what_is_said_in_segments_is_the_volume),
		cmocka_unit_test(what_is_missing_below_is_known_above),
		cmocka_unit_test(a_layer_is_read_as_what_is_below_it_wants_to_be),
		cmocka_unit_test(a_layer_that_cannot_say_is_everywhere),
		cmocka_unit_test(a_leaf_that_nobody_knows_is_an_error),
		cmocka_unit_test(the_way_ends_at_the_disks_of_a_layout_whatever_they_stand_on),
		cmocka_unit_test(the_front_stops_a_layer_that_goes_nowhere_or_too_far),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
