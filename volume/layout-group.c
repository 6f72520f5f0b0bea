/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout-group - what the recognisers of groups have in common: names for volumes, states, and the
 * ranges of disks that hold the groups' own records.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/utf8.h"
#include "recognise.h"

int layout_add_group(struct layout *layout, enum layout_kind kind, const char *name, const char *id,
		     struct layout_group **ret, struct error *err)
{
	struct layout_group *group = calloc(1, sizeof(*group));
	char *copy = strdup(name);
	void *bigger = reallocarray(layout->groups, layout->n_groups + 1, sizeof(*layout->groups));
	if (bigger)
		layout->groups = bigger;
	if (!group || !copy || !bigger) {
		free(group);
		free(copy);
		return error_set(err, -ENOMEM, "group '%s': %m", name);
	}
	group->kind = kind;
	group->name = copy;
	snprintf(group->id, sizeof(group->id), "%s", id);
	layout->groups[layout->n_groups++] = group;
	*ret = group;
	return 0;
}

int layout_miss(struct layout_group *group, struct error *err, const char *fmt, ...)
{
	void *bigger = reallocarray(group->missing, group->n_missing + 1, sizeof(*group->missing));
	if (!bigger)
		return error_set(err, -ENOMEM, "group '%s': %m", group->name);
	group->missing = bigger;
	va_list ap;
	va_start(ap, fmt);
	char *text;
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return error_set(err, -ENOMEM, "group '%s': %m", group->name);
	group->missing[group->n_missing++] = text;
	return 0;
}

/* ---- names ------------------------------------------------------------------------------------
 */

#define NAME_BYTES 200 /* leaves room for a number within the 255 bytes of a file's name */

static void make_safe(const char *name, char *buf, size_t size)
{
	utf8_clean(name, strlen(name), buf, size);
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '/')
			*c = '_';
	if (buf[0] == '.')
		buf[0] = '_';
	if (buf[0] == '\0')
		snprintf(buf, size, "volume");
}

static char *numbered(const char *name, unsigned int n)
{
	char *text;
	return asprintf(&text, "%s~%u", name, n) < 0 ? NULL : text;
}

/* Names that a disk repeats a hundred thousand times must not cost as many tries each: steps that
 * double find one that is free, and halving them the first behind one that is taken. */
static char *first_free(const struct layout *layout, const char *name)
{
	unsigned int taken = 1, step = 1;
	CLEANUP(free_cleanup) char *free_name = numbered(name, taken + step);
	while (free_name && layout_is_taken(layout, free_name)) {
		taken += step;
		step *= 2;
		free(free_name);
		free_name = numbered(name, taken + step);
	}
	while (free_name && step > 1) {
		step /= 2;
		CLEANUP(free_cleanup) char *try = numbered(name, taken + step);
		if (!try)
			return NULL;
		if (layout_is_taken(layout, try)) {
			taken += step;
			continue;
		}
		free(free_name);
		free_name = steal(&try);
	}
	return steal(&free_name);
}

char *layout_unique_name(const struct layout *layout, const char *name)
{
	char safe[NAME_BYTES + 1];
	make_safe(name, safe, sizeof(safe));
	return layout_is_taken(layout, safe) ? first_free(layout, safe) : strdup(safe);
}

/* ---- states -----------------------------------------------------------------------------------
 */

/* "member 3 of 4 is missing", with all that the group misses: not each need matter to this volume.
 */
static void name_missing(const struct layout_group *group, char *buf, size_t size)
{
	size_t n = group ? group->n_missing : 0;
	int at = 0;
	for (size_t i = 0; i < n && at >= 0 && (size_t)at < size; i++)
		at += snprintf(buf + at, size - (size_t)at, "%s%s", i ? ", " : "",
			       group->missing[i]);
	if (n == 0)
		snprintf(buf, size, "members are missing");
	else if (at >= 0 && (size_t)at < size)
		snprintf(buf + at, size - (size_t)at, n == 1 ? " is missing" : " are missing");
}

void layout_describe(struct layout_volume *volume)
{
	volume->size = volume->map->size;
	volume->state = LAYOUT_OK;
	if (map_is_whole(volume->map))
		return;
	bool readable = map_is_readable(volume->map);
	volume->state = readable ? LAYOUT_DEGRADED : LAYOUT_INCOMPLETE;
	if (volume->reason[0])
		return;
	char missing[sizeof(volume->reason)];
	name_missing(volume->group, missing, sizeof(missing));
	snprintf(volume->reason, sizeof(volume->reason), "%.200s; %s", missing,
		 readable ? "it can be read without" : "it cannot be read without");
}

int layout_set_map(struct layout_volume *volume, struct map *map, uint32_t sector,
		   struct error *err)
{
	volume->map = map;
	layout_describe(volume);
	if (volume->state == LAYOUT_INCOMPLETE)
		return 0;
	int rc = map_blk(map, sector, &volume->blk, err);
	if (rc < 0)
		volume->map = NULL; /* it is gone */
	return rc;
}

/* ---- metadata, and doubts ---------------------------------------------------------------------
 */

/* Joins a range to @n others, which are in ascending order and do not touch. */
static int join_range(struct layout_range **ranges, size_t *ret_n, uint64_t length, uint64_t start,
		      struct error *err)
{
	size_t i = 0, n = *ret_n;
	struct layout_range *r = *ranges;
	while (i < n && r[i].start + r[i].length < start)
		i++;
	size_t j = i;
	uint64_t end = start + length;
	for (; j < n && r[j].start <= end; j++) {
		start = MIN(start, r[j].start);
		end = MAX(end, r[j].start + r[j].length);
	}
	if (i == j) {
		r = reallocarray(r, n + 1, sizeof(*r));
		if (!r)
			return error_set(err, -ENOMEM, "%zu ranges of a disk: %m", n);
		*ranges = r;
	}
	memmove(&r[i + 1], &r[j], (n - j) * sizeof(*r));
	r[i] = (struct layout_range){ .start = start, .length = end - start };
	*ret_n = n - (j - i) + 1;
	return 0;
}

static int found_metadata(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			  struct error *err)
{
	(void)ctx;
	return join_range(&disk->metadata, &disk->n_metadata, length, off, err);
}

static int found_doubt(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		       struct error *err)
{
	(void)ctx;
	return join_range(&disk->doubts, &disk->n_doubts, length, off, err);
}

static int add_range(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
		     layout_range_fn *fn, struct error *err)
{
	struct error why = { 0 };
	int rc = layout_walk(layout, blk, length, off, fn, NULL, &why);
	if (rc == -ENOTSUP) {
		layout->unplaced = true;
		return 0;
	}
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

int layout_add_metadata(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err)
{
	return add_range(layout, blk, length, off, found_metadata, err);
}

int layout_doubt(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
		 struct error *err)
{
	return add_range(layout, blk, length, off, found_doubt, err);
}

static int look_for_doubts(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			   struct error *err)
{
	(void)err;
	bool *ret = ctx;
	for (size_t i = 0; i < disk->n_doubts; i++) {
		const struct layout_range *r = &disk->doubts[i];
		*ret |= off < r->start + r->length && r->start < off + length;
	}
	return 0;
}

int layout_is_doubted(const struct layout *layout, struct blk *blk, struct error *err)
{
	bool doubted = false;
	int rc = layout_walk(layout, blk, blk->size, 0, look_for_doubts, &doubted, err);
	return rc < 0 ? rc : doubted;
}
