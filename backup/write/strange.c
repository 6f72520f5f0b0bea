/* SPDX-License-Identifier: GPL-3.0-or-later */
/* strange - see strange.h. */
#include <errno.h>
#include <string.h>

#include "strange.h"

#define MIB       (UINT64_C(1) << 20)
#define PIECE     (256u << 10)
#define LOOK_MOST (64 * MIB)
#define LOOK_END  MIB

/* ---- blank? -----------------------------------------------------------------------------------
 */

/* Bad sectors are not blank: whoever reads all of it comes to them, and knows what to do. */
static int look_at_piece(struct blk *blk, uint8_t *buf, size_t len, uint64_t off, bool *ret,
			 struct error *err)
{
	struct error why = { 0 };
	int rc = blk_read(blk, buf, len, off, &why);
	*ret = rc == 0 && is_all_zero(buf, len);
	return rc == 0 || rc == -EIO ? 0 : error_copy(err, rc, &why);
}

/* Are all bytes from @off to before @end zero, @most of them that must be read? */
static int is_zero(struct blk *blk, uint64_t off, uint64_t end, uint64_t most, bool *ret,
		   struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(PIECE);
	if (!buf)
		return error_set(err, -ENOMEM, "%m");
	*ret = true;
	int rc = 0;
	while (rc == 0 && *ret && off < end && most > 0) {
		struct blk_extent ext = { 0 };
		rc = blk_extent(blk, off, &ext, err);
		if (rc == 0 && !ext.zero) {
			ext.length = MIN(ext.length, (uint64_t)PIECE);
			ext.length = MIN(ext.length, end - off);
			ext.length = MIN(ext.length, most);
			most -= ext.length;
			rc = look_at_piece(blk, buf, (size_t)ext.length, off, ret, err);
		}
		off += ext.length;
	}
	return rc;
}

static int is_blank(struct blk *blk, bool *ret, struct error *err)
{
	int rc = is_zero(blk, 0, blk->size, LOOK_MOST, ret, err);
	if (rc == 0 && *ret)
		rc = is_zero(blk, blk->size - MIN(blk->size, LOOK_END), blk->size, LOOK_END, ret,
			     err);
	return rc;
}

/* ---- volumes ----------------------------------------------------------------------------------
 */

/* Partitions that hold no file system, by what they are for. */
static bool is_without_file_system(const char *type)
{
	static const char *const types[] = {
		"21686148-6449-6e6f-744e-656564454649", /* BIOS boot */
		"9e1a2d38-c612-4316-aa26-8b49521e5a8b", /* PReP boot */
		"e3c9e316-0b5c-4db8-817d-f92df00215ae", /* Microsoft reserved */
		"41",                                   /* PReP boot */
	};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Members of what is put together here, if the rest of it is there. A pool of ZFS or VMware is one
 * thing with a name, as a file system is. */
static bool is_member(const char *filesystem)
{
	const char *end = strstr(filesystem, "_member");
	return end && strncmp(filesystem, "zfs_", 4) != 0 && strncmp(filesystem, "VMFS_", 5) != 0;
}

static int warn_of_volume(struct layout *layout, const struct layout_volume *volume, bool stored,
			  struct error *err)
{
	if (!volume->blk && volume->partition)
		return 0; /* it lies past the end of its disk, as is known already */
	if (!volume->blk)
		return layout_warn(layout, err,
				   "volume '%s' cannot be read: %s; the blocks that it lies on "
				   "are stored whole",
				   volume->name, volume->reason);
	if (is_member(volume->filesystem))
		return layout_warn(layout, err,
				   "volume '%s' is a member (%s) of something that could not be "
				   "put together from these disks: all of it is stored",
				   volume->name, volume->filesystem);
	if (!stored || volume->state == LAYOUT_LOCKED || *volume->filesystem ||
	    is_without_file_system(volume->partition_type))
		return 0;
	bool blank;
	int rc = is_blank(volume->blk, &blank, err);
	if (rc < 0)
		return error_wrap(err, rc, "volume '%s'", volume->name);
	return blank ? 0
		     : layout_warn(layout, err,
				   "volume '%s': nothing that is known is on it: all of it is "
				   "stored",
				   volume->name);
}

/* ---- disks ------------------------------------------------------------------------------------
 */

/* Something is known of a disk when it has a table, a volume, or at least records of a group. */
static bool is_known(const struct layout *layout, const struct layout_disk *disk)
{
	if (disk->table != LAYOUT_TABLE_NONE || disk->n_metadata)
		return true;
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (layout->volumes[i].blk && blk_is_on(layout->volumes[i].blk, disk->blk))
			return true;
	return false;
}

static int warn_of_disk(struct layout *layout, const struct layout_disk *disk, bool stored,
			struct error *err)
{
	bool blank;
	int rc = is_blank(disk->blk, &blank, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s ('%s')", disk->name, disk->source);
	return blank ? 0
		     : layout_warn(layout, err,
				   "%s ('%s') holds no table and no volume that is known: %s",
				   disk->name, disk->source,
				   stored ? "all of it is stored"
					  : "nothing of it is stored, because of --only-known");
}

int strange_warn(struct layout *layout, bool stored, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_volumes; i++)
		if (!layout->volumes[i].holds)
			rc = warn_of_volume(layout, &layout->volumes[i], stored, err);
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++)
		if (!is_known(layout, &layout->disks[i]))
			rc = warn_of_disk(layout, &layout->disks[i], stored, err);
	return rc;
}
