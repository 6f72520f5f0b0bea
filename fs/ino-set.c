/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ino-set - see ino-set.h. An open hash table. */
#include <errno.h>
#include <stdlib.h>

#include "ino-set.h"

/* @key: the number's upper bits, and 1; 0 is free. */
struct ino_slot {
	uint64_t key;
	uint64_t bits;
};

static struct ino_slot *slot_of(struct ino_slot *slots, size_t room, uint64_t key)
{
	size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & (room - 1);
	while (slots[at].key != 0 && slots[at].key != key)
		at = (at + 1) & (room - 1);
	return &slots[at];
}

static int grow(struct ino_set *set, struct error *err)
{
	size_t room = set->room ? set->room * 2 : 64;
	if (room > INO_SET_SLOTS_MAX)
		return error_set(err, -ENOSPC, "there are too many directories");
	struct ino_slot *slots = calloc(room, sizeof(*slots));
	if (!slots)
		return error_set(err, -ENOMEM, "directories: %m");
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i].key)
			*slot_of(slots, room, set->slots[i].key) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->room = room;
	return 0;
}

int ino_set_add(struct ino_set *set, uint64_t ino, bool *ret, struct error *err)
{
	uint64_t key = ino / 64 + 1, bit = UINT64_C(1) << ino % 64;
	struct ino_slot *slot = set->room ? slot_of(set->slots, set->room, key) : NULL;
	if (!slot || !slot->key) {
		int rc = set->n < set->room / 2 ? 0 : grow(set, err);
		if (rc < 0)
			return rc;
		slot = slot_of(set->slots, set->room, key);
		slot->key = key;
		set->n++;
	}
	*ret = !(slot->bits & bit);
	slot->bits |= bit;
	return 0;
}

void ino_set_clear(struct ino_set *set)
{
	free(set->slots);
	*set = (struct ino_set){ 0 };
}
