/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk - the checks and defaults in front of every implementation. See include/lunette/blk.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "lunette/blk.h"

void blk_init(struct blk *blk, const struct blk_ops *ops, uint64_t size, uint32_t sector)
{
	assert(is_power_of_2(sector) && sector >= 512 && sector <= 65536);
	blk->ops = ops;
	blk->size = size;
	blk->sector = sector;
	atomic_init(&blk->refs, 1);
}

struct blk *blk_ref(struct blk *blk)
{
	atomic_fetch_add_explicit(&blk->refs, 1, memory_order_relaxed);
	return blk;
}

void blk_unref(struct blk *blk)
{
	if (blk && atomic_fetch_sub_explicit(&blk->refs, 1, memory_order_acq_rel) == 1)
		blk->ops->destroy(blk);
}

int blk_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	if (!range_inside(len, off, blk->size))
		return error_set(err, -ERANGE,
				 "read of %zu bytes at offset %" PRIu64
				 " reaches past the end (%" PRIu64 " bytes)",
				 len, off, blk->size);
	if (len == 0)
		return 0;
	int rc = blk->ops->read(blk, buf, len, off, err);
	assert(rc <= 0);
	return rc;
}

int blk_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	if (off >= blk->size)
		return error_set(err, -ERANGE,
				 "offset %" PRIu64 " is past the end (%" PRIu64 " bytes)", off,
				 blk->size);
	struct blk_extent ext = { .length = blk->size - off, .zero = false };
	if (blk->ops->extent) {
		int rc = blk->ops->extent(blk, off, &ext, err);
		if (rc < 0)
			return rc;
		assert(ext.length > 0);
		ext.length = MIN(ext.length, blk->size - off);
	}
	*ret = ext;
	return 0;
}
