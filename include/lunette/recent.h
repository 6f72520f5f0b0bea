/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recent - the chunks that a writer has added and that no index knows yet: a table in memory of
 * bounded size, to be turned into an index when it is full. Not thread-safe.
 */
#ifndef LUNETTE_RECENT_H
#define LUNETTE_RECENT_H

#include "lunette/index.h"
#include "lunette/pack.h"

/*
 * 2^16 chunks are 16 GiB of a disk, 3 MiB of index, and 4 MiB of memory. One pack more than fills
 * it must fit, since it is flushed between packs.
 */
#define RECENT_MAX   65536
#define RECENT_PACKS 64

/**
 * struct recent
 * @stored: bytes of the packs
 * @entries: in the order in which they were added; their packs are numbers in @packs, or @n_packs
 *           for the pack that is being filled
 * @slots: where to look for an id: 1 + its number in @entries, or 0
 */
struct recent {
	size_t n;
	size_t n_packs;
	uint64_t stored;
	struct index_entry entries[RECENT_MAX];
	struct index_pack packs[RECENT_PACKS];
	uint32_t slots[2 * RECENT_MAX];
};

bool recent_knows(const struct recent *recent, const struct chunk_id *id);

/* Adds a chunk that is not known, to the pack that is being filled. */
void recent_add(struct recent *recent, const struct index_entry *entry);

/* The pack that was being filled is complete. */
void recent_add_pack(struct recent *recent, const struct index_pack *pack);

/* Whether one more pack might not fit. */
bool recent_full(const struct recent *recent);

void recent_clear(struct recent *recent);

#endif
