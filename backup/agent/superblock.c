/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * superblock - see superblock.h.
 *
 * ext writes the time of the last write into its superblock, XFS a log sequence number, Btrfs a
 * generation: a freeze that had anything to write leaves other bytes there than the one before.
 *
 * Source: ext: Linux, Documentation/filesystems/ext4, "Super Block"; XFS: fs/xfs/libxfs/
 * xfs_format.h; Btrfs: include/uapi/linux/btrfs_tree.h; LVM2: lib/format_text/layout.h; MD:
 * include/uapi/linux/raid/md_p.h.
 */
#include <string.h>

#include "superblock.h"

#define MAGIC(text) .magic = (text), .magic_len = sizeof(text) - 1

/* In this order: a member of an array may begin with the file system that is in it. */
static const struct superblock kinds[] = {
	{ "md", MAGIC("\xfc\x4e\x2b\xa9"), .magic_at = 4096, .id_at = 4096 + 16, .id_len = 16 },
	{ "md", MAGIC("\xfc\x4e\x2b\xa9"), .id_at = 16, .id_len = 16 },
	{ "lvm", MAGIC("LVM2 001"), .magic_at = 512 + 24, .id_at = 512 + 32, .id_len = 32 },
	{ "btrfs", MAGIC("_BHRfS_M"), .magic_at = 65536 + 64, .id_at = 65536 + 32, .id_len = 16,
	  .at = 65536, .len = 4096 },
	{ "xfs", MAGIC("XFSB"), .id_at = 32, .id_len = 16, .at = 0, .len = 512 },
	{ "ext", MAGIC("\x53\xef"), .magic_at = 1024 + 0x38, .id_at = 1024 + 0x68, .id_len = 16,
	  .at = 1024, .len = 1024 },
};

int superblock_find(struct blk *blk, uint8_t id[SUPERBLOCK_ID_MAX], const struct superblock **ret,
		    struct error *err)
{
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct superblock *kind = &kinds[i];
		uint8_t magic[16];
		if (!range_inside(kind->magic_len, kind->magic_at, blk->size) ||
		    !range_inside(kind->id_len, kind->id_at, blk->size) ||
		    !range_inside(kind->len, kind->at, blk->size))
			continue;
		int rc = blk_read(blk, magic, kind->magic_len, kind->magic_at, err);
		if (rc < 0)
			return rc;
		if (memcmp(magic, kind->magic, kind->magic_len) != 0)
			continue;
		rc = blk_read(blk, id, kind->id_len, kind->id_at, err);
		if (rc == 0)
			*ret = kind;
		return rc;
	}
	return 0;
}
