/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-tables - segments whose bytes lie where a table on disk says: what the text says of thin
 * volumes, snapshots and caches, before their tables are opened (lvm-remap.h).
 *
 * Source: LVM2, lib/thin/thin.c, lib/snapshot/snapshot.c, lib/cache_segtype/cache.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lvm-remap.h"
#include "lvm.h"

/* A segment that is a run of @blk; NULL when that is missing. */
static int add_blk(const struct lvm_segment *seg, struct blk *blk, struct map *map,
		   struct error *err)
{
	struct map_leg leg = { .blk = blk };
	struct map_segment out = {
		.length = seg->length, .kind = MAP_LINEAR, .n_legs = 1, .legs = &leg
	};
	return map_add(map, &out, err);
}

/* The only segment of the volume that @key names, which is of @type: a pool cannot be read itself.
 */
static int find_pool(const struct lvm_build *build, const struct lvm_segment *seg, const char *key,
		     const char *type, const struct lvm_segment **ret, struct error *err)
{
	const char *name;
	struct lvm_lv *lv = NULL;
	if (lvm_text_string(seg->node, key, &name))
		lv = lvm_vg_lv(build->vg, name);
	if (!lv || lv->n_segments != 1 || strcmp(lv->segments[0].type, type) != 0)
		return error_set(err, -EUCLEAN, "its %s is not in the volume group", key);
	*ret = &lv->segments[0];
	return 0;
}

/* As lvm_named(), for what must be named. */
static int need(struct lvm_build *build, const struct lvm_segment *seg, const char *key,
		struct lvm_lv **ret, struct error *err)
{
	int rc = lvm_named(build, seg, key, ret, err);
	if (rc == 0 && !*ret)
		return error_set(err, -EUCLEAN, "it does not name its %s", key);
	return rc;
}

static int sectors(const struct lvm_segment *seg, const char *key, uint64_t *ret, struct error *err)
{
	uint64_t n;
	if (!lvm_text_number(seg->node, key, &n) || __builtin_mul_overflow(n, LVM_SECTOR, ret))
		return error_set(err, -EUCLEAN, "its %s makes no sense", key);
	return 0;
}

static int store_all(struct lvm_build *build, struct blk *blk, struct error *err)
{
	return build->metadata(build->ctx, blk, blk->size, 0, err);
}

/* ---- thin -------------------------------------------------------------------------------------
 */

int lvm_add_thin(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		 struct error *err)
{
	const struct lvm_segment *pool = NULL;
	struct lvm_lv *meta = NULL, *data = NULL, *origin = NULL;
	struct lvm_thin thin = { .size = seg->length };
	int rc = find_pool(build, seg, "thin_pool", "thin-pool", &pool, err);
	if (rc == 0)
		rc = sectors(pool, "chunk_size", &thin.chunk, err);
	if (rc == 0)
		rc = need(build, pool, "metadata", &meta, err);
	if (rc == 0)
		rc = need(build, pool, "pool", &data, err);
	if (rc == 0)
		rc = lvm_named(build, seg, "external_origin", &origin, err);
	if (rc == 0 && !lvm_text_number(seg->node, "device_id", &thin.device))
		rc = error_set(err, -EUCLEAN, "its device_id makes no sense");
	if (rc)
		return rc;
	if (!meta->blk || !data->blk || (origin && !origin->blk))
		return add_blk(seg, NULL, map, err);
	thin.meta = meta->blk;
	thin.data = data->blk;
	thin.origin = origin ? origin->blk : NULL;
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	rc = store_all(build, thin.meta, err);
	if (rc == 0)
		rc = lvm_thin_open(&thin, &blk, err);
	return rc < 0 ? rc : add_blk(seg, blk, map, err);
}

/* ---- snapshots of the old kind ----------------------------------------------------------------
 */

int lvm_add_snapshot(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		     struct error *err)
{
	struct lvm_lv *origin = NULL, *cow = NULL;
	int rc = need(build, seg, "origin", &origin, err);
	if (rc == 0)
		rc = lvm_named(build, seg, "merging_store", &cow, err);
	if (rc == 0 && !cow)
		rc = need(build, seg, "cow_store", &cow, err);
	if (rc)
		return rc;
	if (origin->size < seg->length)
		return error_set(err, -EUCLEAN, "its origin '%.64s' is smaller than it",
				 origin->name);
	if (!origin->blk || !cow->blk)
		return add_blk(seg, NULL, map, err);
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	rc = lvm_snapshot_open(origin->blk, cow->blk, build->metadata, build->ctx, &blk, err);
	return rc < 0 ? rc : add_blk(seg, blk, map, err);
}

/* ---- caches -----------------------------------------------------------------------------------
 */

/* A part of the volume that holds both blocks and metadata of a cache. */
static int part_of(struct blk *blk, const struct lvm_segment *seg, const char *start_key,
		   const char *length_key, struct blk **ret, struct error *err)
{
	uint64_t start = 0, length = 0;
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = sectors(seg, start_key, &start, err);
	if (rc == 0)
		rc = sectors(seg, length_key, &length, err);
	if (rc == 0 && length == 0)
		rc = error_set(err, -EUCLEAN, "its %s makes no sense", length_key);
	if (rc == 0)
		rc = map_new(&map, err);
	if (rc == 0)
		rc = map_add_linear(map, length, blk, start, err);
	return rc < 0 ? rc : map_blk(steal(&map), blk->sector, ret, err);
}

/*
 * The cache of a volume: a pool of two volumes, or one volume with two parts. @settings is the
 * segment that says how it works.
 */
static int find_cache(struct lvm_build *build, const struct lvm_segment *seg,
		      const struct lvm_segment **settings, struct blk **meta, struct blk **data,
		      struct error *err)
{
	uint64_t start;
	struct lvm_lv *m = NULL, *d = NULL;
	int rc = 0;
	*settings = seg;
	if (lvm_text_number(seg->node, "metadata_start", &start)) {
		rc = need(build, seg, "cache_pool", &d, err);
		if (rc < 0 || !d->blk)
			return rc;
		rc = part_of(d->blk, seg, "metadata_start", "metadata_len", meta, err);
		return rc < 0 ? rc : part_of(d->blk, seg, "data_start", "data_len", data, err);
	}
	rc = find_pool(build, seg, "cache_pool", "cache-pool", settings, err);
	if (rc == 0)
		rc = need(build, *settings, "metadata", &m, err);
	if (rc == 0)
		rc = need(build, *settings, "data", &d, err);
	if (rc == 0 && m->blk && d->blk) {
		*meta = blk_ref(m->blk);
		*data = blk_ref(d->blk);
	}
	return rc;
}

/* Unless it writes back, a cache holds nothing that the volume below does not. */
int lvm_add_cache(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		  struct error *err)
{
	CLEANUP(blk_unref_cleanup) struct blk *meta = NULL;
	CLEANUP(blk_unref_cleanup) struct blk *data = NULL;
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	const struct lvm_segment *settings = NULL;
	struct lvm_lv *origin = NULL;
	const char *mode = "writeback";
	uint64_t chunk = 0;
	int rc = need(build, seg, "origin", &origin, err);
	if (rc == 0 && origin->size < seg->length)
		rc = error_set(err, -EUCLEAN, "its origin '%.64s' is smaller than it",
			       origin->name);
	if (rc == 0)
		rc = find_cache(build, seg, &settings, &meta, &data, err);
	if (rc)
		return rc;
	lvm_text_string(settings->node, "cache_mode", &mode);
	if (meta)
		rc = store_all(build, meta, err);
	if (rc < 0 || !origin->blk || strcmp(mode, "writethrough") == 0 ||
	    strcmp(mode, "passthrough") == 0)
		return rc < 0 ? rc : add_blk(seg, origin->blk, map, err);
	if (!meta || !data)
		return add_blk(seg, NULL, map, err);
	rc = sectors(settings, "chunk_size", &chunk, err);
	if (rc == 0)
		rc = lvm_cache_open(origin->blk, meta, data, chunk, &blk, err);
	return rc < 0 ? rc : add_blk(seg, blk, map, err);
}
