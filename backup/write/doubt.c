/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doubt - see doubt.h. */
#include <errno.h>
#include <string.h>

#include "doubt.h"

#define RIVAL_MAX sizeof(((struct fs_info *)NULL)->type)

/*
 * What may lie around a table, and nobody here opens. A table on a member of an array of the
 * firmware may be that of the array, with every second chunk elsewhere; bcache leaves the one alone
 * that was there before. Arrays of Linux the layout knows; all others write over the first sector.
 */
static bool is_around_tables(const char *type)
{
	size_t len = strlen(type), tail = strlen("_raid_member");
	return strcmp(type, "bcache") == 0 ||
	       (len > tail && strcmp(type + len - tail, "_raid_member") == 0 &&
		strncmp(type, "linux_", 6) != 0);
}

/* Only where a file system lies behind a table: what has the disk to itself is asked itself. */
static int look_around(const struct layout *layout, const struct blk *volume, struct error *err)
{
	for (size_t i = 0; i < layout->n_disks; i++) {
		const struct layout_disk *disk = &layout->disks[i];
		char rival[RIVAL_MAX];
		if (disk->table == LAYOUT_TABLE_NONE || !blk_is_on(volume, disk->blk))
			continue;
		int rc = fs_rival(disk->blk, "", rival, sizeof(rival), err);
		if (rc < 0)
			return error_wrap(err, rc, "%s ('%s')", disk->name, disk->source);
		if (rc > 0 && is_around_tables(rival))
			return error_set(err, -EUCLEAN,
					 "%s ('%s') is, or was, a part of something that cannot be "
					 "opened (%s)",
					 disk->name, disk->source, rival);
	}
	return 0;
}

static int look_at_volume(const struct layout_volume *volume, struct error *err)
{
	char rival[RIVAL_MAX];
	int rc = fs_rival(volume->blk, volume->filesystem, rival, sizeof(rival), err);
	if (rc <= 0)
		return rc;
	return error_set(err, -EUCLEAN,
			 "it also has the records of something else (%s), and nobody can say which "
			 "of the two is a remainder: if it is that, 'wipefs --types %s' removes it",
			 rival, rival);
}

int doubt_file_system(const struct layout *layout, const struct layout_volume *volume,
		      struct fs *fs, struct error *err)
{
	struct fs_used used;
	int rc = layout_is_doubted(layout, volume->blk, err);
	if (rc > 0)
		return error_set(err, -EUCLEAN,
				 "something that cannot be read may lie where its file system "
				 "says that nothing does");
	if (rc == 0 || rc == -ENOTSUP) /* then nothing of the disks is left out */
		rc = look_around(layout, volume->blk, err);
	if (rc == 0)
		rc = look_at_volume(volume, err);
	return rc < 0 ? rc : fs_used(fs, 0, &used, err);
}
