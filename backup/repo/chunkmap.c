/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunkmap - reads a chunk map, from the root down, keeping the nodes that were used last. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "lunette/chunkmap.h"

/* 512 KiB: enough for a few readers that each go through a region of their own. */
#define NODES_MAX 32

struct cached_node {
	struct chunk_id id; /* zero: the slot is free */
	uint64_t used;
	struct chunk_id *node;
};

struct chunkmap {
	struct repo *repo;
	struct chunk_id root;
	uint64_t n_chunks;
	unsigned int levels;
	pthread_mutex_t lock; /* guards all below */
	uint64_t clock;
	struct cached_node cache[NODES_MAX];
};

int chunkmap_open(struct repo *repo, const struct chunk_id *root, uint64_t n_chunks,
		  struct chunkmap **ret, struct error *err)
{
	unsigned int levels = chunkmap_levels(n_chunks);
	if (levels > CHUNKMAP_LEVELS)
		return error_set(err, -EUCLEAN, "a chunk map of %" PRIu64 " chunks cannot be",
				 n_chunks);
	struct chunkmap *map = calloc(1, sizeof(*map));
	if (!map)
		return error_set(err, -ENOMEM, "open a chunk map: %m");
	map->repo = repo;
	map->root = *root;
	map->n_chunks = n_chunks;
	map->levels = levels;
	pthread_mutex_init(&map->lock, NULL);
	*ret = map;
	return 0;
}

void chunkmap_close(struct chunkmap *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < NODES_MAX; i++)
		free(map->cache[i].node);
	pthread_mutex_destroy(&map->lock);
	free(map);
}

static bool find_cached(struct chunkmap *map, const struct chunk_id *id, struct chunk_id *node)
{
	bool found = false;
	pthread_mutex_lock(&map->lock);
	for (size_t i = 0; i < NODES_MAX && !found; i++) {
		struct cached_node *cached = &map->cache[i];
		if (!cached->node || memcmp(&cached->id, id, sizeof(*id)) != 0)
			continue;
		cached->used = ++map->clock;
		memcpy(node, cached->node, CHUNKMAP_NODE);
		found = true;
	}
	pthread_mutex_unlock(&map->lock);
	return found;
}

/* Two threads that missed the same node may both keep it; the copy that is not used goes soon. */
static void keep(struct chunkmap *map, const struct chunk_id *id, const struct chunk_id *node)
{
	pthread_mutex_lock(&map->lock);
	struct cached_node *oldest = &map->cache[0];
	for (size_t i = 1; i < NODES_MAX; i++)
		if (map->cache[i].used < oldest->used)
			oldest = &map->cache[i];
	if (!oldest->node)
		oldest->node = malloc(CHUNKMAP_NODE);
	if (oldest->node) { /* without memory it is read again, that is all */
		memcpy(oldest->node, node, CHUNKMAP_NODE);
		oldest->id = *id;
		oldest->used = ++map->clock;
	}
	pthread_mutex_unlock(&map->lock);
}

static int get_node(struct chunkmap *map, const struct chunk_id *id, struct chunk_id *node,
		    struct error *err)
{
	if (find_cached(map, id, node))
		return 0;
	int rc = repo_read(map->repo, id, node, CHUNKMAP_NODE, err);
	if (rc < 0)
		return error_wrap(err, rc, "chunk map");
	keep(map, id, node);
	return 0;
}

/*
 * Goes down towards chunk @n, until it is found or a whole subtree is zero.
 * @node: CHUNKMAP_NODE bytes; holds the leaf when @ret_level is 0
 * @ret_level: how far above the chunk it ended
 */
static int descend(struct chunkmap *map, uint64_t n, struct chunk_id *node, struct chunk_id *ret,
		   unsigned int *ret_level, struct error *err)
{
	if (n >= map->n_chunks)
		return error_set(err, -ERANGE,
				 "chunk %" PRIu64 " of %" PRIu64 " is not in the chunk map", n,
				 map->n_chunks);
	struct chunk_id id = map->root;
	unsigned int level = map->levels;
	while (level > 0 && !chunk_id_is_zero(&id)) {
		int rc = get_node(map, &id, node, err);
		if (rc < 0)
			return rc;
		id = node[chunkmap_slot(n, --level)];
	}
	*ret = id;
	*ret_level = level;
	return 0;
}

int chunkmap_get(struct chunkmap *map, uint64_t n, struct chunk_id *ret, struct error *err)
{
	struct chunk_id node[CHUNKMAP_FANOUT];
	unsigned int level;
	return descend(map, n, node, ret, &level, err);
}

int chunkmap_run(struct chunkmap *map, uint64_t n, bool *ret_zero, uint64_t *ret_n,
		 struct error *err)
{
	struct chunk_id node[CHUNKMAP_FANOUT], id;
	unsigned int level;
	int rc = descend(map, n, node, &id, &level, err);
	if (rc < 0)
		return rc;
	bool zero = chunk_id_is_zero(&id);
	uint64_t end;
	if (level > 0) {
		uint64_t span = chunkmap_span(level - 1);
		end = (n / span + 1) * span;
	} else {
		size_t slot = chunkmap_slot(n, 0), past = slot + 1;
		while (past < CHUNKMAP_FANOUT && chunk_id_is_zero(&node[past]) == zero)
			past++;
		end = n + (past - slot);
	}
	*ret_zero = zero;
	*ret_n = MIN(end, map->n_chunks) - n;
	return 0;
}
