/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout - the disks and what is found on them. See include/lunette/layout.h.
 *
 * This file keeps the lists and owns what is in them; finding is the recognisers' work
 * (recognise.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recognise.h"

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

int layout_new(const struct layout_input *disks, size_t n_disks, struct layout **ret,
	       struct error *err)
{
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
	for (layout_recogniser *const *find = layout_recognisers; *find; find++) {
		int rc = (*find)(layout, err);
		if (rc < 0)
			return rc;
	}
	*ret = steal(&layout);
	return 0;
}

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

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->n_volumes; i++)
		layout_clear_volume(&layout->volumes[i]);
	free(layout->volumes);
	for (size_t i = 0; i < layout->n_groups; i++)
		free_group(layout->groups[i]);
	free(layout->groups);
	for (size_t i = 0; i < layout->n_disks; i++) {
		free(layout->disks[i].source);
		free(layout->disks[i].metadata);
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
	void *bigger = reallocarray(layout->volumes, n + 1, sizeof(*layout->volumes));
	if (!bigger) {
		layout_clear_volume(volume);
		return error_set(err, -ENOMEM, "%zu volumes: %m", n);
	}
	layout->volumes = bigger;
	layout->volumes[n] = *volume;
	layout->n_volumes = n + 1;
	return 0;
}

void layout_drop(struct layout *layout, struct layout_volume *volume)
{
	layout_clear_volume(volume);
	size_t behind = (size_t)(layout->volumes + layout->n_volumes - (volume + 1));
	memmove(volume, volume + 1, behind * sizeof(*volume));
	layout->n_volumes--;
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
