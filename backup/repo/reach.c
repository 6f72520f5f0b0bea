/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reach - see reach.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/chunkmap.h"
#include "idsort.h"
#include "lunette/reach.h"

/* Nodes whose places are looked up together, to be read in the order in which they lie. */
#define BATCH 32768u

/* A node that is to be read. */
struct node {
	struct chunk_id id;
	bool found; /* an index knows it; else reading it says why not */
	struct catalog_place place;
};

struct reach {
	struct repo *repo;
	struct reach_options options;
	struct idsort *levels[CHUNKMAP_LEVELS]; /* nodes to be read; NULL when there are none */
	struct idsort *all;
	uint64_t nodes;
	struct node *batch;
};

int reach_new(struct repo *repo, const struct reach_options *options, struct reach **ret,
	      struct error *err)
{
	CLEANUP(reach_free_cleanup) struct reach *reach = calloc(1, sizeof(*reach));
	if (!reach || !(reach->batch = calloc(BATCH, sizeof(*reach->batch))))
		return error_set(err, -ENOMEM, "find what restore points refer to: %m");
	reach->repo = repo;
	reach->options = *options;
	int rc = idsort_new(&reach->all, err);
	if (rc < 0)
		return rc;
	*ret = steal(&reach);
	return 0;
}

void reach_free(struct reach *reach)
{
	if (!reach)
		return;
	for (size_t i = 0; i < CHUNKMAP_LEVELS; i++)
		idsort_free(reach->levels[i]);
	idsort_free(reach->all);
	free(reach->batch);
	free(reach);
}

static int add_node(struct reach *reach, unsigned int level, const struct chunk_id *id,
		    struct error *err)
{
	int rc = reach->levels[level] ? 0 : idsort_new(&reach->levels[level], err);
	return rc < 0 ? rc : idsort_add(reach->levels[level], id, err);
}

int reach_add_root(struct reach *reach, const struct chunk_id *root, uint64_t n_chunks,
		   struct error *err)
{
	unsigned int levels = chunkmap_levels(n_chunks);
	if (levels > CHUNKMAP_LEVELS)
		return error_set(err, -EUCLEAN, "a chunk map of %" PRIu64 " chunks cannot be",
				 n_chunks);
	return chunk_id_is_zero(root) ? 0 : add_node(reach, levels - 1, root, err);
}

int reach_add_point(struct reach *reach, const json_t *point, struct error *err)
{
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		int rc = reach_add_root(reach, &disk.root, disk.n_chunks, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- a level ---- */

static int by_place(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	if (x->found != y->found)
		return x->found ? -1 : 1;
	if (!x->found)
		return 0;
	int order = memcmp(x->place.pack.id, y->place.pack.id, sizeof(x->place.pack.id));
	return order != 0 ? order
			  : (x->place.entry.offset > y->place.entry.offset) -
				    (x->place.entry.offset < y->place.entry.offset);
}

/* Takes the next nodes of a level, sorted by their places. */
static int take_batch(struct reach *reach, struct idsort *ids, size_t *ret, struct error *err)
{
	size_t n = 0;
	for (; n < BATCH; n++) {
		struct node *node = &reach->batch[n];
		int rc = idsort_next(ids, &node->id, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		struct catalog_search search = { 0 };
		node->found = catalog_next(reach->repo->catalog, &search, &node->id, &node->place);
	}
	qsort(reach->batch, n, sizeof(*reach->batch), by_place);
	*ret = n;
	return 0;
}

static int read_node(struct reach *reach, const struct node *node, struct chunk_id *ret,
		     struct error *err)
{
	if (node->found &&
	    repo_read_place(reach->repo, &node->place, ret, CHUNKMAP_NODE, NULL) == 0)
		return 0;
	/* Another place may do, or it has been moved since. */
	return repo_read(reach->repo, &node->id, ret, CHUNKMAP_NODE, err);
}

static int expand(struct reach *reach, unsigned int level, const struct node *node,
		  struct error *err)
{
	struct chunk_id children[CHUNKMAP_FANOUT];
	struct error why = { 0 };
	int rc = idsort_add(reach->all, &node->id, err);
	if (rc < 0)
		return rc;
	rc = read_node(reach, node, children, &why);
	if (rc < 0 && rc != -ENOMEM && reach->options.damaged)
		return reach->options.damaged(reach->options.ctx, &node->id, level, &why, err);
	if (rc < 0)
		return error_set(err, rc, "a node of a chunk map: %s", why.msg);
	for (size_t i = 0; rc == 0 && i < CHUNKMAP_FANOUT; i++) {
		if (chunk_id_is_zero(&children[i]))
			continue;
		rc = level > 0 ? add_node(reach, level - 1, &children[i], err)
			       : idsort_add(reach->all, &children[i], err);
	}
	reach->nodes++;
	if (rc == 0 && reach->options.progress && reach->nodes % 256 == 0)
		reach->options.progress(reach->options.ctx, reach->nodes);
	return rc;
}

static int walk_level(struct reach *reach, unsigned int level, struct error *err)
{
	size_t n;
	do {
		int rc = take_batch(reach, reach->levels[level], &n, err);
		for (size_t i = 0; rc == 0 && i < n; i++) {
			if (reach->options.stop &&
			    atomic_load_explicit(reach->options.stop, memory_order_relaxed))
				return error_set(err, -EINTR, "interrupted");
			rc = expand(reach, level, &reach->batch[i], err);
		}
		if (rc < 0)
			return rc;
	} while (n == BATCH);
	return 0;
}

int reach_walk(struct reach *reach, struct error *err)
{
	for (unsigned int level = CHUNKMAP_LEVELS; level-- > 0;) {
		if (!reach->levels[level])
			continue;
		int rc = walk_level(reach, level, err);
		idsort_free(steal(&reach->levels[level]));
		if (rc < 0)
			return rc;
	}
	return 0;
}

int reach_next(struct reach *reach, struct chunk_id *ret, struct error *err)
{
	return idsort_next(reach->all, ret, err);
}

uint64_t reach_nodes(const struct reach *reach)
{
	return reach->nodes;
}
