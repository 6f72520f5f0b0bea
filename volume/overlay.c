/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlay - see include/lunette/overlay.h.
 *
 * Two bits a block say whether it is below, in the store, or zero; they are set once the store has
 * it. They are kept in groups that are made when something of them is written, so that memory is
 * taken for what changes and not for what is there. Readers are many at a time, writers alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/bits.h"
#include "lunette/memory.h"
#include "lunette/overlay.h"

#define BLOCK OVERLAY_BLOCK
#define GROUP 32768u /* blocks in one: 128 MiB */

enum place {
	BELOW,
	STORE,
	ZERO,
};

/**
 * struct group - where some blocks are: below, unless one of the two is set
 */
struct group {
	uint64_t store[BITS_WORDS(GROUP)];
	uint64_t zero[BITS_WORDS(GROUP)];
};

/**
 * struct overlay - the layer
 * @lock: of the groups, and of what is written to the store
 * @groups: NULL where nothing was written
 */
struct overlay {
	struct blk blk;
	struct blk *below;
	struct overlay_store store;
	pthread_rwlock_t lock;
	size_t n_groups;
	struct group **groups;
};

struct overlay_target {
	struct target target;
	struct overlay *overlay;
};

/* ---- where blocks are ---- */

/* Where the byte at @off is, and in @ret_run how many bytes from there on are in the same place. */
static enum place find_place(const struct overlay *overlay, uint64_t off, uint64_t *ret_run)
{
	uint64_t number = off / BLOCK, g = number / GROUP;
	size_t in = (size_t)(number % GROUP), end;
	enum place place = BELOW;
	const struct group *group = overlay->groups[g];
	if (!group) {
		while (g < overlay->n_groups && !overlay->groups[g])
			g++;
		*ret_run = MIN(g * GROUP * BLOCK, overlay->blk.size) - off;
		return BELOW;
	}
	if (bits_find(group->store, in, in + 1, true) == in)
		place = STORE;
	else if (bits_find(group->zero, in, in + 1, true) == in)
		place = ZERO;
	if (place == BELOW)
		end = MIN(bits_find(group->store, in, GROUP, true),
			  bits_find(group->zero, in, GROUP, true));
	else
		end = bits_find(place == STORE ? group->store : group->zero, in, GROUP, false);
	*ret_run = MIN((g * GROUP + end) * BLOCK, overlay->blk.size) - off;
	return place;
}

/* Blocks from @off on, the last of which may be a short one, are to be somewhere else from now on.
 */
static int make_groups(struct overlay *overlay, uint64_t len, uint64_t off, struct error *err)
{
	for (uint64_t g = off / BLOCK / GROUP; g <= (off + len - 1) / BLOCK / GROUP; g++) {
		if (!overlay->groups[g])
			overlay->groups[g] = calloc(1, sizeof(**overlay->groups));
		if (!overlay->groups[g])
			return error_set(err, -ENOMEM, "overlay: %m");
	}
	return 0;
}

static void set_place(struct overlay *overlay, uint64_t len, uint64_t off, enum place place)
{
	uint64_t number = off / BLOCK, end = (off + len - 1) / BLOCK + 1;
	for (uint64_t next; number < end; number = next) {
		struct group *group = overlay->groups[number / GROUP];
		next = MIN(end, (number / GROUP + 1) * GROUP);
		size_t from = (size_t)(number % GROUP), to = from + (size_t)(next - number);
		bits_put(group->store, from, to, place == STORE);
		bits_put(group->zero, from, to, place == ZERO);
	}
}

/* ---- reading ---- */

static int read_locked(struct overlay *overlay, uint8_t *to, size_t len, uint64_t off,
		       struct error *err)
{
	int rc = 0;
	for (size_t n; rc == 0 && len > 0; to += n, off += n, len -= n) {
		uint64_t run;
		enum place place = find_place(overlay, off, &run);
		n = (size_t)MIN((uint64_t)len, run);
		if (place == ZERO)
			memset(to, 0, n);
		else
			rc = blk_read(place == STORE ? overlay->store.blk : overlay->below, to, n,
				      off, err);
	}
	return rc;
}

static int overlay_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct overlay *overlay = (struct overlay *)blk;
	pthread_rwlock_rdlock(&overlay->lock);
	int rc = read_locked(overlay, buf, len, off, err);
	pthread_rwlock_unlock(&overlay->lock);
	return rc;
}

static int overlay_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct overlay *overlay = (struct overlay *)blk;
	uint64_t run;
	pthread_rwlock_rdlock(&overlay->lock);
	enum place place = find_place(overlay, off, &run);
	pthread_rwlock_unlock(&overlay->lock);
	*ret = (struct blk_extent){ .length = run, .zero = place == ZERO };
	if (place != BELOW)
		return 0;
	int rc = blk_extent(overlay->below, off, ret, err);
	ret->length = MIN(ret->length, run);
	return rc;
}

/* ---- to what lies below, and back ---- */

static int overlay_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn,
			 void *ctx, uint64_t *ret, struct error *err)
{
	struct overlay *overlay = (struct overlay *)blk;
	uint64_t run;
	pthread_rwlock_rdlock(&overlay->lock);
	enum place place = find_place(overlay, off, &run);
	pthread_rwlock_unlock(&overlay->lock);
	*ret = MIN(length, run);
	if (place == ZERO)
		return 0;
	return fn(ctx, place == STORE ? overlay->store.blk : overlay->below, *ret, off, err);
}

/* What was written since is still said to lie below, too. */
static int overlay_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
			blk_range_fn *fn, void *ctx, struct error *err)
{
	struct overlay *overlay = (struct overlay *)blk;
	int rc = blk_find_through(blk, overlay->below, disk, length, off, fn, ctx, err);
	if (rc < 0)
		return rc;
	return blk_find_through(blk, overlay->store.blk, disk, length, off, fn, ctx, err);
}

static int overlay_confirm(struct blk *blk, struct error *err)
{
	return blk_confirm(((struct overlay *)blk)->below, err);
}

static bool overlay_is_on(const struct blk *blk, const struct blk *disk)
{
	const struct overlay *overlay = (const struct overlay *)blk;
	return blk_is_on(overlay->below, disk) || blk_is_on(overlay->store.blk, disk);
}

static void overlay_destroy(struct blk *blk)
{
	struct overlay *overlay = (struct overlay *)blk;
	for (size_t g = 0; overlay->groups && g < overlay->n_groups; g++)
		free(overlay->groups[g]);
	free(overlay->groups);
	target_free(overlay->store.target);
	blk_unref(overlay->store.blk);
	blk_unref(overlay->below);
	pthread_rwlock_destroy(&overlay->lock);
	free(overlay);
}

static const struct blk_ops overlay_blk_ops = {
	.name = "overlay",
	.read = overlay_read,
	.extent = overlay_extent,
	.below = overlay_below,
	.find = overlay_find,
	.is_on = overlay_is_on,
	.confirm = overlay_confirm,
	.destroy = overlay_destroy,
};

/* ---- writing ---- */

/* A part of one block, whose rest is wherever the block is now. */
static int write_part(struct overlay *overlay, const void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	uint64_t run, begin = off - off % BLOCK;
	if (find_place(overlay, off, &run) == STORE)
		return target_write(overlay->store.target, buf, len, off, err);
	uint8_t block[BLOCK];
	size_t size = (size_t)MIN((uint64_t)BLOCK, overlay->blk.size - begin);
	int rc = read_locked(overlay, block, size, begin, err);
	if (rc < 0)
		return rc;
	memcpy(block + (off - begin), buf, len);
	rc = target_write(overlay->store.target, block, size, begin, err);
	if (rc == 0)
		set_place(overlay, size, begin, STORE);
	return rc;
}

/* How many of @len bytes at @off are whole blocks, when @off is at the beginning of one; else, or
 * when there is no whole one, 0. The last block of all may be a short one. */
static uint64_t whole_blocks(const struct overlay *overlay, uint64_t len, uint64_t off)
{
	if (off % BLOCK != 0)
		return 0;
	return off + len == overlay->blk.size ? len : len - len % BLOCK;
}

static int write_locked(struct overlay *overlay, const uint8_t *from, size_t len, uint64_t off,
			struct error *err)
{
	int rc = make_groups(overlay, len, off, err);
	for (size_t n; rc == 0 && len > 0; from += n, off += n, len -= n) {
		n = (size_t)whole_blocks(overlay, len, off);
		if (n == 0) {
			n = MIN(len, BLOCK - (size_t)(off % BLOCK));
			rc = write_part(overlay, from, n, off, err);
			continue;
		}
		rc = target_write(overlay->store.target, from, n, off, err);
		if (rc == 0)
			set_place(overlay, n, off, STORE);
	}
	return rc;
}

static int overlay_write(struct target *target, const void *buf, size_t len, uint64_t off,
			 struct error *err)
{
	struct overlay *overlay = ((struct overlay_target *)target)->overlay;
	pthread_rwlock_wrlock(&overlay->lock);
	int rc = write_locked(overlay, buf, len, off, err);
	pthread_rwlock_unlock(&overlay->lock);
	return rc;
}

static int zero_locked(struct overlay *overlay, uint64_t len, uint64_t off, struct error *err)
{
	static const uint8_t zeros[BLOCK];
	int rc = make_groups(overlay, len, off, err);
	for (uint64_t n; rc == 0 && len > 0; off += n, len -= n) {
		uint64_t run;
		n = whole_blocks(overlay, len, off);
		if (n == 0) {
			n = MIN(len, BLOCK - off % BLOCK);
			if (find_place(overlay, off, &run) != ZERO)
				rc = write_part(overlay, zeros, (size_t)n, off, err);
			continue;
		}
		set_place(overlay, n, off, ZERO);
		/* Room that is not given back is no error: nobody reads what is there any more. */
		(void)target_zero(overlay->store.target, n, off, NULL);
	}
	return rc;
}

static int overlay_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	struct overlay *overlay = ((struct overlay_target *)target)->overlay;
	pthread_rwlock_wrlock(&overlay->lock);
	int rc = zero_locked(overlay, len, off, err);
	pthread_rwlock_unlock(&overlay->lock);
	return rc;
}

static int overlay_flush(struct target *target, struct error *err)
{
	struct overlay *overlay = ((struct overlay_target *)target)->overlay;
	return target_flush(overlay->store.target, err);
}

static void overlay_target_destroy(struct target *target)
{
	blk_unref(&((struct overlay_target *)target)->overlay->blk);
	free(target);
}

static const struct target_ops overlay_target_ops = {
	.name = "overlay",
	.write = overlay_write,
	.zero = overlay_zero,
	.flush = overlay_flush,
	.destroy = overlay_target_destroy,
};

/* ---- making one ---- */

/* Takes @store's target over, and a reference of its blk. */
static int take_store(struct blk *below, const struct overlay_store *store,
		      struct overlay_store *ret, struct error *err)
{
	if (!store)
		return memory_new(below->size, below->sector, &ret->blk, &ret->target, err);
	*ret = (struct overlay_store){ blk_ref(store->blk), store->target };
	if (ret->blk->size < below->size || ret->target->size < below->size)
		return error_set(err, -EINVAL,
				 "the store of an overlay over %" PRIu64 " bytes is smaller",
				 below->size);
	return 0;
}

int overlay_new(struct blk *below, const struct overlay_store *store, struct blk **ret_blk,
		struct target **ret_target, struct error *err)
{
	struct overlay_store own = { 0 };
	int rc = take_store(below, store, &own, err);
	struct overlay_target *view = calloc(1, sizeof(*view));
	struct overlay *overlay = calloc(1, sizeof(*overlay));
	uint64_t n = below->size / BLOCK / GROUP + 1;
	struct group **groups =
		n <= SIZE_MAX / sizeof(*groups) ? calloc((size_t)n, sizeof(*groups)) : NULL;
	if (rc == 0 && (!view || !overlay || !groups))
		rc = error_set(err, -ENOMEM, "overlay: %m");
	if (rc < 0) {
		target_free(own.target);
		blk_unref(own.blk);
		free(view);
		free(overlay);
		free(groups);
		return rc;
	}
	blk_init(&overlay->blk, &overlay_blk_ops, below->size, below->sector);
	blk_stand_on(&overlay->blk, below);
	blk_stand_on(&overlay->blk, own.blk);
	pthread_rwlock_init(&overlay->lock, NULL);
	overlay->below = blk_ref(below);
	overlay->store = own;
	overlay->n_groups = (size_t)n;
	overlay->groups = groups;
	view->target = (struct target){ .ops = &overlay_target_ops, .size = below->size };
	view->overlay = (struct overlay *)blk_ref(&overlay->blk);
	*ret_blk = &overlay->blk;
	*ret_target = &view->target;
	return 0;
}
