/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md - the recogniser of Linux MD arrays: which members belong together, which of them count, and
 * what volume that makes.
 *
 * The freshest member of an array is believed: it says how the array is made and which of the
 * others are in their place. One that fell behind is not used, however sound it looks: what was
 * written after it left is not on it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instances.h"
#include "md-map.h"
#include "recognise.h"

/**
 * struct found - a member
 * @blk: referenced
 * @where: name of the volume or disk that it is on
 * @instance: which of several clones of the array it belongs to
 */
struct found {
	struct blk *blk;
	char *where;
	struct md_super *super;
	unsigned int instance;
};

struct finds {
	size_t n;
	struct found *list;
};

static void finds_clear(struct finds *finds)
{
	for (size_t i = 0; i < finds->n; i++) {
		blk_unref(finds->list[i].blk);
		free(finds->list[i].where);
		free(finds->list[i].super);
	}
	free(finds->list);
}

/* ---- finding members --------------------------------------------------------------------------
 */

static int keep(struct finds *finds, struct blk *blk, const char *where,
		const struct md_super *super, struct error *err)
{
	void *bigger = reallocarray(finds->list, finds->n + 1, sizeof(*finds->list));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	finds->list = bigger;
	struct found *f = &finds->list[finds->n++];
	*f = (struct found){ .blk = blk_ref(blk), .where = strdup(where) };
	f->super = malloc(sizeof(*super));
	if (!f->where || !f->super)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	*f->super = *super;
	return 0;
}

/* Return: 1 if it is a member; what cannot be read or is damaged is a warning. */
static int look(struct layout *layout, struct blk *blk, const char *where, struct md_super *super,
		struct error *err)
{
	struct error why = { 0 };
	int rc = md_super_read(blk, super, &why);
	if (rc >= 0)
		return rc;
	rc = layout_warn(layout, err, "%s: %s", where, why.msg);
	return rc < 0 ? rc : 0;
}

static bool lies_on(const struct layout_volume *volume, const struct blk *disk)
{
	return volume->map && volume->partition && volume->map->segments[0].legs[0].blk == disk;
}

/*
 * A super-block of version 0.90 or 1.0 at the end of a disk with partitions: the disk itself may be
 * the member, and the partitions a part of the array. A 0.90 one does not say where it is: if the
 * last partition has it too, the member is what the used size fits.
 */
static int look_at_partitioned(struct layout *layout, struct layout_disk *disk, struct finds *finds,
			       struct error *err)
{
	struct md_super super, inner;
	int rc = look(layout, disk->blk, disk->name, &super, err);
	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < layout->n_volumes; i++) {
		struct layout_volume *v = &layout->volumes[i];
		if (!lies_on(v, disk->blk) || !v->blk || md_super_read(v->blk, &inner, NULL) != 1)
			continue;
		if (strcmp(inner.device, super.device) == 0 &&
		    strcmp(inner.uuid, super.uuid) == 0 && super.size <= inner.data_length)
			return 0;
	}
	for (size_t i = layout->n_volumes; i-- > 0;)
		if (lies_on(&layout->volumes[i], disk->blk))
			layout_drop(layout, &layout->volumes[i]);
	return keep(finds, disk->blk, disk->name, &super, err);
}

static int find_on_partitioned(struct layout *layout, struct finds *finds, struct error *err)
{
	for (size_t i = 0; i < layout->n_disks; i++) {
		int rc = 0;
		if (layout->disks[i].table != LAYOUT_TABLE_NONE)
			rc = look_at_partitioned(layout, &layout->disks[i], finds, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int find_on_volumes(struct layout *layout, struct finds *finds, struct error *err)
{
	for (size_t i = 0; i < layout->n_volumes;) {
		struct layout_volume *v = &layout->volumes[i];
		struct md_super super;
		int rc = v->blk ? look(layout, v->blk, v->name, &super, err) : 0;
		if (rc > 0) {
			rc = keep(finds, v->blk, v->name, &super, err);
			layout_drop(layout, v);
		} else {
			i++;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- one array --------------------------------------------------------------------------------
 */

/**
 * struct array - the members of one instance of one array
 * @members: @n of them, pointers into struct finds
 * @freshest: the one that is believed
 * @slots: one for each place
 */
struct array {
	size_t n;
	struct found **members;
	const struct md_super *freshest;
	struct md_slot *slots;
	struct layout_group *group;
};

static enum layout_type type_of(int level)
{
	switch (level) {
	case MD_LINEAR:
		return LAYOUT_LINEAR;
	case MD_RAID0:
		return LAYOUT_RAID0;
	case MD_RAID1:
		return LAYOUT_RAID1;
	case MD_RAID4:
		return LAYOUT_RAID4;
	case MD_RAID5:
		return LAYOUT_RAID5;
	case MD_RAID6:
		return LAYOUT_RAID6;
	case MD_RAID10:
		return LAYOUT_RAID10;
	default:
		return LAYOUT_MD_OTHER;
	}
}

/* Of several that are equally fresh one with data is believed before a spare. */
static const struct md_super *choose_freshest(const struct array *a)
{
	const struct md_super *best = NULL;
	for (size_t i = 0; i < a->n; i++) {
		const struct md_super *s = a->members[i]->super;
		bool spare = md_role(s, s->number) >= s->raid_disks;
		if (!best || s->events > best->events ||
		    (s->events == best->events && !spare &&
		     md_role(best, best->number) >= best->raid_disks))
			best = s;
	}
	return best;
}

/*
 * Why a member cannot be used, or NULL. One event behind is a host that stopped between two
 * super-blocks: the kernel takes such a member, and so do we.
 */
static const char *why_not(const struct array *a, const struct md_super *s)
{
	const struct md_super *f = a->freshest;
	if (s->events + 1 < f->events)
		return "is stale: it left the array before the others";
	if (s->level != f->level || s->raid_disks != f->raid_disks || s->chunk != f->chunk ||
	    s->size != f->size || s->layout != f->layout)
		return "describes the array differently from the others";
	if (md_role(f, s->number) != md_role(s, s->number))
		return "is no longer counted by the others";
	if (s->size > s->data_length)
		return "is smaller than the array needs";
	return NULL;
}

/* Puts a member into its place, unless it has none or holds only a part of what it should. */
static int place(struct layout *layout, struct array *a, struct found *m, struct error *err)
{
	const struct md_super *s = m->super;
	unsigned int role = md_role(s, s->number);
	const char *not = why_not(a, s);
	if (not )
		return layout_warn(layout, err, "MD array %s: %s %s; it is not used",
				   a->group->name, m->where, not );
	if (role >= s->raid_disks || s->replacement || a->slots[role].blk)
		return 0;
	if (s->recovered < MAX(s->size, UINT64_C(1)))
		return layout_warn(layout, err,
				   "MD array %s: %s is being rebuilt and has %" PRIu64
				   " of %" PRIu64 " bytes; it is not used",
				   a->group->name, m->where, s->recovered, s->size);
	if (s->bad_blocks) {
		int rc = layout_warn(layout, err,
				     "MD array %s: %s has blocks that were never written (mdadm "
				     "--examine-badblocks lists them); they are read all the same",
				     a->group->name, m->where);
		if (rc < 0)
			return rc;
	}
	a->slots[role] = (struct md_slot){ m->blk, s->data_start, s->data_length };
	return 0;
}

static int place_all(struct layout *layout, struct array *a, struct error *err)
{
	for (size_t i = 0; i < a->n; i++) {
		int rc = place(layout, a, a->members[i], err);
		if (rc < 0)
			return rc;
	}
	unsigned int missing = 0;
	for (unsigned int i = 0; i < a->freshest->raid_disks; i++) {
		if (a->slots[i].blk)
			continue;
		missing++;
		int rc = layout_miss(a->group, err, "member %u of %u", i, a->freshest->raid_disks);
		if (rc < 0)
			return rc;
	}
	if (missing && !a->freshest->clean && a->freshest->level >= MD_RAID4 &&
	    a->freshest->level <= MD_RAID6)
		return layout_warn(
			layout, err,
			"MD array %s lacks a member and was being written to: blocks that "
			"were in flight cannot be told apart from sound ones",
			a->group->name);
	return 0;
}

/* Every member holds a part of the array's own records: super-block, bitmap, what is before data.
 */
static int store_metadata(struct layout *layout, const struct array *a, struct error *err)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct found *m = a->members[i];
		uint64_t end = m->super->data_start + m->super->data_length;
		int rc = layout_add_metadata(layout, m->blk,
					     MIN(m->super->data_start, m->blk->size), 0, err);
		if (rc == 0)
			rc = layout_add_metadata(layout, m->blk, m->blk->size - end, end, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Why the whole array cannot be read, however many of its members are there; 0 if it can. */
static int check_state(const struct md_super *f, struct error *err)
{
	if (f->reshaping)
		return error_set(err, -ENOTSUP,
				 "it was being reshaped: let mdadm finish that on its host, then "
				 "take the snapshot again");
	return 0;
}

static int make_volume(struct layout *layout, struct array *a, struct error *err)
{
	const struct md_super *f = a->freshest;
	struct layout_volume volume = {
		.type = type_of(f->level),
		.group = a->group,
		.name = layout_unique_name(layout, a->group->name),
		.title = strdup(f->name),
		.label = strdup(""),
	};
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	struct error why = { 0 };
	int rc = 0;
	if (!volume.name || !volume.title || !volume.label) {
		rc = error_set(err, -ENOMEM, "MD array: %m");
	} else if (check_state(f, &why) < 0 || md_map(f, a->slots, &map, &why) < 0) {
		volume.state = LAYOUT_INCOMPLETE;
		snprintf(volume.reason, sizeof(volume.reason), "%.250s", why.msg);
		rc = layout_warn(layout, err, "MD array %s cannot be read: %s", a->group->name,
				 why.msg);
	} else {
		rc = layout_set_map(&volume, steal(&map), a->members[0]->blk->sector, err);
	}
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return layout_add_volume(layout, &volume, err);
}

/* "md0" for a number, as the kernel calls it; else its name, else its UUID. */
static void name_array(const struct md_super *f, char *buf, size_t size)
{
	if (f->name[0] && f->name[strspn(f->name, "0123456789")] == '\0')
		snprintf(buf, size, "md%s", f->name);
	else
		snprintf(buf, size, "%s", f->name[0] ? f->name : f->uuid);
}

static int assemble(struct layout *layout, struct array *a, struct error *err)
{
	char name[48];
	a->freshest = choose_freshest(a);
	name_array(a->freshest, name, sizeof(name));
	CLEANUP(free_cleanup)
	struct md_slot *slots = calloc(a->freshest->raid_disks, sizeof(*slots));
	if (!slots)
		return error_set(err, -ENOMEM, "MD array '%s': %m", name);
	a->slots = slots;
	int rc = layout_add_group(layout, LAYOUT_MD, name, a->freshest->uuid, &a->group, err);
	if (rc == 0 && a->freshest->journal)
		rc = layout_warn(
			layout, err,
			"MD array %s has a write journal, which is not read: what was only "
			"in the journal is missing from the volume",
			name);
	if (rc == 0)
		rc = place_all(layout, a, err);
	if (rc == 0)
		rc = store_metadata(layout, a, err);
	return rc < 0 ? rc : make_volume(layout, a, err);
}

/* ---- several arrays ---------------------------------------------------------------------------
 */

/* Tells the clones of the array that the first of @members belongs to apart. */
static int tell_apart(struct layout *layout, struct found **members, size_t n, unsigned int *ret,
		      struct error *err)
{
	CLEANUP(free_cleanup) struct instance_member *ids = calloc(n, sizeof(*ids));
	if (!ids)
		return error_set(err, -ENOMEM, "%zu MD members: %m", n);
	for (size_t i = 0; i < n; i++)
		ids[i] = (struct instance_member){ .id = members[i]->super->device,
						   .generation = members[i]->super->events };
	enum instances_verdict verdict = instances_assign(ids, n, ret);
	for (size_t i = 0; i < n; i++)
		members[i]->instance = ids[i].instance;
	if (verdict == INSTANCES_BY_ORDER && n > *ret)
		return layout_warn(
			layout, err,
			"MD array %s is there %u times, and its members do not say which "
			"belong together: they were taken in the order of the disks",
			members[0]->super->uuid, *ret);
	return 0;
}

static int assemble_instances(struct layout *layout, struct found **members, size_t n,
			      struct error *err)
{
	unsigned int instances;
	int rc = tell_apart(layout, members, n, &instances, err);
	CLEANUP(free_cleanup) struct found **own = calloc(n, sizeof(*own));
	if (rc == 0 && !own)
		return error_set(err, -ENOMEM, "%zu MD members: %m", n);
	for (unsigned int i = 0; rc == 0 && i < instances; i++) {
		struct array a = { .members = own };
		for (size_t j = 0; j < n; j++)
			if (members[j]->instance == i)
				own[a.n++] = members[j];
		rc = assemble(layout, &a, err);
	}
	return rc;
}

static int assemble_all(struct layout *layout, struct finds *finds, struct error *err)
{
	CLEANUP(free_cleanup) struct found **same = calloc(finds->n, sizeof(*same));
	CLEANUP(free_cleanup) bool *done = calloc(finds->n, sizeof(*done));
	if (!same || !done)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	for (size_t i = 0; i < finds->n; i++) {
		size_t n = 0;
		for (size_t j = i; j < finds->n; j++) {
			if (done[j] ||
			    strcmp(finds->list[i].super->uuid, finds->list[j].super->uuid) != 0)
				continue;
			done[j] = true;
			same[n++] = &finds->list[j];
		}
		int rc = n ? assemble_instances(layout, same, n, err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

#define MAX_DEPTH 4 /* arrays of arrays of arrays ... */

int layout_find_md(struct layout *layout, struct error *err)
{
	for (unsigned int depth = 0; depth < MAX_DEPTH; depth++) {
		CLEANUP(finds_clear) struct finds finds = { 0 };
		int rc = depth == 0 ? find_on_partitioned(layout, &finds, err) : 0;
		if (rc == 0)
			rc = find_on_volumes(layout, &finds, err);
		if (rc < 0)
			return rc;
		if (finds.n == 0)
			return 0;
		rc = assemble_all(layout, &finds, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
