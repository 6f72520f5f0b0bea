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

#include <pthread.h>

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
 * @below: what its bytes may lie on, referenced; NULL from the last one on; see remap_stand_on()
 * @lock: of the next two
 * @map: all runs, once somebody asked for them
 * @too_many: somebody did, and there are more than REMAP_MAX_RUNS
 */
struct remap {
	struct blk blk;
	const struct remap_ops *ops;
	struct blk *below[REMAP_BELOW];
	pthread_mutex_t lock;
	struct map *map;
	bool too_many;
};

/**
 * remap_init() - set up the head of a new implementation, with one reference for the caller
 */
void remap_init(struct remap *remap, const struct remap_ops *ops, uint64_t size, uint32_t sector);

/**
 * remap_stand_on() - take a reference of the next blk on which its bytes may lie
 *
 * Return: @below.
 */
struct blk *remap_stand_on(struct remap *remap, struct blk *below);

/**
 * remap_place() - where the run at an offset lies
 * @ret: clipped to the remap; inside the blk that it names
 *
 * Return: 0; -EUCLEAN when the table points outside; the implementation's error.
 */
int remap_place(const struct remap *remap, uint64_t off, struct remap_place *ret,
		struct error *err);

/* Of more runs than this blk_map() makes no map: device-mapper, which asks, knows no tables but its
 * own, and would not take them. */
#define REMAP_MAX_RUNS (1u << 16)

#endif
