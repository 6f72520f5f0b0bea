/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-striped - chunk i lies on leg i modulo n. Rows follow each other on every leg; the last row
 * may be short, so that legs may differ by up to a chunk in length.
 */
#include <errno.h>

#include "map-kind.h"

static uint64_t striped_leg_length(const struct map_segment *seg, unsigned int leg)
{
	uint64_t row = seg->chunk * seg->n_legs;
	uint64_t rest = seg->length % row;
	uint64_t before = leg * seg->chunk;
	uint64_t last = rest > before ? MIN(rest - before, seg->chunk) : 0;
	return seg->length / row * seg->chunk + last;
}

static void locate(const struct map_segment *seg, struct map_piece *piece)
{
	uint64_t chunk = piece->at / seg->chunk;
	piece->leg = (unsigned int)(chunk % seg->n_legs);
	piece->off = chunk / seg->n_legs * seg->chunk + piece->at % seg->chunk;
}

/* There is nowhere else to read it from. */
static int mend(const struct map_segment *seg, struct map_piece *piece, struct error *err)
{
	(void)seg;
	return error_copy(err, piece->rc, &piece->err);
}

static int striped_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
			struct error *err)
{
	static const struct map_chunks chunks = { locate, mend, SIZE_MAX, false };
	return map_read_chunks(seg, &chunks, buf, len, off, err);
}

static int striped_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			  struct error *err)
{
	struct map_piece piece = { .at = off };
	locate(seg, &piece);
	int rc = map_leg_extent(seg, piece.leg, piece.off, ret, err);
	if (rc == 0)
		ret->length = MIN(ret->length, seg->chunk - off % seg->chunk);
	return rc;
}

static int striped_below(const struct map_segment *seg, uint64_t length, uint64_t off,
			 blk_range_fn *fn, void *ctx, struct error *err)
{
	/* A leg's part of a long range is one run but for its ends: one call a leg, not one a
	 * chunk. */
	uint64_t first = off / seg->chunk, last = (off + length - 1) / seg->chunk;
	uint64_t end_in = (off + length - 1) % seg->chunk + 1;
	for (uint64_t i = first; i <= last && i < first + seg->n_legs; i++) {
		unsigned int leg = (unsigned int)(i % seg->n_legs);
		uint64_t last_here = i + (last - i) / seg->n_legs * seg->n_legs;
		uint64_t from = i / seg->n_legs * seg->chunk + (i == first ? off % seg->chunk : 0);
		uint64_t to = last_here / seg->n_legs * seg->chunk +
			      (last_here == last ? end_in : seg->chunk);
		int rc = map_leg_below(seg, leg, to - from, from, fn, ctx, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void striped_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	uint64_t row = seg->chunk * seg->n_legs;
	uint64_t rows = seg->length / row + 1;
	uint64_t first = MIN(*off / seg->chunk, rows);
	uint64_t end = MIN((*off + *length - 1) / seg->chunk + 1, rows);
	*off = first * row;
	*length = (end - first) * row;
	map_clip(seg, length, off);
}

const struct map_kind_ops map_striped = {
	.name = "striped",
	.check = map_check_chunk,
	.leg_length = striped_leg_length,
	.read = striped_read,
	.extent = striped_extent,
	.below = striped_below,
	.cover = striped_cover,
};
