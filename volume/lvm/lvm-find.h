/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-find - from the volumes of a layout to volume groups: which physical volumes there are, and
 * which of them belong together.
 */
#ifndef LVM_FIND_H
#define LVM_FIND_H

#include "lunette/layout.h"
#include "lvm.h"

/**
 * struct lvm_found - a physical volume
 * @blk: referenced
 * @where: name of the volume that it is on
 * @text: its newest, an index into the list of texts; SIZE_MAX when it has none
 */
struct lvm_found {
	struct blk *blk;
	char *where;
	struct lvm_label label;
	size_t text;
};

/**
 * struct lvm_instance - a volume group, or one of several clones of it
 * @vg: by the newest text of its physical volumes
 * @pvs: @n of them, in the order of the disks; each is one that @vg names
 */
struct lvm_instance {
	struct lvm_vg *vg;
	size_t n;
	struct lvm_found **pvs;
};

/**
 * lvm_find() - find the volume groups in a layout, and take their physical volumes out of it
 * @fn: called for each; may add volumes
 *
 * What is damaged becomes a warning of the layout.
 *
 * Return: 0; -ENOMEM; what @fn returned.
 */
int lvm_find(struct layout *layout,
	     int (*fn)(void *ctx, struct lvm_instance *instance, struct error *err), void *ctx,
	     struct error *err);

#endif
