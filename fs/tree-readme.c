/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-readme - README in the folder of a volume that shows no files: why it does not, and what can
 * be done; and beside the volumes, where some may be missing.
 *
 * What is asked again and again must have one answer, because the kernel keeps listings: a file
 * system that cannot be opened at this moment has files, and entering them is the error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tree-private.h"

#define WHOLE "`image` is the volume, whole.\n"

__attribute__((format(printf, 2, 3))) static bool say(char *buf, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf, TREE_README_MAX, fmt, ap);
	va_end(ap);
	return true;
}

static bool say_damage(const struct layout_volume *volume, const char *why, char *buf)
{
	return say(buf,
		   "The files of volume %s cannot be shown: %s.\n"
		   "\n" WHOLE "A copy of it can be given to programs that repair what is on it.\n",
		   volume->name, why);
}

static bool say_unknown(const struct layout_volume *volume, char *buf)
{
	if (volume->holds)
		return say(buf,
			   "Volume %s holds other volumes, which are shown beside it.\n"
			   "\n" WHOLE,
			   volume->name);
	if (!*volume->filesystem)
		return say(buf,
			   "No file system was recognised on volume %s. In a backup, that may be\n"
			   "because the volume was not chosen to be stored.\n"
			   "\n" WHOLE,
			   volume->name);
	return say(buf,
		   "Volume %s has %s on it, of which lunette cannot show files.\n"
		   "\n" WHOLE "The kernel may know it. As root, in this folder:\n"
		   "\n"
		   "    mount -o ro,loop image DIR\n"
		   "\n"
		   "with ro,loop,noload for ext3 and ext4, ro,loop,norecovery,nouuid for XFS.\n",
		   volume->name, volume->filesystem);
}

/* What no driver was found for is probed again: one may recognise what is left of a file system. */
static bool why_unknown(const struct layout_volume *volume, char *buf)
{
	struct fs_source source = { .blk = volume->blk };
	struct error why = { 0 };
	struct fs *fs = NULL;
	int rc = fs_open(&source, &fs, &why);
	fs_close(fs);
	return rc == -EUCLEAN ? say_damage(volume, why.msg, buf) : say_unknown(volume, buf);
}

bool tree_readme(struct tree *tree, uint32_t point, uint32_t index, const struct tree_open *open,
		 char buf[TREE_README_MAX])
{
	if (index >= open->layout->n_volumes)
		return index == open->layout->n_volumes && open->layout->untold &&
		       say(buf,
			   "Not all volumes need be here: %.1000s.\n"
			   "\n"
			   "`../disks` has the disks, as far as they can be read, and `../layout.json`\n"
			   "all warnings.\n",
			   open->layout->untold);
	const struct layout_volume *volume = &open->layout->volumes[index];
	if (volume->state == LAYOUT_LOCKED)
		return say(buf,
			   "The files of volume %s cannot be shown: %s.\n"
			   "\n"
			   "`image` is the volume as it is on the disk.\n",
			   volume->name, volume->reason);
	if (!volume->blk)
		return say(buf, "Volume %s cannot be shown: %s.\n%s", volume->name, volume->reason,
			   volume->settled ? ""
					   : "\nIt is shown together with all disks that carry a "
					     "part of it.\n");
	if (!fs_can_open(volume->filesystem))
		return why_unknown(volume, buf);
	struct tree_attr attr;
	struct error why = { 0 };
	return tree_files_root(tree, point, index, &attr, &why) == -EUCLEAN &&
	       say_damage(volume, why.msg, buf);
}
