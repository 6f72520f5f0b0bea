/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-kind - what one kind of segment does.
 *
 * Everything in front of a segment (finding it, cutting requests at its borders, descending into
 * legs) is in map.c and the same for every kind, so that a kind is one table of functions which
 * only do arithmetic inside one segment. Their offsets count from the segment's start.
 */
#ifndef MAP_KIND_H
#define MAP_KIND_H

#include "lunette/map.h"

/**
 * struct map_kind_ops - a kind of segment
 * @check: -EINVAL when the numbers make no volume; NULL when nothing but legs needs a check
 * @leg_length: bytes that the segment takes on a leg; NULL when the kind has no legs
 * @readable: whether every byte can be had when @missing[leg] says which legs are not there; NULL:
 *            when none is missing
 * @read: @len is at least 1 and lies inside the segment
 * @extent: the run at @off; may reach past the segment's end, which clips it
 * @below: the ranges of legs on which a range of the segment lies; NULL when there are none
 * @cover: turn a range of a leg, counted from the leg's start, into the range of the segment that
 *         has bytes there; clipped to the segment; a length of 0 when there is none. NULL when the
 *         kind has no legs
 */
struct map_kind_ops {
	const char *name;
	int (*check)(const struct map_segment *seg, struct error *err);
	uint64_t (*leg_length)(const struct map_segment *seg, unsigned int leg);
	bool (*readable)(const struct map_segment *seg, const bool *missing);
	int (*read)(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		    struct error *err);
	int (*extent)(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
		      struct error *err);
	int (*below)(const struct map_segment *seg, uint64_t length, uint64_t off, blk_range_fn *fn,
		     void *ctx, struct error *err);
	void (*cover)(const struct map_segment *seg, uint64_t *length, uint64_t *off);
};

extern const struct map_kind_ops map_linear, map_zero, map_striped, map_mirror, map_raid4,
	map_raid5, map_raid6, map_raid10;

/* ---- what kinds share: a leg at an offset from its start --------------------------------------
 */

int map_leg_read(const struct map_segment *seg, unsigned int leg, void *buf, size_t len,
		 uint64_t off, struct error *err);
int map_leg_extent(const struct map_segment *seg, unsigned int leg, uint64_t off,
		   struct blk_extent *ret, struct error *err);
int map_leg_below(const struct map_segment *seg, unsigned int leg, uint64_t length, uint64_t off,
		  blk_range_fn *fn, void *ctx, struct error *err);

/* Clips a range of the segment to its length. */
static inline void map_clip(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	*length = *off < seg->length ? MIN(*length, seg->length - *off) : 0;
}

/* Checks that the chunk is a multiple of 512 bytes and its rows do not overflow. */
int map_check_chunk(const struct map_segment *seg, struct error *err);

/* The largest sector of the legs. */
static inline uint32_t map_sector(const struct map_segment *seg)
{
	uint32_t sector = 512;
	for (unsigned int l = 0; l < seg->n_legs; l++)
		if (seg->legs[l].blk)
			sector = MAX(sector, seg->legs[l].blk->sector);
	return sector;
}

/* Where a range that cannot be read at once is cut into two, at a sector; 0: it is one. */
static inline size_t map_half(const struct map_segment *seg, size_t len, uint64_t off)
{
	uint32_t sector = map_sector(seg);
	uint64_t cut = (off + len / 2 + sector - 1) / sector * sector;
	if (cut >= off + len)
		cut -= MIN(cut, (uint64_t)sector);
	return cut > off ? (size_t)(cut - off) : 0;
}

/* ---- reading several pieces at once (map-piece.c) ---------------------------------------------
 */

/**
 * struct map_piece - the part of a read that lies in one chunk
 * @at: from the segment's start
 * @off: from the leg's start
 * @rc: how reading it went, with @err
 */
struct map_piece {
	uint64_t at;
	unsigned int leg;
	uint64_t off;
	void *buf;
	size_t len;
	int rc;
	struct error err;
};

/**
 * struct map_chunks - how a kind that deals in chunks is read
 * @locate: sets leg and off of the byte at @at
 * @mend: a piece could not be read from its leg: have its bytes from elsewhere, or fail
 * @longest: piece, in bytes
 * @elsewhere: there are other places for @mend to look at: when a large piece cannot be mended
 * because several of them have bad sectors, smaller ones can be, where these are not the same
 */
struct map_chunks {
	void (*locate)(const struct map_segment *seg, struct map_piece *piece);
	int (*mend)(const struct map_segment *seg, struct map_piece *piece, struct error *err);
	size_t longest;
	bool elsewhere;
};

/**
 * map_read_chunks() - read a range of a segment, its legs in parallel when it is worth it
 */
int map_read_chunks(const struct map_segment *seg, const struct map_chunks *chunks, void *buf,
		    size_t len, uint64_t off, struct error *err);

#endif
