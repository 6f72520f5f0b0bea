/* SPDX-License-Identifier: GPL-3.0-or-later */
/* point-bad - does a volume need what could not be read? See point-open.h. */
#include <errno.h>

#include "lunette/bad-ranges.h"
#include "lunette/point-open.h"

#define PIECE ((size_t)256 << 10)

/* Where a volume has parity or mirrors it may be whole all the same: reading tells. */
static int try_range(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	int rc = 0;
	for (uint64_t end = off + length; rc == 0 && off < end; off += PIECE)
		rc = blk_read(blk, ctx, (size_t)MIN((uint64_t)PIECE, end - off), off, err);
	return rc;
}

static int try_disk(const struct repo_disk *disk, struct blk *image, struct blk *blk, void *buf,
		    struct error *err)
{
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	int rc = bad_ranges_parse(disk->unreadable, disk->size, &bad, err);
	for (size_t i = 0; rc == 0 && i < bad.n; i++)
		rc = blk_find(blk, image, bad.ranges[i].length, bad.ranges[i].start, try_range, buf,
			      err);
	return rc;
}

int point_try_bad(const json_t *point, const struct layout *layout, struct blk *blk,
		  struct error *err)
{
	CLEANUP(free_cleanup) void *buf = malloc(PIECE);
	if (!buf)
		return error_set(err, -ENOMEM, "%m");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < layout->n_disks; i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		rc = try_disk(&disk, layout->disks[i].blk, blk, buf, err);
	}
	return rc;
}
