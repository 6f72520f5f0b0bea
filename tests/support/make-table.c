/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <zlib.h>

#include "make-table.h"

#define ARRAY_BYTES (128 * 128)

void put_le(uint8_t *p, uint64_t n, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(n >> 8 * i);
}

uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t n = 0;
	for (unsigned int i = 0; i < bytes; i++)
		n |= (uint64_t)p[i] << 8 * i;
	return n;
}

void make_mbr_entry(struct blk_mem *disk, uint32_t sector, uint64_t lba, unsigned int slot,
		    uint8_t type, uint32_t start, uint32_t length)
{
	uint8_t *mbr = disk->bytes + lba * sector, *entry = mbr + 446 + 16 * slot;
	entry[4] = type;
	put_le(entry + 8, start, 4);
	put_le(entry + 12, length, 4);
	put_le(mbr + 510, 0xAA55, 2);
}

static void make_header(struct blk_mem *disk, uint32_t sector, uint64_t lba, uint64_t other,
			uint64_t array)
{
	uint8_t *h = disk->bytes + lba * sector;
	uint64_t in_array = ARRAY_BYTES / sector;
	memcpy(h, "EFI PART", 8);
	put_le(h + 8, 0x10000, 4);
	put_le(h + 12, 92, 4);
	put_le(h + 24, lba, 8);
	put_le(h + 32, other, 8);
	put_le(h + 40, 2 + in_array, 8);
	put_le(h + 48, disk->blk.size / sector - 2 - in_array, 8);
	memset(h + 56, 0xD1, 16);
	put_le(h + 72, array, 8);
	put_le(h + 80, 128, 4);
	put_le(h + 84, 128, 4);
}

void make_gpt(struct blk_mem *disk, uint32_t sector)
{
	uint64_t last = disk->blk.size / sector - 1;
	make_mbr_entry(disk, sector, 0, 0, 0xEE, 1, (uint32_t)last);
	make_header(disk, sector, 1, last, 2);
	make_header(disk, sector, last, 1, last - ARRAY_BYTES / sector);
	make_gpt_seal_both(disk, sector);
}

void make_gpt_entry(struct blk_mem *disk, uint32_t sector, unsigned int slot, uint8_t type,
		    uint64_t first, uint64_t last)
{
	uint64_t end = disk->blk.size / sector - 1;
	const uint64_t arrays[] = { 2, end - ARRAY_BYTES / sector };
	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		uint8_t *entry = disk->bytes + arrays[i] * sector + (size_t)128 * slot;
		memset(entry, type, 16);
		put_le(entry + 32, first, 8);
		put_le(entry + 40, last, 8);
	}
}

void make_gpt_seal(struct blk_mem *disk, uint32_t sector, uint64_t lba)
{
	uint8_t *h = disk->bytes + lba * sector;
	uint64_t at = get_le(h + 72, 8) * sector, size = get_le(h + 80, 4) * get_le(h + 84, 4);
	if (size <= disk->blk.size && range_inside(size, at, disk->blk.size))
		put_le(h + 88, crc32(0, disk->bytes + at, (uInt)size), 4);
	put_le(h + 16, 0, 4);
	uint32_t length = (uint32_t)get_le(h + 12, 4);
	put_le(h + 16, crc32(0, h, MIN(length, sector)), 4);
}

void make_gpt_seal_both(struct blk_mem *disk, uint32_t sector)
{
	make_gpt_seal(disk, sector, 1);
	make_gpt_seal(disk, sector, disk->blk.size / sector - 1);
}
