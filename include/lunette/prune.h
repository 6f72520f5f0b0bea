/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune - frees the room of what no restore point refers to any more, while backups run.
 *
 * In two steps, so that nobody's chunks vanish under him. First packs are marked: those of which
 * nothing is needed, and those of which so little is that the rest was copied to new packs. From
 * then on whoever begins to write leaves them alone. They are removed when every writer that did
 * not know of the mark has ended, and unless a restore point that was written meanwhile refers to
 * them: in the same run when nobody writes, else in a later one. What needs no copying goes first,
 * and what is marked goes before anything new is written but marks, for which there is a reserve:
 * so that a store that is full becomes less so.
 *
 * Forgotten restore points become final before anything is marked, when it is known what the others
 * refer to.
 *
 * It may be ended at any moment: what is half done is found and finished by the next run.
 */
#ifndef LUNETTE_PRUNE_H
#define LUNETTE_PRUNE_H

#include <stdatomic.h>

#include "lunette/repo.h"

/* How much of all packs may be unused before some are rewritten, in percent. */
#define PRUNE_MAX_UNUSED 10

/**
 * struct prune_options
 * @max_unused: percent; 100: nothing is rewritten
 * @dry_run: only find out
 * @stop: set by a signal: end with -EINTR
 * @progress: bytes that were gone through, and how many there are; may be NULL
 */
struct prune_options {
	unsigned int max_unused;
	bool dry_run;
	const atomic_bool *stop;
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

/* Packs, and their bytes. */
struct prune_amount {
	uint64_t packs;
	uint64_t bytes;
};

/**
 * struct prune_result - what was found, and done
 * @points: restore points there are
 * @forgotten: restore points that could be brought back and now cannot, or could not then
 * @chunks: that they refer to, nodes of chunk maps included
 * @all: packs there are
 * @used: bytes of packs that are referred to
 * @dead: packs of which nothing is referred to
 * @unindexed: of these, packs that no index knows: left by a killed writer
 * @rewritten: packs of which the used part was copied, or would be
 * @copied: bytes that were copied, or would be
 * @young: packs that are left alone because a running writer may have made them
 * @removed: packs that were removed, those marked by an earlier run included
 * @marked: packs that are marked, and wait for writers to end
 * @postponed: packs that would have been rewritten, were there room for what is used of them
 * @unsettled: packs are gone, and there was no room for indexes that do not speak of them: their
 *             marks stay
 * @waiting_for: texts: those writers
 * @writers: texts: everybody who holds a lease
 * @missing: chunks that restore points refer to and that are nowhere
 * @damaged: packs that were not rewritten, as they cannot be read
 */
struct prune_result {
	uint64_t points;
	uint64_t forgotten;
	uint64_t chunks;
	struct prune_amount all, dead, unindexed, rewritten, young, removed, marked, postponed;
	uint64_t used;
	uint64_t copied;
	bool unsettled;
	json_t *waiting_for;
	json_t *writers;
	uint64_t missing;
	uint64_t damaged;
};

/**
 * prune_run() - do it
 * @ret: what was done so far, also on failure; to be freed with prune_result_free()
 *
 * Return: 0; -EINTR; -EBUSY when another prune or repair is at work; -EUCLEAN when a restore point,
 * an index or a node of a chunk map is damaged, so that what is needed is not known: then nothing
 * was removed; -EOPNOTSUPP when older lunettes may be writing without a lease; ...
 */
int prune_run(struct repo *repo, const struct prune_options *options, struct prune_result *ret,
	      struct error *err);
void prune_result_free(struct prune_result *result);

#endif
