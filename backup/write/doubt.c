/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doubt - see doubt.h. */
#include <errno.h>
#include <string.h>

#include "doubt.h"

/* A member of an array of the firmware: a table on one may be that of the array, with every second
 * chunk elsewhere. Those of Linux the layout knows. */
static bool is_firmware(const char *type)
{
	size_t len = strlen(type), tail = strlen("_raid_member");
	return len > tail && strcmp(type + len - tail, "_raid_member") == 0 &&
	       strncmp(type, "linux_", 6) != 0;
}

int doubt_disks(struct layout *layout, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++) {
		struct layout_disk *disk = &layout->disks[i];
		char rival[sizeof(((struct fs_info *)NULL)->type)];
		int found = fs_rival(disk->blk, "", rival, sizeof(rival), err);
		if (found < 0)
			return error_wrap(err, found, "%s ('%s')", disk->name, disk->source);
		if (found == 0 || !is_firmware(rival))
			continue;
		rc = layout_doubt(layout, disk->blk, disk->blk->size, 0, err);
		if (rc == 0)
			rc = layout_warn(layout, err,
					 "%s ('%s') is, or was, a member of an array of the "
					 "firmware (%s): nothing on it is left out",
					 disk->name, disk->source, rival);
	}
	return rc;
}

int doubt_file_system(const struct layout *layout, const struct layout_volume *volume,
		      struct fs *fs, struct error *err)
{
	char rival[sizeof(((struct fs_info *)NULL)->type)];
	struct fs_used used;
	int rc = layout_is_doubted(layout, volume->blk, err);
	if (rc > 0)
		return error_set(err, -EUCLEAN,
				 "something that cannot be read may lie where its file system "
				 "says that nothing does");
	if (rc == 0 || rc == -ENOTSUP) /* then nothing of the disks is left out */
		rc = fs_rival(volume->blk, volume->filesystem, rival, sizeof(rival), err);
	if (rc > 0)
		return error_set(err, -EUCLEAN,
				 "it also has the records of something else (%s), and nobody can "
				 "say which of the two is a remainder: if it is that, 'wipefs "
				 "--types %s' removes it",
				 rival, rival);
	return rc < 0 ? rc : fs_used(fs, 0, &used, err);
}
