/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-small - a layer that has only so much room: what is put takes it, what is removed gives it
 * back. The store below is a directory.
 */
#ifndef STORE_SMALL_H
#define STORE_SMALL_H

#include <stdlib.h>
#include <string.h>

#include "layer.h"

/**
 * struct store_small
 * @room: bytes that are left
 * @code: of what does not fit
 * @never: what begins so does not fit, whatever room there is; may be NULL
 * @secret: it cannot say how much room there is
 */
struct store_small {
	struct layer layer;
	uint64_t room;
	int code;
	const char *never;
	bool secret;
};

static inline struct store_small *store_small_of(struct store *store)
{
	return (struct store_small *)store;
}

static inline int store_small_put(struct store *store, const char *key,
				  const struct store_source *source, enum store_taken taken,
				  struct error *err)
{
	struct store_small *small = store_small_of(store);
	bool never = small->never && strncmp(key, small->never, strlen(small->never)) == 0;
	if (source->size > small->room || never)
		return error_set(err, small->code, "put '%s': %m", key);
	int rc = layer_put(store, key, source, taken, err);
	small->room -= rc == 0 ? source->size : 0;
	return rc;
}

static inline int store_small_remove(struct store *store, const char *key, struct error *err)
{
	struct store_small *small = store_small_of(store);
	struct store_stat st = { 0 };
	(void)layer_stat(store, key, &st, NULL);
	int rc = layer_remove(store, key, err);
	small->room += rc == 0 ? st.size : 0;
	return rc;
}

static inline int store_small_reserve(struct store *store, bool keep, struct error *err)
{
	struct store_small *small = store_small_of(store);
	struct store_stat before = { 0 }, after = { 0 };
	if (keep && small->room < 1u << 20)
		return error_set(err, small->code, "keep a reserve: %m");
	(void)layer_stat(store, "reserve", &before, NULL);
	int rc = layer_reserve(store, keep, err);
	(void)layer_stat(store, "reserve", &after, NULL);
	small->room += before.size - after.size;
	return rc;
}

static inline int store_small_room(struct store *store, uint64_t *ret, struct error *err)
{
	*ret = store_small_of(store)->room;
	return store_small_of(store)->secret ? error_set(err, -ENOSYS, "how much room: %m") : 0;
}

/* @below: taken over. */
static inline struct store_small *store_small_new(struct store *below, uint64_t room, int code)
{
	static const struct store_ops ops = {
		.put = store_small_put,
		.draft = layer_draft,
		.read = layer_read,
		.list = layer_list,
		.stat = layer_stat,
		.remove = store_small_remove,
		.destroy = layer_destroy,
		.move = layer_move,
		.get = layer_get,
		.forget = layer_forget,
		.sweep = layer_sweep,
		.reserve = store_small_reserve,
		.room = store_small_room,
	};
	struct store_small *small = calloc(1, sizeof(*small));
	if (!small)
		abort();
	layer_init(&small->layer, &ops, below);
	small->layer.store.puts = 1; /* what is left is counted without a lock */
	small->room = room;
	small->code = code;
	return small;
}

#endif
