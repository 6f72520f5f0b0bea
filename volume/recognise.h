/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recognise - how volumes come into a layout: one function for each kind of thing that can be
 * found.
 *
 * A recogniser looks at the disks and at the volumes that are there by now, and adds to them what
 * it understands. layout.c has the list, in the order in which they run.
 */
#ifndef RECOGNISE_H
#define RECOGNISE_H

#include "lunette/layout.h"

/**
 * layout_add_volume() - append a volume
 * @volume: name, title, blk and map, when it has no blk, are taken over, also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int layout_add_volume(struct layout *layout, struct layout_volume *volume, struct error *err);

/* Frees what a volume owns; for a recogniser that gives one up before it was added. */
void layout_clear_volume(struct layout_volume *volume);

/**
 * layout_find_partitions() - the recogniser of partition tables: makes each partition a volume, and
 * each disk without a table
 *
 * Return: 0; -ENOMEM; the disk's error when its first sector cannot be read.
 */
int layout_find_partitions(struct layout *layout, struct error *err);

#endif
