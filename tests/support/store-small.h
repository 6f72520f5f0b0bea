/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-small - a store that has only so much room: what is put takes it, what is removed gives it
 * back. The one below is a directory.
 */
#ifndef STORE_SMALL_H
#define STORE_SMALL_H

#include <stdlib.h>
#include <string.h>

#include "lunette/store.h"

/**
 * struct store_small
 * @room: bytes that are left
 * @code: of what does not fit
 * @never: what begins so does not fit, whatever room there is; may be NULL
 * @secret: it cannot say how much room there is
 */
struct store_small {
	struct store store;
	struct store *below;
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
	int rc = store_put(small->below, key, source, taken, err);
	small->room -= rc == 0 ? source->size : 0;
	return rc;
}

static inline int store_small_remove(struct store *store, const char *key, struct error *err)
{
	struct store_small *small = store_small_of(store);
	struct store_stat st = { 0 };
	(void)store_stat(small->below, key, &st, NULL);
	int rc = store_remove(small->below, key, err);
	small->room += rc == 0 ? st.size : 0;
	return rc;
}

static inline int store_small_reserve(struct store *store, bool keep, struct error *err)
{
	struct store_small *small = store_small_of(store);
	struct store_stat before = { 0 }, after = { 0 };
	if (keep && small->room < 1u << 20)
		return error_set(err, small->code, "keep a reserve: %m");
	(void)store_stat(small->below, "reserve", &before, NULL);
	int rc = keep ? store_keep_reserve(small->below, err)
		      : store_give_reserve(small->below, err);
	(void)store_stat(small->below, "reserve", &after, NULL);
	small->room += before.size - after.size;
	return rc;
}

static inline int store_small_room(struct store *store, uint64_t *ret, struct error *err)
{
	*ret = store_small_of(store)->room;
	return store_small_of(store)->secret ? error_set(err, -ENOSYS, "how much room: %m") : 0;
}

static inline int store_small_read(struct store *store, const char *key, void *buf, size_t len,
				   uint64_t off, struct error *err)
{
	return store_read(store_small_of(store)->below, key, buf, len, off, err);
}

static inline int store_small_list(struct store *store, const char *folder, store_list_fn *fn,
				   void *ctx, struct error *err)
{
	return store_list(store_small_of(store)->below, folder, fn, ctx, err);
}

static inline int store_small_stat(struct store *store, const char *key, struct store_stat *ret,
				   struct error *err)
{
	return store_stat(store_small_of(store)->below, key, ret, err);
}

static inline void store_small_forget(struct store *store, const char *key)
{
	store_forget(store_small_of(store)->below, key);
}

static inline void store_small_destroy(struct store *store)
{
	store_free(store_small_of(store)->below);
	free(store);
}

/* @below: taken over. */
static inline struct store_small *store_small_new(struct store *below, uint64_t room, int code)
{
	static const struct store_ops ops = {
		.put = store_small_put,
		.read = store_small_read,
		.list = store_small_list,
		.stat = store_small_stat,
		.remove = store_small_remove,
		.destroy = store_small_destroy,
		.forget = store_small_forget,
		.reserve = store_small_reserve,
		.room = store_small_room,
	};
	struct store_small *small = calloc(1, sizeof(*small));
	if (!small)
		abort();
	*small = (struct store_small){ { &ops, 0 }, below, room, code, NULL, false };
	return small;
}

#endif
