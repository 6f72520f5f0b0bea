/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-vg - a volume group as its text describes it: physical volumes, logical volumes and their
 * segments.
 *
 * What is common to all segments is checked here; a logical volume that makes no sense keeps its
 * name and says why, and the others stay usable.
 *
 * Source: LVM2, lib/format_text/import_vsn1.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lvm.h"

#define MAX_BYTES ((uint64_t)INT64_MAX) /* of anything */

static size_t count_children(const struct dm_config_node *node)
{
	size_t n = 0;
	for (const struct dm_config_node *c = NULL; (c = lvm_text_next(node, c));)
		n++;
	return n;
}

/* ---- physical volumes -------------------------------------------------------------------------
 */

static int read_pv(const struct dm_config_node *node, struct lvm_pv *pv, struct error *err)
{
	uint64_t start;
	pv->name = lvm_text_name(node);
	if (!lvm_text_string(node, "id", &pv->id) || strlen(pv->id) >= LVM_ID_TEXT ||
	    !lvm_text_number(node, "pe_start", &start) ||
	    !lvm_text_number(node, "pe_count", &pv->extents) ||
	    __builtin_mul_overflow(start, LVM_SECTOR, &pv->start))
		return error_set(err, -EUCLEAN,
				 "LVM metadata: physical volume '%.64s' makes no sense", pv->name);
	return 0;
}

static int pv_by_name(const void *a, const void *b)
{
	return strcmp(((const struct lvm_pv *)a)->name, ((const struct lvm_pv *)b)->name);
}

static int read_pvs(const struct dm_config_node *top, struct lvm_vg *vg, struct error *err)
{
	const struct dm_config_node *section = lvm_text_section(top, "physical_volumes");
	size_t n = count_children(section);
	vg->pvs = calloc(n ? n : 1, sizeof(*vg->pvs));
	if (!vg->pvs)
		return error_set(err, -ENOMEM, "%zu physical volumes: %m", n);
	for (const struct dm_config_node *c = NULL; (c = lvm_text_next(section, c));) {
		int rc = read_pv(c, &vg->pvs[vg->n_pvs++], err);
		if (rc < 0)
			return rc;
	}
	qsort(vg->pvs, vg->n_pvs, sizeof(*vg->pvs), pv_by_name);
	return 0;
}

/* ---- logical volumes --------------------------------------------------------------------------
 */

static int read_segment(const struct lvm_vg *vg, const struct dm_config_node *node,
			struct lvm_segment *seg, struct error *err)
{
	const char *type;
	uint64_t start, count;
	seg->node = node;
	if (!lvm_text_string(node, "type", &type) ||
	    !lvm_text_number(node, "start_extent", &start) ||
	    !lvm_text_number(node, "extent_count", &count) || count == 0 ||
	    count > MAX_BYTES / vg->extent || start > MAX_BYTES / vg->extent - count)
		return error_set(err, -EUCLEAN, "its %.32s makes no sense", lvm_text_name(node));
	/* Flags follow a plus sign: "cache+CACHE_USES_CACHEVOL". */
	size_t len = strcspn(type, "+");
	if (len >= sizeof(seg->type))
		return error_set(err, -EUCLEAN, "segment type '%.64s' is not known", type);
	memcpy(seg->type, type, len);
	seg->start = start * vg->extent;
	seg->length = count * vg->extent;
	return 0;
}

static int segment_by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct lvm_segment *)a)->start;
	uint64_t y = ((const struct lvm_segment *)b)->start;
	return x < y ? -1 : x > y;
}

static int check_segments(struct lvm_lv *lv, struct error *err)
{
	qsort(lv->segments, lv->n_segments, sizeof(*lv->segments), segment_by_start);
	for (size_t i = 0; i < lv->n_segments; i++) {
		if (lv->segments[i].start != lv->size)
			return error_set(err, -EUCLEAN, "its segments have gaps or overlap");
		lv->size += lv->segments[i].length;
	}
	return lv->size ? 0 : error_set(err, -EUCLEAN, "it has no segments");
}

/* Return: 0 or -ENOMEM; what is wrong with the volume is left with it. */
static int read_lv(const struct lvm_vg *vg, const struct dm_config_node *node, struct lvm_lv *lv,
		   struct error *err)
{
	lv->name = lvm_text_name(node);
	lv->visible = lvm_text_flag(node, "status", "VISIBLE");
	if (!lvm_text_string(node, "id", &lv->id))
		lv->id = "";
	size_t n = count_children(node);
	lv->segments = calloc(n ? n : 1, sizeof(*lv->segments));
	if (!lv->segments)
		return error_set(err, -ENOMEM, "logical volume '%.64s': %m", lv->name);
	int rc = 0;
	for (const struct dm_config_node *c = NULL; rc == 0 && (c = lvm_text_next(node, c));)
		if (strncmp(lvm_text_name(c), "segment", strlen("segment")) == 0)
			rc = read_segment(vg, c, &lv->segments[lv->n_segments++], &lv->why);
	if (rc == 0)
		rc = check_segments(lv, &lv->why);
	if (rc < 0)
		lv->progress = LVM_DONE;
	return 0;
}

static int lv_by_name(const void *a, const void *b)
{
	return strcmp(((const struct lvm_lv *)a)->name, ((const struct lvm_lv *)b)->name);
}

static int read_lvs(const struct dm_config_node *top, struct lvm_vg *vg, struct error *err)
{
	const struct dm_config_node *section = lvm_text_section(top, "logical_volumes");
	size_t n = count_children(section);
	vg->lvs = calloc(n ? n : 1, sizeof(*vg->lvs));
	if (!vg->lvs)
		return error_set(err, -ENOMEM, "%zu logical volumes: %m", n);
	for (const struct dm_config_node *c = NULL; (c = lvm_text_next(section, c));) {
		int rc = read_lv(vg, c, &vg->lvs[vg->n_lvs++], err);
		if (rc < 0)
			return rc;
	}
	qsort(vg->lvs, vg->n_lvs, sizeof(*vg->lvs), lv_by_name);
	for (size_t i = 1; i < vg->n_lvs; i++)
		if (lv_by_name(&vg->lvs[i - 1], &vg->lvs[i]) == 0)
			return error_set(err, -EUCLEAN,
					 "LVM metadata: two volumes are named '%.64s'",
					 vg->lvs[i].name);
	return 0;
}

/* ---- the group --------------------------------------------------------------------------------
 */

static int read_vg(struct lvm_vg *vg, struct error *err)
{
	/* The group is the only section at the top; what else is there are values. */
	const struct dm_config_node *top = lvm_text_top(vg->tree);
	uint64_t sectors;
	if (!top || !lvm_text_string(top, "id", &vg->id) || strlen(vg->id) >= LVM_ID_TEXT ||
	    !lvm_text_number(top, "seqno", &vg->seqno) ||
	    !lvm_text_number(top, "extent_size", &sectors))
		return error_set(err, -EUCLEAN, "LVM metadata: it describes no volume group");
	vg->name = lvm_text_name(top);
	if (sectors == 0 || sectors > MAX_BYTES / LVM_SECTOR)
		return error_set(err, -EUCLEAN, "LVM metadata: extents of %" PRIu64 " sectors",
				 sectors);
	vg->extent = sectors * LVM_SECTOR;
	int rc = read_pvs(top, vg, err);
	return rc < 0 ? rc : read_lvs(top, vg, err);
}

int lvm_vg_new(const char *text, struct lvm_vg **ret, struct error *err)
{
	CLEANUP(lvm_vg_free_cleanup) struct lvm_vg *vg = calloc(1, sizeof(*vg));
	if (!vg)
		return error_set(err, -ENOMEM, "volume group: %m");
	int rc = lvm_text_parse(text, &vg->tree, err);
	if (rc == 0)
		rc = read_vg(vg, err);
	if (rc < 0)
		return rc;
	*ret = steal(&vg);
	return 0;
}

void lvm_vg_free(struct lvm_vg *vg)
{
	if (!vg)
		return;
	for (size_t i = 0; i < vg->n_lvs; i++) {
		blk_unref(vg->lvs[i].blk);
		map_free(vg->lvs[i].map);
		free(vg->lvs[i].segments);
	}
	free(vg->lvs);
	free(vg->pvs);
	lvm_text_free(vg->tree);
	free(vg);
}

struct lvm_pv *lvm_vg_pv(const struct lvm_vg *vg, const char *name)
{
	struct lvm_pv key = { .name = name };
	return bsearch(&key, vg->pvs, vg->n_pvs, sizeof(key), pv_by_name);
}

struct lvm_lv *lvm_vg_lv(const struct lvm_vg *vg, const char *name)
{
	struct lvm_lv key = { .name = name };
	return bsearch(&key, vg->lvs, vg->n_lvs, sizeof(key), lv_by_name);
}
