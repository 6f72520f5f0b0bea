/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * image-cache - opened chunks. See include/lunette/image.h.
 *
 * Some hundred slots under one lock, which nobody holds while a chunk is opened or copied: a slot
 * in use is pinned instead, and a slot that is being filled is met by all who want the same chunk.
 * Slots are found by looking at each of them, which takes less time than copying what is found.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "lunette/image.h"

#define SLOTS_MIN 4

enum image_slot_state {
	SLOT_EMPTY,
	SLOT_FILLING,
	SLOT_FULL,
};

/**
 * struct image_slot - a chunk, or room for one
 * @pins: threads that copy from @bytes
 * @stamp: when it was last used, by the cache's clock
 * @whole: bytes of the chunk
 */
struct image_slot {
	enum image_slot_state state;
	unsigned int pins;
	uint64_t stamp;
	struct chunk_id id;
	size_t whole;
	uint8_t *bytes;
};

struct image_cache {
	struct repo *repo;
	atomic_uint refs;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a slot was filled, or is pinned no more */
	uint64_t clock;
	size_t n_slots;
	struct image_slot slots[];
};

int image_cache_new(struct repo *repo, size_t bytes, struct image_cache **ret, struct error *err)
{
	size_t n = MAX(bytes / repo_chunk_size(repo), (size_t)SLOTS_MIN);
	struct image_cache *cache = calloc(1, sizeof(*cache) + n * sizeof(cache->slots[0]));
	if (!cache)
		return error_set(err, -ENOMEM, "cache of %zu chunks: %m", n);
	cache->repo = repo;
	cache->n_slots = n;
	atomic_init(&cache->refs, 1);
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->changed, NULL);
	*ret = cache;
	return 0;
}

struct image_cache *image_cache_ref(struct image_cache *cache)
{
	atomic_fetch_add_explicit(&cache->refs, 1, memory_order_relaxed);
	return cache;
}

void image_cache_unref(struct image_cache *cache)
{
	if (!cache || atomic_fetch_sub_explicit(&cache->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < cache->n_slots; i++)
		free(cache->slots[i].bytes);
	pthread_cond_destroy(&cache->changed);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* The slot that has the chunk or will have it, or NULL. Under the lock. */
static struct image_slot *find(struct image_cache *cache, const struct chunk_id *id)
{
	for (size_t i = 0; i < cache->n_slots; i++) {
		struct image_slot *slot = &cache->slots[i];
		if (slot->state != SLOT_EMPTY && memcmp(&slot->id, id, sizeof(*id)) == 0)
			return slot;
	}
	return NULL;
}

/* The slot that nobody has needed for longest, or NULL when all are in use. Under the lock. */
static struct image_slot *oldest(struct image_cache *cache)
{
	struct image_slot *best = NULL;
	for (size_t i = 0; i < cache->n_slots; i++) {
		struct image_slot *slot = &cache->slots[i];
		if (slot->pins == 0 && slot->state != SLOT_FILLING &&
		    (!best || slot->stamp < best->stamp))
			best = slot;
	}
	return best;
}

/* Opens the chunk into a slot that is nobody's. Leaves the lock meanwhile. */
static int fill(struct image_cache *cache, struct image_slot *slot, const struct chunk_id *id,
		size_t whole, struct error *err)
{
	slot->state = SLOT_FILLING;
	slot->id = *id;
	slot->whole = whole;
	pthread_mutex_unlock(&cache->lock);
	int rc = 0;
	if (!slot->bytes)
		slot->bytes = malloc(repo_chunk_size(cache->repo));
	if (!slot->bytes)
		rc = error_set(err, -ENOMEM, "open a chunk: %m");
	else
		rc = repo_read(cache->repo, id, slot->bytes, whole, err);
	pthread_mutex_lock(&cache->lock);
	slot->state = rc < 0 ? SLOT_EMPTY : SLOT_FULL;
	slot->stamp = rc < 0 ? 0 : ++cache->clock;
	pthread_cond_broadcast(&cache->changed);
	return rc;
}

/*
 * Gets a full slot and pins it; or, when nobody keeps a chunk that is wanted @direct, none. Under
 * the lock. Who waited for another's filling that failed tries itself, and has an error of its own.
 */
static int acquire(struct image_cache *cache, const struct chunk_id *id, size_t whole, bool direct,
		   struct image_slot **ret, struct error *err)
{
	for (;;) {
		struct image_slot *slot = find(cache, id);
		if (!slot && direct) {
			*ret = NULL;
			return 0;
		}
		if (!slot && (slot = oldest(cache))) {
			int rc = fill(cache, slot, id, whole, err);
			if (rc < 0)
				return rc;
		}
		if (slot && slot->state == SLOT_FULL) {
			slot->pins++;
			slot->stamp = ++cache->clock;
			*ret = slot;
			return 0;
		}
		pthread_cond_wait(&cache->changed, &cache->lock);
	}
}

int image_cache_read(struct image_cache *cache, const struct chunk_id *id, size_t whole, void *buf,
		     size_t len, size_t off, struct error *err)
{
	struct image_slot *slot = NULL;
	pthread_mutex_lock(&cache->lock);
	int rc = acquire(cache, id, whole, off == 0 && len == whole, &slot, err);
	pthread_mutex_unlock(&cache->lock);
	if (rc < 0)
		return rc;
	if (!slot)
		return repo_read(cache->repo, id, buf, len, err);

	/* One id is one chunk of one length, unless a manifest lies. */
	if (slot->whole != whole)
		rc = error_set(err, -EUCLEAN, "a chunk of %zu bytes stands where %zu bytes belong",
			       slot->whole, whole);
	else
		memcpy(buf, slot->bytes + off, len);

	pthread_mutex_lock(&cache->lock);
	if (--slot->pins == 0)
		pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
	return rc;
}
