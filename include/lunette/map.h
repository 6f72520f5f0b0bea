/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map - a volume as a list of segments, the same shape as a device-mapper table.
 *
 * One description serves three ways: map_blk() reads through it, blk_walk() goes from a range of
 * the volume to the disk ranges that hold it, and blk_find() from a range of a disk to the ranges
 * of the volume that lie there. A leg may be any blk: a disk, a volume on an MD array, a cache.
 */
#ifndef LUNETTE_MAP_H
#define LUNETTE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"

enum map_kind {
	MAP_LINEAR,  /* one leg */
	MAP_STRIPED, /* chunk i lies on leg i modulo n; the last row may be short */
	MAP_MIRROR,  /* the same bytes on every leg */
	MAP_RAID4,   /* one leg holds parity */
	MAP_RAID5,   /* parity rotates */
	MAP_RAID6,   /* two parities rotate: P, the exclusive or, and Q, over GF(2^8) */
	MAP_RAID10,  /* each chunk on near times far legs */
	MAP_ZERO,    /* no legs: reads as zeros */
};

/*
 * How parity moves from row to row, and in which order data follows it: the numbers of the MD
 * driver, which its super-blocks hold. RAID-4 and RAID-5 take the first six, RAID-6 all. A RAID-10
 * has near copies | far copies << 8 | MAP_RAID10_OFFSET instead.
 *
 * Source: Linux, drivers/md/raid5.h and raid10.c.
 */
enum map_raid_layout {
	MAP_LEFT_ASYMMETRIC = 0,
	MAP_RIGHT_ASYMMETRIC = 1,
	MAP_LEFT_SYMMETRIC = 2,
	MAP_RIGHT_SYMMETRIC = 3,
	MAP_PARITY_FIRST = 4,
	MAP_PARITY_LAST = 5,
	MAP_ROTATING_ZERO_RESTART = 8, /* the next three are the DDF standard's */
	MAP_ROTATING_N_RESTART = 9,
	MAP_ROTATING_N_CONTINUE = 10,
	MAP_LEFT_ASYMMETRIC_6 = 16, /* the next five are a RAID-5 with Q on a leg of its own */
	MAP_RIGHT_ASYMMETRIC_6 = 17,
	MAP_LEFT_SYMMETRIC_6 = 18,
	MAP_RIGHT_SYMMETRIC_6 = 19,
	MAP_PARITY_FIRST_6 = 20,
};
#define MAP_RAID10_OFFSET (1u << 16)

/* Layout of a mirror: only the first leg is known to be in sync, the others are asked when it
 * fails. */
#define MAP_IN_ORDER 1

#define MAP_MAX_LEGS 1024

/* Volumes on volumes multiply, and what walks over them would not come back. A volume group of the
 * largest size that is read has less than this in all its segments. */
#define MAP_MAX_WAYS (UINT64_C(1) << 20)

/**
 * map_kind_name() - the word for a kind in documents: "linear", "zero"
 */
const char *map_kind_name(enum map_kind kind);

/**
 * struct map_leg - where a segment's bytes lie
 * @blk: the map holds a reference; NULL when the member is missing
 * @start: byte offset in @blk
 */
struct map_leg {
	struct blk *blk;
	uint64_t start;
};

/**
 * struct map_segment - a run of the volume that is mapped in one way
 * @start: byte offset in the volume; segments follow each other without gaps
 * @length: bytes, at least 1
 * @chunk: bytes that lie on one leg before the next one's turn; for striped and RAID kinds
 * @layout: enum map_raid_layout, a RAID-10's copies, or MAP_IN_ORDER; for RAID kinds and mirrors
 * @legs: @n_legs of them
 */
struct map_segment {
	uint64_t start;
	uint64_t length;
	enum map_kind kind;
	uint64_t chunk;
	unsigned int layout;
	unsigned int n_legs;
	struct map_leg *legs;
};

/**
 * struct map - a volume's segments in ascending order, from 0 to @size
 * @whole: for map_is_whole()
 * @readable: for map_is_readable()
 * @preferred: of its legs' blks, the largest; 0 without any, as @depth
 * @ways: on which going down all legs of all maps below leads to disks; at most MAP_MAX_WAYS
 */
struct map {
	uint64_t size;
	bool whole;
	bool readable;
	uint32_t preferred;
	uint32_t depth;
	uint64_t ways;
	size_t n_segments;
	struct map_segment *segments;
};

/**
 * map_new() - an empty map, owned by the caller
 *
 * Return: 0 or -ENOMEM.
 */
int map_new(struct map **ret, struct error *err);

/**
 * map_free() - free a map and give back the references of its legs
 * @map: may be NULL
 */
void map_free(struct map *map);
DEFINE_CLEANUP(struct map *, map_free)

/**
 * map_add() - append a segment of any kind
 * @segment: copied, legs included, each blk referenced; its start is not looked at: it follows the
 *           last segment
 *
 * Return: 0; -EINVAL when its numbers make no volume (no legs, a chunk of 0, ...); -ERANGE if a leg
 * is not inside its blk or the volume would overflow; -ELOOP for more than MAP_MAX_WAYS; -ENOMEM.
 */
int map_add(struct map *map, const struct map_segment *segment, struct error *err);

/**
 * map_add_linear() - append a run of another blk
 * @length: bytes, at least 1
 * @start: byte offset in @blk; the run must lie inside @blk
 *
 * Return: 0; -ERANGE if the run is not inside @blk or the volume would overflow; -ELOOP for more
 * than MAP_MAX_WAYS; -ENOMEM.
 */
int map_add_linear(struct map *map, uint64_t length, struct blk *blk, uint64_t start,
		   struct error *err);

/**
 * map_add_zero() - append a run that reads as zeros and lies nowhere
 *
 * Return: 0; -ERANGE if the volume would overflow; -ENOMEM.
 */
int map_add_zero(struct map *map, uint64_t length, struct error *err);

/**
 * map_blk() - the volume that a map describes
 * @map: taken over, also on failure
 * @sector: logical sector size in bytes
 *
 * Return: 0 or -ENOMEM.
 */
int map_blk(struct map *map, uint32_t sector, struct blk **ret, struct error *err);

/**
 * map_is_whole() - is no member missing, in the map and in the maps below it?
 */
bool map_is_whole(const struct map *map);

/**
 * map_is_readable() - can every byte be had, through parity or mirrors where members are missing?
 */
bool map_is_readable(const struct map *map);

/* Bytes that the segment takes on a leg; of a kind that has legs. */
uint64_t map_leg_length(const struct map_segment *seg, unsigned int leg);

#endif
