/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repack - chunks go to new packs as they lie in old ones, sealed, after they have been proved.
 *
 * What is new to the indexes collects in one table, as in a writer, and becomes an index when that
 * is full. Not thread-safe.
 */
#ifndef LUNETTE_REPACK_H
#define LUNETTE_REPACK_H

#include "lunette/id-set.h"
#include "lunette/pack-read.h"

struct repack;

/**
 * repack_new() - get ready
 * @taken: names that a new pack must not get; those of the packs that chunks are copied from are
 *         added, for they are going to be removed. Must outlive it
 */
int repack_new(struct repo *repo, struct id_set *taken, struct repack **ret, struct error *err);
void repack_free(struct repack *repack); /* what was not settled is abandoned; may be NULL */
DEFINE_CLEANUP(struct repack *, repack_free)

/* Has this chunk been added since an index was written last? */
bool repack_knows(const struct repack *repack, const struct chunk_id *id);

/**
 * repack_add() - copy a chunk, which must not be known
 * @key: of the pack that it lies in
 * @entry: where
 * @ret_why: why it cannot be had there, with -EUCLEAN when it is damaged; code 0 when it was copied
 *
 * Return: 0, also when it cannot be had; what writing said.
 */
int repack_add(struct repack *repack, const char *key, const struct pack_entry *entry,
	       struct error *ret_why, struct error *err);

/* All that was added is on stable storage and in an index when this returns 0. */
int repack_settle(struct repack *repack, struct error *err);

#endif
