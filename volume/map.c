/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map - a volume as a list of segments. See include/lunette/map.h.
 *
 * The one idea: everything in front of a segment (finding it, cutting requests at its borders,
 * descending into legs) is the same for every kind, so a kind is one row of the table below and
 * only does arithmetic inside one segment. A map never changes once it is a blk, and a leg exists
 * before the map that uses it: legs cannot form a loop, and reading needs no lock.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/map.h"

struct map_blk {
	struct blk blk;
	struct map *map;
};

/**
 * struct kind - what one kind of segment does; offsets count from the segment's start
 * @read: @len is at least 1 and lies inside the segment
 * @extent: the run at @off; may reach past the segment's end, which clips it
 * @walk: the disk ranges behind a range of the segment; NULL when there are none
 * @cover: turn a range of a leg, counted from the leg's start, into the range of the segment that
 *         has bytes there; clipped to the segment; a length of 0 when there is none. NULL when the
 *         kind has no legs
 */
struct kind {
	const char *name;
	int (*read)(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		    struct error *err);
	int (*extent)(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
		      struct error *err);
	int (*walk)(const struct map_segment *seg, uint64_t length, uint64_t off, map_range_fn *fn,
		    void *ctx, struct error *err);
	void (*cover)(const struct map_segment *seg, uint64_t *length, uint64_t *off);
};

/* ---- linear: one leg, byte for byte ---------------------------------------------------------- */

static int linear_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	return blk_read(seg->legs[0].blk, buf, len, seg->legs[0].start + off, err);
}

static int linear_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			 struct error *err)
{
	return blk_extent(seg->legs[0].blk, seg->legs[0].start + off, ret, err);
}

static int linear_walk(const struct map_segment *seg, uint64_t length, uint64_t off,
		       map_range_fn *fn, void *ctx, struct error *err)
{
	return map_walk(seg->legs[0].blk, length, seg->legs[0].start + off, fn, ctx, err);
}

static void linear_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	*length = *off < seg->length ? MIN(*length, seg->length - *off) : 0;
}

/* ---- zero: no legs --------------------------------------------------------------------------- */

static int zero_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		     struct error *err)
{
	(void)seg;
	(void)off;
	(void)err;
	memset(buf, 0, len);
	return 0;
}

static int zero_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
		       struct error *err)
{
	(void)err;
	*ret = (struct blk_extent){ .length = seg->length - off, .zero = true };
	return 0;
}

static const struct kind kinds[] = {
	[MAP_LINEAR] = { "linear", linear_read, linear_extent, linear_walk, linear_cover },
	[MAP_ZERO] = { .name = "zero", .read = zero_read, .extent = zero_extent },
};

const char *map_kind_name(enum map_kind kind)
{
	return kinds[kind].name;
}

/* ---- building -------------------------------------------------------------------------------- */

int map_new(struct map **ret, struct error *err)
{
	struct map *map = calloc(1, sizeof(*map));
	if (!map)
		return error_set(err, -ENOMEM, "map: %m");
	*ret = map;
	return 0;
}

void map_free(struct map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->n_segments; i++) {
		struct map_segment *seg = &map->segments[i];
		for (unsigned int l = 0; l < seg->n_legs; l++)
			blk_unref(seg->legs[l].blk);
		free(seg->legs);
	}
	free(map->segments);
	free(map);
}

/* Appends @template, whose start is set here; its legs are copied and their blks referenced. */
static int add_segment(struct map *map, const struct map_segment *template, struct error *err)
{
	assert(template->length > 0);
	uint64_t size;
	if (__builtin_add_overflow(map->size, template->length, &size))
		return error_set(err, -ERANGE,
				 "a volume of %" PRIu64 " bytes cannot grow by %" PRIu64 " bytes",
				 map->size, template->length);

	/* The array is full whenever the count is a power of two, and doubles then. */
	size_t n = map->n_segments;
	if (n == 0 || is_power_of_2(n)) {
		void *bigger = reallocarray(map->segments, n ? 2 * n : 1, sizeof(*map->segments));
		if (!bigger)
			return error_set(err, -ENOMEM, "map of %zu segments: %m", n);
		map->segments = bigger;
	}
	struct map_leg *legs = NULL;
	if (template->n_legs) {
		legs = calloc(template->n_legs, sizeof(*legs));
		if (!legs)
			return error_set(err, -ENOMEM, "map of %zu segments: %m", n);
	}
	for (unsigned int l = 0; l < template->n_legs; l++) {
		legs[l] = template->legs[l];
		blk_ref(legs[l].blk);
	}

	map->segments[n] = *template;
	map->segments[n].start = map->size;
	map->segments[n].legs = legs;
	map->n_segments = n + 1;
	map->size = size;
	return 0;
}

int map_add_linear(struct map *map, uint64_t length, struct blk *blk, uint64_t start,
		   struct error *err)
{
	if (!range_inside(length, start, blk->size))
		return error_set(err, -ERANGE,
				 "%" PRIu64 " bytes at offset %" PRIu64
				 " reach past the end (%" PRIu64 " bytes)",
				 length, start, blk->size);
	struct map_leg leg = { .blk = blk, .start = start };
	return add_segment(
		map,
		&(struct map_segment){
			.length = length, .kind = MAP_LINEAR, .n_legs = 1, .legs = &leg },
		err);
}

int map_add_zero(struct map *map, uint64_t length, struct error *err)
{
	return add_segment(map, &(struct map_segment){ .length = length, .kind = MAP_ZERO }, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The segment that holds the byte at @off, which lies inside the volume. */
static const struct map_segment *segment_at(const struct map *map, uint64_t off)
{
	size_t low = 0, high = map->n_segments;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (map->segments[middle].start <= off)
			low = middle;
		else
			high = middle;
	}
	return &map->segments[low];
}

static int map_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct map *map = ((struct map_blk *)blk)->map;
	char *to = buf;
	for (const struct map_segment *seg = segment_at(map, off); len > 0; seg++) {
		uint64_t in = off - seg->start;
		size_t n = (size_t)MIN((uint64_t)len, seg->length - in);
		int rc = kinds[seg->kind].read(seg, to, n, in, err);
		if (rc < 0)
			return rc;
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int map_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	const struct map_segment *seg = segment_at(((struct map_blk *)blk)->map, off);
	int rc = kinds[seg->kind].extent(seg, off - seg->start, ret, err);
	if (rc < 0)
		return rc;
	ret->length = MIN(ret->length, seg->length - (off - seg->start));
	return 0;
}

static void map_destroy(struct blk *blk)
{
	map_free(((struct map_blk *)blk)->map);
	free(blk);
}

static const struct blk_ops map_ops = {
	.name = "map",
	.read = map_read,
	.extent = map_extent,
	.destroy = map_destroy,
};

int map_blk(struct map *map, uint32_t sector, struct blk **ret, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *own = map;
	struct map_blk *m = calloc(1, sizeof(*m));
	if (!m)
		return error_set(err, -ENOMEM, "map: %m");
	blk_init(&m->blk, &map_ops, map->size, sector);
	m->map = steal(&own);
	*ret = &m->blk;
	return 0;
}

const struct map *map_of(const struct blk *blk)
{
	return blk->ops == &map_ops ? ((const struct map_blk *)blk)->map : NULL;
}

/* ---- from the volume to the disks, and back -------------------------------------------------- */

int map_walk(struct blk *blk, uint64_t length, uint64_t off, map_range_fn *fn, void *ctx,
	     struct error *err)
{
	if (!range_inside(length, off, blk->size))
		return error_set(err, -ERANGE,
				 "%" PRIu64 " bytes at offset %" PRIu64
				 " reach past the end (%" PRIu64 " bytes)",
				 length, off, blk->size);
	if (length == 0)
		return 0;
	const struct map *map = map_of(blk);
	if (!map)
		return fn(ctx, blk, length, off, err);

	for (const struct map_segment *seg = segment_at(map, off); length > 0; seg++) {
		uint64_t in = off - seg->start;
		uint64_t n = MIN(length, seg->length - in);
		if (kinds[seg->kind].walk) {
			int rc = kinds[seg->kind].walk(seg, n, in, fn, ctx, err);
			if (rc < 0)
				return rc;
		}
		off += n;
		length -= n;
	}
	return 0;
}

/* One leg of one segment, on the way from ranges of the leg's blk to ranges of the volume. */
struct finding {
	struct blk *volume;
	const struct map_segment *seg;
	const struct map_leg *leg;
	map_range_fn *fn;
	void *ctx;
};

static int found_in_leg(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err)
{
	(void)blk;
	const struct finding *f = ctx;
	if (off < f->leg->start) {
		uint64_t before = f->leg->start - off;
		if (length <= before)
			return 0;
		length -= before;
		off = f->leg->start;
	}
	off -= f->leg->start;
	kinds[f->seg->kind].cover(f->seg, &length, &off);
	return length ? f->fn(f->ctx, f->volume, length, f->seg->start + off, err) : 0;
}

int map_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off, map_range_fn *fn,
	     void *ctx, struct error *err)
{
	if (blk == disk) {
		length = off < blk->size ? MIN(length, blk->size - off) : 0;
		return length ? fn(ctx, blk, length, off, err) : 0;
	}
	const struct map *map = map_of(blk);
	for (size_t i = 0; map && i < map->n_segments; i++) {
		const struct map_segment *seg = &map->segments[i];
		for (unsigned int l = 0; l < seg->n_legs; l++) {
			struct finding f = { blk, seg, &seg->legs[l], fn, ctx };
			int rc = map_find(f.leg->blk, disk, length, off, found_in_leg, &f, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}
