/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * superblock - the first words of file systems that can be frozen, and of what may be on a whole
 * disk in place of a partition table: what in them is for ever, and what each freeze writes anew.
 */
#ifndef AGENT_SUPERBLOCK_H
#define AGENT_SUPERBLOCK_H

#include "lunette/blk.h"

/**
 * struct superblock - a kind, and where its words lie in a volume
 * @magic: at @magic_at
 * @id_at: 16 bytes (LVM: 32) that never change; @id_len of them
 * @at: the record that is written when the file system is frozen, @len bytes; 0 when there is none
 */
struct superblock {
	const char *type;
	const char *magic;
	unsigned int magic_len;
	unsigned int magic_at;
	unsigned int id_at;
	unsigned int id_len;
	unsigned int at;
	unsigned int len;
};

/**
 * superblock_find() - what a volume begins with
 * @id: set to the bytes that never change when something is found
 * @ret: NULL when nothing is known
 *
 * Return: 0 or the error of reading.
 */
#define SUPERBLOCK_ID_MAX 32
int superblock_find(struct blk *blk, uint8_t id[SUPERBLOCK_ID_MAX], const struct superblock **ret,
		    struct error *err);

#endif
