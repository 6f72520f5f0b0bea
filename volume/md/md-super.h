/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md-super - the super-block of a member of a Linux MD array, whatever its version.
 *
 * MD.md describes the formats.
 */
#ifndef MD_SUPER_H
#define MD_SUPER_H

#include <stdbool.h>
#include <stdint.h>

#include "lunette/blk.h"

#define MD_MAGIC 0xa92b4efcu

/* Behind the fixed part of a version-1 super-block of 4 KiB there is room for no more. */
#define MD_MAX_ROLES   1920
#define MD_ROLE_SPARE  0xffff
#define MD_ROLE_FAULTY 0xfffe

enum md_level {
	MD_LINEAR = -1,
	MD_RAID0 = 0,
	MD_RAID1 = 1,
	MD_RAID4 = 4,
	MD_RAID5 = 5,
	MD_RAID6 = 6,
	MD_RAID10 = 10,
};

/* Of a RAID-0 whose members differ in size, see md_map(). */
#define MD_RAID0_UNKNOWN   0
#define MD_RAID0_ORIGINAL  1
#define MD_RAID0_ALTERNATE 2

/**
 * struct md_super - what a member says of the array and of itself
 * @version: "0.90", "1.0", "1.1" or "1.2"
 * @uuid: of the array, as mdadm prints it
 * @name: of the array, without the host in front; "" when it has none
 * @device: identity of the member, the same on a clone of it
 * @level: enum md_level, or another number
 * @layout: of RAID levels; MD_RAID0_...
 * @chunk: bytes; 0 for levels without
 * @raid_disks: 1 to MAP_MAX_LEGS
 * @size: bytes that each member contributes; 0 for levels where they may differ
 * @events: grows with every change; members that fell behind are stale
 * @clean: nothing was being written when the super-block was
 * @reshaping: the array was on its way to another shape
 * @journal: it has a member that holds writes which are not in their place yet
 * @replacement: the member is a copy in the making of another one
 * @bad_blocks: it has blocks that were never written
 * @number: of the member in @roles
 * @data_start: byte offset of its data; the data lies inside the blk
 * @data_length: bytes
 * @recovered: bytes of its data that hold what they should; UINT64_MAX for all
 * @roles: by number: the place in the array of each member, as this one knows it
 */
struct md_super {
	char version[8];
	char uuid[40];
	char name[33];
	char device[40];
	int level;
	unsigned int layout;
	uint64_t chunk;
	unsigned int raid_disks;
	uint64_t size;
	uint64_t events;
	bool clean;
	bool reshaping;
	bool journal;
	bool replacement;
	bool bad_blocks;
	unsigned int number;
	uint64_t data_start;
	uint64_t data_length;
	uint64_t recovered;
	unsigned int n_roles;
	uint16_t roles[MD_MAX_ROLES];
};

/**
 * md_super_read() - look for a super-block at all the places where there may be one
 *
 * Return: 1 and @ret set when there is one; 0 when there is none; -EUCLEAN when there is one that
 * cannot be used; the blk's error.
 */
int md_super_read(struct blk *blk, struct md_super *ret, struct error *err);

/* The place in the array of the member with this number, as @super knows it. */
static inline unsigned int md_role(const struct md_super *super, unsigned int number)
{
	return number < super->n_roles ? super->roles[number] : MD_ROLE_SPARE;
}

/* ---- for md-super.c: one version each, with the 4096 bytes at @off of @blk --------------------
 */

int md_super0_parse(const void *buf, uint64_t off, struct md_super *ret, struct error *err);
int md_super1_parse(struct blk *blk, const void *buf, uint64_t off, unsigned int minor,
		    struct md_super *ret, struct error *err);

#endif
