/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parent-match - see parent-match.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/filesystem.h"
#include "parent-match.h"

/* ---- what is on a disk ------------------------------------------------------------------------
 */

static void add_mark(struct match_disk *disk, uint64_t off, const struct fs_info *info)
{
	/* A swap area may be made anew each time that the server starts. */
	if (disk->n_marks == MATCH_MARKS || (!*info->uuid && !*info->member) ||
	    strcmp(info->type, "swap") == 0)
		return;
	struct match_mark *mark = &disk->marks[disk->n_marks++];
	mark->off = off;
	snprintf(mark->text, sizeof(mark->text), "%s %s %s", info->type, info->uuid, info->member);
}

/**
 * struct match_place - where a volume begins on one disk
 */
struct match_place {
	const struct layout_disk *disk;
	bool found;
	uint64_t off;
};

static int note_place(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		      struct error *err)
{
	(void)length;
	(void)err;
	struct match_place *place = ctx;
	if (disk == place->disk && !place->found) {
		place->found = true;
		place->off = off;
	}
	return 0;
}

/* Bad sectors have no id. Return: as fs_signature(). */
static int signature(struct blk *blk, struct fs_info *ret, struct error *err)
{
	struct error why = { 0 };
	int rc = fs_signature(blk, ret, &why);
	if (rc == -EIO)
		return 0;
	return rc < 0 ? error_copy(err, rc, &why) : rc;
}

static int look_at_volume(const struct layout *layout, const struct layout_volume *volume,
			  const struct layout_disk *on, struct match_disk *ret, struct error *err)
{
	struct match_place place = { .disk = on };
	struct fs_info info = { 0 };
	if (!volume->blk || !*volume->uuid || volume->blk == on->blk)
		return 0;
	/* A layer that cannot tell where its bytes lie is no mark of any disk. */
	if (layout_walk(layout, volume->blk, 1, 0, note_place, &place, NULL) < 0 || !place.found)
		return 0;
	int rc = signature(volume->blk, &info, err);
	if (rc > 0)
		add_mark(ret, place.off, &info);
	return MIN(rc, 0);
}

int match_look(const struct layout *layout, size_t n, const char *lun, struct match_disk *ret,
	       struct error *err)
{
	const struct layout_disk *disk = &layout->disks[n];
	struct fs_info info = { 0 };
	*ret = (struct match_disk){
		.name = disk->name, .lun = lun, .table = disk->id, .size = disk->blk->size
	};
	int rc = disk->table == LAYOUT_TABLE_NONE ? signature(disk->blk, &info, err) : 0;
	if (rc > 0)
		add_mark(ret, 0, &info);
	for (size_t i = 0; rc >= 0 && i < layout->n_volumes; i++)
		rc = look_at_volume(layout, &layout->volumes[i], disk, ret, err);
	return rc < 0 ? error_wrap(err, rc, "%s", disk->name) : 0;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

enum match_verdict {
	MATCH_SIZE,    /* no: other sizes */
	MATCH_TABLE,   /* no: other partition tables */
	MATCH_CONTENT, /* no: something else lies in the same place */
	MATCH_MAYBE,   /* nothing says no, and nothing says yes */
	MATCH_IS,
};

/* No id: what nobody has set yet. */
static bool says_something(const char *id)
{
	return id[strspn(id, "0-")] != '\0';
}

static enum match_verdict compare_marks(const struct match_disk *a, const struct match_disk *b)
{
	enum match_verdict verdict = MATCH_MAYBE;
	for (size_t i = 0; i < a->n_marks; i++)
		for (size_t j = 0; j < b->n_marks; j++) {
			if (a->marks[i].off != b->marks[j].off)
				continue;
			if (strcmp(a->marks[i].text, b->marks[j].text) != 0)
				return MATCH_CONTENT;
			verdict = MATCH_IS;
		}
	return verdict;
}

static bool same_lun(const struct match_disk *a, const struct match_disk *b)
{
	return *a->lun && strcmp(a->lun, b->lun) == 0;
}

static enum match_verdict compare(const struct match_disk *a, const struct match_disk *b)
{
	if (a->size != b->size)
		return MATCH_SIZE;
	if (strcmp(a->table, b->table) != 0)
		return MATCH_TABLE;
	enum match_verdict verdict = compare_marks(a, b);
	if (verdict == MATCH_MAYBE && (says_something(a->table) || same_lun(a, b)))
		return MATCH_IS;
	return verdict;
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

static size_t find_name(const struct match_sides *sides, const char *name)
{
	for (size_t j = 0; j < sides->n_old; j++)
		if (strcmp(sides->old[j].name, name) == 0)
			return j;
	return SIZE_MAX;
}

/*
 * The only old disk that @i is, and that no other disk of this backup is; by the storage's own name
 * alone, or by all that there is.
 */
static size_t find_only(const struct match_sides *sides, size_t i, bool by_lun)
{
	size_t found = SIZE_MAX;
	for (size_t j = 0; j < sides->n_old; j++) {
		const struct match_disk *old = &sides->old[j];
		if (compare(&sides->now[i], old) != MATCH_IS ||
		    (by_lun && !same_lun(&sides->now[i], old)))
			continue;
		if (found != SIZE_MAX)
			return SIZE_MAX;
		found = j;
	}
	for (size_t k = 0; found != SIZE_MAX && k < sides->n_now; k++) {
		const struct match_disk *old = &sides->old[found];
		if (k != i && compare(&sides->now[k], old) == MATCH_IS &&
		    (!by_lun || same_lun(&sides->now[k], old)))
			return SIZE_MAX;
	}
	return found;
}

size_t match_find(const struct match_sides *sides, size_t i, const char **why)
{
	size_t same = find_name(sides, sides->now[i].name);
	enum match_verdict verdict =
		same == SIZE_MAX ? MATCH_SIZE : compare(&sides->now[i], &sides->old[same]);
	if (sides->in_order && verdict >= MATCH_MAYBE)
		return same;
	size_t found = find_only(sides, i, true);
	if (found == SIZE_MAX)
		found = find_only(sides, i, false);
	if (found != SIZE_MAX)
		return found;
	/* The only one can be taken for no other one. */
	if (verdict == MATCH_MAYBE && sides->n_now == 1 && sides->n_old == 1)
		return same;
	*why = same == SIZE_MAX         ? "the restore point does not have it"
	       : verdict == MATCH_SIZE  ? "it has another size there"
	       : verdict == MATCH_TABLE ? "its partition table is another one there"
	       : verdict == MATCH_CONTENT
		       ? "what is on it is something else there"
		       : "it cannot be told which of the restore point's disks it was";
	return SIZE_MAX;
}
