/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md-super - finds the super-block of an MD member.
 *
 * The versions differ in where they are: 0.90 and 1.0 at the end, 1.1 at the start, 1.2 behind
 * 4 KiB. A version-1 super-block says where it is itself, so that what is found at the end of a
 * disk is never taken for that of its last partition. The magic alone proves little, the checksum
 * does.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "md-super.h"

#define SUPER_BYTES    4096
#define RESERVED_BYTES UINT64_C(65536) /* 0.90: the last full 64 KiB, aligned to 64 KiB */

static int parse(struct blk *blk, unsigned int major, unsigned int minor, uint64_t off,
		 struct md_super *ret, struct error *err)
{
	union {
		char bytes[SUPER_BYTES];
		uint32_t magic;
	} buf;
	if (!range_inside(sizeof(buf), off, blk->size))
		return 0;
	int rc = blk_read(blk, buf.bytes, sizeof(buf.bytes), off, err);
	if (rc < 0)
		return error_wrap(err, rc, "MD super-block");
	if (le32toh(buf.magic) != MD_MAGIC && be32toh(buf.magic) != MD_MAGIC)
		return 0;
	if (major == 0)
		return md_super0_parse(buf.bytes, off, ret, err);
	return md_super1_parse(blk, buf.bytes, off, minor, ret, err);
}

/* Source: Linux, drivers/md/md.c, super_1_load(), super_90_load(). */
int md_super_read(struct blk *blk, struct md_super *ret, struct error *err)
{
	uint64_t size = blk->size & ~UINT64_C(511);
	if (size < 2 * SUPER_BYTES)
		return 0;
	const struct {
		unsigned int major, minor;
		uint64_t off;
	} places[] = {
		{ 1, 2, 4096 },
		{ 1, 1, 0 },
		{ 1, 0, (size - 8192) & ~UINT64_C(4095) },
		{ 0, 90, size < RESERVED_BYTES ? size : (size & -RESERVED_BYTES) - RESERVED_BYTES },
	};
	int damaged = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int rc = parse(blk, places[i].major, places[i].minor, places[i].off, ret, err);
		if (rc == -EUCLEAN)
			damaged = rc;
		else if (rc != 0)
			return rc;
	}
	return damaged;
}
