/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make-lvm - writes physical volumes of LVM2, for tests: from the format, not the code under test.
 */
#ifndef MAKE_LVM_H
#define MAKE_LVM_H

#include "blk-mem.h"

/* UUIDs: 32 times the letter, with LVM's dashes in it. */
const char *make_lvm_id(char letter);

/* A label in @sector for a physical volume with one metadata area, or none when @length is 0. */
void make_lvm_label(struct blk_mem *disk, unsigned int sector, char letter, uint64_t start,
		    uint64_t length);
void make_lvm_label_seal(struct blk_mem *disk, unsigned int sector);

/* A metadata area whose text begins at @off of it, and goes round if it must. */
void make_lvm_area(struct blk_mem *disk, uint64_t start, uint64_t length, uint64_t off,
		   const char *text);
void make_lvm_area_seal(struct blk_mem *disk, uint64_t start);

#endif
