/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stacks - a volume of every kind of blk, over the same few disks: partitions, RAID of each kind,
 * caches, the tables of LVM, and each on top of others. What tests say of one they say of all.
 *
 * A stack is built anew wherever it is needed, so that nothing remembers what was on the disks
 * before.
 */
#ifndef STACKS_H
#define STACKS_H

#include "lunette/blk-cache.h"
#include "lunette/map.h"
#include "lunette/overlay.h"
#include "lvm-remap.h"
#include "make-meta.h"

#define STACK_DISKS 6
#define STACK_META                                                                     \
	5 /* the disk that holds the tables of thin pools and caches, and nothing else \
	   */
#define STACK_SIZE  ((size_t)192 << 10) /* of a disk */
#define STACK_CHUNK 4096u

/* Whatever cannot be built is the end of a test. */
#define stack_ok(call)                                                \
	do {                                                          \
		struct error stack_error = { 0 };                     \
		struct error *err = &stack_error;                     \
		if ((call) < 0) {                                     \
			fprintf(stderr, "%s: %s\n", #call, err->msg); \
			abort();                                      \
		}                                                     \
	} while (0)

/**
 * struct stack - the disks while a volume is put together
 * @tables: of STACK_DISKS, how many bytes at its beginning hold tables, which are read when it is
 */
struct stack {
	struct blk *disks[STACK_DISKS];
	uint64_t tables[STACK_DISKS];
};

static inline struct blk *stack_map(const struct map_segment *segments, size_t n)
{
	struct map *map;
	struct blk *blk;
	stack_ok(map_new(&map, err));
	for (size_t i = 0; i < n; i++)
		stack_ok(map_add(map, &segments[i], err));
	stack_ok(map_blk(map, 512, &blk, err));
	return blk;
}

/* A run of @below, whose reference is taken over. */
static inline struct blk *stack_part(struct blk *below, uint64_t length, uint64_t start)
{
	struct map_leg leg = { below, start };
	struct map_segment segment = {
		.kind = MAP_LINEAR, .length = length, .n_legs = 1, .legs = &leg
	};
	struct blk *blk = stack_map(&segment, 1);
	blk_unref(below);
	return blk;
}

/* The first @n disks, from a place on which is another one on each. */
static inline struct blk *stack_raid(struct stack *s, enum map_kind kind, unsigned int layout,
				     unsigned int n, int missing)
{
	struct map_leg legs[STACK_DISKS];
	for (unsigned int i = 0; i < n; i++)
		legs[i] =
			(struct map_leg){ (int)i == missing ? NULL : s->disks[i], (i + 1) * 1536 };
	struct map_segment segment = { .kind = kind,
				       .length = 25 * STACK_CHUNK + 1024,
				       .chunk = STACK_CHUNK,
				       .layout = layout,
				       .n_legs = n,
				       .legs = legs };
	return stack_map(&segment, 1);
}

/* A cache over @below, whose reference is taken over. */
static inline struct blk *stack_cache(struct blk *below)
{
	struct blk *blk;
	stack_ok(blk_cache_new(below, 1, &blk, err));
	blk_unref(below);
	return blk;
}

/* An overlay on which nothing was written, over @below, whose reference is taken over. */
static inline struct blk *stack_overlay(struct blk *below)
{
	struct blk *blk;
	struct target *target;
	stack_ok(overlay_new(below, NULL, &blk, &target, err));
	target_free(target);
	blk_unref(below);
	return blk;
}

/* ---- the kinds --------------------------------------------------------------------------------
 */

static inline struct blk *stack_disk(struct stack *s)
{
	return blk_ref(s->disks[0]);
}

static inline struct blk *stack_partition(struct stack *s)
{
	return stack_part(blk_ref(s->disks[0]), 100 * 1024, 37 * 512);
}

static inline struct blk *stack_spanned(struct stack *s)
{
	struct map_leg legs[] = { { s->disks[1], 512 },
				  { s->disks[0], 90112 },
				  { s->disks[1], 9216 } };
	struct map_segment segments[] = {
		{ .kind = MAP_LINEAR, .length = 8192, .n_legs = 1, .legs = &legs[0] },
		{ .kind = MAP_ZERO, .length = 20480 },
		{ .kind = MAP_LINEAR, .length = 65536, .n_legs = 1, .legs = &legs[1] },
		{ .kind = MAP_LINEAR, .length = 1536, .n_legs = 1, .legs = &legs[2] },
	};
	return stack_map(segments, 4);
}

static inline struct blk *stack_striped(struct stack *s)
{
	return stack_raid(s, MAP_STRIPED, 0, 3, -1);
}

static inline struct blk *stack_mirror(struct stack *s)
{
	return stack_raid(s, MAP_MIRROR, 0, 2, -1);
}

static inline struct blk *stack_half_mirror(struct stack *s)
{
	return stack_raid(s, MAP_MIRROR, 0, 2, 0);
}

static inline struct blk *stack_raid4(struct stack *s)
{
	return stack_raid(s, MAP_RAID4, MAP_PARITY_LAST, 4, -1);
}

static inline struct blk *stack_raid5(struct stack *s)
{
	return stack_raid(s, MAP_RAID5, MAP_LEFT_SYMMETRIC, 4, -1);
}

static inline struct blk *stack_raid5_degraded(struct stack *s)
{
	return stack_raid(s, MAP_RAID5, MAP_LEFT_SYMMETRIC, 4, 2);
}

static inline struct blk *stack_raid6(struct stack *s)
{
	return stack_raid(s, MAP_RAID6, MAP_LEFT_SYMMETRIC, 5, -1);
}

static inline struct blk *stack_raid10(struct stack *s)
{
	return stack_raid(s, MAP_RAID10, 2 | 1 << 8, 5, -1);
}

static inline struct blk *stack_raid10_far(struct stack *s)
{
	return stack_raid(s, MAP_RAID10, 1 | 2 << 8, 4, -1);
}

static inline struct blk *stack_raid10_offset(struct stack *s)
{
	return stack_raid(s, MAP_RAID10, 1 | 2 << 8 | MAP_RAID10_OFFSET, 3, -1);
}

static inline struct blk *stack_cached_disk(struct stack *s)
{
	return stack_cache(stack_disk(s));
}

static inline struct blk *stack_cached_partition(struct stack *s)
{
	return stack_cache(stack_partition(s));
}

static inline struct blk *stack_cached_raid5(struct stack *s)
{
	return stack_cache(stack_raid5(s));
}

static inline struct blk *stack_on_cache(struct stack *s)
{
	return stack_part(stack_cached_partition(s), 60 * 1024, 5 * 512);
}

static inline struct blk *stack_on_cache_on_cache_on_raid10(struct stack *s)
{
	return stack_part(stack_cache(stack_cache(stack_raid10(s))), 60 * 1024, 5 * 512);
}

static inline struct blk *stack_overlay_on_partition(struct stack *s)
{
	return stack_overlay(stack_partition(s));
}

static inline struct blk *stack_on_overlay_on_raid5(struct stack *s)
{
	return stack_part(stack_overlay(stack_raid5(s)), 60 * 1024, 5 * 512);
}

/* A volume on an array on partitions on caches of disks. */
static inline struct blk *stack_house(struct stack *s)
{
	struct map_leg legs[3];
	for (unsigned int i = 0; i < 3; i++)
		legs[i].blk = stack_part(stack_cache(blk_ref(s->disks[i])), 100 * 1024, 63 * 512),
		legs[i].start = 1024;
	struct map_segment segment = { .kind = MAP_RAID5,
				       .length = 30 * STACK_CHUNK,
				       .chunk = STACK_CHUNK,
				       .layout = MAP_LEFT_SYMMETRIC,
				       .n_legs = 3,
				       .legs = legs };
	struct blk *array = stack_map(&segment, 1);
	for (unsigned int i = 0; i < 3; i++)
		blk_unref(legs[i].blk);
	return stack_part(array, 70 * 1024, 11 * 512);
}

/* ---- LVM's tables ------------------------------------------------------------------------------
 */

#define STACK_AT(chunk)    ((uint64_t)(chunk) << 24 | 5)
#define STACK_HOLDS(block) ((uint64_t)(block) << 16 | 1)

/* A pool in @data; its volume has chunks 0, 1, 4 and 9, in 14 chunks and a bit. */
static inline struct blk *stack_thin_of(struct stack *s, struct blk *data, struct blk *origin)
{
	struct lvm_thin thin = { .meta = s->disks[STACK_META],
				 .data = data,
				 .origin = origin,
				 .chunk = STACK_CHUNK,
				 .device = 7,
				 .size = 14 * STACK_CHUNK + 512 };
	struct blk *blk;
	stack_ok(lvm_thin_open(&thin, &blk, err));
	blk_unref(data);
	blk_unref(origin);
	return blk;
}

static inline void stack_write_thin(struct blk_mem *disks[STACK_DISKS])
{
	struct blk_mem *meta = disks[STACK_META];
	meta_thin_super(meta, 1, STACK_CHUNK / 512);
	meta_node(meta, 1, true, 1, (uint64_t[]){ 7 }, (uint64_t[]){ 2 });
	meta_node(meta, 2, true, 4, (uint64_t[]){ 0, 1, 4, 9 },
		  (uint64_t[]){ STACK_AT(3), STACK_AT(4), STACK_AT(2), STACK_AT(20) });
}

static inline struct blk *stack_thin(struct stack *s)
{
	return stack_thin_of(s, stack_partition(s), NULL);
}

static inline struct blk *stack_thin_with_origin(struct stack *s)
{
	return stack_thin_of(s, stack_raid5(s), stack_part(blk_ref(s->disks[4]), 40 * 1024, 2048));
}

static inline struct blk *stack_cached_thin_on_cached_pool(struct stack *s)
{
	return stack_cache(stack_thin_of(s, stack_cached_raid5(s), NULL));
}

/* Chunks 8, 2 and 0 of its origin were copied. */
static inline void stack_write_snapshot(struct blk_mem *disks[STACK_DISKS])
{
	static const uint8_t table[][2] = { { 8, 2 }, { 2, 3 }, { 0, 31 } };
	uint8_t *store = disks[1]->bytes;
	memset(store, 0, 2 * STACK_CHUNK);
	meta_put(store, 0x70416e53, 4);
	meta_put(store + 4, 1, 4);
	meta_put(store + 8, 1, 4);
	meta_put(store + 12, STACK_CHUNK / 512, 4);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		meta_put(store + STACK_CHUNK + 16 * i, table[i][0], 8);
		meta_put(store + STACK_CHUNK + 16 * i + 8, table[i][1], 8);
	}
}

static inline int stack_note_table(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
				   struct error *err)
{
	(void)err;
	struct stack *s = ctx;
	for (size_t i = 0; i < STACK_DISKS; i++)
		if (s->disks[i] == blk)
			s->tables[i] = MAX(s->tables[i], off + length);
	return 0;
}

static inline struct blk *stack_snapshot(struct stack *s)
{
	struct blk *blk;
	CLEANUP(blk_unref_cleanup) struct blk *origin = stack_partition(s);
	stack_ok(lvm_snapshot_open(origin, s->disks[1], stack_note_table, s, &blk, err));
	return blk;
}

static inline void stack_write_cache(struct blk_mem *disks[STACK_DISKS])
{
	struct blk_mem *meta = disks[STACK_META];
	meta_cache_super(meta, 1, STACK_CHUNK / 512, 4);
	meta_node(meta, 1, true, 1, (uint64_t[]){ 0 }, (uint64_t[]){ 2 });
	meta_array(meta, 2, 4,
		   (uint64_t[]){ STACK_HOLDS(9), 0, STACK_HOLDS(3) | 2, STACK_HOLDS(0) });
}

static inline struct blk *stack_lvm_cache(struct stack *s)
{
	CLEANUP(blk_unref_cleanup) struct blk *origin = stack_cached_partition(s);
	CLEANUP(blk_unref_cleanup)
	struct blk *fast = stack_part(blk_ref(s->disks[3]), 10 * STACK_CHUNK, 512);
	struct blk *blk;
	stack_ok(lvm_cache_open(origin, s->disks[STACK_META], fast, STACK_CHUNK, &blk, err));
	return blk;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/**
 * struct stack_kind - how a volume is put together
 * @write: what must be on the disks for it; NULL when nothing
 * @build: a new reference
 */
struct stack_kind {
	const char *name;
	void (*write)(struct blk_mem *disks[STACK_DISKS]);
	struct blk *(*build)(struct stack *s);
};

static const struct stack_kind stack_kinds[] = {
	{ "disk", NULL, stack_disk },
	{ "partition", NULL, stack_partition },
	{ "spanned", NULL, stack_spanned },
	{ "striped", NULL, stack_striped },
	{ "mirror", NULL, stack_mirror },
	{ "half a mirror", NULL, stack_half_mirror },
	{ "raid4", NULL, stack_raid4 },
	{ "raid5", NULL, stack_raid5 },
	{ "raid5 without a member", NULL, stack_raid5_degraded },
	{ "raid6", NULL, stack_raid6 },
	{ "raid10", NULL, stack_raid10 },
	{ "raid10, far", NULL, stack_raid10_far },
	{ "raid10, offset", NULL, stack_raid10_offset },
	{ "cache on a disk", NULL, stack_cached_disk },
	{ "cache on a partition", NULL, stack_cached_partition },
	{ "cache on raid5", NULL, stack_cached_raid5 },
	{ "partition on a cache", NULL, stack_on_cache },
	{ "partition on a cache on a cache on raid10", NULL, stack_on_cache_on_cache_on_raid10 },
	{ "overlay on a partition", NULL, stack_overlay_on_partition },
	{ "partition on an overlay on raid5", NULL, stack_on_overlay_on_raid5 },
	{ "volume on raid5 on partitions on caches", NULL, stack_house },
	{ "thin volume", stack_write_thin, stack_thin },
	{ "thin volume with an origin", stack_write_thin, stack_thin_with_origin },
	{ "cache on a thin volume on a cached pool", stack_write_thin,
	  stack_cached_thin_on_cached_pool },
	{ "snapshot", stack_write_snapshot, stack_snapshot },
	{ "cached logical volume", stack_write_cache, stack_lvm_cache },
};

/* Disks on which no byte is zero, and no two places alike, but for what @kind needs on them. */
static inline void stack_write_disks(const struct stack_kind *kind,
				     struct blk_mem *disks[STACK_DISKS])
{
	uint64_t x = 88172645463325252u;
	for (size_t i = 0; i < STACK_DISKS; i++) {
		disks[i] = blk_mem_new(STACK_SIZE, 512);
		for (size_t b = 0; b < STACK_SIZE; b++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			disks[i]->bytes[b] = (uint8_t)(1 + (x >> 32) % 255);
		}
	}
	if (kind->write)
		kind->write(disks);
}

/* The volume over disks that hold what stack_write_disks() wrote, or a copy of it. */
static inline struct blk *stack_build(const struct stack_kind *kind, struct stack *s)
{
	memset(s->tables, 0, sizeof(s->tables));
	s->tables[STACK_META] = kind->write ? STACK_SIZE : 0;
	return kind->build(s);
}

#endif
