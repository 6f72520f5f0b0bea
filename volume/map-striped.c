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

/* Where the byte at @off lies, and how many bytes follow it in its chunk. */
static struct map_piece locate(const struct map_segment *seg, uint64_t off, uint64_t *ret_left)
{
	uint64_t chunk = off / seg->chunk, in = off % seg->chunk;
	*ret_left = seg->chunk - in;
	return (struct map_piece){ .leg = (unsigned int)(chunk % seg->n_legs),
				   .off = chunk / seg->n_legs * seg->chunk + in };
}

static int striped_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
			struct error *err)
{
	char *to = buf;
	while (len > 0) {
		struct map_piece pieces[MAP_PIECES];
		size_t n = 0;
		for (; n < MAP_PIECES && len > 0; n++) {
			uint64_t left;
			pieces[n] = locate(seg, off, &left);
			pieces[n].buf = to;
			pieces[n].len = (size_t)MIN((uint64_t)len, left);
			to += pieces[n].len;
			off += pieces[n].len;
			len -= pieces[n].len;
		}
		map_pieces_read(seg, pieces, n);
		for (size_t i = 0; i < n; i++)
			if (pieces[i].rc < 0)
				return error_set(err, pieces[i].rc, "%s", pieces[i].err.msg);
	}
	return 0;
}

static int striped_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			  struct error *err)
{
	uint64_t left;
	struct map_piece at = locate(seg, off, &left);
	int rc = map_leg_extent(seg, at.leg, at.off, ret, err);
	if (rc == 0)
		ret->length = MIN(ret->length, left);
	return rc;
}

static int striped_walk(const struct map_segment *seg, uint64_t length, uint64_t off,
			map_range_fn *fn, void *ctx, struct error *err)
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
		int rc = map_leg_walk(seg, leg, to - from, from, fn, ctx, err);
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
	.walk = striped_walk,
	.cover = striped_cover,
};
