/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-thin - a thin volume: a tree says which chunk of the pool holds each chunk of the volume.
 *
 * Nothing of the tree is kept but a few of its blocks, however large the volume is. What has no
 * chunk was never written, or was discarded.
 *
 * Source: Linux, drivers/md/dm-thin-metadata.c, struct thin_disk_superblock.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "btree.h"
#include "lvm-remap.h"
#include "lunette/remap.h"

#define SUPER_CSUM_XOR 160774
#define SUPER_MAGIC    27022010

struct thin_super {
	uint32_t csum;               /* 0 */
	uint32_t flags;              /* 4 */
	uint64_t number;             /* 8: of this block, 0 */
	uint8_t uuid[16];            /* 16 */
	uint64_t magic;              /* 32 */
	uint32_t version;            /* 40: 1 or 2 */
	uint32_t time;               /* 44 */
	uint64_t transaction;        /* 48 */
	uint64_t held_root;          /* 56 */
	uint8_t data_space_map[128]; /* 64 */
	uint8_t meta_space_map[128]; /* 192 */
	uint64_t mapping_root;       /* 320: volume -> root of its tree of chunks */
	uint64_t details_root;       /* 328 */
	uint32_t chunk;              /* 336: sectors */
	uint32_t meta_block;         /* 340: sectors, 8 */
} __attribute__((packed));

struct thin {
	struct remap remap;
	struct btree_store *store;
	uint64_t root;
	uint64_t chunk;
	struct blk *data, *origin; /* the references are in remap.below */
};

/* A value is the number of a chunk in its upper 40 bits, and when it was mapped. */
static uint64_t chunk_of(const struct btree_leaf *leaf, unsigned int i)
{
	return btree_value(leaf, i) >> 24;
}

/* How many chunks from entry @leaf->index on follow each other in the volume and in the pool. */
static uint64_t count_run(const struct btree_leaf *leaf)
{
	unsigned int i = leaf->index;
	uint64_t n = 1;
	while (i + n < leaf->n && btree_key(leaf, i + (unsigned int)n) == btree_key(leaf, i) + n &&
	       chunk_of(leaf, i + (unsigned int)n) == chunk_of(leaf, i) + n)
		n++;
	return n;
}

/* What @n chunks that have none of the pool's read as. */
static void place_hole(const struct thin *thin, uint64_t off, uint64_t length,
		       struct remap_place *ret)
{
	*ret = (struct remap_place){ .length = length };
	if (thin->origin && off < thin->origin->size) {
		ret->blk = thin->origin;
		ret->start = off;
		ret->length = MIN(length, thin->origin->size - off);
	}
}

static int thin_place(const struct remap *remap, uint64_t off, struct remap_place *ret,
		      struct error *err)
{
	const struct thin *thin = (const struct thin *)remap;
	uint64_t chunk = off / thin->chunk, in = off % thin->chunk;
	uint64_t chunks = remap->blk.size / thin->chunk + 1;
	struct btree_leaf leaf;
	int rc = btree_find(thin->store, thin->root, chunk, sizeof(uint64_t), &leaf, err);
	if (rc < 0)
		return error_wrap(err, rc, "thin volume, offset %" PRIu64, off);
	uint64_t next = leaf.index < leaf.n ? btree_key(&leaf, leaf.index) : leaf.end;
	if (next != chunk || leaf.index == leaf.n) {
		/* A tree whose keys are out of order may name any key here. */
		next = next > chunk ? MIN(next, chunks) : chunk + 1;
		place_hole(thin, off, MAX(next - chunk, UINT64_C(1)) * thin->chunk - in, ret);
		return 0;
	}
	uint64_t start;
	if (__builtin_mul_overflow(chunk_of(&leaf, leaf.index), thin->chunk, &start) ||
	    start > thin->data->size)
		return error_set(err, -EUCLEAN,
				 "thin volume, offset %" PRIu64 ": chunk %" PRIu64
				 " of the pool is past its end",
				 off, chunk_of(&leaf, leaf.index));
	*ret = (struct remap_place){
		.length = count_run(&leaf) * thin->chunk - in,
		.blk = thin->data,
		.start = start + in,
	};
	/* A last chunk that the pool holds in part only is an error, but not of those before it. */
	if (ret->length > thin->data->size - start && thin->chunk <= thin->data->size - start)
		ret->length = thin->chunk - in;
	return 0;
}

static void thin_free(struct remap *remap)
{
	struct thin *thin = (struct thin *)remap;
	btree_store_free(thin->store);
	free(thin);
}

static const struct remap_ops thin_ops = { .place = thin_place, .free = thin_free };

/* Reads the super-block and finds the volume's tree. */
static int find_root(struct btree_store *store, const struct lvm_thin *thin, uint64_t *ret,
		     struct error *err)
{
	uint8_t buf[BTREE_BLOCK];
	struct thin_super super;
	int rc = btree_block(store, 0, SUPER_CSUM_XOR, offsetof(struct thin_super, number), buf,
			     err);
	if (rc < 0)
		return error_wrap(err, rc, "thin pool");
	memcpy(&super, buf, sizeof(super));
	uint32_t version = le32toh(super.version);
	if (le64toh(super.magic) != SUPER_MAGIC || version < 1 || version > 2)
		return error_set(err, -EUCLEAN, "thin pool: its metadata is of an unknown kind");
	if (le32toh(super.chunk) * UINT64_C(512) != thin->chunk)
		return error_set(err, -EUCLEAN,
				 "thin pool: its chunks have %" PRIu32 " sectors, not %" PRIu64,
				 le32toh(super.chunk), thin->chunk / 512);
	rc = btree_get(store, le64toh(super.mapping_root), thin->device, ret, err);
	if (rc < 0)
		return error_wrap(err, rc, "thin pool");
	return rc ? 0
		  : error_set(err, -ENOENT, "thin pool: it has no volume number %" PRIu64,
			      thin->device);
}

int lvm_thin_open(const struct lvm_thin *thin, struct blk **ret, struct error *err)
{
	CLEANUP(btree_store_free_cleanup) struct btree_store *store = NULL;
	uint64_t root;
	if (thin->chunk == 0 || thin->chunk % 512)
		return error_set(err, -EUCLEAN, "thin pool: chunks of %" PRIu64 " bytes",
				 thin->chunk);
	int rc = btree_store_new(thin->meta, &store, err);
	if (rc == 0)
		rc = find_root(store, thin, &root, err);
	if (rc)
		return rc;
	struct thin *t = malloc(sizeof(*t));
	if (!t)
		return error_set(err, -ENOMEM, "thin volume: %m");
	remap_init(&t->remap, &thin_ops, thin->size, thin->data->sector);
	t->store = steal(&store);
	t->root = root;
	t->chunk = thin->chunk;
	t->data = remap_stand_on(&t->remap, thin->data);
	t->origin = thin->origin;
	if (thin->origin)
		remap_stand_on(&t->remap, thin->origin);
	*ret = &t->remap.blk;
	return 0;
}
