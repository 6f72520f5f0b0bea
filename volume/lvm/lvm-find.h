/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lvm-find - which physical volumes there are, and which of them belong together. */
#ifndef LVM_FIND_H
#define LVM_FIND_H

#include "lvm.h"
#include "recognise.h"

/**
 * struct lvm_found - a physical volume
 * @c: what is one
 * @text: its newest, an index into the list of texts; SIZE_MAX when it has none
 * @done: its group has been put together
 */
struct lvm_found {
	struct candidate *c;
	struct lvm_label label;
	size_t text;
	bool done;
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

struct lvm_text;

/**
 * struct lvm_finds - what has been found so far; zeroed at first
 * @text_bytes: that have been parsed
 */
struct lvm_finds {
	size_t text_bytes;
	size_t n_found;
	struct lvm_found *found;
	size_t n_texts;
	struct lvm_text *texts;
};

void lvm_finds_clear(struct lvm_finds *finds);

/**
 * lvm_find_look() - is a candidate a physical volume?
 *
 * What is damaged becomes a warning of the layout.
 *
 * Return: 1 when it is, 0 when not; -ENOMEM.
 */
int lvm_find_look(struct lvm_finds *finds, struct search *search, struct candidate *c,
		  struct error *err);

/**
 * lvm_find_groups() - hand over the volume groups that are ready
 * @depth: as for struct recogniser's assemble
 * @fn: called for each; may add volumes
 *
 * Return: 1 when there were any, 0 when not; -ENOMEM; what @fn returned.
 */
int lvm_find_groups(struct lvm_finds *finds, struct search *search, unsigned int depth,
		    int (*fn)(struct search *search, struct lvm_instance *instance,
			      struct error *err),
		    struct error *err);

#endif
