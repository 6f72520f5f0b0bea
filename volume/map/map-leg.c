/* SPDX-License-Identifier: GPL-3.0-or-later */
/* map-leg - what the kinds of segments share: a leg at an offset from its start. See map-kind.h. */
#include <errno.h>
#include <inttypes.h>

#include "map-kind.h"

int map_leg_read(const struct map_segment *seg, unsigned int leg, void *buf, size_t len,
		 uint64_t off, struct error *err)
{
	if (!seg->legs[leg].blk)
		return error_set(err, -ENODEV, "member %u of %u is missing", leg, seg->n_legs);
	return blk_read(seg->legs[leg].blk, buf, len, seg->legs[leg].start + off, err);
}

int map_leg_extent(const struct map_segment *seg, unsigned int leg, uint64_t off,
		   struct blk_extent *ret, struct error *err)
{
	if (!seg->legs[leg].blk)
		return error_set(err, -ENODEV, "member %u of %u is missing", leg, seg->n_legs);
	return blk_extent(seg->legs[leg].blk, seg->legs[leg].start + off, ret, err);
}

/* Nothing lies behind a missing leg. */
int map_leg_below(const struct map_segment *seg, unsigned int leg, uint64_t length, uint64_t off,
		  blk_range_fn *fn, void *ctx, struct error *err)
{
	if (!seg->legs[leg].blk)
		return 0;
	return fn(ctx, seg->legs[leg].blk, length, seg->legs[leg].start + off, err);
}

int map_check_chunk(const struct map_segment *seg, struct error *err)
{
	uint64_t row;
	if (seg->chunk == 0 || seg->chunk % 512 != 0)
		return error_set(err, -EINVAL, "a chunk of %" PRIu64 " bytes", seg->chunk);
	/* With copies, a row of a leg stands for less than a row of the volume. */
	if (__builtin_mul_overflow(seg->chunk, (uint64_t)MAP_MAX_LEGS * 256, &row) ||
	    __builtin_add_overflow(row, seg->length, &row))
		return error_set(err, -EINVAL, "chunks of %" PRIu64 " bytes", seg->chunk);
	return 0;
}
