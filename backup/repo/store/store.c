/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store - the checks in front of every implementation, and small objects whole. See store.h. */
#include <errno.h>
#include <inttypes.h>

#include "lunette/store.h"

void store_free(struct store *store)
{
	if (store)
		store->ops->destroy(store);
}

int store_begin(struct store *store, struct store_put **ret, struct error *err)
{
	int rc = store->ops->begin(store, ret, err);
	if (rc < 0)
		return rc;
	(*ret)->store = store;
	(*ret)->size = 0;
	return 0;
}

int store_append(struct store_put *put, const void *buf, size_t len, struct error *err)
{
	if (len == 0)
		return 0;
	int rc = put->store->ops->append(put, buf, len, err);
	if (rc == 0)
		put->size += len;
	return rc;
}

int store_commit(struct store_put *put, const char *key, struct error *err)
{
	return put->store->ops->commit(put, key, true, err);
}

void store_abort(struct store_put *put)
{
	if (put)
		put->store->ops->abort(put);
}

int store_open(struct store *store, const char *key, struct store_object **ret, struct error *err)
{
	int rc = store->ops->open(store, key, ret, err);
	if (rc == 0)
		(*ret)->store = store;
	return rc;
}

int store_read(struct store_object *object, void *buf, size_t len, uint64_t off, struct error *err)
{
	if (!range_inside(len, off, object->size))
		return error_set(err, -EUCLEAN,
				 "%zu bytes at offset %" PRIu64 " reach past its end (%" PRIu64
				 " bytes)",
				 len, off, object->size);
	return len ? object->store->ops->read(object, buf, len, off, err) : 0;
}

void store_close(struct store_object *object)
{
	if (object)
		object->store->ops->close(object);
}

int store_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
	       struct error *err)
{
	return store->ops->list(store, folder, fn, ctx, err);
}

int store_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err)
{
	return store->ops->stat(store, key, ret, err);
}

int store_remove(struct store *store, const char *key, struct error *err)
{
	return store->ops->remove(store, key, err);
}

int store_sweep(struct store *store, uint32_t age, struct error *err)
{
	return store->ops->sweep(store, age, err);
}

int store_get(struct store *store, const char *key, size_t max, char **ret, size_t *ret_len,
	      struct error *err)
{
	CLEANUP(store_close_cleanup) struct store_object *object = NULL;
	int rc = store_open(store, key, &object, err);
	if (rc < 0)
		return rc;
	if (object->size > max)
		return error_set(err, -EUCLEAN,
				 "'%s' is damaged: %" PRIu64 " bytes are more than it can have",
				 key, object->size);
	size_t len = (size_t)object->size;
	CLEANUP(free_cleanup) char *buf = malloc(len + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "read '%s': %m", key);
	rc = store_read(object, buf, len, 0, err);
	if (rc < 0)
		return rc;
	buf[len] = '\0';
	*ret = steal(&buf);
	*ret_len = len;
	return 0;
}

static int put_bytes(struct store *store, const void *buf, size_t len, struct store_put **ret,
		     struct error *err)
{
	CLEANUP(store_abort_cleanup) struct store_put *put = NULL;
	int rc = store_begin(store, &put, err);
	if (rc < 0)
		return rc;
	rc = store_append(put, buf, len, err);
	if (rc < 0)
		return rc;
	*ret = steal(&put);
	return 0;
}

int store_put_new(struct store *store, const char *key, const void *buf, size_t len,
		  struct error *err)
{
	struct store_put *put;
	int rc = put_bytes(store, buf, len, &put, err);
	return rc < 0 ? rc : store->ops->commit(put, key, false, err);
}

int store_put_same(struct store *store, const char *key, const void *buf, size_t len,
		   struct error *err)
{
	struct store_put *put;
	int rc = put_bytes(store, buf, len, &put, err);
	return rc < 0 ? rc : store_commit(put, key, err);
}
