/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool - see pool.h. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "pool.h"

void pool_init(struct pool *pool, void (*close)(void *thing))
{
	*pool = (struct pool){ .close = close };
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
}

void pool_destroy(struct pool *pool)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct pool_item *item = pool->places[i];
		if (!item)
			continue;
		assert(item->state == POOL_OPEN && item->holders == 0);
		pool->close(item->thing);
	}
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->changed);
}

/* A place that is free, or whose item can be closed; NULL when all are held. */
static struct pool_item **find_place(struct pool *pool)
{
	struct pool_item **best = NULL;
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct pool_item *item = pool->places[i];
		if (!item)
			return &pool->places[i];
		bool idle = item->state == POOL_OPEN && item->holders == 0;
		if (idle && (!best || item->used < (*best)->used))
			best = &pool->places[i];
	}
	return best;
}

/* Takes a place for @item, which becomes POOL_OPENING. Returns what has to be closed, or NULL. */
static void *take_place(struct pool *pool, struct pool_item **place, struct pool_item *item)
{
	void *closing = NULL;
	if (*place) {
		closing = (*place)->thing;
		(*place)->state = POOL_CLOSED;
		(*place)->thing = NULL;
	}
	*place = item;
	item->state = POOL_OPENING;
	item->used = ++pool->clock;
	return closing;
}

static void free_place(struct pool *pool, struct pool_item *item)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool->places[i] == item)
			pool->places[i] = NULL;
	item->state = POOL_CLOSED;
}

int pool_hold(struct pool *pool, struct pool_item *item, pool_open_fn *open, void *ctx, void **ret,
	      struct error *err)
{
	int rc = 0;
	struct pool_item **place = NULL;
	pthread_mutex_lock(&pool->lock);
	while (item->state != POOL_OPEN &&
	       (item->state == POOL_OPENING || !(place = find_place(pool))))
		pthread_cond_wait(&pool->changed, &pool->lock);
	if (item->state == POOL_CLOSED) {
		void *closing = take_place(pool, place, item);
		pthread_mutex_unlock(&pool->lock);
		if (closing)
			pool->close(closing);
		void *thing = NULL;
		rc = open(ctx, &thing, err);
		pthread_mutex_lock(&pool->lock);
		item->thing = thing;
		item->state = POOL_OPEN;
		if (rc < 0)
			free_place(pool, item);
		pthread_cond_broadcast(&pool->changed);
	}
	if (rc == 0) {
		item->holders++;
		item->used = ++pool->clock;
		*ret = item->thing;
	}
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

void pool_release(struct pool *pool, struct pool_item *item)
{
	pthread_mutex_lock(&pool->lock);
	assert(item->holders > 0);
	if (--item->holders == 0)
		pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}
