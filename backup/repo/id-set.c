/* SPDX-License-Identifier: GPL-3.0-or-later */
/* id-set - open addressing; ids are digests, so that their first bytes are a hash. See id-set.h. */
#include <errno.h>
#include <string.h>

#include "lunette/id-set.h"

#define ROOM_FIRST 1024 /* slots; doubles when they are two thirds full */

struct id_set {
	size_t max;
	size_t n;
	size_t room;            /* a power of two */
	struct chunk_id *slots; /* zero: free; the zero id is never asked for */
};

int id_set_new(size_t max, struct id_set **ret, struct error *err)
{
	CLEANUP(id_set_free_cleanup) struct id_set *set = calloc(1, sizeof(*set));
	if (!set || !(set->slots = calloc(ROOM_FIRST, sizeof(*set->slots))))
		return error_set(err, -ENOMEM, "set of ids: %m");
	set->max = max;
	set->room = ROOM_FIRST;
	*ret = steal(&set);
	return 0;
}

void id_set_free(struct id_set *set)
{
	if (!set)
		return;
	free(set->slots);
	free(set);
}

/* The slot of @id, or the free one where it belongs. */
static struct chunk_id *find(struct chunk_id *slots, size_t room, const struct chunk_id *id)
{
	uint64_t hash;
	memcpy(&hash, id->bytes, sizeof(hash));
	/* Multiplied, for ids that are made of small numbers. */
	for (size_t i = (size_t)(hash * 0x9e3779b97f4a7c15u >> 20);; i++) {
		struct chunk_id *slot = &slots[i & (room - 1)];
		if (chunk_id_is_zero(slot) || memcmp(slot, id, sizeof(*id)) == 0)
			return slot;
	}
}

static int grow(struct id_set *set, struct error *err)
{
	size_t room = 2 * set->room;
	struct chunk_id *slots = calloc(room, sizeof(*slots));
	if (!slots)
		return error_set(err, -ENOMEM, "set of ids: %m");
	for (size_t i = 0; i < set->room; i++)
		if (!chunk_id_is_zero(&set->slots[i]))
			*find(slots, room, &set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->room = room;
	return 0;
}

int id_set_add(struct id_set *set, const struct chunk_id *id, bool *ret_new, struct error *err)
{
	if (id_set_has(set, id)) {
		*ret_new = false;
		return 0;
	}
	if (set->n == set->max)
		return error_set(err, -ENOSPC, "more than %zu ids", set->max);
	int rc = 3 * (set->n + 1) > 2 * set->room ? grow(set, err) : 0;
	if (rc < 0)
		return rc;
	*find(set->slots, set->room, id) = *id;
	set->n++;
	*ret_new = true;
	return 0;
}

bool id_set_has(const struct id_set *set, const struct chunk_id *id)
{
	return !chunk_id_is_zero(find(set->slots, set->room, id));
}

static int take_name(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct chunk_id id;
	bool is_new;
	return chunk_id_parse(name, &id) ? id_set_add(ctx, &id, &is_new, err) : 0;
}

int id_set_list(struct store *store, const char *folder, struct id_set **ret, struct error *err)
{
	CLEANUP(id_set_free_cleanup) struct id_set *set = NULL;
	int rc = id_set_new(SIZE_MAX, &set, err);
	if (rc == 0)
		rc = store_list(store, folder, take_name, set, err);
	if (rc < 0)
		return rc;
	*ret = steal(&set);
	return 0;
}
