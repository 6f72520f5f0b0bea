/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parent-match - which disk of a restore point a disk of this backup was.
 *
 * Places say nothing: the kernel names disks as they come. A disk is told by what the storage calls
 * it, by its partition table, and by the ids of what is on it. Where two could be meant, or nothing
 * can be told, nobody is: such a disk is read in full.
 */
#ifndef PARENT_MATCH_H
#define PARENT_MATCH_H

#include "lunette/layout.h"

#define MATCH_MARKS 16

/**
 * struct match_mark - something with an id: a file system, a member of an array or a volume group
 * @off: where on the disk it begins
 */
struct match_mark {
	uint64_t off;
	char text[128];
};

/**
 * struct match_disk - what a disk is told by
 * @name: "disk0", ...
 * @lun: VPD 0x83 identity; "" when it has none. A snapshot has another one than the next snapshot
 * @table: id of its partition table; "" when it has none
 * @n_marks: of what is on it, in no order
 */
struct match_disk {
	const char *name;
	const char *lun;
	const char *table;
	uint64_t size;
	size_t n_marks;
	struct match_mark marks[MATCH_MARKS];
};

/**
 * match_look() - what the n-th disk of a layout is told by
 * @lun: see struct match_disk; borrowed, as the layout's texts are
 *
 * Return: 0; the disk's error.
 */
int match_look(const struct layout *layout, size_t n, const char *lun, struct match_disk *ret,
	       struct error *err);

/**
 * struct match_sides - this backup's disks, and a restore point's
 * @in_order: whoever asks knows that they are the same disks in the same order
 */
struct match_sides {
	const struct match_disk *now;
	size_t n_now;
	const struct match_disk *old;
	size_t n_old;
	bool in_order;
};

/**
 * match_find() - which of the old disks one of this backup's is
 * @i: of @sides->now
 * @why: set when it is none: a sentence's second half
 *
 * Return: its number, or SIZE_MAX.
 */
size_t match_find(const struct match_sides *sides, size_t i, const char **why);

#endif
