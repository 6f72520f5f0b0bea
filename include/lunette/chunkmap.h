/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * chunkmap - the tree behind a disk's chunk map, shared by what builds it and what reads it.
 *
 * Source: FORMAT.md, "Chunk map". A node is 512 ids of 32 bytes: of chunks at level 0, of nodes of
 * the level below elsewhere. All zeros stands for a chunk, or for a whole subtree, that is zero.
 */
#ifndef LUNETTE_CHUNKMAP_H
#define LUNETTE_CHUNKMAP_H

#include "lunette/repo.h"

#define CHUNKMAP_BITS   9
#define CHUNKMAP_FANOUT (1u << CHUNKMAP_BITS)
#define CHUNKMAP_NODE   (CHUNKMAP_FANOUT * sizeof(struct chunk_id))

/* 512^6 chunks of 64 KiB: more than a 64-bit size can say. */
#define CHUNKMAP_LEVELS 6

/* Chunks below one node of this level. */
static inline uint64_t chunkmap_span(unsigned int level)
{
	return 1ull << (CHUNKMAP_BITS * (level + 1));
}

/* Levels of the tree of a disk; at least one. More than CHUNKMAP_LEVELS: there is no such disk. */
static inline unsigned int chunkmap_levels(uint64_t n_chunks)
{
	unsigned int levels = 1;
	while (levels <= CHUNKMAP_LEVELS && chunkmap_span(levels - 1) < n_chunks)
		levels++;
	return levels;
}

/* Which of its parent's 512 children, at this level, leads to chunk @n. */
static inline size_t chunkmap_slot(uint64_t n, unsigned int level)
{
	return (size_t)(n >> (CHUNKMAP_BITS * level)) % CHUNKMAP_FANOUT;
}

#endif
