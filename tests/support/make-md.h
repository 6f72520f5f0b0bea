/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make-md - writes MD super-blocks, for tests: from md_p.h, not from the code under test. */
#ifndef MAKE_MD_H
#define MAKE_MD_H

#include "blk-mem.h"

/**
 * struct make_md - what a super-block is to say
 * @minor: 0, 1 or 2; 90 for version 0.90
 * @size: KiB used of each member; 0 for levels where they may differ
 * @data: sector where data begins (not 0.90)
 * @data_size: sectors of it; 0: @size
 * @chunk: KiB
 * @number: of this member; roles[number] is its place
 * @big: 0.90 of a big-endian host
 */
struct make_md {
	unsigned int minor;
	int level;
	unsigned int layout;
	unsigned int chunk;
	unsigned int raid_disks;
	uint64_t size;
	uint64_t data;
	uint64_t data_size;
	uint64_t events;
	uint32_t features;
	uint64_t recovered;
	uint64_t resync;
	unsigned int number;
	unsigned int n_roles;
	uint16_t roles[8];
	uint8_t uuid;
	const char *name;
	bool big;
};

/* Writes it where its version belongs. */
void make_md(struct blk_mem *disk, const struct make_md *md);

/* Where make_md() wrote it, and how to make its checksum right again after a change. */
uint64_t make_md_offset(const struct blk_mem *disk, unsigned int minor);
void make_md_seal(struct blk_mem *disk, const struct make_md *md);

#endif
