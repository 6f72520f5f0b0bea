/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm - the recogniser of LVM2: which physical volumes belong to one volume group, which text of
 * theirs is the newest, and which volumes that makes.
 *
 * A logical volume is shown as device-mapper names it: group and volume with a dash between, and
 * dashes of their own doubled.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lvm-find.h"
#include "recognise.h"

/* ---- one logical volume -----------------------------------------------------------------------
 */

/* What building one volume may say to the layout. */
struct context {
	struct layout *layout;
	const struct lvm_vg *vg;
	const struct lvm_lv *lv;
};

static int warn(void *ctx, const char *text, struct error *err)
{
	const struct context *c = ctx;
	return layout_warn(c->layout, err, "volume group %s: %s: %s", c->vg->name, c->lv->name,
			   text);
}

static int metadata(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	const struct context *c = ctx;
	return layout_add_metadata(c->layout, blk, length, off, err);
}

static void append_doubled(char *buf, size_t size, const char *name)
{
	size_t len = strlen(buf);
	for (; *name && len + 3 < size; name++) {
		buf[len++] = *name;
		if (*name == '-')
			buf[len++] = '-';
	}
	buf[len] = '\0';
}

static char *name_volume(const struct layout *layout, const char *vg, const char *lv)
{
	char name[600] = "";
	append_doubled(name, 300, vg);
	strcat(name, "-");
	append_doubled(name, sizeof(name), lv);
	return layout_unique_name(layout, name);
}

static enum layout_type type_of(const char *name)
{
	for (enum layout_type type = LAYOUT_LINEAR; type <= LAYOUT_ERROR; type++)
		if (strcmp(layout_type_name(type), name) == 0)
			return type;
	return LAYOUT_UNKNOWN;
}

/* As `lvs` prints it. */
static enum layout_type volume_type(const struct lvm_lv *lv)
{
	uint64_t stripes;
	if (lv->n_segments == 0)
		return LAYOUT_UNKNOWN;
	const struct lvm_segment *seg = &lv->segments[0];
	if (strcmp(seg->type, "striped") == 0 &&
	    lvm_text_number(seg->node, "stripe_count", &stripes) && stripes == 1)
		return LAYOUT_LINEAR;
	return type_of(seg->type);
}

static bool is_of_type(const struct lvm_lv *lv, const char *type)
{
	return lv->n_segments && strcmp(lv->segments[0].type, type) == 0;
}

/* The snapshot that is being merged back into a volume: to its users the volume is the snapshot. */
static bool is_merging(const struct lvm_vg *vg, const char *origin)
{
	const char *name;
	for (size_t i = 0; i < vg->n_lvs; i++)
		if (is_of_type(&vg->lvs[i], "snapshot") &&
		    lvm_text_string(vg->lvs[i].segments[0].node, "merging_store", &name) &&
		    lvm_text_string(vg->lvs[i].segments[0].node, "origin", &name) &&
		    strcmp(name, origin) == 0)
			return true;
	return false;
}

/*
 * The name under which users know a volume; NULL for one that is there for others only. A snapshot
 * has a volume of its own in the text, which has the name of the store that it reads through.
 */
static const char *shown_name(const struct lvm_vg *vg, const struct lvm_lv *lv)
{
	const char *name;
	if (is_of_type(lv, "snapshot")) {
		const struct dm_config_node *node = lv->segments[0].node;
		bool merging = lvm_text_string(node, "merging_store", &name);
		return lvm_text_string(node, merging ? "origin" : "cow_store", &name) ? name
										      : lv->name;
	}
	if (!lv->visible || is_of_type(lv, "thin-pool") || is_of_type(lv, "cache-pool") ||
	    is_of_type(lv, "vdo-pool") || is_merging(vg, lv->name))
		return NULL;
	return lv->name;
}

/*
 * A volume that cannot be read, though nothing is missing, and that may share blocks with others:
 * what these call free may be its own.
 */
static int doubt_group(struct layout *layout, const struct lvm_vg *vg,
		       const struct layout_volume *volume, struct error *err)
{
	int rc = 0;
	if (!volume->settled || (volume->type != LAYOUT_SNAPSHOT && volume->type != LAYOUT_THIN &&
				 volume->type != LAYOUT_UNKNOWN))
		return 0;
	for (size_t i = 0; rc == 0 && i < vg->n_pvs; i++)
		if (vg->pvs[i].blk)
			rc = layout_doubt(layout, vg->pvs[i].blk, vg->pvs[i].blk->size, 0, err);
	return rc;
}

static int show_volume(struct search *search, const struct layout_group *group,
		       const struct lvm_vg *vg, struct lvm_lv *lv, const char *name,
		       struct error *err)
{
	struct layout *layout = search->layout;
	struct layout_volume volume = {
		.type = volume_type(lv),
		.group = group,
		.size = lv->size,
		.name = name_volume(layout, vg->name, name),
		.title = strdup(name),
		.label = strdup(""),
	};
	int rc = 0;
	if (!volume.name || !volume.title || !volume.label) {
		layout_clear_volume(&volume);
		return error_set(err, -ENOMEM, "logical volume '%.64s': %m", name);
	}
	if (lv->blk) {
		volume.blk = blk_ref(lv->blk);
		rc = blk_map(lv->blk, &volume.map, err);
		if (rc == 0)
			layout_describe(&volume);
	} else if (lv->map) {
		volume.map = steal(&lv->map);
		layout_describe(&volume);
	} else {
		volume.state = LAYOUT_INCOMPLETE;
		volume.settled = group->n_missing == 0;
		snprintf(volume.reason, sizeof(volume.reason), "%.250s", lv->why.msg);
		rc = layout_warn(layout, err, "logical volume %s cannot be read: %s", volume.name,
				 lv->why.msg);
		if (rc == 0)
			rc = doubt_group(layout, vg, &volume, err);
	}
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return search_add(search, &volume, NULL, err);
}

static int show_volumes(struct search *search, const struct layout_group *group,
			const struct lvm_instance *in, uint32_t sector, struct error *err)
{
	struct lvm_vg *vg = in->vg;
	struct context ctx = { search->layout, vg, NULL };
	struct lvm_build build = {
		.vg = vg, .sector = sector, .warn = warn, .metadata = metadata, .ctx = &ctx
	};
	for (size_t i = 0; i < vg->n_lvs && !search_is_enough(search, in->pvs[0]->c); i++) {
		struct lvm_lv *lv = &vg->lvs[i];
		const char *name = shown_name(vg, lv);
		if (!name)
			continue;
		ctx.lv = lv;
		int rc = lvm_build(&build, lv, err);
		if (rc == 0)
			rc = show_volume(search, group, vg, lv, name, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- one volume group -------------------------------------------------------------------------
 */

/* Gives the group's physical volumes the blks that were found, and names those that were not. */
static int place_pvs(struct layout *layout, struct layout_group *group,
		     const struct lvm_instance *in, struct error *err)
{
	for (size_t i = 0; i < in->vg->n_pvs; i++) {
		struct lvm_pv *pv = &in->vg->pvs[i];
		for (size_t j = 0; j < in->n && !pv->blk; j++)
			if (strcmp(in->pvs[j]->label.id, pv->id) == 0)
				pv->blk = in->pvs[j]->c->blk;
		int rc = pv->blk ? layout_add_metadata(layout, pv->blk,
						       MIN(pv->start, pv->blk->size), 0, err)
				 : layout_miss(group, err, "physical volume %s", pv->id);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Metadata areas are at the end, too; a label is in the first sectors, wherever data begins. */
static int store_areas(struct layout *layout, const struct lvm_instance *in, struct error *err)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct lvm_found *f = in->pvs[i];
		int rc = layout_add_metadata(layout, f->c->blk, 4 * LVM_SECTOR, 0, err);
		for (size_t a = 0; rc == 0 && a < f->label.n_areas; a++)
			rc = layout_add_metadata(layout, f->c->blk, f->label.areas[a].length,
						 f->label.areas[a].start, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int show_group(struct search *search, struct lvm_instance *in, struct error *err)
{
	struct layout *layout = search->layout;
	struct layout_group *group;
	uint32_t sector = 512;
	for (size_t i = 0; i < in->n; i++)
		sector = MAX(sector, in->pvs[i]->c->blk->sector);
	int rc = layout_add_group(layout, LAYOUT_LVM, in->vg->name, in->vg->id, &group, err);
	for (size_t i = 0; rc == 0 && i < in->n; i++)
		search_take(search, in->pvs[i]->c, group);
	if (rc == 0)
		rc = place_pvs(layout, group, in, err);
	if (rc == 0)
		rc = store_areas(layout, in, err);
	return rc < 0 ? rc : show_volumes(search, group, in, sector, err);
}

static int look(void *state, struct search *search, struct candidate *c, struct error *err)
{
	return c->table ? 0 : lvm_find_look(state, search, c, err);
}

static int assemble(void *state, struct search *search, unsigned int depth, struct error *err)
{
	return lvm_find_groups(state, search, depth, show_group, err);
}

static void clear(void *state)
{
	lvm_finds_clear(state);
}

const struct recogniser layout_lvm = {
	.state_size = sizeof(struct lvm_finds),
	.look = look,
	.assemble = assemble,
	.clear = clear,
};
