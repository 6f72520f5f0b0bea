/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store-mem - a store in memory, for tests and fuzz targets that make objects up. Not thread-safe.
 */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/store.h"

struct mem_entry {
	char key[STORE_KEY_MAX];
	uint8_t *bytes;
	size_t len;
};

struct store_mem {
	struct store store;
	size_t n;
	struct mem_entry entries[64];
};

struct mem_put {
	struct store_put put;
	uint8_t *bytes;
	size_t len;
};

struct mem_object {
	struct store_object object;
	const struct mem_entry *entry;
};

static inline struct mem_entry *store_mem_find(struct store_mem *mem, const char *key)
{
	for (size_t i = 0; i < mem->n; i++)
		if (strcmp(mem->entries[i].key, key) == 0)
			return &mem->entries[i];
	return NULL;
}

/* Puts an object, whatever was there before. */
static inline void store_mem_set(struct store_mem *mem, const char *key, const void *bytes,
				 size_t len)
{
	struct mem_entry *entry = store_mem_find(mem, key);
	if (!entry) {
		if (mem->n == ARRAY_SIZE(mem->entries))
			abort();
		entry = &mem->entries[mem->n++];
		snprintf(entry->key, sizeof(entry->key), "%s", key);
	}
	free(entry->bytes);
	entry->bytes = malloc(len + 1);
	if (!entry->bytes)
		abort();
	if (len > 0)
		memcpy(entry->bytes, bytes, len);
	entry->len = len;
}

static inline int mem_begin(struct store *store, struct store_put **ret, struct error *err)
{
	(void)store, (void)err;
	struct mem_put *put = calloc(1, sizeof(*put));
	if (!put)
		abort();
	*ret = &put->put;
	return 0;
}

static inline int mem_append(struct store_put *put, const void *buf, size_t len, struct error *err)
{
	(void)err;
	struct mem_put *p = (struct mem_put *)put;
	p->bytes = realloc(p->bytes, p->len + len);
	if (!p->bytes)
		abort();
	memcpy(p->bytes + p->len, buf, len);
	p->len += len;
	return 0;
}

static inline void mem_abort(struct store_put *put)
{
	free(((struct mem_put *)put)->bytes);
	free(put);
}

static inline int mem_commit(struct store_put *put, const char *key, bool is_content,
			     struct error *err)
{
	struct store_mem *mem = (struct store_mem *)put->store;
	struct mem_put *p = (struct mem_put *)put;
	int rc = 0;
	if (store_mem_find(mem, key) && !is_content)
		rc = error_set(err, -EEXIST, "'%s': %m", key);
	else
		store_mem_set(mem, key, p->bytes, p->len);
	mem_abort(put);
	return rc;
}

static inline int mem_open(struct store *store, const char *key, struct store_object **ret,
			   struct error *err)
{
	const struct mem_entry *entry = store_mem_find((struct store_mem *)store, key);
	if (!entry)
		return error_set(err, -ENOENT, "'%s': %m", key);
	struct mem_object *object = calloc(1, sizeof(*object));
	if (!object)
		abort();
	object->entry = entry;
	object->object.size = entry->len;
	*ret = &object->object;
	return 0;
}

static inline int mem_read(struct store_object *object, void *buf, size_t len, uint64_t off,
			   struct error *err)
{
	(void)err;
	memcpy(buf, ((struct mem_object *)object)->entry->bytes + off, len);
	return 0;
}

static inline void mem_close(struct store_object *object)
{
	free(object);
}

static inline int mem_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
			   struct error *err)
{
	struct store_mem *mem = (struct store_mem *)store;
	size_t len = strlen(folder);
	for (size_t i = 0; i < mem->n; i++) {
		const char *key = mem->entries[i].key;
		const struct store_stat st = { .size = mem->entries[i].len };
		if (len > 0 && (strncmp(key, folder, len) != 0 || key[len] != '/'))
			continue;
		int rc = fn(ctx, len > 0 ? key + len + 1 : key, &st, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static inline int mem_stat(struct store *store, const char *key, struct store_stat *ret,
			   struct error *err)
{
	const struct mem_entry *entry = store_mem_find((struct store_mem *)store, key);
	if (!entry)
		return error_set(err, -ENOENT, "'%s': %m", key);
	*ret = (struct store_stat){ .size = entry->len };
	return 0;
}

static inline int mem_remove(struct store *store, const char *key, struct error *err)
{
	(void)err;
	struct store_mem *mem = (struct store_mem *)store;
	struct mem_entry *entry = store_mem_find(mem, key);
	if (entry) {
		free(entry->bytes);
		*entry = mem->entries[--mem->n];
		mem->entries[mem->n] = (struct mem_entry){ 0 };
	}
	return 0;
}

static inline int mem_sweep(struct store *store, uint32_t age, struct error *err)
{
	(void)store, (void)age, (void)err;
	return 0; /* what was not finished died with its writer */
}

static inline void mem_destroy(struct store *store)
{
	struct store_mem *mem = (struct store_mem *)store;
	for (size_t i = 0; i < mem->n; i++)
		free(mem->entries[i].bytes);
	free(mem);
}

static inline struct store_mem *store_mem_new(void)
{
	static const struct store_ops ops = {
		.begin = mem_begin,
		.append = mem_append,
		.commit = mem_commit,
		.abort = mem_abort,
		.open = mem_open,
		.read = mem_read,
		.close = mem_close,
		.list = mem_list,
		.stat = mem_stat,
		.remove = mem_remove,
		.sweep = mem_sweep,
		.destroy = mem_destroy,
	};
	struct store_mem *mem = calloc(1, sizeof(*mem));
	if (!mem)
		abort();
	mem->store.ops = &ops;
	return mem;
}

#endif
