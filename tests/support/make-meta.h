/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make-meta - writes blocks of device-mapper metadata, for tests. */
#ifndef MAKE_META_H
#define MAKE_META_H

#include "blk-mem.h"

#define META_THIN_SUPER  160774
#define META_CACHE_SUPER 9031977
#define META_NODE        121107
#define META_ARRAY       595846735

void meta_put(uint8_t *at, uint64_t value, unsigned int bytes);

/* Sets number and checksum of a block of 4096 bytes. */
void meta_seal(uint8_t *block, uint64_t number, size_t number_at, uint32_t xor);

/* A node of a tree of 64-bit values in block @number of @meta. */
void meta_node(struct blk_mem *meta, uint64_t number, bool leaf, unsigned int n,
	       const uint64_t *keys, const uint64_t *values);

/* The super-block of a thin pool whose volumes are in the tree at @root. */
void meta_thin_super(struct blk_mem *meta, uint64_t root, uint32_t chunk_sectors);

/* The super-block of a cache whose array is in the tree at @root, and one block of that array. */
void meta_cache_super(struct blk_mem *meta, uint64_t root, uint32_t chunk_sectors, uint32_t blocks);
void meta_array(struct blk_mem *meta, uint64_t number, unsigned int n, const uint64_t *values);

#endif
