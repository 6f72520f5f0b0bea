/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "make-lvm.h"

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* A bit at a time, as the definition of a CRC has it. */
static uint32_t crc(uint32_t value, const void *buf, size_t len)
{
	for (const uint8_t *p = buf; len > 0; p++, len--) {
		value ^= *p;
		for (int i = 0; i < 8; i++)
			value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
	}
	return value;
}

const char *make_lvm_id(char letter)
{
	static char ids[8][39];
	static unsigned int next;
	char *id = ids[next++ % 8];
	memset(id, letter, 38);
	for (int i = 6; i < 36; i += 5)
		id[i] = '-';
	id[38] = '\0';
	return id;
}

void make_lvm_label_seal(struct blk_mem *disk, unsigned int sector)
{
	uint8_t *label = disk->bytes + (size_t)512 * sector;
	put(label + 16, crc(0xf597a6cf, label + 20, 512 - 20), 4);
}

void make_lvm_label(struct blk_mem *disk, unsigned int sector, char letter, uint64_t start,
		    uint64_t length)
{
	uint8_t *label = disk->bytes + (size_t)512 * sector;
	memset(label, 0, 512);
	memcpy(label, "LABELONE", 8);
	put(label + 8, sector, 8);
	put(label + 20, 32, 4);
	memcpy(label + 24, "LVM2 001", 8);
	memset(label + 32, letter, 32);
	put(label + 64, disk->blk.size, 8);
	put(label + 72, 65536, 8); /* data area, then the end of the list */
	if (length) {
		put(label + 104, start, 8);
		put(label + 112, length, 8);
	}
	make_lvm_label_seal(disk, sector);
}

void make_lvm_area_seal(struct blk_mem *disk, uint64_t start)
{
	uint8_t *h = disk->bytes + start;
	put(h, crc(0xf597a6cf, h + 4, 508), 4);
}

void make_lvm_area(struct blk_mem *disk, uint64_t start, uint64_t length, uint64_t off,
		   const char *text)
{
	uint8_t *h = disk->bytes + start;
	size_t len = strlen(text) + 1;
	memset(h, 0, 512);
	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put(h + 20, 1, 4);
	put(h + 24, start, 8);
	put(h + 32, length, 8);
	put(h + 40, off, 8);
	put(h + 48, len, 8);
	put(h + 56, crc(0xf597a6cf, text, len), 4);
	for (size_t i = 0; i < len; i++)
		h[off + i < length ? off + i : off + i - length + 512] = (uint8_t)text[i];
	make_lvm_area_seal(disk, start);
}
