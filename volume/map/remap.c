/* SPDX-License-Identifier: GPL-3.0-or-later */
/* remap - see remap.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/remap.h"

int remap_place(const struct remap *remap, uint64_t off, struct remap_place *ret, struct error *err)
{
	struct remap_place place;
	int rc = remap->ops->place(remap, off, &place, err);
	if (rc < 0)
		return rc;
	if (place.length == 0)
		return error_set(err, -EUCLEAN, "nothing is said of the bytes at offset %" PRIu64,
				 off);
	place.length = MIN(place.length, remap->blk.size - off);
	if (place.blk && !range_inside(place.length, place.start, place.blk->size))
		return error_set(err, -EUCLEAN,
				 "the bytes at offset %" PRIu64 " are said to lie at %" PRIu64
				 ", past the end (%" PRIu64 " bytes)",
				 off, place.start, place.blk->size);
	*ret = place;
	return 0;
}

static int remap_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct remap *remap = (struct remap *)blk;
	char *to = buf;
	while (len > 0) {
		struct remap_place place;
		int rc = remap_place(remap, off, &place, err);
		if (rc < 0)
			return rc;
		size_t n = (size_t)MIN((uint64_t)len, place.length);
		if (place.blk)
			rc = blk_read(place.blk, to, n, place.start, err);
		else
			memset(to, 0, n);
		if (rc < 0)
			return rc;
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int remap_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct remap_place place;
	int rc = remap_place((struct remap *)blk, off, &place, err);
	if (rc < 0)
		return rc;
	*ret = (struct blk_extent){ .length = place.length, .zero = true };
	if (place.blk) {
		rc = blk_extent(place.blk, place.start, ret, err);
		ret->length = MIN(ret->length, place.length);
	}
	return rc;
}

/* ---- to what lies below, and back -------------------------------------------------------------
 */

static int remap_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
		       uint64_t *ret, struct error *err)
{
	struct remap_place place;
	int rc = remap_place((struct remap *)blk, off, &place, err);
	if (rc < 0)
		return rc;
	*ret = MIN(length, place.length);
	return place.blk ? fn(ctx, place.blk, *ret, place.start, err) : 0;
}

/* One run of a remap, on the way from ranges of the blk below to ranges of the remap. */
struct remap_finding {
	struct blk *blk;
	struct remap_place place;
	uint64_t off;
	blk_range_fn *fn;
	void *ctx;
};

static int found_below(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk;
	const struct remap_finding *f = ctx;
	uint64_t start = MAX(off, f->place.start);
	uint64_t end = MIN(off + length, f->place.start + f->place.length);
	if (start >= end)
		return 0;
	return f->fn(f->ctx, f->blk, end - start, f->off + (start - f->place.start), err);
}

static int touched(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk;
	(void)length;
	(void)off;
	(void)err;
	*(bool *)ctx = true;
	return 0;
}

static int remap_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
		      blk_range_fn *fn, void *ctx, struct error *err)
{
	const struct remap *remap = (struct remap *)blk;
	/* The table goes one way only. It need not be gone through if no blk below lies there. */
	bool lies_there = false;
	for (size_t i = 0; i < REMAP_BELOW && remap->below[i]; i++) {
		int rc = blk_find(remap->below[i], disk, length, off, touched, &lies_there, err);
		if (rc < 0)
			return rc;
	}
	struct remap_finding f = { .blk = blk, .fn = fn, .ctx = ctx };
	for (; lies_there && f.off < blk->size; f.off += f.place.length) {
		int rc = remap_place(remap, f.off, &f.place, err);
		if (rc == 0 && f.place.blk)
			rc = blk_find(f.place.blk, disk, length, off, found_below, &f, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool remap_is_on(const struct blk *blk, const struct blk *disk)
{
	const struct remap *remap = (const struct remap *)blk;
	for (size_t i = 0; i < REMAP_BELOW && remap->below[i]; i++)
		if (blk_is_on(remap->below[i], disk))
			return true;
	return false;
}

/* ---- all runs as a map ------------------------------------------------------------------------
 */

static int make_map(struct remap *remap, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	while (rc == 0 && map->size < remap->blk.size) {
		struct remap_place place;
		remap->too_many = map->n_segments == REMAP_MAX_RUNS;
		if (remap->too_many)
			return 0;
		rc = remap_place(remap, map->size, &place, err);
		if (rc == 0 && place.blk)
			rc = map_add_linear(map, place.length, place.blk, place.start, err);
		else if (rc == 0)
			rc = map_add_zero(map, place.length, err);
	}
	if (rc == 0)
		remap->map = steal(&map);
	return rc;
}

static int remap_map(struct blk *blk, const struct map **ret, struct error *err)
{
	struct remap *remap = (struct remap *)blk;
	pthread_mutex_lock(&remap->lock);
	int rc = remap->map || remap->too_many ? 0 : make_map(remap, err);
	if (rc == 0 && remap->too_many)
		rc = error_set(err, -EFBIG, "it lies in more than %u pieces", REMAP_MAX_RUNS);
	if (rc == 0)
		*ret = remap->map;
	pthread_mutex_unlock(&remap->lock);
	return rc;
}

/* ---- the blk ----------------------------------------------------------------------------------
 */

static void remap_destroy(struct blk *blk)
{
	struct remap *remap = (struct remap *)blk;
	map_free(remap->map);
	for (size_t i = 0; i < REMAP_BELOW; i++)
		blk_unref(remap->below[i]);
	pthread_mutex_destroy(&remap->lock);
	remap->ops->free(remap);
}

static const struct blk_ops remap_blk_ops = {
	.name = "remap",
	.read = remap_read,
	.extent = remap_extent,
	.below = remap_below,
	.find = remap_find,
	.is_on = remap_is_on,
	.map = remap_map,
	.destroy = remap_destroy,
};

void remap_init(struct remap *remap, const struct remap_ops *ops, uint64_t size, uint32_t sector)
{
	blk_init(&remap->blk, &remap_blk_ops, size, sector);
	remap->ops = ops;
	memset(remap->below, 0, sizeof(remap->below));
	pthread_mutex_init(&remap->lock, NULL);
	remap->map = NULL;
	remap->too_many = false;
}

struct blk *remap_stand_on(struct remap *remap, struct blk *below)
{
	size_t i = 0;
	while (remap->below[i])
		i++;
	assert(i < REMAP_BELOW);
	remap->below[i] = blk_ref(below);
	blk_stand_on(&remap->blk, below);
	return below;
}
