/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make-table - writes partition tables into a memory disk, sound ones and, with a poke in between,
 * any other. It knows the formats by their offsets alone, and shares nothing with the readers.
 */
#ifndef MAKE_TABLE_H
#define MAKE_TABLE_H

#include "blk-mem.h"

/* Little-endian numbers of @bytes bytes. */
void put_le(uint8_t *p, uint64_t n, unsigned int bytes);
uint64_t get_le(const uint8_t *p, unsigned int bytes);

/* An entry of the MBR or EBR at sector @lba, and the signature 55 AA. */
void make_mbr_entry(struct blk_mem *disk, uint32_t sector, uint64_t lba, unsigned int slot,
		    uint8_t type, uint32_t start, uint32_t length);

/* Both copies of a GPT with 128 entries, none of them used, and the protective MBR. */
void make_gpt(struct blk_mem *disk, uint32_t sector);

/* A partition in both arrays, of a type whose GUID bytes are all @type; make_gpt_seal() afterwards.
 */
void make_gpt_entry(struct blk_mem *disk, uint32_t sector, unsigned int slot, uint8_t type,
		    uint64_t first, uint64_t last);

/* Computes both CRCs of the copy whose header is in sector @lba, from what it says now. */
void make_gpt_seal(struct blk_mem *disk, uint32_t sector, uint64_t lba);
void make_gpt_seal_both(struct blk_mem *disk, uint32_t sector);

#endif
