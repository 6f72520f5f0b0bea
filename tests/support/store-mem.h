/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store-mem - a store in memory, for tests and fuzz targets that make objects up. */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/store.h"

struct mem_entry {
	char key[STORE_KEY_MAX];
	uint8_t *bytes;
	size_t len;
	int64_t modified;
};

struct store_mem {
	struct store store;
	pthread_mutex_t lock; /* guards all below, where a store is used as one */
	size_t n;
	struct mem_entry entries[64];
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
	entry->modified = time(NULL);
}

static inline int mem_put(struct store *store, const char *key, const struct store_source *source,
			  enum store_taken taken, struct error *err)
{
	struct store_mem *mem = (struct store_mem *)store;
	size_t len = (size_t)source->size;
	uint8_t *bytes = malloc(len + 1);
	if (!bytes)
		abort();
	int rc = store_source_read(source, bytes, len, 0, err);
	pthread_mutex_lock(&mem->lock);
	if (rc == 0 && taken == STORE_REFUSE && store_mem_find(mem, key))
		rc = error_set(err, -EEXIST, "'%s': %m", key);
	if (rc == 0)
		store_mem_set(mem, key, bytes, len);
	pthread_mutex_unlock(&mem->lock);
	free(bytes);
	return rc;
}

static inline int mem_read(struct store *store, const char *key, void *buf, size_t len,
			   uint64_t off, struct error *err)
{
	struct store_mem *mem = (struct store_mem *)store;
	int rc = 0;
	pthread_mutex_lock(&mem->lock);
	const struct mem_entry *entry = store_mem_find(mem, key);
	if (!entry)
		rc = error_set(err, -ENOENT, "'%s': %m", key);
	else if (!range_inside(len, off, entry->len))
		rc = error_set(err, -EUCLEAN, "'%s' has no such range", key);
	else
		memcpy(buf, entry->bytes + off, len);
	pthread_mutex_unlock(&mem->lock);
	return rc;
}

static inline int mem_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
			   struct error *err)
{
	struct store_mem *mem = (struct store_mem *)store;
	size_t len = strlen(folder);
	struct mem_entry found[ARRAY_SIZE(mem->entries)];
	pthread_mutex_lock(&mem->lock);
	size_t n = mem->n;
	memcpy(found, mem->entries, sizeof(found)); /* so that @fn may use the store */
	pthread_mutex_unlock(&mem->lock);
	for (size_t i = 0; i < n; i++) {
		const char *key = found[i].key;
		const struct store_stat st = { found[i].len, found[i].modified };
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
	struct store_mem *mem = (struct store_mem *)store;
	pthread_mutex_lock(&mem->lock);
	const struct mem_entry *entry = store_mem_find(mem, key);
	if (entry)
		*ret = (struct store_stat){ entry->len, entry->modified };
	pthread_mutex_unlock(&mem->lock);
	return entry ? 0 : error_set(err, -ENOENT, "'%s': %m", key);
}

static inline int mem_remove(struct store *store, const char *key, struct error *err)
{
	(void)err;
	struct store_mem *mem = (struct store_mem *)store;
	pthread_mutex_lock(&mem->lock);
	struct mem_entry *entry = store_mem_find(mem, key);
	if (entry) {
		free(entry->bytes);
		*entry = mem->entries[--mem->n];
		mem->entries[mem->n] = (struct mem_entry){ 0 };
	}
	pthread_mutex_unlock(&mem->lock);
	return 0;
}

static inline void mem_destroy(struct store *store)
{
	struct store_mem *mem = (struct store_mem *)store;
	for (size_t i = 0; i < mem->n; i++)
		free(mem->entries[i].bytes);
	pthread_mutex_destroy(&mem->lock);
	free(mem);
}

static inline struct store_mem *store_mem_new(void)
{
	static const struct store_ops ops = {
		.put = mem_put,
		.read = mem_read,
		.list = mem_list,
		.stat = mem_stat,
		.remove = mem_remove,
		.destroy = mem_destroy,
	};
	struct store_mem *mem = calloc(1, sizeof(*mem));
	if (!mem)
		abort();
	mem->store = (struct store){ .ops = &ops, .puts = 4 };
	pthread_mutex_init(&mem->lock, NULL);
	return mem;
}

#endif
