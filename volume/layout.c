/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout - the disks and what is found on them. See include/lunette/layout.h.
 *
 * This file keeps the lists and owns what is in them; finding is the search's work
 * (layout-search.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recognise.h"

void layout_clear_volume(struct layout_volume *volume)
{
	free(volume->name);
	free(volume->title);
	free(volume->label);
	if (!volume->blk)
		map_free((struct map *)volume->map);
	blk_unref(volume->blk);
}

static void free_group(struct layout_group *group)
{
	for (size_t i = 0; i < group->n_missing; i++)
		free(group->missing[i]);
	free(group->missing);
	free(group->name);
	free(group);
}

/* ---- names ------------------------------------------------------------------------------------
 * Disks can hold a hundred thousand volumes: a name is looked for in a tree of them.
 */

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool layout_is_taken(const struct layout *layout, const char *name)
{
	return tfind(name, (void *const *)&layout->names, compare_names) != NULL;
}

static void forget_name(struct layout *layout, const struct layout_volume *volume)
{
	tdelete(volume->name, &layout->names, compare_names);
}

/* ---- the lists --------------------------------------------------------------------------------
 */

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->n_volumes; i++) {
		forget_name(layout, &layout->volumes[i]);
		layout_clear_volume(&layout->volumes[i]);
	}
	free(layout->volumes);
	for (size_t i = 0; i < layout->n_groups; i++)
		free_group(layout->groups[i]);
	free(layout->groups);
	for (size_t i = 0; i < layout->n_disks; i++) {
		free(layout->disks[i].source);
		free(layout->disks[i].vendor);
		free(layout->disks[i].product);
		free(layout->disks[i].serial);
		free(layout->disks[i].identity);
		free(layout->disks[i].metadata);
		free(layout->disks[i].doubts);
		blk_unref(layout->disks[i].blk);
	}
	free(layout->disks);
	for (size_t i = 0; i < layout->n_warnings; i++)
		free(layout->warnings[i]);
	free(layout->warnings);
	free(layout);
}

int layout_add_volume(struct layout *layout, struct layout_volume *volume, struct error *err)
{
	size_t n = layout->n_volumes;
	struct layout_volume *bigger = layout->volumes;
	if (n == 0 || is_power_of_2(n)) /* it is full: twice the room */
		bigger = reallocarray(bigger, n ? 2 * n : 1, sizeof(*bigger));
	if (bigger)
		layout->volumes = bigger;
	if (!bigger || !tsearch(volume->name, &layout->names, compare_names)) {
		layout_clear_volume(volume);
		return error_set(err, -ENOMEM, "%zu volumes: %m", n);
	}
	layout->volumes[n] = *volume;
	layout->n_volumes = n + 1;
	return 0;
}

void layout_drop(struct layout *layout, struct layout_volume *volume)
{
	forget_name(layout, volume);
	layout_clear_volume(volume);
	size_t behind = (size_t)(layout->volumes + layout->n_volumes - (volume + 1));
	memmove(volume, volume + 1, behind * sizeof(*volume));
	layout->n_volumes--;
}

int layout_introduce(struct layout *layout, size_t disk, const struct layout_identity *identity,
		     struct error *err)
{
	struct layout_disk *to = &layout->disks[disk];
	to->vendor = strdup(identity->vendor);
	to->product = strdup(identity->product);
	to->serial = strdup(identity->serial);
	to->identity = strdup(identity->id);
	if (!to->vendor || !to->product || !to->serial || !to->identity)
		return error_set(err, -ENOMEM, "%s: %m", to->name);
	return 0;
}

struct layout_volume *layout_find(const struct layout *layout, const char *name)
{
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (strcmp(layout->volumes[i].name, name) == 0)
			return &layout->volumes[i];
	return NULL;
}

int layout_warn(struct layout *layout, struct error *err, const char *fmt, ...)
{
	void *bigger =
		reallocarray(layout->warnings, layout->n_warnings + 1, sizeof(*layout->warnings));
	if (!bigger)
		return error_set(err, -ENOMEM, "warning: %m");
	layout->warnings = bigger;
	va_list ap;
	va_start(ap, fmt);
	char *text;
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return error_set(err, -ENOMEM, "warning: %m");
	layout->warnings[layout->n_warnings++] = text;
	return 0;
}
