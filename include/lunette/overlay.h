/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlay - a writable blk over any blk, which itself is never written.
 *
 * What is written goes to a store, block by block at the same offset; all else is still read from
 * below. So a journal can be replayed on a snapshot, and a disk of a finished backup given out as
 * if it were a server's own. Which blocks are where is kept in memory only, and gone with it.
 */
#ifndef LUNETTE_OVERLAY_H
#define LUNETTE_OVERLAY_H

#include "lunette/blk.h"
#include "lunette/target.h"

/* What is written in part is first copied whole, in blocks of so many bytes. */
#define OVERLAY_BLOCK 4096u

/**
 * struct overlay_store - where written blocks go: two views of one thing
 * @blk: to read them back; the overlay takes a reference
 * @target: to write them; taken over, also on failure
 *
 * Both have at least the size of what is below, and are used for nothing else. Sparse ones take as
 * much room as is written: a file, or memory_new().
 */
struct overlay_store {
	struct blk *blk;
	struct target *target;
};

/**
 * overlay_new() - put an overlay over a blk
 * @below: the overlay takes its own reference
 * @store: empty, or at least of no meaning so far; NULL for memory
 * @ret_blk: reads what is below and what was written since; it cannot say in segments what it is
 * @ret_target: writes; keeps the overlay alive, to be freed with target_free()
 *
 * Any thread may read and write. A write that fails leaves blocks that were not written before as
 * they were; those that were are what the store made of them. Whole blocks that are made zero give
 * back the store's room, if it can.
 *
 * Return: 0; -EINVAL when the store is smaller than @below; -ENOMEM.
 */
int overlay_new(struct blk *below, const struct overlay_store *store, struct blk **ret_blk,
		struct target **ret_target, struct error *err);

#endif
