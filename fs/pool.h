/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pool - things that are opened when they are wanted, of which only so many stay open.
 *
 * Whoever uses one holds it; what nobody holds is closed when room is needed, the one that was
 * wanted longest ago first. Opening and closing happen without the pool's lock, so a thing may be
 * opened anew while its old self is still being closed.
 */
#ifndef FS_POOL_H
#define FS_POOL_H

#include <pthread.h>
#include <stdint.h>

#include "lunette/error.h"

#define POOL_MAX 16

/**
 * struct pool_item - something that a pool may open; zeroed is closed
 * @thing: what it is while open
 * @holders: how many use it
 * @used: when it was wanted last, on the pool's clock
 */
struct pool_item {
	enum {
		POOL_CLOSED,
		POOL_OPENING,
		POOL_OPEN,
	} state;
	void *thing;
	unsigned int holders;
	uint64_t used;
};

/**
 * struct pool - @places hold the items that are open or being opened
 */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t clock;
	void (*close)(void *thing);
	struct pool_item *places[POOL_MAX];
};

void pool_init(struct pool *pool, void (*close)(void *thing));

/* Closes everything; nothing may be held. */
void pool_destroy(struct pool *pool);

typedef int pool_open_fn(void *ctx, void **ret, struct error *err);

/**
 * pool_hold() - open an item unless it is open, and hold it
 * @ret: what @open gave, until pool_release()
 *
 * Waits while others open the same one, or while every place is held.
 *
 * Return: 0, or what @open returned.
 */
int pool_hold(struct pool *pool, struct pool_item *item, pool_open_fn *open, void *ctx, void **ret,
	      struct error *err);

void pool_release(struct pool *pool, struct pool_item *item);

#endif
