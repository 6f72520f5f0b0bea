/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recent - see recent.h. Open addressing; an id is its own hash. */
#include <assert.h>
#include <string.h>

#include "lunette/recent.h"

/* Where an id is, or the free slot where it would be. Half of the slots are always free. */
static size_t slot_of(const struct recent *recent, const struct chunk_id *id)
{
	size_t hash;
	memcpy(&hash, id->bytes, sizeof(hash));
	for (size_t i = hash % ARRAY_SIZE(recent->slots);;
	     i = (i + 1) % ARRAY_SIZE(recent->slots)) {
		uint32_t n = recent->slots[i];
		if (n == 0 || memcmp(&recent->entries[n - 1].id, id, sizeof(*id)) == 0)
			return i;
	}
}

bool recent_knows(const struct recent *recent, const struct chunk_id *id)
{
	return recent->slots[slot_of(recent, id)] != 0;
}

void recent_add(struct recent *recent, const struct index_entry *entry)
{
	assert(recent->n < RECENT_MAX);
	size_t slot = slot_of(recent, &entry->id);
	assert(recent->slots[slot] == 0);
	recent->entries[recent->n] = *entry;
	recent->entries[recent->n].pack = (uint32_t)recent->n_packs;
	recent->slots[slot] = (uint32_t)++recent->n;
}

void recent_add_pack(struct recent *recent, const struct index_pack *pack)
{
	assert(recent->n_packs < RECENT_PACKS);
	recent->packs[recent->n_packs++] = *pack;
	recent->stored += pack->size;
}

bool recent_full(const struct recent *recent)
{
	return recent->n > RECENT_MAX - PACK_FULL_CHUNKS || recent->n_packs == RECENT_PACKS;
}

void recent_clear(struct recent *recent)
{
	recent->n = 0;
	recent->n_packs = 0;
	recent->stored = 0;
	memset(recent->slots, 0, sizeof(recent->slots));
}
