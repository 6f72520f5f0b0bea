/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * remap - a blk whose bytes lie on others, where a table on disk says so: thin volumes, snapshots,
 * caches.
 *
 * Such tables are too long for a map. An implementation only answers where the run at an offset
 * lies; reading, extents and the walk to the disks follow from that.
 */
#ifndef LUNETTE_REMAP_H
#define LUNETTE_REMAP_H

#include "lunette/blk.h"
#include "lunette/map.h"

#define REMAP_BELOW 3

/**
 * struct remap_place - where the run at an offset lies
 * @length: bytes, at least 1; may reach past the end
 * @blk: not referenced; NULL when the run reads as zeros
 * @start: byte offset in @blk
 */
struct remap_place {
	uint64_t length;
	struct blk *blk;
	uint64_t start;
};

struct remap;

/**
 * struct remap_ops - what an implementation provides
 * @place: @off lies inside; any thread may call
 * @free: free what is its own, the struct remap included, but not @below
 */
struct remap_ops {
	int (*place)(const struct remap *remap, uint64_t off, struct remap_place *ret,
		     struct error *err);
	void (*free)(struct remap *remap);
};

/**
 * struct remap - the head of every implementation's own struct
 * @below: what its bytes may lie on, referenced; NULL from the last one on
 */
struct remap {
	struct blk blk;
	const struct remap_ops *ops;
	struct blk *below[REMAP_BELOW];
};

/**
 * remap_init() - set up the head of a new implementation, with one reference for the caller
 */
void remap_init(struct remap *remap, const struct remap_ops *ops, uint64_t size, uint32_t sector);

/* The remap behind a blk, or NULL when it is none. */
const struct remap *remap_of(const struct blk *blk);

/**
 * remap_place() - where the run at an offset lies
 * @ret: clipped to the remap; inside the blk that it names
 *
 * Return: 0; -EUCLEAN when the table points outside; the implementation's error.
 */
int remap_place(const struct remap *remap, uint64_t off, struct remap_place *ret,
		struct error *err);

#define REMAP_MAX_RUNS (1u << 16)

/**
 * remap_map() - all runs as a map: for device-mapper, which knows no tables but its own
 * @ret: owned by the caller
 *
 * Return: 0; -EFBIG when there are more than REMAP_MAX_RUNS; -ENOMEM; as remap_place().
 */
int remap_map(const struct remap *remap, struct map **ret, struct error *err);

/* As map_walk() and map_find(), which call them when they come to a remap. */
int remap_walk(const struct remap *remap, uint64_t length, uint64_t off, map_range_fn *fn,
	       void *ctx, struct error *err);
int remap_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off, map_range_fn *fn,
	       void *ctx, struct error *err);

#endif
