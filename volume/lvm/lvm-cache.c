/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-cache - a volume with a write-back cache in front of it: what the cache holds is newer than
 * the volume below, or the same.
 *
 * So every block in the cache is read from there, and which of them are dirty does not matter. The
 * table goes from blocks of the cache to blocks of the volume; it is read once and kept the other
 * way round.
 *
 * Source: Linux, drivers/md/dm-cache-metadata.c; drivers/md/persistent-data/dm-array.c.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "btree.h"
#include "lvm-remap.h"
#include "lunette/remap.h"

#define SUPER_CSUM_XOR 9031977
#define SUPER_MAGIC    06142003 /* octal, in the kernel, too */
#define ARRAY_CSUM_XOR 595846735
#define MAX_BLOCKS     (4u << 20) /* LVM makes a million at most */

enum { MAPPING_VALID = 1 };

struct cache_super {
	uint32_t csum;               /* 0 */
	uint32_t flags;              /* 4 */
	uint64_t number;             /* 8: of this block, 0 */
	uint8_t uuid[16];            /* 16 */
	uint64_t magic;              /* 32 */
	uint32_t version;            /* 40: 1 or 2 */
	char policy[16];             /* 44 */
	uint32_t hint_size;          /* 60 */
	uint8_t meta_space_map[128]; /* 64 */
	uint64_t mapping_root;       /* 192: array of the cache's blocks */
	uint64_t hint_root;          /* 200 */
	uint64_t discard_root;       /* 208 */
	uint64_t discard_size;       /* 216 */
	uint64_t discards;           /* 224 */
	uint32_t chunk;              /* 232: sectors */
	uint32_t meta_block;         /* 236: sectors, 8 */
	uint32_t blocks;             /* 240: of the cache */
} __attribute__((packed));

struct array_block {
	uint32_t csum;                           /* 0 */
	uint32_t max;                            /* 4: entries that there is room for */
	uint32_t n;                              /* 8 */
	uint32_t value_size;                     /* 12: 8 */
	uint64_t number;                         /* 16 */
	uint64_t values[(BTREE_BLOCK - 24) / 8]; /* 24 */
} __attribute__((packed));
_Static_assert(sizeof(struct array_block) == BTREE_BLOCK, "struct array_block");

/* A block of the volume and the block of the cache that holds it. */
struct lvm_cached {
	uint64_t block;
	uint32_t in_cache;
};

struct lvm_cache {
	struct remap remap;
	uint64_t chunk;
	size_t n;
	struct lvm_cached *cached;
};

/* ---- reading the table ------------------------------------------------------------------------
 */

/* One block of the array: entries @first and on. */
static int read_array_block(struct btree_store *store, uint64_t number, uint64_t first,
			    uint32_t blocks, struct lvm_cache *cache, struct error *err)
{
	struct array_block a;
	int rc = btree_block(store, number, ARRAY_CSUM_XOR, offsetof(struct array_block, number),
			     &a, err);
	if (rc < 0)
		return rc;
	uint32_t n = le32toh(a.n);
	if (le32toh(a.value_size) != 8 || n == 0 || n > ARRAY_SIZE(a.values) || n > blocks - first)
		return error_set(err, -EUCLEAN,
				 "metadata block %" PRIu64 " is no part of its array", number);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t value = le64toh(a.values[i]);
		if (value & MAPPING_VALID)
			cache->cached[cache->n++] =
				(struct lvm_cached){ value >> 16, (uint32_t)(first + i) };
	}
	return (int)n;
}

static int by_block(const void *a, const void *b)
{
	const struct lvm_cached *x = a, *y = b;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* The array is a tree of its blocks, by their place in it; all but the last are full. */
static int read_array(struct btree_store *store, uint64_t root, uint32_t blocks,
		      struct lvm_cache *cache, struct error *err)
{
	uint64_t index = 0;
	for (uint32_t first = 0; first < blocks; index++) {
		uint64_t number;
		int rc = btree_get(store, root, index, &number, err);
		if (rc == 0)
			return error_set(err, -EUCLEAN, "its array ends at %" PRIu32 " of %" PRIu32,
					 first, blocks);
		if (rc > 0)
			rc = read_array_block(store, number, first, blocks, cache, err);
		if (rc < 0)
			return rc;
		first += (uint32_t)rc;
	}
	qsort(cache->cached, cache->n, sizeof(*cache->cached), by_block);
	for (size_t i = 1; i < cache->n; i++)
		if (cache->cached[i - 1].block == cache->cached[i].block)
			return error_set(err, -EUCLEAN, "it holds block %" PRIu64 " twice",
					 cache->cached[i].block);
	return 0;
}

static int read_table(struct btree_store *store, struct lvm_cache *cache, struct error *err)
{
	uint8_t buf[BTREE_BLOCK];
	struct cache_super super;
	int rc = btree_block(store, 0, SUPER_CSUM_XOR, offsetof(struct cache_super, number), buf,
			     err);
	if (rc < 0)
		return rc;
	memcpy(&super, buf, sizeof(super));
	uint32_t version = le32toh(super.version), blocks = le32toh(super.blocks);
	if (le64toh(super.magic) != SUPER_MAGIC || version < 1 || version > 2)
		return error_set(err, -EUCLEAN, "its metadata is of an unknown kind");
	if (le32toh(super.chunk) * UINT64_C(512) != cache->chunk)
		return error_set(err, -EUCLEAN, "its blocks have %" PRIu32 " sectors, not %" PRIu64,
				 le32toh(super.chunk), cache->chunk / 512);
	if (blocks > MAX_BLOCKS)
		return error_set(err, -EFBIG,
				 "it has %" PRIu32 " blocks; more than %u are not read", blocks,
				 MAX_BLOCKS);
	cache->cached = calloc(blocks ? blocks : 1, sizeof(*cache->cached));
	if (!cache->cached)
		return error_set(err, -ENOMEM, "%" PRIu32 " blocks: %m", blocks);
	return read_array(store, le64toh(super.mapping_root), blocks, cache, err);
}

/* ---- reading through it -----------------------------------------------------------------------
 */

static int cache_place(const struct remap *remap, uint64_t off, struct remap_place *ret,
		       struct error *err)
{
	(void)err;
	const struct lvm_cache *cache = (const struct lvm_cache *)remap;
	uint64_t block = off / cache->chunk, in = off % cache->chunk;
	size_t low = 0, high = cache->n; /* the first that is not in front of @block */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cache->cached[middle].block < block)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < cache->n && cache->cached[low].block == block) {
		*ret = (struct remap_place){ cache->chunk - in, remap->below[1],
					     cache->cached[low].in_cache * cache->chunk + in };
		return 0;
	}
	uint64_t end;
	if (low == cache->n || __builtin_mul_overflow(cache->cached[low].block, cache->chunk, &end))
		end = UINT64_MAX;
	*ret = (struct remap_place){ end - off, remap->below[0], off };
	return 0;
}

static void cache_free(struct remap *remap)
{
	struct lvm_cache *cache = (struct lvm_cache *)remap;
	free(cache->cached);
	free(cache);
}

static const struct remap_ops cache_ops = { .place = cache_place, .free = cache_free };

int lvm_cache_open(struct blk *origin, struct blk *meta, struct blk *data, uint64_t chunk,
		   struct blk **ret, struct error *err)
{
	CLEANUP(btree_store_free_cleanup) struct btree_store *store = NULL;
	if (chunk == 0 || chunk % 512 || chunk > UINT32_MAX)
		return error_set(err, -EUCLEAN, "cache: blocks of %" PRIu64 " bytes", chunk);
	int rc = btree_store_new(meta, &store, err);
	if (rc < 0)
		return rc;
	struct lvm_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return error_set(err, -ENOMEM, "cache: %m");
	remap_init(&cache->remap, &cache_ops, origin->size, origin->sector);
	remap_stand_on(&cache->remap, origin);
	remap_stand_on(&cache->remap, data);
	cache->chunk = chunk;
	CLEANUP(blk_unref_cleanup) struct blk *own = &cache->remap.blk;
	rc = read_table(store, cache, err);
	if (rc < 0)
		return error_wrap(err, rc, "cache");
	*ret = steal(&own);
	return 0;
}
