/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * changed - which chunks of each disk have changed since a restore point, as a storage system says.
 *
 * A list is JSON, one object a line. The first line says which restore point and which disks the
 * list speaks of, each of the others names a range in bytes that may have changed, in any order,
 * overlapping or not, and the last one says how many there were:
 *
 *   {"format":"lunette-changed","version":1,"parent":"0123...","disks":["disk0","disk1"]}
 *   {"disk":"disk0","start":1048576,"length":65536}
 *   {"end":1}
 *
 * The end is what tells a list from the beginning of one: what is missing in a list would be
 * missing in the backup. For the same reason a disk that the first line does not name is not "as it
 * was", but unknown. "parent" is the id of the restore point that was made from the older snapshot,
 * and may be left out. Members that are not known are passed over.
 *
 * In memory a list is a bit a chunk, 512 KiB for a TiB in chunks of 256 KiB, however long it is.
 */
#ifndef CHANGED_H
#define CHANGED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lunette/error.h"
#include "lunette/layout.h"

#define CHANGED_LINE_MAX ((size_t)64 << 10)

struct changed;

/**
 * changed_read() - read a list to its end
 * @in: foreign bytes
 * @disks: @n_disks of them, that the list may speak of
 * @chunk_size: bytes, a power of two
 * @parent: id of the restore point that the list must be meant for
 * @ret: to be freed with changed_free()
 *
 * Return: 0; -EINVAL when it is not a list, or not one of these disks or for this restore point,
 * with the number of the line; the file's error.
 */
int changed_read(FILE *in, const struct layout_disk *disks, size_t n_disks, uint32_t chunk_size,
		 const char *parent, struct changed **ret, struct error *err);
void changed_free(struct changed *changed); /* may be NULL */
DEFINE_CLEANUP(struct changed *, changed_free)

/* Does the list say anything of the n-th disk? If not, all of it may have changed. */
bool changed_lists(const struct changed *changed, size_t disk);

/* May this chunk of a disk have changed? */
bool changed_has(const struct changed *changed, size_t disk, uint64_t chunk);

#endif
