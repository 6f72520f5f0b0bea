/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recognisers - what is looked for on disks, as a list.
 *
 * volume/recognisers.c has all there are. A program that must do without what stands behind one of
 * them (LVM's needs libdevmapper) defines a list of its own, and is linked with what is on it only.
 */
#ifndef LUNETTE_RECOGNISERS_H
#define LUNETTE_RECOGNISERS_H

#include "lunette/error.h"

struct layout;

typedef int layout_recogniser(struct layout *layout, struct error *err);

/* In the order in which they run: each sees what those before it found. Ends with NULL. */
extern layout_recogniser *const layout_recognisers[];

/**
 * layout_find_partitions() - the recogniser of partition tables: makes each partition a volume, and
 * each disk without a table
 *
 * Return: 0; -ENOMEM; the disk's error when its first sector cannot be read.
 */
int layout_find_partitions(struct layout *layout, struct error *err);

/**
 * layout_find_ldm() - the recogniser of Windows dynamic disks (LDM): puts volumes in the place of
 * the partitions that mark a disk as dynamic
 *
 * Return: 0 or -ENOMEM.
 */
int layout_find_ldm(struct layout *layout, struct error *err);

/**
 * layout_find_md() - the recogniser of MD arrays, on disks, partitions and other MD arrays
 *
 * Return: 0 or -ENOMEM.
 */
int layout_find_md(struct layout *layout, struct error *err);

/**
 * layout_find_lvm() - the recogniser of LVM2, on disks, partitions and MD arrays
 *
 * Return: 0 or -ENOMEM.
 */
int layout_find_lvm(struct layout *layout, struct error *err);

#endif
