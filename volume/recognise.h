/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recognise - how volumes come into a layout: one function for each kind of thing that can be
 * found.
 *
 * A recogniser looks at the disks and at the volumes that are there by now, and adds to them what
 * it understands. recognisers.c has the list, in the order in which they run.
 */
#ifndef RECOGNISE_H
#define RECOGNISE_H

#include "lunette/layout.h"
#include "lunette/recognisers.h"

/**
 * layout_add_volume() - append a volume
 * @volume: name, title, blk and map, when it has no blk, are taken over, also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int layout_add_volume(struct layout *layout, struct layout_volume *volume, struct error *err);

/* Frees what a volume owns; for a recogniser that gives one up before it was added. */
void layout_clear_volume(struct layout_volume *volume);

/* ---- layout-group.c: what recognisers of groups have in common --------------------------------
 */

/**
 * layout_add_group() - append a group without missing members
 * @id: cut when it is too long
 * @ret: owned by the layout, stays where it is
 *
 * Return: 0 or -ENOMEM.
 */
int layout_add_group(struct layout *layout, enum layout_kind kind, const char *name, const char *id,
		     struct layout_group **ret, struct error *err);

/**
 * layout_miss() - add the name of a missing member to a group
 *
 * Return: 0 or -ENOMEM.
 */
int layout_miss(struct layout_group *group, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * layout_unique_name() - make a name from a disk safe for a path, and unlike those of all volumes
 * @name: what it should be; "." and "/" and control characters do not stay
 *
 * Return: a name to be freed, or NULL for want of memory.
 */
char *layout_unique_name(const struct layout *layout, const char *name);

/**
 * layout_describe() - set a volume's size and state, and the reason when it has none yet, by its
 * map
 */
void layout_describe(struct layout_volume *volume);

/**
 * layout_set_map() - give a volume the bytes that a map describes
 * @volume: its size, map, blk and state are set; the reason when it has none yet
 * @map: taken over, also on failure
 * @sector: logical sector size in bytes
 *
 * Return: 0 or -ENOMEM.
 */
int layout_set_map(struct layout_volume *volume, struct map *map, uint32_t sector,
		   struct error *err);

/**
 * layout_add_metadata() - have a range stored in full by backups, wherever its bytes lie
 * @blk: a disk of the layout or a blk mapped to them; what lies elsewhere is left out
 *
 * Return: 0; -ERANGE if the range is not inside @blk; -ENOMEM.
 */
int layout_add_metadata(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err);

#endif
