/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-faulty - a store over another one, of which the n-th operation fails, and all later ones
 * too, as on a disk that is full or gone. Counts from any thread.
 */
#ifndef STORE_FAULTY_H
#define STORE_FAULTY_H

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "lunette/store.h"

struct store_faulty {
	struct store store;
	struct store *below;
	int code;    /* what fails fails with this, e.g. -ENOSPC; 0: the process is killed */
	int fail_at; /* 0: never */
	bool once;   /* only that one fails */
	bool late;   /* what appends or commits does so first, as if the answer were lost */
	atomic_int count;
};

struct faulty_put {
	struct store_put put;
	struct store_put *below;
};

struct faulty_object {
	struct store_object object;
	struct store_object *below;
};

/* Counts an operation. Return: whether it is to fail. */
static inline bool faulty_hits(struct store *store)
{
	struct store_faulty *faulty = (struct store_faulty *)store;
	int n = atomic_fetch_add(&faulty->count, 1) + 1;
	return faulty->fail_at && (faulty->once ? n == faulty->fail_at : n >= faulty->fail_at);
}

static inline int faulty_fail(struct store *store, const char *what, struct error *err)
{
	struct store_faulty *faulty = (struct store_faulty *)store;
	if (faulty->code == 0)
		raise(SIGKILL);
	return error_set(err, faulty->code, "%s: %m", what);
}

static inline int faulty_now(struct store *store, const char *what, struct error *err)
{
	return faulty_hits(store) ? faulty_fail(store, what, err) : 0;
}

static inline struct store *faulty_below(struct store *store)
{
	return ((struct store_faulty *)store)->below;
}

static inline int faulty_begin(struct store *store, struct store_put **ret, struct error *err)
{
	struct faulty_put *put = calloc(1, sizeof(*put));
	if (!put)
		abort();
	int rc = faulty_now(store, "begin", err);
	if (rc == 0)
		rc = store_begin(faulty_below(store), &put->below, err);
	if (rc < 0) {
		free(put);
		return rc;
	}
	*ret = &put->put;
	return 0;
}

/* What fails half-way has written half. */
static inline int faulty_append(struct store_put *put, const void *buf, size_t len,
				struct error *err)
{
	struct faulty_put *p = (struct faulty_put *)put;
	if (!faulty_hits(put->store))
		return store_append(p->below, buf, len, err);
	bool late = ((struct store_faulty *)put->store)->late;
	store_append(p->below, buf, late ? len : len / 2, NULL);
	return faulty_fail(put->store, "append", err);
}

static inline int faulty_commit(struct store_put *put, const char *key, bool is_content,
				struct error *err)
{
	struct faulty_put *p = (struct faulty_put *)put;
	bool hits = faulty_hits(put->store), late = ((struct store_faulty *)put->store)->late;
	int rc = 0;
	if (hits && !late)
		store_abort(p->below);
	else
		rc = p->below->store->ops->commit(p->below, key, is_content, err);
	if (hits && rc == 0)
		rc = faulty_fail(put->store, "commit", err);
	free(put);
	return rc;
}

static inline void faulty_abort(struct store_put *put)
{
	store_abort(((struct faulty_put *)put)->below);
	free(put);
}

static inline int faulty_open(struct store *store, const char *key, struct store_object **ret,
			      struct error *err)
{
	struct faulty_object *object = calloc(1, sizeof(*object));
	if (!object)
		abort();
	int rc = faulty_now(store, "open", err);
	if (rc == 0)
		rc = store_open(faulty_below(store), key, &object->below, err);
	if (rc < 0) {
		free(object);
		return rc;
	}
	object->object.size = object->below->size;
	*ret = &object->object;
	return 0;
}

static inline int faulty_read(struct store_object *object, void *buf, size_t len, uint64_t off,
			      struct error *err)
{
	int rc = faulty_now(object->store, "read", err);
	return rc < 0 ? rc
		      : store_read(((struct faulty_object *)object)->below, buf, len, off, err);
}

static inline void faulty_close(struct store_object *object)
{
	store_close(((struct faulty_object *)object)->below);
	free(object);
}

static inline int faulty_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
			      struct error *err)
{
	int rc = faulty_now(store, "list", err);
	return rc < 0 ? rc : store_list(faulty_below(store), folder, fn, ctx, err);
}

static inline int faulty_stat(struct store *store, const char *key, struct store_stat *ret,
			      struct error *err)
{
	int rc = faulty_now(store, "stat", err);
	return rc < 0 ? rc : store_stat(faulty_below(store), key, ret, err);
}

static inline int faulty_remove(struct store *store, const char *key, struct error *err)
{
	int rc = faulty_now(store, "remove", err);
	return rc < 0 ? rc : store_remove(faulty_below(store), key, err);
}

static inline int faulty_sweep(struct store *store, uint32_t age, struct error *err)
{
	int rc = faulty_now(store, "sweep", err);
	return rc < 0 ? rc : store_sweep(faulty_below(store), age, err);
}

static inline void faulty_destroy(struct store *store)
{
	store_free(faulty_below(store));
	free(store);
}

/* @below is taken over. */
static inline struct store_faulty *store_faulty_new(struct store *below)
{
	static const struct store_ops ops = {
		.begin = faulty_begin,
		.append = faulty_append,
		.commit = faulty_commit,
		.abort = faulty_abort,
		.open = faulty_open,
		.read = faulty_read,
		.close = faulty_close,
		.list = faulty_list,
		.stat = faulty_stat,
		.remove = faulty_remove,
		.sweep = faulty_sweep,
		.destroy = faulty_destroy,
	};
	struct store_faulty *faulty = calloc(1, sizeof(*faulty));
	if (!faulty)
		abort();
	faulty->store.ops = &ops;
	faulty->below = below;
	return faulty;
}

#endif
