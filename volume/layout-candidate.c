/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout-candidate - what is looked at, and what lies in what.
 *
 * Numbers grow: whatever something lies in was found before it, so one pass from the last to the
 * first carries a fact from all things to all that they lie in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recognise.h"
#include "table.h"

/* More than these nobody has but who wants the search to have no end: volumes in volumes, and
 * volumes that are not just partitions of disks. */
#define DEPTH_MAX 8
#define INNER_MAX 4096

/* A partition, an array on it, and one more: groups on these are made in any case. */
#define DEPTH_PLAIN 2

static void candidate_free(struct candidate *c)
{
	if (!c)
		return;
	blk_unref(c->blk);
	free(c->name);
	free(c->where);
	table_free(c->table);
	free(c);
}

void search_clear(struct search *search)
{
	for (size_t i = 0; i < search->n; i++)
		candidate_free(search->list[i]);
	free(search->list);
}

static int append(struct search *search, struct candidate *c, const char *name, const char *source,
		  struct error *err)
{
	c->name = strdup(name);
	if (!source)
		c->where = strdup(name);
	else if (asprintf(&c->where, "%s ('%s')", name, source) < 0)
		c->where = NULL;
	/* The array is full whenever the count is a power of two, and doubles then. */
	size_t n = search->n;
	if (n == 0 || is_power_of_2(n)) {
		void *bigger = reallocarray(search->list, n ? 2 * n : 1, sizeof(*search->list));
		if (!bigger)
			return error_set(err, -ENOMEM, "search of %zu volumes: %m", n);
		search->list = bigger;
	}
	if (!c->name || !c->where)
		return error_set(err, -ENOMEM, "search of %zu volumes: %m", n);
	search->list[search->n++] = c;
	c->number = (unsigned int)search->n;
	return 0;
}

int search_add_disk(struct search *search, struct layout_disk *disk, struct error *err)
{
	struct candidate *c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "search of %zu volumes: %m", search->n);
	c->blk = blk_ref(disk->blk);
	c->disk = disk;
	int rc = append(search, c, disk->name, disk->source, err);
	if (rc < 0)
		candidate_free(c);
	return rc;
}

/* ---- volumes ----------------------------------------------------------------------------------
 */

struct layout_volume *search_volume(const struct search *search, const struct candidate *c)
{
	for (size_t i = search->layout->n_volumes; i-- > 0;)
		if (search->layout->volumes[i].number == c->number)
			return &search->layout->volumes[i];
	return NULL;
}

/* How deep a volume lies, and whether in one that stays, from what it lies in. */
static void place(const struct search *search, struct candidate *c)
{
	if (c->inside) {
		c->depth = c->inside->depth + 1;
		c->kept = c->inside->kept || (!c->inside->disk && search_volume(search, c->inside));
		return;
	}
	for (size_t i = 0; i < search->n; i++) {
		const struct candidate *m = search->list[i];
		if (m->member_of != c->made_by)
			continue;
		c->depth = MAX(c->depth, m->depth + 1);
		c->kept = c->kept || m->kept || search_volume(search, m);
	}
}

/* The volumes of a group lie all in the same: only the first need look. */
static void place_as_before(const struct search *search, struct candidate *c)
{
	const struct candidate *last = search->n ? search->list[search->n - 1] : NULL;
	if (last && last->made_by && last->made_by == c->made_by) {
		c->depth = last->depth;
		c->kept = last->kept;
	} else {
		place(search, c);
	}
}

/* Return: 0, with @ret NULL when there are too many; -ENOMEM. */
static int new_candidate(struct search *search, const struct layout_volume *volume,
			 struct candidate *inside, struct candidate **ret, struct error *err)
{
	struct candidate *c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "search of %zu volumes: %m", search->n);
	c->blk = volume->blk ? blk_ref(volume->blk) : NULL;
	c->inside = inside;
	if (!inside)
		c->made_by = (struct layout_group *)volume->group;
	place_as_before(search, c);
	bool inner = !inside || !inside->disk;
	if (c->depth > DEPTH_MAX || (inner && search->n_inner == INNER_MAX)) {
		search->full = true;
		*ret = NULL;
		candidate_free(c);
		return 0;
	}
	int rc = append(search, c, volume->name, NULL, err);
	if (rc < 0) {
		candidate_free(c);
		return rc;
	}
	search->n_inner += inner;
	*ret = c;
	return 0;
}

int search_add(struct search *search, struct layout_volume *volume, struct candidate *inside,
	       struct error *err)
{
	struct candidate *c;
	int rc = new_candidate(search, volume, inside, &c, err);
	if (rc < 0) {
		layout_clear_volume(volume);
		return rc;
	}
	volume->number = c ? c->number : 0;
	volume->inside = c && c->kept;
	return layout_add_volume(search->layout, volume, err);
}

int search_unlocked(struct search *search, struct candidate *c, struct blk *blk, struct error *err)
{
	CLEANUP(blk_unref_cleanup) struct blk *own = blk;
	struct layout_volume *volume = search_volume(search, c);
	struct blk *locked = volume->blk;
	struct candidate *inner;
	volume->blk = blk;
	int rc = new_candidate(search, volume, c, &inner, err);
	volume->blk = locked;
	if (rc < 0)
		return rc;
	if (inner)
		inner->kept = c->kept;
	volume->blk = steal(&own);
	volume->map = NULL;
	volume->size = volume->blk->size;
	volume->number = inner ? inner->number : 0;
	blk_unref(locked);
	return 0;
}

/* Users have given these a name, and may want to have them whole, whatever they hold. */
static bool stays(const struct layout_volume *volume)
{
	return volume->group && volume->group->kind != LAYOUT_MD;
}

void search_take(struct search *search, struct candidate *c, struct layout_group *group)
{
	c->member_of = group;
	struct layout_volume *volume = search_volume(search, c);
	if (volume && stays(volume))
		volume->holds = true;
	else if (volume)
		layout_drop(search->layout, volume);
}

void search_drop_inside(struct search *search, const struct candidate *c,
			bool (*which)(const struct layout_volume *volume))
{
	for (size_t i = 0; i < search->n; i++) {
		struct candidate *part = search->list[i];
		struct layout_volume *volume =
			part->inside == c ? search_volume(search, part) : NULL;
		if (!volume || (which && !which(volume)))
			continue;
		part->gone = true;
		layout_drop(search->layout, volume);
	}
}

/* ---- what lies in what ------------------------------------------------------------------------
 */

static bool is_group(const struct layout_group *group, enum layout_kind kind, const char *id)
{
	return group && group->kind == kind && strcmp(group->id, id) == 0;
}

bool search_is_late(const struct search *search, enum layout_kind kind, const char *id)
{
	for (size_t i = 0; i < search->layout->n_groups; i++)
		if (is_group(search->layout->groups[i], kind, id))
			return true;
	return false;
}

bool search_is_enough(const struct search *search, const struct candidate *c)
{
	return search->full && c->depth > DEPTH_PLAIN;
}

static void clear_marks(const struct search *search)
{
	for (size_t i = 0; i < search->layout->n_groups; i++)
		search->layout->groups[i]->mark = false;
}

bool search_is_in_itself(const struct search *search, const struct candidate *c,
			 enum layout_kind kind, const char *id)
{
	if (!search_is_late(search, kind, id))
		return false;
	clear_marks(search);
	const struct candidate *inside = c;
	for (size_t i = c->number; i-- > 0;) {
		const struct candidate *m = search->list[i];
		if (m != inside && !(m->member_of && m->member_of->mark))
			continue;
		/* Of several ways up, that through groups is marked, and that through things is one
		 * line: a member is never a partition's disk as well. */
		if (is_group(m->made_by, kind, id))
			return true;
		if (m->made_by)
			m->made_by->mark = true;
		for (const struct candidate *up = m->inside; up; up = up->inside) {
			if (is_group(up->made_by, kind, id))
				return true;
			if (up->made_by)
				up->made_by->mark = true;
		}
	}
	return false;
}

void search_end(struct search *search)
{
	struct layout *layout = search->layout;
	clear_marks(search);
	CLEANUP(free_cleanup) bool *broken = calloc(search->n + 1, sizeof(*broken));
	for (size_t i = 0; broken && i < layout->n_volumes; i++) {
		const struct layout_volume *v = &layout->volumes[i];
		broken[v->number] |= v->state == LAYOUT_INCOMPLETE || v->state == LAYOUT_DEGRADED;
	}
	for (size_t i = search->n; broken && i > 0; i--) {
		const struct candidate *c = search->list[i - 1];
		broken[i] |= c->member_of && c->member_of->mark;
		if (!broken[i])
			continue;
		if (c->inside)
			broken[c->inside->number] = true;
		if (c->made_by)
			c->made_by->mark = true;
	}
	/* What was not looked at may be anything. */
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (!broken || search->full || broken[layout->volumes[i].number])
			layout->volumes[i].holds = false;
	clear_marks(search);
}
