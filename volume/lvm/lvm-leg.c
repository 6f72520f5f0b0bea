/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-leg - what segments stand on: physical extents, or other logical volumes, which are made
 * first.
 */
#include <errno.h>
#include <inttypes.h>

#include "lvm.h"

static int pv_leg(const struct lvm_build *build, const struct lvm_pv *pv, uint64_t extent,
		  uint64_t length, struct map_leg *ret, struct error *err)
{
	uint64_t extents = length / build->vg->extent + (length % build->vg->extent != 0);
	uint64_t start;
	if (!range_inside(extents, extent, pv->extents) ||
	    __builtin_mul_overflow(extent, build->vg->extent, &start) ||
	    __builtin_add_overflow(start, pv->start, &start))
		return error_set(err, -ERANGE,
				 "it takes %" PRIu64 " extents from number %" PRIu64
				 " on of physical volume %s, which has %" PRIu64,
				 extents, extent, pv->id, pv->extents);
	if (pv->blk && !range_inside(length, start, pv->blk->size))
		return error_set(err, -ERANGE,
				 "physical volume %s ends in the middle of it, at %" PRIu64
				 " bytes",
				 pv->id, pv->blk->size);
	*ret = (struct map_leg){ .blk = pv->blk, .start = start };
	return 0;
}

static int lv_leg(struct lvm_build *build, struct lvm_lv *lv, uint64_t extent, uint64_t length,
		  struct map_leg *ret, struct error *err)
{
	uint64_t start;
	int rc = build->make(build, lv, err);
	if (rc < 0)
		return rc;
	if (lv->why.code < 0) {
		error_copy(err, lv->why.code, &lv->why);
		return error_wrap(err, lv->why.code, "'%.64s'", lv->name);
	}
	if (__builtin_mul_overflow(extent, build->vg->extent, &start) ||
	    !range_inside(length, start, lv->size))
		return error_set(err, -ERANGE, "it takes more of '%.64s' than there is", lv->name);
	*ret = (struct map_leg){ .blk = lv->blk, .start = start };
	return 0;
}

int lvm_area_leg(struct lvm_build *build, const char *name, uint64_t extent, uint64_t length,
		 struct map_leg *ret, struct error *err)
{
	struct lvm_pv *pv = lvm_vg_pv(build->vg, name);
	if (pv)
		return pv_leg(build, pv, extent, length, ret, err);
	struct lvm_lv *lv = lvm_vg_lv(build->vg, name);
	if (lv)
		return lv_leg(build, lv, extent, length, ret, err);
	return error_set(err, -EUCLEAN, "it stands on '%.64s', which is not in the volume group",
			 name);
}

int lvm_named(struct lvm_build *build, const struct lvm_segment *seg, const char *key,
	      struct lvm_lv **ret, struct error *err)
{
	const char *name;
	*ret = NULL;
	if (!lvm_text_string(seg->node, key, &name))
		return 0;
	struct lvm_lv *lv = lvm_vg_lv(build->vg, name);
	if (!lv)
		return error_set(err, -EUCLEAN, "its %s '%.64s' is not in the volume group", key,
				 name);
	struct map_leg leg;
	int rc = lv_leg(build, lv, 0, 0, &leg, err);
	if (rc == 0)
		*ret = lv;
	return rc;
}
