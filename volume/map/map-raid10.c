/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-raid10 - each chunk lies near * far times: near copies side by side in a row, far copies in
 * sections further down the legs (or, with MAP_RAID10_OFFSET, in the next rows), moved on by the
 * near copies each time.
 *
 * Source: Linux, drivers/md/raid10.c, __raid10_find_phys() and calc_sectors().
 */
#include <errno.h>

#include "map-kind.h"

/**
 * struct raid10_shape - a RAID-10 in numbers
 * @rows: of chunks in one section of a leg
 * @stride: bytes from a far copy to the next one
 */
struct raid10_shape {
	unsigned int near, far;
	bool offset;
	uint64_t rows;
	uint64_t stride;
};

static struct raid10_shape shape_of(const struct map_segment *seg)
{
	struct raid10_shape s = {
		.near = seg->layout & 0xff,
		.far = seg->layout >> 8 & 0xff,
		.offset = seg->layout & MAP_RAID10_OFFSET,
	};
	uint64_t chunks = seg->length / seg->chunk + (seg->length % seg->chunk != 0);
	uint64_t n = seg->n_legs;
	/* The driver rounds rows of all copies up, then cuts them into sections. */
	s.rows = (chunks * s.near * s.far + n - 1) / n / s.far;
	if (s.offset || s.rows * n < chunks * s.near)
		s.rows = (chunks * s.near + n - 1) / n;
	s.stride = s.offset ? seg->chunk : s.rows * seg->chunk;
	return s;
}

static int raid10_check(const struct map_segment *seg, struct error *err)
{
	unsigned int near = seg->layout & 0xff, far = seg->layout >> 8 & 0xff;
	if (seg->layout & ~(0xffffu | MAP_RAID10_OFFSET))
		return error_set(err, -EINVAL, "RAID-10 layout %#x is not known", seg->layout);
	if (near == 0 || far == 0 || near * far > seg->n_legs)
		return error_set(err, -EINVAL, "%u near times %u far copies on %u members", near,
				 far, seg->n_legs);
	return map_check_chunk(seg, err);
}

static uint64_t raid10_leg_length(const struct map_segment *seg, unsigned int leg)
{
	(void)leg;
	struct raid10_shape s = shape_of(seg);
	return s.rows * s.far * seg->chunk;
}

/* Where copy number @copy of the byte at @piece->at lies. */
static void locate_copy(const struct map_segment *seg, const struct raid10_shape *s,
			unsigned int copy, struct map_piece *piece)
{
	uint64_t place = piece->at / seg->chunk * s->near + copy % s->near;
	uint64_t far = copy / s->near;
	uint64_t row = place / seg->n_legs * (s->offset ? s->far : 1);
	piece->leg = (unsigned int)((place + far * s->near) % seg->n_legs);
	piece->off = row * seg->chunk + far * s->stride + piece->at % seg->chunk;
}

static void locate(const struct map_segment *seg, struct map_piece *piece)
{
	struct raid10_shape s = shape_of(seg);
	locate_copy(seg, &s, 0, piece);
}

/*
 * Which chunks lie where depends on their number modulo the legs; a set of missing legs takes all
 * copies of a chunk away if it does so for one of the first n_legs chunks.
 */
static bool raid10_readable(const struct map_segment *seg, const bool *missing)
{
	struct raid10_shape s = shape_of(seg);
	for (uint64_t chunk = 0; chunk < seg->n_legs; chunk++) {
		struct map_piece piece = { .at = chunk * seg->chunk };
		bool found = false;
		for (unsigned int c = 0; c < s.near * s.far && !found; c++) {
			locate_copy(seg, &s, c, &piece);
			found = !missing[piece.leg];
		}
		if (!found)
			return false;
	}
	return true;
}

static int read_other_copy(const struct map_segment *seg, struct map_piece *piece,
			   struct error *err)
{
	struct raid10_shape s = shape_of(seg);
	for (unsigned int c = 1; piece->rc < 0 && c < s.near * s.far; c++) {
		locate_copy(seg, &s, c, piece);
		if (seg->legs[piece->leg].blk) /* else the others say what is wrong */
			piece->rc = map_leg_read(seg, piece->leg, piece->buf, piece->len,
						 piece->off, &piece->err);
	}
	if (piece->rc < 0)
		return error_set(err, piece->rc, "none of %u copies can be read: %s",
				 s.near * s.far, piece->err.msg);
	return 0;
}

static int raid10_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	static const struct map_chunks chunks = { locate, read_other_copy, SIZE_MAX, true };
	return map_read_chunks(seg, &chunks, buf, len, off, err);
}

static int raid10_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			 struct error *err)
{
	struct raid10_shape s = shape_of(seg);
	uint64_t left = seg->chunk - off % seg->chunk;
	*ret = (struct blk_extent){ .length = left };
	for (unsigned int c = 0; c < s.near * s.far; c++) {
		struct map_piece piece = { .at = off };
		locate_copy(seg, &s, c, &piece);
		if (!seg->legs[piece.leg].blk)
			continue;
		int rc = map_leg_extent(seg, piece.leg, piece.off, ret, err);
		if (rc == 0)
			ret->length = MIN(ret->length, left);
		return rc;
	}
	return 0;
}

static int raid10_below(const struct map_segment *seg, uint64_t length, uint64_t off,
			blk_range_fn *fn, void *ctx, struct error *err)
{
	struct raid10_shape s = shape_of(seg);
	while (length > 0) {
		uint64_t n = MIN(length, seg->chunk - off % seg->chunk);
		for (unsigned int c = 0; c < s.near * s.far; c++) {
			struct map_piece piece = { .at = off };
			locate_copy(seg, &s, c, &piece);
			int rc = map_leg_below(seg, piece.leg, n, piece.off, fn, ctx, err);
			if (rc < 0)
				return rc;
		}
		off += n;
		length -= n;
	}
	return 0;
}

static void raid10_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	struct raid10_shape s = shape_of(seg);
	uint64_t first = *off / seg->chunk, last = (*off + *length - 1) / seg->chunk;
	if (s.offset) {
		first /= s.far;
		last /= s.far;
	} else if (first / s.rows == last / s.rows) {
		first %= s.rows;
		last %= s.rows;
	} else { /* over the border of a section: everything may be there */
		first = 0;
		last = s.rows - 1;
	}
	/* Far copies move on by up to n_legs legs, but stay in their row. */
	uint64_t from = first * seg->n_legs / s.near;
	uint64_t to = ((last + 1) * seg->n_legs + s.near - 1) / s.near;
	*off = from * seg->chunk;
	*length = (to - from) * seg->chunk;
	map_clip(seg, length, off);
}

const struct map_kind_ops map_raid10 = {
	.name = "raid10",
	.check = raid10_check,
	.leg_length = raid10_leg_length,
	.readable = raid10_readable,
	.read = raid10_read,
	.extent = raid10_extent,
	.below = raid10_below,
	.cover = raid10_cover,
};
