/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-cache - the one idea: a fixed number of aligned blocks, found through a small hash, the least
 * recently used one given up first. See include/lunette/blk-cache.h.
 *
 * A block that cannot be read whole, because of a bad sector for one, is remembered as such, and
 * what lies in it is read below as it is asked for: nobody misses good bytes for a neighbour's
 * sake.
 *
 * The bytes of a block are allocated when it is first filled, so an idle cache costs nearly
 * nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lunette/blk-cache.h"
#include "lunette/map.h"

#define BLOCK_SIZE (64u << 10)
#define NONE       UINT32_MAX

/**
 * struct blk_cached - one block; @hash_next chains those with the same hash, @newer and @older all
 * of them
 * @number: offset in the blk / BLOCK_SIZE
 * @bad: all of it cannot be read at once, and @bytes hold nothing
 * @bytes: NULL while the slot was never filled
 */
struct blk_cached {
	uint64_t number;
	bool bad;
	uint8_t *bytes;
	uint32_t hash_next;
	uint32_t newer;
	uint32_t older;
};

/**
 * struct blk_cache - the layer
 * @map: all of it, on @below
 * @lock: covers everything below it
 * @n: slots in @slots and in @hash
 * @used: slots that hold a block
 * @newest: the block touched last; @oldest is the first to go
 */
struct blk_cache {
	struct blk blk;
	struct blk *below;
	struct map *map;
	pthread_mutex_t lock;
	uint32_t n;
	uint32_t used;
	uint32_t newest;
	uint32_t oldest;
	uint32_t *hash;
	struct blk_cached *slots;
};

static uint32_t bucket(const struct blk_cache *cache, uint64_t number)
{
	return (uint32_t)((number * 0x9e3779b97f4a7c15u) >> 32) % cache->n;
}

static uint32_t find(const struct blk_cache *cache, uint64_t number)
{
	uint32_t i = cache->hash[bucket(cache, number)];
	while (i != NONE && cache->slots[i].number != number)
		i = cache->slots[i].hash_next;
	return i;
}

static void unchain(struct blk_cache *cache, uint32_t i)
{
	uint32_t *link = &cache->hash[bucket(cache, cache->slots[i].number)];
	while (*link != i)
		link = &cache->slots[*link].hash_next;
	*link = cache->slots[i].hash_next;
}

static void unlist(struct blk_cache *cache, uint32_t i)
{
	struct blk_cached *slot = &cache->slots[i];
	*(slot->newer == NONE ? &cache->newest : &cache->slots[slot->newer].older) = slot->older;
	*(slot->older == NONE ? &cache->oldest : &cache->slots[slot->older].newer) = slot->newer;
}

static void list_newest(struct blk_cache *cache, uint32_t i)
{
	struct blk_cached *slot = &cache->slots[i];
	slot->newer = NONE;
	slot->older = cache->newest;
	*(cache->newest == NONE ? &cache->oldest : &cache->slots[cache->newest].newer) = i;
	cache->newest = i;
}

/* A slot that holds nothing and is on no list. */
static uint32_t take_slot(struct blk_cache *cache)
{
	if (cache->used < cache->n)
		return cache->used++;
	uint32_t i = cache->oldest;
	unchain(cache, i);
	unlist(cache, i);
	return i;
}

/* A slot whose filling failed goes to the old end, where nobody finds it and it is taken first. */
static void give_up(struct blk_cache *cache, uint32_t i)
{
	struct blk_cached *slot = &cache->slots[i];
	slot->number = UINT64_MAX;
	slot->hash_next = cache->hash[bucket(cache, slot->number)];
	cache->hash[bucket(cache, slot->number)] = i;
	slot->older = NONE;
	slot->newer = cache->oldest;
	*(cache->oldest == NONE ? &cache->newest : &cache->slots[cache->oldest].older) = i;
	cache->oldest = i;
}

static int fill(struct blk_cache *cache, uint64_t number, uint32_t *ret, struct error *err)
{
	uint32_t i = take_slot(cache);
	struct blk_cached *slot = &cache->slots[i];
	struct error why = { 0 };
	int rc = 0;
	if (!slot->bytes)
		slot->bytes = malloc(BLOCK_SIZE);
	if (!slot->bytes)
		rc = error_set(&why, -ENOMEM, "cache: %m");
	uint64_t off = number * BLOCK_SIZE;
	if (rc == 0)
		rc = blk_read(cache->below, slot->bytes, MIN(BLOCK_SIZE, cache->blk.size - off),
			      off, &why);
	if (rc < 0 && rc != -EIO) {
		give_up(cache, i);
		return error_copy(err, rc, &why);
	}
	slot->bad = rc < 0;
	slot->number = number;
	slot->hash_next = cache->hash[bucket(cache, number)];
	cache->hash[bucket(cache, number)] = i;
	list_newest(cache, i);
	*ret = i;
	return 0;
}

static int read_locked(struct blk_cache *cache, uint8_t *buf, size_t len, uint64_t off,
		       struct error *err)
{
	while (len > 0) {
		uint64_t number = off / BLOCK_SIZE;
		size_t inside = off % BLOCK_SIZE;
		size_t n = MIN(len, BLOCK_SIZE - inside);
		uint32_t i = find(cache, number);
		if (i == NONE) {
			int rc = fill(cache, number, &i, err);
			if (rc < 0)
				return rc;
		} else if (i != cache->newest) {
			unlist(cache, i);
			list_newest(cache, i);
		}
		const struct blk_cached *slot = &cache->slots[i];
		if (!slot->bad)
			memcpy(buf, slot->bytes + inside, n);
		int rc = slot->bad ? blk_read(cache->below, buf, n, off, err) : 0;
		if (rc < 0)
			return rc;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int cache_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct blk_cache *cache = (struct blk_cache *)blk;
	pthread_mutex_lock(&cache->lock);
	int rc = read_locked(cache, buf, len, off, err);
	pthread_mutex_unlock(&cache->lock);
	return rc;
}

static int cache_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	return blk_extent(((struct blk_cache *)blk)->below, off, ret, err);
}

static int cache_below(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
		       uint64_t *ret, struct error *err)
{
	(void)ret;
	return fn(ctx, ((struct blk_cache *)blk)->below, length, off, err);
}

static int cache_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
		      blk_range_fn *fn, void *ctx, struct error *err)
{
	return blk_find_through(blk, ((struct blk_cache *)blk)->below, disk, length, off, fn, ctx,
				err);
}

static int cache_confirm(struct blk *blk, struct error *err)
{
	return blk_confirm(((struct blk_cache *)blk)->below, err);
}

static bool cache_is_on(const struct blk *blk, const struct blk *disk)
{
	return blk_is_on(((const struct blk_cache *)blk)->below, disk);
}

static int cache_map(struct blk *blk, const struct map **ret, struct error *err)
{
	(void)err;
	*ret = ((struct blk_cache *)blk)->map;
	return 0;
}

static void cache_destroy(struct blk *blk)
{
	struct blk_cache *cache = (struct blk_cache *)blk;
	for (uint32_t i = 0; cache->slots && i < cache->n; i++)
		free(cache->slots[i].bytes);
	free(cache->slots);
	free(cache->hash);
	map_free(cache->map);
	blk_unref(cache->below);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static const struct blk_ops cache_ops = {
	.name = "cache",
	.read = cache_read,
	.extent = cache_extent,
	.below = cache_below,
	.find = cache_find,
	.is_on = cache_is_on,
	.map = cache_map,
	.confirm = cache_confirm,
	.destroy = cache_destroy,
};

int blk_cache_new(struct blk *below, size_t memory, struct blk **ret, struct error *err)
{
	struct blk_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return error_set(err, -ENOMEM, "cache: %m");
	blk_init(&cache->blk, &cache_ops, below->size, below->sector);
	blk_stand_on(&cache->blk, below);
	pthread_mutex_init(&cache->lock, NULL);
	cache->below = blk_ref(below);
	size_t n = MIN(memory / BLOCK_SIZE, (size_t)1 << 20);
	cache->n = (uint32_t)MAX(n, (size_t)1);
	cache->newest = cache->oldest = NONE;
	cache->slots = calloc(cache->n, sizeof(*cache->slots));
	cache->hash = malloc(cache->n * sizeof(*cache->hash));
	int rc = 0;
	if (!cache->slots || !cache->hash)
		rc = error_set(err, -ENOMEM, "cache: %m");
	if (rc == 0)
		rc = map_new(&cache->map, err);
	if (rc == 0 && below->size > 0)
		rc = map_add_linear(cache->map, below->size, below, 0, err);
	if (rc < 0) {
		blk_unref(&cache->blk);
		return rc;
	}
	for (uint32_t i = 0; i < cache->n; i++)
		cache->hash[i] = NONE;
	*ret = &cache->blk;
	return 0;
}
