/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lvm-remap.h"
#include "lunette/map.h"
#include "make-meta.h"
#include "lunette/remap.h"

#define CHUNK 65536

/* Metadata of 16 blocks; data of 32 chunks that hold their number; an origin of '.'. */
struct fixture {
	struct blk_mem *meta, *data, *origin;
	struct blk *blk;
	struct error err;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .meta = blk_mem_new(16 * 4096, 512),
			       .data = blk_mem_new(32 * CHUNK, 512),
			       .origin = blk_mem_new(10 * CHUNK, 512) };
	for (int i = 0; i < 32; i++)
		memset(f->data->bytes + i * CHUNK, 'A' + i, CHUNK);
	memset(f->origin->bytes, '.', 10 * CHUNK);
}

static void teardown(struct fixture *f)
{
	blk_unref(f->blk);
	blk_unref(&f->meta->blk);
	blk_unref(&f->data->blk);
	blk_unref(&f->origin->blk);
}

/* The first byte of each chunk, in one read of the whole; 0 shows as a blank. */
static const char *contents(struct fixture *f)
{
	static char text[64];
	static char all[32 * CHUNK];
	size_t n = f->blk->size / CHUNK;
	assert_int_equal(blk_read(f->blk, all, n * CHUNK, 0, &f->err), 0);
	for (size_t i = 0; i < n; i++) {
		text[i] = all[i * CHUNK] ? all[i * CHUNK] : ' ';
		assert_int_equal(all[i * CHUNK], all[i * CHUNK + CHUNK - 1]);
	}
	text[n] = '\0';
	return text;
}

/* ---- thin -------------------------------------------------------------------------------------
 */

#define AT(chunk) ((uint64_t)(chunk) << 24 | 5)

/* Volume 7 has chunks 0, 1, 4 and 9 in one leaf, 11 in another; volume 8 has none. */
static void make_thin(struct fixture *f)
{
	meta_thin_super(f->meta, 1, CHUNK / 512);
	meta_node(f->meta, 1, true, 2, (uint64_t[]){ 7, 8 }, (uint64_t[]){ 2, 5 });
	meta_node(f->meta, 2, false, 2, (uint64_t[]){ 0, 11 }, (uint64_t[]){ 3, 4 });
	meta_node(f->meta, 3, true, 4, (uint64_t[]){ 0, 1, 4, 9 },
		  (uint64_t[]){ AT(3), AT(4), AT(2), AT(31) });
	meta_node(f->meta, 4, true, 1, (uint64_t[]){ 11 }, (uint64_t[]){ AT(0) });
	meta_node(f->meta, 5, true, 0, NULL, NULL);
}

static int open_thin(struct fixture *f, uint64_t device, bool origin)
{
	struct lvm_thin thin = { .meta = &f->meta->blk,
				 .data = &f->data->blk,
				 .origin = origin ? &f->origin->blk : NULL,
				 .chunk = CHUNK,
				 .device = device,
				 .size = 14 * CHUNK };
	return lvm_thin_open(&thin, &f->blk, &f->err);
}

static void a_thin_volume_is_its_chunks_and_zeros(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	assert_int_equal(open_thin(&f, 7, false), 0);
	assert_string_equal(contents(&f), "DE  C    ` A  ");
	struct blk_extent ext;
	assert_int_equal(blk_extent(f.blk, 2 * CHUNK + 5, &ext, NULL), 0);
	assert_true(ext.zero);
	assert_int_equal(ext.length, 2 * CHUNK - 5);
	assert_int_equal(blk_extent(f.blk, 0, &ext, NULL), 0);
	assert_false(ext.zero);
	assert_int_equal(ext.length, 2 * CHUNK); /* chunks that follow each other are one run */
	assert_int_equal(blk_extent(f.blk, 12 * CHUNK, &ext, NULL), 0);
	assert_true(ext.zero);
	assert_int_equal(ext.length, 2 * CHUNK);
	teardown(&f);
}

static void a_volume_without_chunks_is_zeros_or_its_origin(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	assert_int_equal(open_thin(&f, 8, false), 0);
	assert_string_equal(contents(&f), "              ");
	blk_unref(f.blk);
	assert_int_equal(open_thin(&f, 7, true), 0);
	assert_string_equal(contents(&f), "DE..C....` A  ");
	teardown(&f);
}

static int count_bytes(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)off;
	(void)err;
	if (!blk->ops->leaf)
		return BLK_BELOW;
	*(uint64_t *)ctx += length;
	return 0;
}

static int sum_starts(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk;
	(void)length;
	(void)err;
	*(uint64_t *)ctx += off;
	return 0;
}

static void the_way_to_the_disks_and_back_goes_through(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	assert_int_equal(open_thin(&f, 7, false), 0);
	uint64_t bytes = 0, at = 0;
	assert_int_equal(blk_walk(f.blk, f.blk->size, 0, count_bytes, &bytes, NULL), 0);
	assert_int_equal(bytes, 5 * CHUNK);
	assert_int_equal(blk_find(f.blk, &f.data->blk, 10, 2 * CHUNK + 100, sum_starts, &at, NULL),
			 0);
	const struct map *runs, *again;
	assert_int_equal(blk_map(f.blk, &runs, NULL), 0);
	assert_int_equal(runs->n_segments, 8); /* a hole up to the next leaf, and on from there */
	assert_int_equal(blk_map(f.blk, &again, NULL), 0);
	assert_ptr_equal(again, runs);
	struct map *map;
	assert_int_equal(map_new(&map, NULL), 0);
	for (size_t i = 0; i < runs->n_segments; i++)
		assert_int_equal(map_add(map, &runs->segments[i], NULL), 0);
	blk_unref(f.blk);
	assert_int_equal(map_blk(map, 512, &f.blk, NULL), 0);
	assert_string_equal(contents(&f), "DE  C    ` A  ");
	assert_int_equal(at, 4 * CHUNK + 100); /* chunk 2 of the pool is chunk 4 of the volume */
	teardown(&f);
}

static void damaged_thin_metadata_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	assert_int_equal(open_thin(&f, 9, false), -ENOENT);
	f.meta->bytes[400] ^= 1;
	assert_int_equal(open_thin(&f, 7, false), -EUCLEAN);
	assert_non_null(strstr(f.err.msg, "checksum"));
	meta_thin_super(f.meta, 1, 8); /* not the chunk that LVM says */
	assert_int_equal(open_thin(&f, 7, false), -EUCLEAN);
	meta_thin_super(f.meta, 99, CHUNK / 512);
	assert_int_equal(open_thin(&f, 7, false), -EUCLEAN);
	assert_non_null(strstr(f.err.msg, "past the end"));
	teardown(&f);
}

/* The tree of volume 7 is replaced by block 2 as the case makes it. */
static void a_damaged_tree_is_an_error_of_the_read_not_a_crash(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct fixture f;
		setup(&f);
		make_thin(&f);
		uint8_t *node = f.meta->bytes + 2 * 4096;
		const char *phrase = "no node";
		switch (i) {
		case 0: /* a tree that points to itself */
			meta_node(f.meta, 2, false, 1, (uint64_t[]){ 0 }, (uint64_t[]){ 2 });
			phrase = "loop";
			break;
		case 1: /* a block of another place */
			memcpy(node, f.meta->bytes + 3 * 4096, 4096);
			phrase = "says it is 3";
			break;
		case 2:
			node[100] ^= 1;
			phrase = "checksum";
			break;
		case 3: /* more entries than there is room for */
			meta_put(node + 16, 253, 4);
			meta_seal(node, 2, 8, META_NODE);
			break;
		case 4: /* more room than a block has */
			meta_put(node + 20, 255, 4);
			meta_seal(node, 2, 8, META_NODE);
			break;
		case 5: /* neither leaf nor not */
			meta_put(node + 4, 3, 4);
			meta_seal(node, 2, 8, META_NODE);
			break;
		case 6: /* an inner node without children */
			meta_node(f.meta, 2, false, 0, NULL, NULL);
			phrase = "leads nowhere";
			break;
		default: /* a chunk that the pool does not have */
			meta_node(f.meta, 2, true, 1, (uint64_t[]){ 0 },
				  (uint64_t[]){ UINT64_MAX });
			phrase = "past its end";
		}
		assert_int_equal(open_thin(&f, 7, false), 0);
		char byte;
		assert_int_equal(blk_read(f.blk, &byte, 1, 0, &f.err), -EUCLEAN);
		if (!strstr(f.err.msg, phrase))
			fail_msg("case %d: %s", i, f.err.msg);
		teardown(&f);
	}
}

static void keys_out_of_order_do_not_hang(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	meta_node(f.meta, 2, true, 4, (uint64_t[]){ 9, 3, UINT64_MAX, 0 },
		  (uint64_t[]){ AT(1), AT(2), AT(3), AT(4) });
	assert_int_equal(open_thin(&f, 7, false), 0);
	static char all[14 * CHUNK];
	assert_int_equal(blk_read(f.blk, all, sizeof(all), 0, &f.err), 0);
	teardown(&f);
}

static void failing_reads_are_errors(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	for (int i = 1; i <= 2; i++) {
		f.meta->fail_at = f.meta->reads + i;
		assert_int_equal(open_thin(&f, 7, false), -EIO);
	}
	assert_int_equal(open_thin(&f, 7, false), 0);
	char byte;
	f.meta->fail_at = f.meta->reads + 1;
	assert_int_equal(blk_read(f.blk, &byte, 1, 0, &f.err), -EIO);
	assert_int_equal(blk_read(f.blk, &byte, 1, 0, &f.err), 0); /* and nothing of it is kept */
	teardown(&f);
}

/* Reads every chunk many times; returns the number of wrong ones. */
static void *read_often(void *ctx)
{
	static const char wanted[] = "DE..C....` A  ";
	uintptr_t wrong = 0;
	for (uint64_t i = 0; i < 1400; i++) {
		char byte = '?', want = wanted[i % 14] == ' ' ? '\0' : wanted[i % 14];
		wrong += blk_read(ctx, &byte, 1, i % 14 * CHUNK + i, NULL) < 0 || byte != want;
	}
	return (void *)wrong;
}

static void many_threads_read_a_thin_volume(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_thin(&f);
	assert_int_equal(open_thin(&f, 7, true), 0);
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_often, f.blk), 0);
	uintptr_t wrong = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *result;
		pthread_join(threads[i], &result);
		wrong += (uintptr_t)result;
	}
	assert_int_equal(wrong, 0);
	teardown(&f);
}

/* ---- snapshots --------------------------------------------------------------------------------
 */

/* A store with chunks of 64 KiB: header, table, then the copies that the table names. */
static void make_store(struct fixture *f, uint32_t valid, size_t n, const uint64_t (*table)[2])
{
	memset(f->data->bytes, 0, 2 * CHUNK);
	meta_put(f->data->bytes, 0x70416e53, 4);
	meta_put(f->data->bytes + 4, valid, 4);
	meta_put(f->data->bytes + 8, 1, 4);
	meta_put(f->data->bytes + 12, CHUNK / 512, 4);
	for (size_t i = 0; i < n; i++) {
		meta_put(f->data->bytes + CHUNK + 16 * i, table[i][0], 8);
		meta_put(f->data->bytes + CHUNK + 16 * i + 8, table[i][1], 8);
	}
}

static int metadata(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	return count_bytes(ctx, blk, length, off, err);
}

static int open_snapshot(struct fixture *f, uint64_t *table_bytes)
{
	*table_bytes = 0;
	return lvm_snapshot_open(&f->origin->blk, &f->data->blk, metadata, table_bytes, &f->blk,
				 &f->err);
}

static void a_snapshot_is_its_origin_but_for_what_was_copied(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_store(&f, 1, 4, (const uint64_t[][2]){ { 8, 2 }, { 2, 3 }, { 3, 4 }, { 0, 31 } });
	uint64_t table;
	assert_int_equal(open_snapshot(&f, &table), 0);
	assert_string_equal(contents(&f), "`.DE....C.");
	assert_int_equal(table, 2 * CHUNK);
	teardown(&f);
}

static void a_snapshot_without_copies_is_its_origin(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_store(&f, 1, 0, NULL);
	uint64_t table;
	assert_int_equal(open_snapshot(&f, &table), 0);
	assert_string_equal(contents(&f), "..........");
	teardown(&f);
}

static void a_store_that_is_no_good_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t table;
	setup(&f);
	make_store(&f, 0, 0, NULL);
	assert_int_equal(open_snapshot(&f, &table), -ENODATA);
	assert_non_null(strstr(f.err.msg, "ran full"));
	make_store(&f, 1, 2, (const uint64_t[][2]){ { 4, 2 }, { 4, 3 } });
	assert_int_equal(open_snapshot(&f, &table), -EUCLEAN);
	make_store(&f, 1, 0, NULL);
	meta_put(f.data->bytes + 12, 0, 4);
	assert_int_equal(open_snapshot(&f, &table), -EUCLEAN);
	meta_put(f.data->bytes + 12, UINT32_MAX, 4);
	assert_int_equal(open_snapshot(&f, &table), -EUCLEAN);
	f.data->bytes[0] = 0;
	assert_int_equal(open_snapshot(&f, &table), -EUCLEAN);
	make_store(&f, 1, 1, (const uint64_t[][2]){ { 4, UINT64_MAX } });
	assert_int_equal(open_snapshot(&f, &table), 0);
	char byte;
	assert_int_equal(blk_read(f.blk, &byte, 1, 4 * CHUNK, &f.err), -EUCLEAN);
	assert_int_equal(blk_read(f.blk, &byte, 1, 3 * CHUNK, &f.err), 0);
	teardown(&f);
}

static void a_table_goes_on_in_the_next_area(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	/* With chunks of 512 bytes an area has 32 entries, and the next is 33 chunks on. */
	memset(f.data->bytes, 0, 200 * 512);
	make_store(&f, 1, 0, NULL);
	meta_put(f.data->bytes + 12, 1, 4);
	for (uint64_t i = 0; i < 40; i++) {
		uint8_t *e = f.data->bytes + (i < 32 ? 512 + 16 * i : 34 * 512 + 16 * (i - 32));
		meta_put(e, 2 * i, 8);
		meta_put(e + 8, 2048 + i, 8);
		memset(f.data->bytes + (2048 + i) * 512, (int)i + 1, 512);
	}
	uint64_t table;
	assert_int_equal(open_snapshot(&f, &table), 0);
	assert_int_equal(table, 3 * 512);
	for (uint64_t i = 0; i < 80; i++) {
		char byte;
		assert_int_equal(blk_read(f.blk, &byte, 1, i * 512 + 7, NULL), 0);
		assert_int_equal(byte, i % 2 ? '.' : (char)(i / 2 + 1));
	}
	teardown(&f);
}

/* ---- caches -----------------------------------------------------------------------------------
 */

#define HOLDS(block) ((uint64_t)(block) << 16 | 1)

/* A cache of 6 blocks in two blocks of its array. */
static void make_cache(struct fixture *f)
{
	meta_cache_super(f->meta, 1, CHUNK / 512, 6);
	meta_node(f->meta, 1, true, 2, (uint64_t[]){ 0, 1 }, (uint64_t[]){ 2, 3 });
	meta_array(f->meta, 2, 4, (uint64_t[]){ HOLDS(9), 0, HOLDS(3) | 2, HOLDS(4) & ~1u });
	meta_array(f->meta, 3, 2, (uint64_t[]){ 0, HOLDS(0) });
}

static int open_cache(struct fixture *f)
{
	return lvm_cache_open(&f->origin->blk, &f->meta->blk, &f->data->blk, CHUNK, &f->blk,
			      &f->err);
}

static void a_cached_volume_is_its_origin_but_for_what_the_cache_holds(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	make_cache(&f);
	assert_int_equal(open_cache(&f), 0);
	assert_string_equal(contents(&f), "F..C.....A");
	teardown(&f);
}

static void damaged_cache_metadata_is_refused(void **state)
{
	(void)state;
	static const char *const phrases[] = { "twice",   "ends at", "no part",
					       "not 128", "blocks",  "checksum" };
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++) {
		struct fixture f;
		setup(&f);
		make_cache(&f);
		if (i == 0)
			meta_array(f.meta, 3, 2, (uint64_t[]){ HOLDS(3), HOLDS(0) });
		if (i == 1)
			meta_node(f.meta, 1, true, 1, (uint64_t[]){ 0 }, (uint64_t[]){ 2 });
		if (i == 2)
			meta_array(f.meta, 3, 3, (uint64_t[]){ 0, 0, 0 });
		if (i == 3)
			meta_cache_super(f.meta, 1, 8, 6);
		if (i == 4)
			meta_cache_super(f.meta, 1, CHUNK / 512, UINT32_MAX);
		if (i == 5)
			f.meta->bytes[3 * 4096 + 30] ^= 1;
		assert_true(open_cache(&f) < 0);
		if (!strstr(f.err.msg, phrases[i]))
			fail_msg("case %zu: %s", i, f.err.msg);
		teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thin_volume_is_its_chunks_and_zeros),
		cmocka_unit_test(a_volume_without_chunks_is_zeros_or_its_origin),
		cmocka_unit_test(the_way_to_the_disks_and_back_goes_through),
		cmocka_unit_test(damaged_thin_metadata_is_refused),
		cmocka_unit_test(a_damaged_tree_is_an_error_of_the_read_not_a_crash),
		cmocka_unit_test(keys_out_of_order_do_not_hang),
		cmocka_unit_test(failing_reads_are_errors),
		cmocka_unit_test(many_threads_read_a_thin_volume),
		cmocka_unit_test(a_snapshot_is_its_origin_but_for_what_was_copied),
		cmocka_unit_test(a_snapshot_without_copies_is_its_origin),
		cmocka_unit_test(a_store_that_is_no_good_is_refused),
		cmocka_unit_test(a_table_goes_on_in_the_next_area),
		cmocka_unit_test(a_cached_volume_is_its_origin_but_for_what_the_cache_holds),
		cmocka_unit_test(damaged_cache_metadata_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
