/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map - a volume as a list of segments. See include/lunette/map.h.
 *
 * Finding segments, cutting requests at their borders and descending into legs; what a kind does
 * inside one segment stands behind map-kind.h. A map never changes once it is a blk, and a leg
 * exists before the map that uses it: legs cannot form a loop, and reading needs no lock.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "map-kind.h"

struct map_blk {
	struct blk blk;
	struct map *map;
};

/* ---- linear: one leg, byte for byte ---------------------------------------------------------- */

static uint64_t linear_leg_length(const struct map_segment *seg, unsigned int leg)
{
	(void)leg;
	return seg->length;
}

static int linear_read(const struct map_segment *seg, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	return map_leg_read(seg, 0, buf, len, off, err);
}

static int linear_extent(const struct map_segment *seg, uint64_t off, struct blk_extent *ret,
			 struct error *err)
{
	return map_leg_extent(seg, 0, off, ret, err);
}

static int linear_below(const struct map_segment *seg, uint64_t length, uint64_t off,
			blk_range_fn *fn, void *ctx, struct error *err)
{
	return map_leg_below(seg, 0, length, off, fn, ctx, err);
}

static void linear_cover(const struct map_segment *seg, uint64_t *length, uint64_t *off)
{
	map_clip(seg, length, off);
}

const struct map_kind_ops map_linear = {
	.name = "linear",
	.leg_length = linear_leg_length,
	.read = linear_read,
	.extent = linear_extent,
	.below = linear_below,
	.cover = linear_cover,
};

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

const struct map_kind_ops map_zero = {
	.name = "zero",
	.read = zero_read,
	.extent = zero_extent,
};

static const struct map_kind_ops *const kinds[] = {
	[MAP_LINEAR] = &map_linear, [MAP_STRIPED] = &map_striped, [MAP_MIRROR] = &map_mirror,
	[MAP_RAID4] = &map_raid4,   [MAP_RAID5] = &map_raid5,     [MAP_RAID6] = &map_raid6,
	[MAP_RAID10] = &map_raid10, [MAP_ZERO] = &map_zero,
};

const char *map_kind_name(enum map_kind kind)
{
	return kinds[kind]->name;
}

uint64_t map_leg_length(const struct map_segment *seg, unsigned int leg)
{
	return kinds[seg->kind]->leg_length(seg, leg);
}

/* ---- building -------------------------------------------------------------------------------- */

int map_new(struct map **ret, struct error *err)
{
	struct map *map = calloc(1, sizeof(*map));
	if (!map)
		return error_set(err, -ENOMEM, "map: %m");
	map->whole = map->readable = true;
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

/* ---- what lies behind legs -------------------------------------------------------------------
 *
 * Noted once, when a leg is added. Of volumes on volumes the lowest can be met on many ways: asking
 * them each time would take for ever if somebody made it so.
 */

static int add_behind(struct map *map, const struct map_segment *seg, struct error *err)
{
	bool missing[MAP_MAX_LEGS];
	bool whole = true, readable = true;
	uint64_t ways = map->ways;
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		const struct blk *blk = seg->legs[l].blk;
		missing[l] = !blk || !blk->readable;
		whole = whole && blk && blk->whole;
		readable = readable && !missing[l];
		ways += blk ? blk->ways : 1;
	}
	if (ways > MAP_MAX_WAYS)
		return error_set(err, -ELOOP,
				 "volumes on volumes in more than %" PRIu64
				 " ways: nothing real is "
				 "put together like this",
				 MAP_MAX_WAYS);
	if (!readable)
		readable = kinds[seg->kind]->readable && kinds[seg->kind]->readable(seg, missing);
	map->whole = map->whole && whole;
	map->readable = map->readable && readable;
	map->ways = ways;
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		const struct blk *blk = seg->legs[l].blk;
		map->preferred = MAX(map->preferred, blk ? blk->preferred : 0);
		map->depth = MAX(map->depth, blk ? blk->depth : 0);
	}
	return 0;
}

bool map_is_whole(const struct map *map)
{
	return map->whole;
}

bool map_is_readable(const struct map *map)
{
	return map->readable;
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
	int rc = add_behind(map, template, err);
	if (rc < 0)
		return rc;

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
		if (legs[l].blk)
			blk_ref(legs[l].blk);
	}

	map->segments[n] = *template;
	map->segments[n].start = map->size;
	map->segments[n].legs = legs;
	map->n_segments = n + 1;
	map->size = size;
	return 0;
}

static int check_legs(const struct map_segment *seg, struct error *err)
{
	for (unsigned int l = 0; l < seg->n_legs; l++) {
		const struct map_leg *leg = &seg->legs[l];
		uint64_t length = map_leg_length(seg, l);
		if (leg->blk && !range_inside(length, leg->start, leg->blk->size))
			return error_set(err, -ERANGE,
					 "member %u: %" PRIu64 " bytes at offset %" PRIu64
					 " reach past the end (%" PRIu64 " bytes)",
					 l, length, leg->start, leg->blk->size);
	}
	return 0;
}

int map_add(struct map *map, const struct map_segment *segment, struct error *err)
{
	const struct map_kind_ops *kind = kinds[segment->kind];
	if (segment->length == 0)
		return error_set(err, -EINVAL, "a segment of 0 bytes");
	if (kind->leg_length && (segment->n_legs == 0 || segment->n_legs > MAP_MAX_LEGS))
		return error_set(err, -EINVAL, "%u members; there must be from 1 to %d",
				 segment->n_legs, MAP_MAX_LEGS);
	int rc = kind->check ? kind->check(segment, err) : 0;
	if (rc == 0 && kind->leg_length)
		rc = check_legs(segment, err);
	return rc < 0 ? rc : add_segment(map, segment, err);
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
		int rc = kinds[seg->kind]->read(seg, to, n, in, err);
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
	int rc = kinds[seg->kind]->extent(seg, off - seg->start, ret, err);
	if (rc < 0)
		return rc;
	ret->length = MIN(ret->length, seg->length - (off - seg->start));
	return 0;
}

/* ---- to what lies below, and back -------------------------------------------------------------
 */

static int map_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
		     uint64_t *ret, struct error *err)
{
	const struct map_segment *seg = segment_at(((struct map_blk *)blk)->map, off);
	uint64_t in = off - seg->start;
	*ret = MIN(length, seg->length - in);
	return kinds[seg->kind]->below ? kinds[seg->kind]->below(seg, *ret, in, fn, ctx, err) : 0;
}

/* One leg of one segment, on the way from ranges of the leg's blk to ranges of the volume. */
struct map_finding {
	struct blk *volume;
	const struct map_segment *seg;
	const struct map_leg *leg;
	blk_range_fn *fn;
	void *ctx;
};

static int found_in_leg(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err)
{
	(void)blk;
	const struct map_finding *f = ctx;
	if (off < f->leg->start) {
		uint64_t before = f->leg->start - off;
		if (length <= before)
			return 0;
		length -= before;
		off = f->leg->start;
	}
	off -= f->leg->start;
	kinds[f->seg->kind]->cover(f->seg, &length, &off);
	return length ? f->fn(f->ctx, f->volume, length, f->seg->start + off, err) : 0;
}

static int map_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
		    blk_range_fn *fn, void *ctx, struct error *err)
{
	const struct map *map = ((struct map_blk *)blk)->map;
	for (size_t i = 0; i < map->n_segments; i++) {
		const struct map_segment *seg = &map->segments[i];
		for (unsigned int l = 0; l < seg->n_legs; l++) {
			struct map_finding f = { blk, seg, &seg->legs[l], fn, ctx };
			if (!f.leg->blk)
				continue;
			int rc = blk_find(f.leg->blk, disk, length, off, found_in_leg, &f, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static bool map_is_on(const struct blk *blk, const struct blk *disk)
{
	const struct map *map = ((const struct map_blk *)blk)->map;
	for (size_t i = 0; i < map->n_segments; i++)
		for (unsigned int l = 0; l < map->segments[i].n_legs; l++)
			if (map->segments[i].legs[l].blk &&
			    blk_is_on(map->segments[i].legs[l].blk, disk))
				return true;
	return false;
}

/* ---- the blk ----------------------------------------------------------------------------------
 */

static int map_of(struct blk *blk, const struct map **ret, struct error *err)
{
	(void)err;
	*ret = ((struct map_blk *)blk)->map;
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
	.below = map_below,
	.find = map_find,
	.is_on = map_is_on,
	.map = map_of,
	.destroy = map_destroy,
};

int map_blk(struct map *map, uint32_t sector, struct blk **ret, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *own = map;
	struct map_blk *m = calloc(1, sizeof(*m));
	if (!m)
		return error_set(err, -ENOMEM, "map: %m");
	blk_init(&m->blk, &map_ops, map->size, sector);
	if (map->depth > 0) { /* else it stands on nothing */
		m->blk.preferred = map->preferred;
		m->blk.depth = map->depth;
	}
	m->blk.whole = map->whole;
	m->blk.readable = map->readable;
	m->blk.ways = MAX(map->ways, UINT64_C(1));
	m->map = steal(&own);
	*ret = &m->blk;
	return 0;
}
