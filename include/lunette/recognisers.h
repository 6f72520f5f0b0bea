/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recognisers - what is looked for on disks and in volumes, as a list.
 *
 * volume/recognisers.c has all there are. A program that must do without what stands behind one of
 * them (LVM's needs libdevmapper) defines a list of its own, and is linked with what is on it only.
 */
#ifndef LUNETTE_RECOGNISERS_H
#define LUNETTE_RECOGNISERS_H

struct recogniser;

extern const struct recogniser layout_partitions;
extern const struct recogniser layout_ldm;
extern const struct recogniser layout_md;
extern const struct recogniser layout_lvm;
extern const struct recogniser layout_locks;

/*
 * In this order: a table is there before it is asked whether a disk is dynamic or a member of an
 * array, and what no one else takes may be encrypted. Ends with NULL.
 */
extern const struct recogniser *const layout_recognisers[];

#endif
