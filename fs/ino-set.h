/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ino-set - which inodes were seen. Those whose numbers are near each other share a slot, so that a
 * million of them take a megabyte or less where a file system numbers them one after the other.
 */
#ifndef FS_INO_SET_H
#define FS_INO_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

/* Slots of 16 bytes; at most half of them, of 64 numbers each, are taken. */
#define INO_SET_SLOTS_MAX ((size_t)8 << 20)

/**
 * struct ino_set - zeroed is empty
 * @n: slots taken, of @room, a power of 2
 */
struct ino_set {
	size_t n;
	size_t room;
	struct ino_slot *slots;
};

/**
 * ino_set_add() - add an inode's number
 * @ret: it was not there yet
 *
 * Return: 0; -ENOMEM; -ENOSPC when there are too many.
 */
int ino_set_add(struct ino_set *set, uint64_t ino, bool *ret, struct error *err);

void ino_set_clear(struct ino_set *set);

#endif
