/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-thin - the tables behind thin volumes, caches and snapshots.
 *
 * The input's first byte chooses the table, the rest is its blocks. Checksums and numbers of blocks
 * are made right: the second byte says which one to leave alone.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "lunette/map.h"
#include "lvm-remap.h"
#include "make-meta.h"

#define BLOCKS 16
#define CHUNK  4096

static void seal(struct blk_mem *meta, size_t blocks, bool cache, unsigned int but)
{
	for (unsigned int i = 0; i < blocks; i++) {
		uint8_t *block = meta->bytes + 4096 * (size_t)i;
		if (i == but)
			continue;
		if (i == 0)
			meta_seal(block, 0, 8, cache ? META_CACHE_SUPER : META_THIN_SUPER);
		else if (cache && i % 2 == 0)
			meta_seal(block, i, 16, META_ARRAY);
		else
			meta_seal(block, i, 8, META_NODE);
	}
}

static int nothing(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)ctx;
	(void)err;
	fuzz_check(range_inside(length, off, blk->size));
	return blk->ops->leaf ? 0 : BLK_BELOW;
}

static int open_table(const uint8_t *data, struct blk_mem *meta, struct blk_mem *below,
		      struct blk **ret)
{
	struct lvm_thin thin = { .meta = &meta->blk,
				 .data = &below->blk,
				 .origin = data[0] & 4 ? &below->blk : NULL,
				 .chunk = CHUNK,
				 .device = 1,
				 .size = (64 + data[1]) * CHUNK };
	switch (data[0] & 3) {
	case 0:
	case 1:
		return lvm_thin_open(&thin, ret, NULL);
	case 2:
		return lvm_cache_open(&below->blk, &meta->blk, &below->blk, CHUNK, ret, NULL);
	default:
		return lvm_snapshot_open(&below->blk, &meta->blk, nothing, NULL, ret, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct blk_mem *meta = blk_mem_new(BLOCKS * 4096, 512);
	struct blk_mem *below = blk_mem_new(16 * CHUNK, 512);
	memcpy(meta->bytes, data + 2, MIN(size - 2, (size_t)BLOCKS * 4096));
	if ((data[0] & 3) != 3)
		seal(meta, MIN(size / 4096 + 1, (size_t)BLOCKS), (data[0] & 3) == 2, data[1]);
	struct blk *blk;
	if (open_table(data, meta, below, &blk) == 0) {
		static char buf[CHUNK];
		struct blk_extent ext;
		for (uint64_t off = 0; off < blk->size; off += ext.length)
			if (blk_extent(blk, off, &ext, NULL) < 0)
				ext.length = CHUNK;
		for (uint64_t off = 0; off < blk->size; off += CHUNK)
			(void)blk_read(blk, buf, (size_t)MIN(blk->size - off, (uint64_t)CHUNK), off,
				       NULL);
		(void)blk_walk(blk, blk->size, 0, nothing, NULL, NULL);
		blk_unref(blk);
	}
	blk_unref(&meta->blk);
	blk_unref(&below->blk);
	return 0;
}
