/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "make-meta.h"

void meta_put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* CRC-32C by a table that the definition fills. */
static uint32_t crc32c_of(const uint8_t *p, size_t len)
{
	static uint32_t table[256];
	for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
		table[i] = i;
		for (int b = 0; b < 8; b++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78u : 0);
	}
	uint32_t crc = UINT32_MAX;
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ table[(crc ^ *p) & 255];
	return crc;
}

void meta_seal(uint8_t *block, uint64_t number, size_t number_at, uint32_t xor)
{
	meta_put(block + number_at, number, 8);
	meta_put(block, crc32c_of(block + 4, 4092) ^ xor, 4);
}

void meta_node(struct blk_mem *meta, uint64_t number, bool leaf, unsigned int n,
	       const uint64_t *keys, const uint64_t *values)
{
	uint8_t *block = meta->bytes + number * 4096;
	memset(block, 0, 4096);
	meta_put(block + 4, leaf ? 2 : 1, 4);
	meta_put(block + 16, n, 4);
	meta_put(block + 20, 252, 4);
	meta_put(block + 24, 8, 4);
	for (size_t i = 0; i < n; i++) {
		meta_put(block + 32 + 8 * i, keys[i], 8);
		meta_put(block + 32 + 8 * (252 + i), values[i], 8);
	}
	meta_seal(block, number, 8, META_NODE);
}

void meta_thin_super(struct blk_mem *meta, uint64_t root, uint32_t chunk_sectors)
{
	memset(meta->bytes, 0, 4096);
	meta_put(meta->bytes + 32, 27022010, 8);
	meta_put(meta->bytes + 40, 2, 4);
	meta_put(meta->bytes + 320, root, 8);
	meta_put(meta->bytes + 336, chunk_sectors, 4);
	meta_put(meta->bytes + 340, 8, 4);
	meta_seal(meta->bytes, 0, 8, META_THIN_SUPER);
}

void meta_cache_super(struct blk_mem *meta, uint64_t root, uint32_t chunk_sectors, uint32_t blocks)
{
	memset(meta->bytes, 0, 4096);
	meta_put(meta->bytes + 32, 06142003, 8);
	meta_put(meta->bytes + 40, 2, 4);
	meta_put(meta->bytes + 192, root, 8);
	meta_put(meta->bytes + 232, chunk_sectors, 4);
	meta_put(meta->bytes + 236, 8, 4);
	meta_put(meta->bytes + 240, blocks, 4);
	meta_seal(meta->bytes, 0, 8, META_CACHE_SUPER);
}

void meta_array(struct blk_mem *meta, uint64_t number, unsigned int n, const uint64_t *values)
{
	uint8_t *block = meta->bytes + number * 4096;
	memset(block, 0, 4096);
	meta_put(block + 4, 509, 4);
	meta_put(block + 8, n, 4);
	meta_put(block + 12, 8, 4);
	for (size_t i = 0; i < n; i++)
		meta_put(block + 24 + 8 * i, values[i], 8);
	meta_seal(block, number, 16, META_ARRAY);
}
