/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reach - every chunk that restore points refer to, in the order of their ids.
 *
 * Points share most of their chunk maps, so each node is read once, however many points lead to it:
 * level by level from the roots down, all points together, the ids of a level sorted and each there
 * once before they are read. They are read in the order in which they lie in packs. Memory does not
 * grow with the repository; what does not fit is in temporary files (see temp.h), which take about
 * twice 32 bytes a chunk.
 *
 * Sorted as they are, ids can be joined with an index_merge in one go.
 */
#ifndef LUNETTE_REACH_H
#define LUNETTE_REACH_H

#include <stdatomic.h>

#include "lunette/repo-parts.h"

struct reach;

/**
 * typedef reach_damaged_fn - told of a node that cannot be read, so that what is below it is not
 * known
 * @node: its id
 * @level: of the node; 0 for a leaf
 *
 * Return: 0 to go on without it; a negative errno, recorded in @err, ends the walk with it.
 */
typedef int reach_damaged_fn(void *ctx, const struct chunk_id *node, unsigned int level,
			     const struct error *why, struct error *err);

/**
 * struct reach_options - how to go about it; all zeros will do
 * @stop: set by another thread or a signal: end with -EINTR; may be NULL
 * @damaged: NULL: a node that cannot be read ends the walk with its error
 * @progress: told now and then how many nodes have been read; may be NULL
 */
struct reach_options {
	const atomic_bool *stop;
	reach_damaged_fn *damaged;
	void (*progress)(void *ctx, uint64_t nodes);
	void *ctx;
};

/**
 * reach_new() - get ready
 * @repo: must outlive the reach, and so must what @options points to
 */
int reach_new(struct repo *repo, const struct reach_options *options, struct reach **ret,
	      struct error *err);
void reach_free(struct reach *reach);
DEFINE_CLEANUP(struct reach *, reach_free)

/**
 * reach_add_root() - begin at this chunk map as well
 * @n_chunks: of its disk
 *
 * Return: 0; -EUCLEAN when no disk has so many chunks; ...
 */
int reach_add_root(struct reach *reach, const struct chunk_id *root, uint64_t n_chunks,
		   struct error *err);

/* Begins at all disks of a restore point. */
int reach_add_point(struct reach *reach, const json_t *point, struct error *err);

/**
 * reach_walk() - read the nodes; once, after all roots
 *
 * Return: 0; -EINTR; what reading a node said, unless somebody takes damage; ...
 */
int reach_walk(struct reach *reach, struct error *err);

/**
 * reach_next() - the next chunk or node, each once, in the order of their ids; after the walk
 *
 * Return: 1; 0 at the end; what the temporary file said.
 */
int reach_next(struct reach *reach, struct chunk_id *ret, struct error *err);

/* How many nodes have been read. */
uint64_t reach_nodes(const struct reach *reach);

#endif
