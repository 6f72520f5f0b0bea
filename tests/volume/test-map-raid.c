/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every RAID layout against a drawing of it: legs are filled from the drawing, with parity worked
 * out the slow way, and the volume is read through the map, whole and with legs missing or failing.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "blk-mem.h"
#include "lunette/map.h"

#define CHUNK    1024u
#define ROWS     12u
#define MAX_LEGS 6u
#define START    512u /* of the segment on each leg */

/**
 * struct drawing - who holds what, a word a row, a letter a leg; rows repeat when they run out
 * @rows: data chunks by digit, P and Q; with copies, chunks by letter from 'a' on, numbered from
 *        the first row, and the words are all of a leg
 * @ddf: Q counts legs, not data
 */
struct drawing {
	enum map_kind kind;
	unsigned int layout;
	const char *rows;
	bool ddf;
};

static const struct drawing drawings[] = {
	{ MAP_STRIPED, 0, "012", false },
	{ MAP_RAID4, MAP_PARITY_FIRST, "P012", false },
	{ MAP_RAID4, MAP_PARITY_LAST, "012P", false },
	{ MAP_RAID5, MAP_LEFT_ASYMMETRIC, "012P 01P2 0P12 P012", false },
	{ MAP_RAID5, MAP_RIGHT_ASYMMETRIC, "P012 0P12 01P2 012P", false },
	{ MAP_RAID5, MAP_LEFT_SYMMETRIC, "012P 12P0 2P01 P012", false },
	{ MAP_RAID5, MAP_RIGHT_SYMMETRIC, "P012 2P01 12P0 012P", false },
	{ MAP_RAID6, MAP_LEFT_ASYMMETRIC, "Q012P 012PQ 01PQ2 0PQ12 PQ012", false },
	{ MAP_RAID6, MAP_RIGHT_ASYMMETRIC, "PQ012 0PQ12 01PQ2 012PQ Q012P", false },
	{ MAP_RAID6, MAP_LEFT_SYMMETRIC, "Q012P 012PQ 12PQ0 2PQ01 PQ012", false },
	{ MAP_RAID6, MAP_RIGHT_SYMMETRIC, "PQ012 2PQ01 12PQ0 012PQ Q012P", false },
	{ MAP_RAID6, MAP_PARITY_FIRST, "PQ012", false },
	{ MAP_RAID6, MAP_PARITY_LAST, "012PQ", false },
	{ MAP_RAID6, MAP_ROTATING_ZERO_RESTART, "PQ012 0PQ12 01PQ2 012PQ Q012P", true },
	{ MAP_RAID6, MAP_ROTATING_N_RESTART, "012PQ 01PQ2 0PQ12 PQ012 Q012P", true },
	{ MAP_RAID6, MAP_ROTATING_N_CONTINUE, "012QP 12QP0 2QP01 QP012 P012Q", true },
	{ MAP_RAID6, MAP_LEFT_ASYMMETRIC_6, "012PQ 01P2Q 0P12Q P012Q", false },
	{ MAP_RAID6, MAP_RIGHT_ASYMMETRIC_6, "P012Q 0P12Q 01P2Q 012PQ", false },
	{ MAP_RAID6, MAP_LEFT_SYMMETRIC_6, "012PQ 12P0Q 2P01Q P012Q", false },
	{ MAP_RAID6, MAP_RIGHT_SYMMETRIC_6, "P012Q 2P01Q 12P0Q 012PQ", false },
	{ MAP_RAID6, MAP_PARITY_FIRST_6, "P012Q", false },
	{ MAP_MIRROR, 0, "00", false },
	/* From md(4): near 2 and far 2 on three and four, offset 2 on four. */
	{ MAP_RAID10, 2 | 1 << 8, "aab bcc dde eff ggh hii jjk kll", false },
	{ MAP_RAID10, 2 | 1 << 8, "aabb ccdd eeff gghh", false },
	{ MAP_RAID10, 1 | 2 << 8, "abcd efgh ijkl dabc hefg lijk", false },
	{ MAP_RAID10, 1 | 2 << 8 | MAP_RAID10_OFFSET, "abcd dabc efgh hefg", false },
};

struct fixture {
	const struct drawing *drawing;
	unsigned int n_legs, n_rows;
	uint64_t size;
	uint8_t *content;
	struct blk_mem *legs[MAX_LEGS];
	struct blk *volume;
};

/* a * 2^n over GF(2^8), bit by bit. */
static uint8_t times_power_of_2(uint8_t a, unsigned int n)
{
	unsigned int v = a;
	while (n--)
		v = v << 1 ^ (v & 0x80 ? 0x11d : 0);
	return (uint8_t)v;
}

static const char *row_at(const struct fixture *f, unsigned int row)
{
	unsigned int n = (unsigned int)(strlen(f->drawing->rows) + 1) / (f->n_legs + 1);
	return f->drawing->rows + row % n * (f->n_legs + 1);
}

static uint8_t *chunk_at(const struct fixture *f, unsigned int row, unsigned int leg)
{
	return f->legs[leg]->bytes + START + row * CHUNK;
}

static unsigned int data_in(const char *row, unsigned int n_legs)
{
	unsigned int most = 0;
	for (unsigned int l = 0; l < n_legs; l++)
		if (row[l] >= '0' && row[l] <= '9')
			most = MAX(most, (unsigned int)(row[l] - '0' + 1));
	return most;
}

static void fill_row(struct fixture *f, unsigned int number)
{
	const char *row = row_at(f, number);
	unsigned int data = data_in(row, f->n_legs);
	int p = -1, q = -1;
	for (unsigned int l = 0; l < f->n_legs; l++) {
		if (row[l] == 'P')
			p = (int)l;
		else if (row[l] == 'Q')
			q = (int)l;
		else
			memcpy(chunk_at(f, number, l),
			       f->content + (row[l] >= 'a' ? (unsigned int)(row[l] - 'a')
							   : number * data +
								     (unsigned int)(row[l] - '0')) *
						    CHUNK,
			       CHUNK);
	}
	/* MD counts Q's data from behind Q on; DDF counts every leg from 0. */
	unsigned int power = 0;
	for (unsigned int i = 0; i < f->n_legs; i++) {
		unsigned int l =
			f->drawing->ddf || q < 0 ? i : (unsigned int)(q + 1 + (int)i) % f->n_legs;
		bool is_data = (int)l != p && (int)l != q;
		for (unsigned int b = 0; is_data && p >= 0 && b < CHUNK; b++) {
			chunk_at(f, number, (unsigned int)p)[b] ^= chunk_at(f, number, l)[b];
			if (q >= 0)
				chunk_at(f, number, (unsigned int)q)[b] ^=
					times_power_of_2(chunk_at(f, number, l)[b], power);
		}
		if (is_data || f->drawing->ddf)
			power++;
	}
}

static void setup(struct fixture *f, const struct drawing *drawing)
{
	*f = (struct fixture){ .drawing = drawing };
	f->n_legs = (unsigned int)strcspn(drawing->rows, " ");
	f->n_rows = ROWS;
	unsigned int n_chunks = ROWS * data_in(drawing->rows, f->n_legs);
	if (n_chunks == 0) { /* copies: the drawing is all there is */
		for (const char *c = drawing->rows; *c; c++)
			if (*c >= 'a')
				n_chunks = MAX(n_chunks, (unsigned int)(*c - 'a' + 1));
		f->n_rows = (unsigned int)(strlen(drawing->rows) + 1) / (f->n_legs + 1);
	}
	f->size = (uint64_t)n_chunks * CHUNK;
	f->content = malloc(f->size);
	assert_non_null(f->content);
	uint32_t x = 12345;
	for (size_t i = 0; i < f->size; i++)
		f->content[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);

	struct map_leg legs[MAX_LEGS];
	for (unsigned int l = 0; l < f->n_legs; l++) {
		f->legs[l] = blk_mem_new(START + f->n_rows * CHUNK, 512);
		legs[l] = (struct map_leg){ &f->legs[l]->blk, START };
	}
	for (unsigned int row = 0; row < f->n_rows; row++)
		fill_row(f, row);

	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	struct map_segment seg = { .length = f->size,
				   .kind = drawing->kind,
				   .chunk = CHUNK,
				   .layout = drawing->layout,
				   .n_legs = f->n_legs,
				   .legs = legs };
	struct error err = { 0 };
	if (map_add(map, &seg, &err) < 0)
		fail_msg("%s: %s", drawing->rows, err.msg);
	assert_int_equal(map_blk(map, 512, &f->volume, NULL), 0);
}

static void teardown(struct fixture *f)
{
	blk_unref(f->volume);
	for (unsigned int l = 0; l < f->n_legs; l++)
		blk_unref(&f->legs[l]->blk);
	free(f->content);
}

static void assert_content(const struct fixture *f, struct blk *volume)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(f->size);
	assert_non_null(buf);
	struct error err = { 0 };
	if (blk_read(volume, buf, f->size, 0, &err) < 0)
		fail_msg("%s: %s", f->drawing->rows, err.msg);
	if (memcmp(buf, f->content, f->size) != 0)
		fail_msg("%s: content differs", f->drawing->rows);
	for (uint64_t off = 0; off < f->size; off += 777) {
		size_t len = (size_t)MIN(f->size - off, (uint64_t)1500);
		if (blk_read(volume, buf, len, off, &err) < 0)
			fail_msg("%s: %s", f->drawing->rows, err.msg);
		assert_memory_equal(buf, f->content + off, len);
	}
}

/* The same volume with only the legs of @present. */
static struct blk *without(const struct fixture *f, unsigned int present)
{
	const struct map *whole;
	assert_int_equal(blk_map(f->volume, &whole, NULL), 0);
	const struct map_segment *seg = whole->segments;
	struct map_leg legs[MAX_LEGS];
	for (unsigned int l = 0; l < f->n_legs; l++)
		legs[l] = (struct map_leg){ present & 1u << l ? seg->legs[l].blk : NULL, START };
	struct map_segment copy = *seg;
	copy.legs = legs;
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add(map, &copy, NULL), 0);
	struct blk *blk;
	assert_int_equal(map_blk(map, 512, &blk, NULL), 0);
	return blk;
}

/* Can all of the volume be had from these legs? Told from the drawing alone. */
static bool enough(const struct fixture *f, unsigned int present)
{
	unsigned int lost = f->n_legs - (unsigned int)__builtin_popcount(present);
	if (f->drawing->kind == MAP_RAID6)
		return lost <= 2;
	if (f->drawing->kind == MAP_RAID4 || f->drawing->kind == MAP_RAID5)
		return lost <= 1;
	bool have[64] = { false }, must[64] = { false };
	for (unsigned int row = 0; row < f->n_rows; row++)
		for (unsigned int l = 0; l < f->n_legs; l++) {
			int c = row_at(f, row)[l] - (f->drawing->kind == MAP_RAID10 ? 'a' : '0');
			must[c] = true;
			if (present & 1u << l)
				have[c] = true;
		}
	return memcmp(have, must, sizeof(have)) == 0;
}

static void every_layout_reads_whole_and_with_all_it_can_miss(void **state)
{
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(drawings); d++) {
		struct fixture f;
		setup(&f, &drawings[d]);
		assert_true(f.volume->whole);
		assert_content(&f, f.volume);
		for (unsigned int present = 1; present < 1u << f.n_legs; present++) {
			struct blk *volume = without(&f, present);
			assert_int_equal(volume->whole, present + 1 == 1u << f.n_legs);
			if (volume->readable != enough(&f, present))
				fail_msg("%s: legs %#x", f.drawing->rows, present);
			if (enough(&f, present)) {
				assert_content(&f, volume);
			} else {
				CLEANUP(free_cleanup) uint8_t *buf = malloc(f.size);
				assert_true(blk_read(volume, buf, f.size, 0, NULL) < 0);
			}
			blk_unref(volume);
		}
		teardown(&f);
	}
}

static void a_failing_read_is_made_good(void **state)
{
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(drawings); d++) {
		struct fixture f;
		setup(&f, &drawings[d]);
		for (unsigned int l = 0; l < f.n_legs && drawings[d].kind != MAP_STRIPED; l++) {
			f.legs[l]->reads = 0;
			f.legs[l]->fail_at = 2;
			assert_content(&f, f.volume);
			f.legs[l]->fail_at = 0;
		}
		teardown(&f);
	}
}

/* More legs than can be missing have bad sectors in one chunk, but nowhere too many the same one.
 */
static void bad_sectors_of_several_legs_are_made_good_each_for_itself(void **state)
{
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(drawings); d++) {
		struct fixture f;
		setup(&f, &drawings[d]);
		for (unsigned int row = 0; row < 2 && drawings[d].kind != MAP_STRIPED; row++) {
			for (unsigned int l = 0; l < 2; l++) {
				f.legs[l]->bad_from = START + row * CHUNK + l * (CHUNK / 2);
				f.legs[l]->bad_to = f.legs[l]->bad_from + CHUNK / 2;
			}
			if (drawings[d].kind == MAP_RAID6) {
				f.legs[2]->bad_from = f.legs[0]->bad_from;
				f.legs[2]->bad_to = f.legs[0]->bad_to;
			}
			assert_content(&f, f.volume);
		}
		teardown(&f);
	}
}

/* Whoever reads around bad sectors must hear of them, in whichever order the legs are asked. */
static void bad_sectors_are_no_missing_legs(void **state)
{
	uint8_t byte;
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(drawings); d++) {
		struct fixture f;
		setup(&f, &drawings[d]);
		for (unsigned int l = 0; l < f.n_legs; l++)
			f.legs[l]->bad_to = f.legs[l]->blk.size;
		for (unsigned int l = 0; l < f.n_legs && drawings[d].kind != MAP_STRIPED; l++) {
			struct blk *volume = without(&f, ~(1u << l));
			for (uint64_t off = 0; off < f.size; off += 777)
				if (blk_read(volume, &byte, 1, off, NULL) != -EIO)
					fail_msg("%s: without leg %u", f.drawing->rows, l);
			blk_unref(volume);
		}
		teardown(&f);
	}
}

struct found {
	struct fixture *f;
	uint8_t seen[MAX_LEGS][START + ROWS * CHUNK];
	uint64_t start, end; /* what blk_find must cover */
	uint8_t *covered;
};

static int mark_leg(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct found *found = ctx;
	if (!blk->ops->leaf)
		return BLK_BELOW;
	for (unsigned int l = 0; l < found->f->n_legs; l++)
		if (&found->f->legs[l]->blk == blk) {
			assert_true(range_inside(length, off, blk->size));
			memset(found->seen[l] + off, 1, length);
		}
	return 0;
}

static int mark_volume(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)err;
	struct found *found = ctx;
	assert_ptr_equal(blk, found->f->volume);
	assert_true(range_inside(length, off, blk->size));
	memset(found->covered + off, 1, length);
	return 0;
}

/* All of a range lies in what blk_walk() gives, with every copy and parity; and blk_find() leads
 * from there back to it. */
static void walking_there_and_back_misses_nothing(void **state)
{
	(void)state;
	static struct found found;
	for (size_t d = 0; d < ARRAY_SIZE(drawings); d++) {
		struct fixture f;
		setup(&f, &drawings[d]);
		found.f = &f;
		found.covered = malloc(f.size);
		assert_non_null(found.covered);
		for (uint64_t off = 0; off < f.size; off += 512) {
			uint64_t len = MIN(f.size - off, (off % 7 + 1) * 700);
			memset(found.seen, 0, sizeof(found.seen));
			assert_int_equal(blk_walk(f.volume, len, off, mark_leg, &found, NULL), 0);
			/* Change what was not seen: the range must read the same. */
			for (unsigned int l = 0; l < f.n_legs; l++)
				for (size_t b = 0; b < f.legs[l]->blk.size; b++)
					f.legs[l]->bytes[b] ^= found.seen[l][b] ? 0 : 0xff;
			for (unsigned int lost = 0; lost <= f.n_legs; lost++) {
				struct blk *volume =
					without(&f, ((1u << f.n_legs) - 1) & ~(1u << lost));
				uint8_t buf[8192];
				if (volume->readable) {
					assert_int_equal(blk_read(volume, buf, len, off, NULL), 0);
					assert_memory_equal(buf, f.content + off, len);
				}
				blk_unref(volume);
			}
			for (unsigned int l = 0; l < f.n_legs; l++)
				for (size_t b = 0; b < f.legs[l]->blk.size; b++)
					f.legs[l]->bytes[b] ^= found.seen[l][b] ? 0 : 0xff;

			memset(found.covered, 0, f.size);
			for (unsigned int l = 0; l < f.n_legs; l++)
				for (size_t b = 0; b < f.legs[l]->blk.size; b += 256)
					if (found.seen[l][b])
						assert_int_equal(blk_find(f.volume, &f.legs[l]->blk,
									  256, b, mark_volume,
									  &found, NULL),
								 0);
			assert_null(memchr(found.covered + off, 0, len));
		}
		free(found.covered);
		teardown(&f);
	}
}

static void numbers_that_make_no_volume_are_refused(void **state)
{
	(void)state;
	struct blk_mem *mem = blk_mem_new(64 * CHUNK, 512);
	struct map_leg legs[MAX_LEGS];
	for (unsigned int l = 0; l < MAX_LEGS; l++)
		legs[l] = (struct map_leg){ &mem->blk, 0 };
	static const struct map_segment bad[] = {
		{ .kind = MAP_STRIPED, .length = 0, .chunk = CHUNK, .n_legs = 2 },
		{ .kind = MAP_STRIPED, .length = CHUNK, .chunk = 0, .n_legs = 2 },
		{ .kind = MAP_STRIPED, .length = CHUNK, .chunk = 100, .n_legs = 2 },
		{ .kind = MAP_STRIPED, .length = CHUNK, .chunk = UINT64_MAX - 511, .n_legs = 2 },
		{ .kind = MAP_STRIPED, .length = CHUNK, .chunk = CHUNK, .n_legs = 0 },
		{ .kind = MAP_STRIPED,
		  .length = CHUNK,
		  .chunk = CHUNK,
		  .n_legs = MAP_MAX_LEGS + 1 },
		{ .kind = MAP_STRIPED, .length = 128 * CHUNK + 1, .chunk = CHUNK, .n_legs = 2 },
		{ .kind = MAP_STRIPED, .length = UINT64_MAX, .chunk = CHUNK, .n_legs = 2 },
		{ .kind = MAP_MIRROR, .length = 64 * CHUNK + 1, .n_legs = 2 },
		{ .kind = MAP_RAID5, .length = CHUNK, .chunk = CHUNK, .n_legs = 1 },
		{ .kind = MAP_RAID5, .length = CHUNK, .chunk = CHUNK, .n_legs = 3, .layout = 6 },
		{ .kind = MAP_RAID5, .length = 128 * CHUNK + 1, .chunk = CHUNK, .n_legs = 3 },
		{ .kind = MAP_RAID6, .length = CHUNK, .chunk = CHUNK, .n_legs = 3 },
		{ .kind = MAP_RAID6, .length = CHUNK, .chunk = CHUNK, .n_legs = 4, .layout = 7 },
		{ .kind = MAP_RAID6, .length = CHUNK, .chunk = CHUNK, .n_legs = 254 },
		{ .kind = MAP_RAID10, .length = CHUNK, .chunk = CHUNK, .n_legs = 4, .layout = 0 },
		{ .kind = MAP_RAID10,
		  .length = CHUNK,
		  .chunk = CHUNK,
		  .n_legs = 4,
		  .layout = 0x303 },
		{ .kind = MAP_RAID10,
		  .length = CHUNK,
		  .chunk = CHUNK,
		  .n_legs = 4,
		  .layout = 1u << 17 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct map_segment seg = bad[i];
		seg.legs = legs;
		struct map *map;
		assert_int_equal(map_new(&map, NULL), 0);
		struct error err = { 0 };
		int rc = map_add(map, &seg, &err);
		if (rc != -EINVAL && rc != -ERANGE)
			fail_msg("case %zu: %d", i, rc);
		assert_int_equal(map->n_segments, 0);
		map_free(map);
	}
	blk_unref(&mem->blk);
}

static void stripes_may_end_in_a_short_row(void **state)
{
	(void)state;
	struct blk_mem *a = blk_mem_new(3 * CHUNK, 512), *b = blk_mem_new(2 * CHUNK + 512, 512);
	struct map_leg legs[] = { { &a->blk, 0 }, { &b->blk, 0 } };
	b->bytes[2 * CHUNK + 511] = 0xAA;
	struct map_segment seg = { .kind = MAP_STRIPED,
				   .length = 5 * CHUNK + 512,
				   .chunk = CHUNK,
				   .n_legs = 2,
				   .legs = legs };
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add(map, &seg, NULL), 0);
	struct blk *volume;
	assert_int_equal(map_blk(map, 512, &volume, NULL), 0);
	uint8_t last;
	assert_int_equal(blk_read(volume, &last, 1, volume->size - 1, NULL), 0);
	assert_int_equal(last, 0xAA);
	blk_unref(volume);
	blk_unref(&a->blk);
	blk_unref(&b->blk);
}

#define LARGE (8u << 20)

static void *read_large(void *arg)
{
	struct blk *volume = arg;
	uint8_t *buf = malloc(LARGE);
	bool right = buf && blk_read(volume, buf, LARGE, 0, NULL) == 0;
	for (size_t i = 0; right && i < LARGE; i += 4)
		right = memcmp(buf + i, &(uint32_t){ (uint32_t)i }, 4) == 0;
	free(buf);
	return right ? arg : NULL;
}

static void large_reads_by_many_threads_come_out_right(void **state)
{
	(void)state;
	const uint32_t chunk = 64u << 10;
	struct blk_mem *mems[4];
	struct map_leg legs[4];
	for (unsigned int l = 0; l < 4; l++) {
		mems[l] = blk_mem_new(LARGE / 4, 512);
		legs[l] = (struct map_leg){ &mems[l]->blk, 0 };
	}
	for (uint32_t i = 0; i < LARGE; i += 4)
		memcpy(mems[i / chunk % 4]->bytes + i / chunk / 4 * chunk + i % chunk, &i, 4);
	struct map_segment seg = {
		.kind = MAP_STRIPED, .length = LARGE, .chunk = chunk, .n_legs = 4, .legs = legs
	};
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add(map, &seg, NULL), 0);
	struct blk *volume;
	assert_int_equal(map_blk(map, 512, &volume, NULL), 0);

	pthread_t threads[6];
	for (size_t t = 0; t < ARRAY_SIZE(threads); t++)
		assert_int_equal(pthread_create(&threads[t], NULL, read_large, volume), 0);
	bool right = true;
	for (size_t t = 0; t < ARRAY_SIZE(threads); t++) {
		void *result;
		pthread_join(threads[t], &result);
		right = right && result == volume;
	}
	assert_true(right);
	blk_unref(volume);
	for (unsigned int l = 0; l < 4; l++)
		blk_unref(&mems[l]->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_reads_whole_and_with_all_it_can_miss),
		cmocka_unit_test(a_failing_read_is_made_good),
		cmocka_unit_test(bad_sectors_of_several_legs_are_made_good_each_for_itself),
		cmocka_unit_test(bad_sectors_are_no_missing_legs),
		cmocka_unit_test(walking_there_and_back_misses_nothing),
		cmocka_unit_test(numbers_that_make_no_volume_are_refused),
		cmocka_unit_test(stripes_may_end_in_a_short_row),
		cmocka_unit_test(large_reads_by_many_threads_come_out_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
