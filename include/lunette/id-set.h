/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * id-set - a set of chunk ids of bounded size: what does not fit is counted, not kept.
 *
 * Not thread-safe.
 */
#ifndef LUNETTE_ID_SET_H
#define LUNETTE_ID_SET_H

#include "lunette/repo.h"
#include "lunette/store.h"

struct id_set;

/**
 * id_set_new() - an empty set
 * @max: ids that it keeps; memory grows as they come, up to some 50 bytes for each
 */
int id_set_new(size_t max, struct id_set **ret, struct error *err);
void id_set_free(struct id_set *set); /* @set may be NULL */
DEFINE_CLEANUP(struct id_set *, id_set_free)

/**
 * id_set_add() - put an id in
 * @ret_new: false: it was there already
 *
 * Return: 0; -ENOSPC when it is new and the set is full; -ENOMEM.
 */
int id_set_add(struct id_set *set, const struct chunk_id *id, bool *ret_new, struct error *err);

/**
 * id_set_list() - the objects in a folder of a store that have ids for names
 * @ret: a set without bound
 */
int id_set_list(struct store *store, const char *folder, struct id_set **ret, struct error *err);

bool id_set_has(const struct id_set *set, const struct chunk_id *id);

#endif
