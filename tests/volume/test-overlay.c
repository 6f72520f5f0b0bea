/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An overlay over a disk, against a plain array that is written in the same way. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blk-mem.h"
#include "lunette/memory.h"
#include "lunette/overlay.h"

#define BLOCK OVERLAY_BLOCK
#define SIZE  (40 * BLOCK + 1000) /* the last block is a short one */

/* ---- a store that can be told to fail ----------------------------------------------------------
 */

struct faulty {
	struct target target;
	struct target *to;
	int fail_at; /* the n-th write from now has no space; 0: never */
	int writes, zeros, flushes;
};

static int faulty_write(struct target *target, const void *buf, size_t len, uint64_t off,
			struct error *err)
{
	struct faulty *faulty = (struct faulty *)target;
	if (++faulty->writes == faulty->fail_at)
		return error_set(err, -ENOSPC, "write number %d", faulty->writes);
	return target_write(faulty->to, buf, len, off, err);
}

static int faulty_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	(void)len, (void)off;
	((struct faulty *)target)->zeros++;
	return error_set(err, -ENOTSUP, "it cannot give room back");
}

static int faulty_flush(struct target *target, struct error *err)
{
	((struct faulty *)target)->flushes++;
	return error_set(err, -EIO, "it is not on stable storage");
}

static void faulty_destroy(struct target *target)
{
	target_free(((struct faulty *)target)->to);
	free(target);
}

static const struct target_ops faulty_ops = { .name = "faulty",
					      .write = faulty_write,
					      .zero = faulty_zero,
					      .flush = faulty_flush,
					      .destroy = faulty_destroy };

/**
 * struct bed - an overlay and what it must read as
 * @model: SIZE bytes
 * @faulty: the store of an overlay that has a store of its own
 */
struct bed {
	struct blk_mem *below;
	struct blk *store;
	struct faulty *faulty;
	struct blk *blk;
	struct target *target;
	uint8_t *model;
};

static void setup(struct bed *bed, bool own_store)
{
	*bed = (struct bed){ .below = blk_mem_new(SIZE, 512), .model = malloc(SIZE) };
	assert_non_null(bed->model);
	for (size_t i = 0; i < SIZE; i++)
		bed->model[i] = bed->below->bytes[i] = (uint8_t)(1 + i * 7 % 251);
	struct overlay_store store = { 0 };
	if (own_store) {
		bed->faulty = calloc(1, sizeof(*bed->faulty));
		assert_non_null(bed->faulty);
		assert_int_equal(memory_new(SIZE + 1, 512, &bed->store, &bed->faulty->to, NULL), 0);
		bed->faulty->target = (struct target){ .ops = &faulty_ops, .size = SIZE + 1 };
		store = (struct overlay_store){ bed->store, &bed->faulty->target };
	}
	assert_int_equal(overlay_new(&bed->below->blk, own_store ? &store : NULL, &bed->blk,
				     &bed->target, NULL),
			 0);
	assert_int_equal(bed->blk->size, SIZE);
	assert_int_equal(bed->target->size, SIZE);
}

static void teardown(struct bed *bed)
{
	target_free(bed->target);
	blk_unref(bed->blk);
	blk_unref(bed->store);
	blk_unref(&bed->below->blk);
	free(bed->model);
}

static void assert_as_model(struct bed *bed)
{
	static uint8_t buf[SIZE];
	assert_int_equal(blk_read(bed->blk, buf, SIZE, 0, NULL), 0);
	assert_memory_equal(buf, bed->model, SIZE);
}

static void assert_below_is_untouched(struct bed *bed)
{
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(bed->below->bytes[i], (uint8_t)(1 + i * 7 % 251));
}

/* What is said to be zero is, and the runs end at the end. */
static void assert_extents_are_true(struct bed *bed)
{
	struct blk_extent ext;
	uint64_t off = 0;
	for (; off < SIZE; off += ext.length) {
		assert_int_equal(blk_extent(bed->blk, off, &ext, NULL), 0);
		if (ext.zero)
			assert_true(is_all_zero(bed->model + off, ext.length));
	}
	assert_int_equal(off, SIZE);
}

static void one_random_step(struct bed *bed, unsigned int *seed)
{
	static uint8_t buf[SIZE];
	size_t len = 1 + (size_t)rand_r(seed) % (rand_r(seed) % 3 ? 3 * BLOCK : 700);
	size_t off = (size_t)rand_r(seed) % SIZE;
	if (rand_r(seed) % 3 == 0) /* whole blocks, or up to the end */
		off -= off % BLOCK, len = rand_r(seed) % 2 ? 2 * BLOCK : SIZE;
	len = MIN(len, SIZE - off);
	if (rand_r(seed) % 3 == 0) {
		memset(bed->model + off, 0, len);
		assert_int_equal(target_zero(bed->target, len, off, NULL), 0);
		return;
	}
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)rand_r(seed);
	memcpy(bed->model + off, buf, len);
	assert_int_equal(target_write(bed->target, buf, len, off, NULL), 0);
}

static void random_writes_read_as_a_plain_array_would(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 40; seed++) {
		struct bed bed;
		unsigned int next = seed;
		setup(&bed, seed % 2);
		assert_as_model(&bed);
		for (int i = 0; i < 30; i++) {
			one_random_step(&bed, &next);
			assert_as_model(&bed);
			assert_extents_are_true(&bed);
		}
		assert_below_is_untouched(&bed);
		teardown(&bed);
	}
}

static void a_block_that_could_not_be_written_is_as_it_was(void **state)
{
	(void)state;
	static uint8_t buf[3 * BLOCK];
	memset(buf, 'x', sizeof(buf));
	/* The parts of a write: the end of a block, whole ones, the beginning of a block. */
	for (int n = 1; n <= 3; n++) {
		struct bed bed;
		struct error err;
		setup(&bed, true);
		bed.faulty->fail_at = n;
		assert_int_equal(target_write(bed.target, buf, 2 * BLOCK + 200, BLOCK - 100, &err),
				 -ENOSPC);
		memset(bed.model + BLOCK - 100, 'x', n == 1 ? 0 : n == 2 ? 100 : 100 + 2 * BLOCK);
		assert_as_model(&bed);
		assert_int_equal(target_write(bed.target, buf, 2 * BLOCK + 200, BLOCK - 100, &err),
				 0);
		memset(bed.model + BLOCK - 100, 'x', 2 * BLOCK + 200);
		assert_as_model(&bed);
		teardown(&bed);
	}
	struct bed bed; /* nor is what was zero */
	struct error err;
	setup(&bed, true);
	assert_int_equal(target_zero(bed.target, 2 * BLOCK, 0, &err), 0);
	memset(bed.model, 0, 2 * BLOCK);
	bed.faulty->fail_at = 1;
	assert_int_equal(target_write(bed.target, buf, 10, 20, &err), -ENOSPC);
	assert_as_model(&bed);
	/* What is below cannot be read: the part of a block that is kept is not made up. */
	bed.below->fail_at = atomic_load(&bed.below->reads) + 1;
	assert_int_equal(target_write(bed.target, buf, 10, 5 * BLOCK + 1, &err), -EIO);
	assert_as_model(&bed);
	teardown(&bed);
}

static void zeros_take_no_room_and_what_cannot_be_given_back_is_no_error(void **state)
{
	(void)state;
	struct bed bed;
	struct blk_extent ext;
	setup(&bed, true);
	assert_int_equal(target_zero(bed.target, 8 * BLOCK, 4 * BLOCK, NULL), 0);
	assert_int_equal(bed.faulty->writes, 0);
	assert_int_equal(bed.faulty->zeros, 1);
	assert_int_equal(blk_extent(bed.blk, 5 * BLOCK, &ext, NULL), 0);
	assert_true(ext.zero);
	assert_int_equal(ext.length, 7 * BLOCK);
	assert_int_equal(target_zero(bed.target, 5, 6 * BLOCK + 7, NULL), 0); /* as it is */
	assert_int_equal(bed.faulty->writes, 0);
	assert_int_equal(target_flush(bed.target, NULL), -EIO);
	assert_int_equal(bed.faulty->flushes, 1);
	struct error err;
	assert_int_equal(target_write(bed.target, "", 1, SIZE, &err), -ERANGE);
	teardown(&bed);

	struct blk *blk; /* memory that was zeroed is given back */
	struct target *target;
	assert_int_equal(memory_new(SIZE, 512, &blk, &target, NULL), 0);
	static const uint8_t bytes[SIZE] = { 1 };
	assert_int_equal(target_write(target, bytes, SIZE, 0, NULL), 0);
	assert_int_equal(blk_extent(blk, 0, &ext, NULL), 0);
	assert_false(ext.zero);
	assert_int_equal(target_zero(target, 3 * BLOCK, 100, NULL), 0);
	assert_int_equal(blk_extent(blk, BLOCK, &ext, NULL), 0);
	assert_true(ext.zero);
	assert_int_equal(ext.length, 2 * BLOCK);
	uint8_t byte;
	assert_int_equal(blk_read(blk, &byte, 1, 0, NULL), 0);
	assert_int_equal(byte, 1);
	target_free(target);
	blk_unref(blk);
}

/* ---- where its bytes lie -----------------------------------------------------------------------
 */

struct places {
	const struct bed *bed;
	uint8_t place[SIZE]; /* of each byte: 'b'elow, in the 's'tore, or 0 for nowhere */
};

static int note_place(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct places *places = ctx;
	if (blk == places->bed->blk)
		return BLK_BELOW;
	memset(places->place + off, blk == places->bed->store ? 's' : 'b', length);
	return 0;
}

static int note_found(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct places *places = ctx;
	assert_ptr_equal(blk, places->bed->blk);
	memset(places->place + off, 'f', length);
	return 0;
}

static void written_bytes_lie_in_the_store_and_others_below(void **state)
{
	(void)state;
	static struct places places;
	struct bed bed;
	setup(&bed, true);
	places.bed = &bed;
	assert_int_equal(target_write(bed.target, "xyz", 3, 3 * BLOCK + 5, NULL), 0);
	assert_int_equal(target_zero(bed.target, 2 * BLOCK, 6 * BLOCK, NULL), 0);
	assert_int_equal(blk_walk(bed.blk, SIZE, 0, note_place, &places, NULL), 0);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(places.place[i], i / BLOCK == 3                     ? 's'
						  : i / BLOCK == 6 || i / BLOCK == 7 ? 0
										     : 'b');
	/* And back: from either, never less than lies there. */
	for (size_t i = 0; i < SIZE; i += 500) {
		uint8_t was = places.place[i];
		if (!was)
			continue;
		places.place[i] = 0;
		assert_int_equal(blk_find(bed.blk, was == 's' ? bed.store : &bed.below->blk, 1, i,
					  note_found, &places, NULL),
				 0);
		assert_int_equal(places.place[i], 'f');
	}
	struct blk_mem *other = blk_mem_new(SIZE, 512);
	assert_true(blk_is_on(bed.blk, bed.store) && blk_is_on(bed.blk, &bed.below->blk));
	assert_false(blk_is_on(bed.blk, &other->blk));
	blk_unref(&other->blk);
	teardown(&bed);
}

/* ---- threads -----------------------------------------------------------------------------------
 */

#define WRITERS 3
#define TURNS   400

struct at_once {
	struct bed *bed;
	unsigned int number;
	int bad;
};

/* Each has blocks of its own, and looks at nothing but these: all of one byte, or another. */
static void *write_often(void *arg)
{
	struct at_once *w = arg;
	uint8_t buf[2 * BLOCK], got[2 * BLOCK];
	uint64_t off = (uint64_t)w->number * 3 * BLOCK + 100;
	for (int i = 0; i < TURNS; i++) {
		memset(buf, i % 5 ? i : 0, sizeof(buf));
		int rc = i % 5 ? target_write(w->bed->target, buf, sizeof(buf), off, NULL)
			       : target_zero(w->bed->target, sizeof(buf), off, NULL);
		rc |= blk_read(w->bed->blk, got, sizeof(got), off, NULL);
		w->bad += rc < 0 || memcmp(buf, got, sizeof(buf)) != 0;
	}
	return NULL;
}

static void *read_often(void *arg)
{
	struct at_once *r = arg;
	uint8_t got[2 * BLOCK];
	for (int i = 0; i < TURNS; i++) {
		uint64_t mine = (uint64_t)r->number * 3 * BLOCK + 100;
		int rc = blk_read(r->bed->blk, got, sizeof(got), mine, NULL);
		bool begun = got[0] != r->bed->model[mine];
		/* A write is seen whole or not at all. */
		r->bad += rc < 0 || (begun && memcmp(got, got + 1, sizeof(got) - 1) != 0);
		rc = blk_read(r->bed->blk, got, BLOCK, 30 * BLOCK, NULL);
		r->bad += rc < 0 || memcmp(got, r->bed->model + 30 * BLOCK, BLOCK) != 0;
	}
	return NULL;
}

static void many_write_and_read_at_once(void **state)
{
	(void)state;
	struct bed bed;
	setup(&bed, false);
	struct at_once all[2 * WRITERS];
	pthread_t threads[2 * WRITERS];
	for (unsigned int i = 0; i < 2 * WRITERS; i++) {
		all[i] = (struct at_once){ &bed, i / 2, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? read_often : write_often,
						&all[i]),
				 0);
	}
	int bad = 0;
	for (unsigned int i = 0; i < 2 * WRITERS; i++) {
		pthread_join(threads[i], NULL);
		bad += all[i].bad;
	}
	assert_int_equal(bad, 0);
	assert_below_is_untouched(&bed);
	teardown(&bed);
}

static void a_store_that_is_too_small_is_refused(void **state)
{
	(void)state;
	struct blk_mem *below = blk_mem_new(SIZE, 512);
	struct overlay_store store;
	struct blk *blk;
	struct target *target;
	struct error err;
	assert_int_equal(memory_new(SIZE - 1, 512, &store.blk, &store.target, NULL), 0);
	assert_int_equal(overlay_new(&below->blk, &store, &blk, &target, &err), -EINVAL);
	blk_unref(store.blk);
	blk_unref(&below->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_writes_read_as_a_plain_array_would),
		cmocka_unit_test(a_block_that_could_not_be_written_is_as_it_was),
		cmocka_unit_test(zeros_take_no_room_and_what_cannot_be_given_back_is_no_error),
		cmocka_unit_test(written_bytes_lie_in_the_store_and_others_below),
		cmocka_unit_test(many_write_and_read_at_once),
		cmocka_unit_test(a_store_that_is_too_small_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
