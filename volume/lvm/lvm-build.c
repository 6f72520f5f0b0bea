/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-build - from the segments of a logical volume to its bytes.
 *
 * A segment names physical extents or other logical volumes, which are built first. Names can be
 * made to form a loop: a volume that is met again while it is in work is one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lvm.h"

/* The deepest that LVM makes: thin on a cache on RAID on integrity on linear volumes. */
#define MAX_DEPTH 16

/* ---- segments of extents ----------------------------------------------------------------------
 */

/* A list of names, each with the extent from which it counts. @n legs of @length bytes. */
static int read_legs(struct lvm_build *build, const struct lvm_segment *seg, const char *key,
		     uint64_t n, uint64_t length, struct map_leg *legs, struct error *err)
{
	const struct dm_config_value *v = lvm_text_list(seg->node, key);
	for (uint64_t i = 0; i < n; i++) {
		const char *name;
		uint64_t extent;
		if (!lvm_text_take_string(&v, &name) || !lvm_text_take_number(&v, &extent))
			return error_set(err, -EUCLEAN, "its list of %s is not well formed", key);
		int rc = lvm_area_leg(build, name, extent, length, &legs[i], err);
		if (rc < 0)
			return rc;
	}
	return v ? error_set(err, -EUCLEAN, "its list of %s is too long", key) : 0;
}

static int count_legs(const struct lvm_segment *seg, const char *key, uint64_t *ret,
		      struct error *err)
{
	if (!lvm_text_number(seg->node, key, ret) || *ret == 0 || *ret > MAP_MAX_LEGS)
		return error_set(err, -EUCLEAN, "its %s makes no sense", key);
	return 0;
}

int lvm_add_striped(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		    struct error *err)
{
	uint64_t n, chunk = 0;
	int rc = count_legs(seg, "stripe_count", &n, err);
	if (rc < 0)
		return rc;
	if (seg->length % n ||
	    (n > 1 && (!lvm_text_number(seg->node, "stripe_size", &chunk) || chunk == 0 ||
		       __builtin_mul_overflow(chunk, LVM_SECTOR, &chunk))))
		return error_set(err, -EUCLEAN, "its stripes make no sense");
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(n, sizeof(*legs));
	if (!legs)
		return error_set(err, -ENOMEM, "%" PRIu64 " stripes: %m", n);
	rc = read_legs(build, seg, "stripes", n, seg->length / n, legs, err);
	if (rc < 0)
		return rc;
	struct map_segment out = {
		.length = seg->length,
		.kind = n > 1 ? MAP_STRIPED : MAP_LINEAR,
		.chunk = chunk,
		.n_legs = (unsigned int)n,
		.legs = legs,
	};
	return map_add(map, &out, err);
}

/*
 * The mirrors of before there was RAID-1. Not all of a mirror need be in sync, but its first leg
 * always is. One that pvmove is at work on holds the data on its first leg, too.
 */
int lvm_add_mirror(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		   struct error *err)
{
	uint64_t n, moved;
	struct lvm_lv *log;
	int rc = count_legs(seg, "mirror_count", &n, err);
	if (rc == 0)
		rc = lvm_named(build, seg, "mirror_log", &log, err);
	if (rc)
		return rc;
	if (log && log->blk) {
		rc = build->metadata(build->ctx, log->blk, log->blk->size, 0, err);
		if (rc < 0)
			return rc;
	}
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(n, sizeof(*legs));
	if (!legs)
		return error_set(err, -ENOMEM, "%" PRIu64 " mirrors: %m", n);
	rc = read_legs(build, seg, "mirrors", n, seg->length, legs, err);
	if (rc < 0)
		return rc;
	bool moving = lvm_text_number(seg->node, "extents_moved", &moved);
	struct map_segment out = {
		.length = seg->length,
		.kind = moving ? MAP_LINEAR : MAP_MIRROR,
		.layout = MAP_IN_ORDER,
		.n_legs = moving ? 1 : (unsigned int)n,
		.legs = legs,
	};
	return map_add(map, &out, err);
}

static int add_zero(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		    struct error *err)
{
	(void)build;
	return map_add_zero(map, seg->length, err);
}

/* LVM puts one in the place of what it gave up for lost. */
static int add_error(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		     struct error *err)
{
	(void)build;
	struct map_leg leg = { .blk = NULL };
	struct map_segment out = {
		.length = seg->length, .kind = MAP_LINEAR, .n_legs = 1, .legs = &leg
	};
	return map_add(map, &out, err);
}

/* With a bitmap, what lies below the checksums is the data as it is. */
static int add_integrity(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
			 struct error *err)
{
	struct lvm_lv *origin;
	const char *mode = "";
	int rc = lvm_named(build, seg, "origin", &origin, err);
	if (rc < 0)
		return rc;
	if (!lvm_text_string(seg->node, "mode", &mode) || strcmp(mode, "B") != 0)
		return error_set(err, -ENOTSUP,
				 "it has integrity checksums with a journal, which is not read; "
				 "lvconvert --raidintegrity n removes them");
	if (!origin || origin->size < seg->length)
		return error_set(err, -EUCLEAN, "its origin makes no sense");
	struct map_leg leg = { .blk = origin->blk };
	struct map_segment out = {
		.length = seg->length, .kind = MAP_LINEAR, .n_legs = 1, .legs = &leg
	};
	return map_add(map, &out, err);
}

/* ---- volumes ----------------------------------------------------------------------------------
 */

static int add_segment(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		       struct error *err)
{
	static const struct {
		const char *type;
		int (*add)(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
			   struct error *err);
	} kinds[] = {
		{ "striped", lvm_add_striped }, { "linear", lvm_add_striped },
		{ "mirror", lvm_add_mirror },   { "zero", add_zero },
		{ "error", add_error },         { "integrity", add_integrity },
		{ "thin", lvm_add_thin },       { "snapshot", lvm_add_snapshot },
		{ "cache", lvm_add_cache },
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(seg->type, kinds[i].type) == 0)
			return kinds[i].add(build, seg, map, err);
	if (strncmp(seg->type, "raid", 4) == 0)
		return lvm_add_raid(build, seg, map, err);
	if (strcmp(seg->type, "writecache") == 0)
		return error_set(err, -ENOTSUP,
				 "it has a writecache, which is not read: what was written last is "
				 "only there; lvconvert --splitcache writes it back");
	return error_set(err, -ENOTSUP, "segments of type '%s' cannot be read", seg->type);
}

static int build_map(struct lvm_build *build, struct lvm_lv *lv, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	for (size_t i = 0; rc == 0 && i < lv->n_segments; i++)
		rc = add_segment(build, &lv->segments[i], map, err);
	if (rc < 0)
		return rc;
	if (!map_is_readable(map)) {
		lv->map = steal(&map);
		return 0;
	}
	return map_blk(steal(&map), build->sector, &lv->blk, err);
}

int lvm_build(struct lvm_build *build, struct lvm_lv *lv, struct error *err)
{
	build->make = lvm_build;
	if (lv->progress == LVM_DONE)
		return 0;
	if (lv->progress == LVM_IN_WORK)
		return error_set(err, -EUCLEAN, "'%.64s' is a part of itself", lv->name);
	if (build->depth == MAX_DEPTH)
		return error_set(err, -EUCLEAN, "volumes in volumes, %u deep", build->depth);
	lv->progress = LVM_IN_WORK;
	build->depth++;
	int rc = build_map(build, lv, &lv->why);
	build->depth--;
	lv->progress = LVM_DONE;
	return rc == -ENOMEM ? error_copy(err, rc, &lv->why) : 0;
}
