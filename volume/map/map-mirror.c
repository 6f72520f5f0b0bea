/* SPDX-License-Identifier: GPL-3.0-or-later */
/* map-mirror - the same bytes on every leg: one that can be read is enough. */
#include <errno.h>

#include "map-kind.h"

#define TURN \
	(1u << 20) /* bytes after which the next leg is asked first, so that all share the work */

static uint64_t mirror_leg_length(const struct map_segment *seg, unsigned int leg)
{
	(void)leg;
	return seg->length;
}

static bool mirror_readable(const struct map_segment *seg, const bool *missing)
{
	for (unsigned int l = 0; l < seg->n_legs; l++)
		if (!missing[l])
			return true;
	return false;
}

/* @ret_bad: legs that have it, but cannot read it. */
static int read_any(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		    unsigned int *ret_bad, struct error *err)
{
	int rc = -EIO;
	unsigned int first =
		seg->layout == MAP_IN_ORDER ? 0 : (unsigned int)(off / TURN % seg->n_legs);
	for (unsigned int i = 0; i < seg->n_legs; i++) {
		unsigned int leg = (first + i) % seg->n_legs;
		if (i > 0 && !seg->legs[leg].blk)
			continue; /* it is for the others to say what is wrong */
		rc = map_leg_read(seg, leg, buf, len, off, err);
		if (rc == 0)
			return 0;
		*ret_bad += rc == -EIO;
	}
	return error_wrap(err, rc, "none of %u mirrors can be read", seg->n_legs);
}

/* Where several legs have bad sectors, halves of the range are read, as these need not be the same.
 */
static int mirror_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	struct error why = { 0 };
	unsigned int bad = 0;
	int rc = read_any(seg, buf, len, off, &bad, &why);
	size_t half = map_half(seg, len, off);
	if (rc == 0)
		return 0;
	if (bad < 2 || half == 0)
		return error_copy(err, rc, &why);
	rc = mirror_read(seg, buf, half, off, err);
	return rc < 0 ? rc : mirror_read(seg, (char *)buf + half, len - half, off + half, err);
}

static int mirror_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			 struct error *err)
{
	for (unsigned int l = 0; l < seg->n_legs; l++)
		if (seg->legs[l].blk)
			return map_leg_extent(seg, l, off, ret, err);
	*ret = (struct blk_extent){ .length = seg->length - off };
	return 0;
}

static int mirror_below(const struct map_segment *seg, uint64_t length, uint64_t off,
			blk_range_fn *fn, void *ctx, struct error *err)
{
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		int rc = map_leg_below(seg, l, length, off, fn, ctx, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void mirror_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	map_clip(seg, length, off);
}

const struct map_kind_ops map_mirror = {
	.name = "mirror",
	.leg_length = mirror_leg_length,
	.readable = mirror_readable,
	.read = mirror_read,
	.extent = mirror_extent,
	.below = mirror_below,
	.cover = mirror_cover,
};
