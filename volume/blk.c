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
	blk->preferred = BLK_PREFERRED;
	blk->depth = BLK_DEPTH;
	blk->whole = blk->readable = true;
	blk->ways = 1;
	atomic_init(&blk->refs, 1);
}

void blk_stand_on(struct blk *blk, const struct blk *below)
{
	bool first = blk->ways == 1;
	blk->preferred = first ? below->preferred : MAX(blk->preferred, below->preferred);
	blk->depth = first ? below->depth : MAX(blk->depth, below->depth);
	blk->whole = blk->whole && below->whole;
	blk->readable = blk->readable && below->readable;
	blk->ways += below->ways;
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

static int no_progress(const struct blk *blk, uint64_t off, struct error *err)
{
	return error_set(err, -EUCLEAN, "a '%s' says nothing of the bytes at offset %" PRIu64,
			 blk->ops->name, off);
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
		if (ext.length == 0)
			return no_progress(blk, off, err);
		ext.length = MIN(ext.length, blk->size - off);
	}
	*ret = ext;
	return 0;
}

/* ---- down to the disks, and back --------------------------------------------------------------
 */

/* What blk_walk() was asked, while it is on its way down. */
struct blk_walking {
	blk_range_fn *fn;
	void *ctx;
};

/* @walk's function is asked about a range, and led to what is below it if it wants to be. */
static int step_down(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	const struct blk_walking *walk = ctx;
	if (!range_inside(length, off, blk->size))
		return error_set(err, -ERANGE,
				 "%" PRIu64 " bytes at offset %" PRIu64
				 " reach past the end (%" PRIu64 " bytes)",
				 length, off, blk->size);
	if (length == 0)
		return 0;
	int rc = walk->fn(walk->ctx, blk, length, off, err);
	if (rc != BLK_BELOW)
		return rc;
	if (blk->ops->leaf)
		return error_set(err, -ENXIO, "bytes of it lie on a '%s' that is none of its disks",
				 blk->ops->name);
	if (!blk->ops->below)
		return error_set(err, -ENOTSUP, "a '%s' cannot say where its bytes lie",
				 blk->ops->name);
	for (uint64_t told; length > 0; off += told, length -= told) {
		told = length;
		rc = blk->ops->below(blk, length, off, step_down, ctx, &told, err);
		if (rc < 0)
			return rc;
		if (told == 0)
			return no_progress(blk, off, err);
		told = MIN(told, length);
	}
	return 0;
}

int blk_walk(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
	     struct error *err)
{
	struct blk_walking walk = { fn, ctx };
	return step_down(&walk, blk, length, off, err);
}

/* What was found above is clipped to the blk, and what is left of it passed on. */
static int pass_up(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	const struct blk_walking *up = ctx;
	length = off < blk->size ? MIN(length, blk->size - off) : 0;
	return length ? up->fn(up->ctx, blk, length, off, err) : 0;
}

int blk_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off, blk_range_fn *fn,
	     void *ctx, struct error *err)
{
	struct blk_walking up = { fn, ctx };
	if (blk == disk)
		return pass_up(&up, blk, length, off, err);
	if (blk->ops->leaf || length == 0 || off >= disk->size)
		return 0;
	if (!blk->ops->find)
		return pass_up(&up, blk, blk->size, 0, err);
	return blk->ops->find(blk, disk, length, off, pass_up, &up, err);
}

/* On the way from ranges of the blk below to the same ones of @blk. */
struct through {
	struct blk *blk;
	blk_range_fn *fn;
	void *ctx;
};

static int pass_through(void *ctx, struct blk *below, uint64_t length, uint64_t off,
			struct error *err)
{
	(void)below;
	const struct through *through = ctx;
	return through->fn(through->ctx, through->blk, length, off, err);
}

int blk_find_through(struct blk *blk, struct blk *below, struct blk *disk, uint64_t length,
		     uint64_t off, blk_range_fn *fn, void *ctx, struct error *err)
{
	struct through through = { blk, fn, ctx };
	return blk_find(below, disk, length, off, pass_through, &through, err);
}

int blk_confirm(struct blk *blk, struct error *err)
{
	return blk->ops->confirm ? blk->ops->confirm(blk, err) : 0;
}

bool blk_is_on(const struct blk *blk, const struct blk *disk)
{
	if (blk == disk || blk->ops->leaf)
		return blk == disk;
	return !blk->ops->is_on || blk->ops->is_on(blk, disk);
}

int blk_map(struct blk *blk, const struct map **ret, struct error *err)
{
	if (!blk->ops->map)
		return error_set(err, -ENOTSUP, "a '%s' is not made of segments", blk->ops->name);
	return blk->ops->map(blk, ret, err);
}
