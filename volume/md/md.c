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
 * struct md_found - a member
 * @c: what is one
 * @instance: which of several clones of the array it belongs to
 * @done: its array has been put together
 */
struct md_found {
	struct candidate *c;
	struct md_super *super;
	unsigned int instance;
	bool done;
};

struct md_finds {
	size_t n;
	struct md_found *list;
};

static void clear(void *state)
{
	struct md_finds *finds = state;
	for (size_t i = 0; i < finds->n; i++)
		free(finds->list[i].super);
	free(finds->list);
}

/* ---- finding members --------------------------------------------------------------------------
 */

static int keep(struct md_finds *finds, struct candidate *c, const struct md_super *super,
		struct error *err)
{
	void *bigger = reallocarray(finds->list, finds->n + 1, sizeof(*finds->list));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	finds->list = bigger;
	struct md_found *f = &finds->list[finds->n++];
	*f = (struct md_found){ .c = c, .super = malloc(sizeof(*super)) };
	if (!f->super)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	*f->super = *super;
	return 0;
}

/*
 * A super-block of version 0.90 or 1.0 at the end of a disk with partitions: the disk itself may be
 * the member, and the partitions a part of the array. A 0.90 one does not say where it is: if the
 * last partition has it too, the member is what the used size fits.
 */
static bool is_a_partitions(const struct search *search, const struct candidate *c,
			    const struct md_super *super)
{
	struct md_super inner;
	for (size_t i = 0; i < search->n; i++) {
		const struct candidate *part = search->list[i];
		if (part->inside == c && part->blk && md_super_read(part->blk, &inner, NULL) == 1 &&
		    strcmp(inner.device, super->device) == 0 &&
		    strcmp(inner.uuid, super->uuid) == 0 && super->size <= inner.data_length)
			return true;
	}
	return false;
}

static int look(void *state, struct search *search, struct candidate *c, struct error *err)
{
	struct md_super super;
	struct error why = { 0 };
	int rc = md_super_read(c->look, &super, &why);
	if (rc < 0) {
		rc = layout_warn(search->layout, err, "%s: %s", c->name, why.msg);
		return rc < 0 ? rc : layout_doubt(search->layout, c->blk, c->blk->size, 0, err);
	}
	if (rc == 0 || (c->table && is_a_partitions(search, c, &super)))
		return 0;
	if (search_is_in_itself(search, c, LAYOUT_MD, super.uuid))
		return layout_warn(search->layout, err, "%s: MD array %s lies in itself", c->name,
				   super.uuid);
	search_drop_inside(search, c, NULL);
	rc = keep(state, c, &super, err);
	return rc < 0 ? rc : 1;
}

/* ---- one array --------------------------------------------------------------------------------
 */

/**
 * struct array - the members of one instance of one array
 * @members: @n of them, pointers into struct md_finds
 * @freshest: the one that is believed
 * @slots: one for each place
 */
struct array {
	size_t n;
	struct md_found **members;
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
static int place(struct layout *layout, struct array *a, struct md_found *m, struct error *err)
{
	const struct md_super *s = m->super;
	unsigned int role = md_role(s, s->number);
	const char *not = why_not(a, s);
	if (not )
		return layout_warn(layout, err, "MD array %s: %s %s; it is not used",
				   a->group->name, m->c->name, not );
	if (role >= s->raid_disks || s->replacement || a->slots[role].blk)
		return 0;
	if (s->recovered < MAX(s->size, UINT64_C(1)))
		return layout_warn(layout, err,
				   "MD array %s: %s is being rebuilt and has %" PRIu64
				   " of %" PRIu64 " bytes; it is not used",
				   a->group->name, m->c->name, s->recovered, s->size);
	if (s->bad_blocks) {
		int rc = layout_warn(layout, err,
				     "MD array %s: %s has blocks that were never written (mdadm "
				     "--examine-badblocks lists them); they are read all the same",
				     a->group->name, m->c->name);
		if (rc < 0)
			return rc;
	}
	a->slots[role] = (struct md_slot){ m->c->blk, s->data_start, s->data_length };
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

/*
 * Every member holds a part of the array's own records: super-block, bitmap, what is before data.
 * What waits in a journal may be what a file system has just begun to use.
 */
static int store_metadata(struct layout *layout, const struct array *a, struct error *err)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct md_found *m = a->members[i];
		uint64_t end = m->super->data_start + m->super->data_length;
		int rc = layout_add_metadata(layout, m->c->blk,
					     MIN(m->super->data_start, m->c->blk->size), 0, err);
		if (rc == 0)
			rc = layout_add_metadata(layout, m->c->blk, m->c->blk->size - end, end,
						 err);
		if (rc == 0 && a->freshest->journal)
			rc = layout_doubt(layout, m->c->blk, m->c->blk->size, 0, err);
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

static int make_volume(struct search *search, struct array *a, struct error *err)
{
	struct layout *layout = search->layout;
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
		volume.settled = a->group->n_missing == 0;
		snprintf(volume.reason, sizeof(volume.reason), "%.250s", why.msg);
		rc = layout_warn(layout, err, "MD array %s cannot be read: %s", a->group->name,
				 why.msg);
	} else {
		rc = layout_set_map(&volume, steal(&map), a->members[0]->c->blk->sector, err);
	}
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return search_add(search, &volume, NULL, err);
}

/* "md0" for a number, as the kernel calls it; else its name, else its UUID. */
static void name_array(const struct md_super *f, char *buf, size_t size)
{
	if (f->name[0] && f->name[strspn(f->name, "0123456789")] == '\0')
		snprintf(buf, size, "md%s", f->name);
	else
		snprintf(buf, size, "%s", f->name[0] ? f->name : f->uuid);
}

static int assemble_array(struct search *search, struct array *a, struct error *err)
{
	struct layout *layout = search->layout;
	char name[48];
	a->freshest = choose_freshest(a);
	name_array(a->freshest, name, sizeof(name));
	CLEANUP(free_cleanup)
	struct md_slot *slots = calloc(a->freshest->raid_disks, sizeof(*slots));
	if (!slots)
		return error_set(err, -ENOMEM, "MD array '%s': %m", name);
	a->slots = slots;
	int rc = layout_add_group(layout, LAYOUT_MD, name, a->freshest->uuid, &a->group, err);
	for (size_t i = 0; rc == 0 && i < a->n; i++)
		search_take(search, a->members[i]->c, a->group);
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
	return rc < 0 ? rc : make_volume(search, a, err);
}

/* ---- several arrays ---------------------------------------------------------------------------
 */

/* Tells the clones of the array that the first of @members belongs to apart. */
static int tell_apart(struct layout *layout, struct md_found **members, size_t n, unsigned int *ret,
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

static int assemble_instances(struct search *search, struct md_found **members, size_t n,
			      struct error *err)
{
	unsigned int instances;
	int rc = tell_apart(search->layout, members, n, &instances, err);
	CLEANUP(free_cleanup) struct md_found **own = calloc(n, sizeof(*own));
	if (rc == 0 && !own)
		return error_set(err, -ENOMEM, "%zu MD members: %m", n);
	for (unsigned int i = 0;
	     rc == 0 && i < instances && !search_is_enough(search, members[0]->c); i++) {
		struct array a = { .members = own };
		for (size_t j = 0; j < n; j++)
			if (members[j]->instance == i)
				own[a.n++] = members[j];
		rc = assemble_array(search, &a, err);
	}
	return rc;
}

/* Is there a member in each place, in each equally often? */
static bool is_complete(struct md_found *const *members, size_t n)
{
	const struct array a = { .n = n, .members = (struct md_found **)members };
	const struct md_super *f = choose_freshest(&a);
	CLEANUP(free_cleanup) size_t *copies = calloc(f->raid_disks + 1, sizeof(*copies));
	for (size_t i = 0; copies && i < n; i++) {
		const struct md_super *s = members[i]->super;
		unsigned int role = md_role(s, s->number);
		if (role < f->raid_disks && !s->replacement)
			copies[role]++;
	}
	for (unsigned int i = 0; copies && i < f->raid_disks; i++)
		if (copies[i] == 0 || copies[i] != copies[0])
			return false;
	return copies != NULL;
}

/* The members of the array that @first belongs to; none if they have been asked for before. Returns
 * how deep the deepest of them lies. */
static unsigned int collect(struct md_finds *finds, const struct md_found *first,
			    struct md_found **ret, size_t *n)
{
	unsigned int deepest = 0;
	*n = 0;
	for (struct md_found *f = finds->list; f < finds->list + finds->n; f++) {
		if (f->done || strcmp(f->super->uuid, first->super->uuid) != 0)
			continue;
		if (f < first)
			return 0;
		deepest = MAX(deepest, f->c->depth);
		ret[(*n)++] = f;
	}
	return deepest;
}

/* What comes when its array has been put together may be a clone of it, or what it lacked. */
static int refuse(struct search *search, struct md_found *const *members, size_t n,
		  struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (md_role(members[i]->super, members[i]->super->number) <
		    members[i]->super->raid_disks)
			rc = layout_warn(search->layout, err,
					 "%s is a member of MD array %s, but was found only after "
					 "that had been put together; it is not used",
					 members[i]->c->name, members[i]->super->uuid);
	return rc;
}

static int assemble(void *state, struct search *search, unsigned int depth, struct error *err)
{
	struct md_finds *finds = state;
	CLEANUP(free_cleanup) struct md_found **same = calloc(finds->n + 1, sizeof(*same));
	if (!same)
		return error_set(err, -ENOMEM, "%zu MD members: %m", finds->n);
	int made = 0;
	for (size_t i = 0; i < finds->n; i++) {
		size_t n = 0;
		unsigned int deepest =
			finds->list[i].done ? 0 : collect(finds, &finds->list[i], same, &n);
		bool complete = depth == SEARCH_COMPLETE;
		if (n == 0 || search_is_enough(search, same[0]->c) ||
		    (complete ? !is_complete(same, n) : deepest > depth))
			continue;
		for (size_t j = 0; j < n; j++)
			same[j]->done = true;
		int rc = !complete && search_is_late(search, LAYOUT_MD, same[0]->super->uuid)
				 ? refuse(search, same, n, err)
				 : assemble_instances(search, same, n, err);
		if (rc < 0)
			return rc;
		made = 1;
	}
	return made;
}

const struct recogniser layout_md = {
	.state_size = sizeof(struct md_finds),
	.look = look,
	.assemble = assemble,
	.clear = clear,
};
