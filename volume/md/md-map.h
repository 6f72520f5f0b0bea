/* SPDX-License-Identifier: GPL-3.0-or-later */
/* md-map - where the bytes of an MD array lie. */
#ifndef MD_MAP_H
#define MD_MAP_H

#include "lunette/map.h"
#include "md-super.h"

/**
 * struct md_slot - a place in an array
 * @blk: the member, NULL when it is missing
 * @start: byte offset of its data
 * @length: bytes of its data, for levels whose members may differ
 */
struct md_slot {
	struct blk *blk;
	uint64_t start;
	uint64_t length;
};

/**
 * md_map() - describe an array
 * @super: of its freshest member; says nothing of this member alone
 * @slots: @super->raid_disks of them
 * @ret: owned by the caller
 *
 * Return: 0; -ENOTSUP for a level or a layout that is not known; -ENODATA when a missing member
 * leaves the size in the dark; -EINVAL, -ERANGE for numbers that make no array; -ENOMEM.
 */
int md_map(const struct md_super *super, const struct md_slot *slots, struct map **ret,
	   struct error *err);

#endif
