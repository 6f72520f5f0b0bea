/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout-search - the one idea: everything that is found is looked at in its turn, until nothing
 * more comes. See recognise.h.
 *
 * Groups with all their members are put together first. Only when that leads no further are those
 * put together that lack some, what lies outside before what lies inside: whatever could have held
 * the missing ones has been looked at by then.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk-ends.h"
#include "recognise.h"

/* More than there are. */
#define STATES_MAX 16

/*
 * Where not even the first sector can be read, or a repository has lost it, nobody can tell what it
 * is: it is stored whole, and the rest is looked at all the same.
 */
static int give_up_on(struct search *search, const struct candidate *c, const struct error *why,
		      struct error *err)
{
	int rc = layout_warn(search->layout, err, "%s: what is on it cannot be told", why->msg);
	if (rc < 0)
		return rc;
	search->layout->untold = search->layout->warnings[search->layout->n_warnings - 1];
	return layout_add_metadata(search->layout, c->blk, c->blk->size, 0, err);
}

static int look_at(struct search *search, void *const *states, struct candidate *c,
		   struct error *err)
{
	CLEANUP(blk_unref_cleanup) struct blk *look = NULL;
	int rc = blk_ends_new(c->blk, &look, err);
	c->look = look;
	for (size_t i = 0; rc == 0 && layout_recognisers[i]; i++) {
		struct error why = { 0 };
		rc = layout_recognisers[i]->look(states[i], search, c, &why);
		if (rc == -EIO || rc == -EUCLEAN)
			rc = give_up_on(search, c, &why, err);
		else if (rc < 0)
			error_copy(err, rc, &why);
	}
	c->look = NULL;
	return MIN(rc, 0);
}

/* Return: 1 when there were any, 0 when not, -ENOMEM. */
static int assemble(struct search *search, void *const *states, unsigned int depth,
		    struct error *err)
{
	int made = 0;
	for (size_t i = 0; layout_recognisers[i]; i++) {
		if (!layout_recognisers[i]->assemble)
			continue;
		int rc = layout_recognisers[i]->assemble(states[i], search, depth, err);
		if (rc < 0)
			return rc;
		made |= rc;
		/* What lacks a member may find it in what has just been made. */
		if (made && depth != SEARCH_COMPLETE)
			break;
	}
	return made;
}

static int assemble_any(struct search *search, void *const *states, struct error *err)
{
	int made = assemble(search, states, SEARCH_COMPLETE, err);
	unsigned int deepest = 0;
	for (size_t i = 0; i < search->n; i++)
		deepest = MAX(deepest, search->list[i]->depth);
	for (unsigned int depth = 0; made == 0 && depth <= deepest; depth++)
		made = assemble(search, states, depth, err);
	return made;
}

static int run(struct search *search, void *const *states, struct error *err)
{
	size_t next = 0;
	for (int made = 1; made;) {
		for (; next < search->n; next++) {
			struct candidate *c = search->list[next];
			int rc = c->blk && !c->gone && c->blk->size
					 ? look_at(search, states, c, err)
					 : 0;
			if (rc < 0)
				return rc;
		}
		made = assemble_any(search, states, err);
		if (made < 0)
			return made;
	}
	search_end(search);
	if (!search->full)
		return 0;
	return layout_warn(search->layout, err,
			   "there are more volumes in volumes than anybody needs: not all of them "
			   "were looked at for what they hold");
}

static int start(struct search *search, struct error *err)
{
	struct layout *layout = search->layout;
	const struct recogniser *const *all = layout_recognisers;
	void *states[STATES_MAX] = { NULL };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++)
		rc = search_add_disk(search, &layout->disks[i], err);
	for (size_t i = 0; rc == 0 && all[i]; i++) {
		assert(i < STATES_MAX);
		states[i] = calloc(1, all[i]->state_size + 1);
		if (!states[i])
			rc = error_set(err, -ENOMEM, "search: %m");
	}
	if (rc == 0)
		rc = run(search, states, err);
	for (size_t i = 0; all[i]; i++) {
		if (states[i] && all[i]->clear)
			all[i]->clear(states[i]);
		free(states[i]);
	}
	return rc;
}

static int add_disk(struct layout *layout, const struct layout_input *input, struct error *err)
{
	struct layout_disk *disk = &layout->disks[layout->n_disks];
	disk->source = strdup(input->source);
	if (!disk->source)
		return error_set(err, -ENOMEM, "disk '%s': %m", input->source);
	snprintf(disk->name, sizeof(disk->name), "disk%zu", layout->n_disks);
	disk->blk = blk_ref(input->blk);
	disk->sector = input->blk->sector;
	layout->n_disks++;
	return 0;
}

int layout_new(const struct layout_input *disks, size_t n_disks,
	       const struct layout_options *options, struct layout **ret, struct error *err)
{
	static const struct layout_options defaults;
	CLEANUP(layout_free_cleanup) struct layout *layout = calloc(1, sizeof(*layout));
	if (layout)
		layout->disks = calloc(n_disks, sizeof(*layout->disks));
	if (!layout || !layout->disks)
		return error_set(err, -ENOMEM, "%zu disks: %m", n_disks);
	for (size_t i = 0; i < n_disks; i++) {
		int rc = add_disk(layout, &disks[i], err);
		if (rc < 0)
			return rc;
	}
	struct search search = { .layout = layout, .options = options ? options : &defaults };
	int rc = start(&search, err);
	search_clear(&search);
	if (rc < 0)
		return rc;
	*ret = steal(&layout);
	return 0;
}
