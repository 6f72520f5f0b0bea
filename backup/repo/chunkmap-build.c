/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * chunkmap-build - writes a chunk map from left to right: one open node a level, stored when the
 * next chunk lies beyond it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/chunkmap.h"
#include "lunette/repo-parts.h"

struct chunkmap_builder {
	struct repo_writer *writer;
	struct sealer *sealer;
	uint64_t next;                /* the lowest number that may be set */
	uint64_t stored;              /* bytes in packs */
	uint64_t at[CHUNKMAP_LEVELS]; /* which node of its level is open */
	/* One level more than a tree can have: its first id is the root of the highest. */
	struct chunk_id nodes[CHUNKMAP_LEVELS + 1][CHUNKMAP_FANOUT];
	uint8_t buf[REPO_SEAL_BOUND(CHUNKMAP_NODE)];
};

int chunkmap_builder_new(struct repo_writer *writer, struct sealer *sealer,
			 struct chunkmap_builder **ret, struct error *err)
{
	struct chunkmap_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return error_set(err, -ENOMEM, "write a chunk map: %m");
	builder->writer = writer;
	builder->sealer = sealer;
	*ret = builder;
	return 0;
}

void chunkmap_builder_free(struct chunkmap_builder *builder)
{
	free(builder);
}

static int store_node(struct chunkmap_builder *builder, const struct chunk_id *node,
		      struct chunk_id *ret, struct error *err)
{
	struct chunk_id id;
	int rc = repo_identify(repo_writer_repo(builder->writer), node, CHUNKMAP_NODE, &id, err);
	if (rc < 0)
		return rc;
	*ret = id;
	if (repo_writer_knows(builder->writer, &id))
		return 0; /* nothing below it has changed: as most do not */
	struct sealed sealed = { .buf = builder->buf };
	rc = sealer_seal(builder->sealer, &id, node, CHUNKMAP_NODE, &sealed, err);
	if (rc < 0)
		return rc;
	uint64_t stored;
	rc = repo_writer_add_kind(builder->writer, &id, &sealed, CHUNKMAP_NODE, PACK_KIND_MAP,
				  &stored, err);
	if (rc < 0)
		return rc;
	builder->stored += stored;
	return 0;
}

static bool node_is_zero(const struct chunk_id *node)
{
	for (size_t i = 0; i < CHUNKMAP_FANOUT; i++)
		if (!chunk_id_is_zero(&node[i]))
			return false;
	return true;
}

/* Stores the open node of a level and writes its id into the one above; it is empty again then. */
static int close_node(struct chunkmap_builder *builder, unsigned int level, struct error *err)
{
	struct chunk_id *node = builder->nodes[level];
	if (node_is_zero(node))
		return 0;
	struct chunk_id *above = builder->nodes[level + 1];
	int rc = store_node(builder, node, &above[builder->at[level] % CHUNKMAP_FANOUT], err);
	if (rc == 0)
		memset(node, 0, CHUNKMAP_NODE);
	return rc;
}

int chunkmap_builder_set(struct chunkmap_builder *builder, uint64_t n, const struct chunk_id *id,
			 struct error *err)
{
	if (n < builder->next || n >= chunkmap_span(CHUNKMAP_LEVELS - 1))
		return error_set(err, -EINVAL, "chunk map: chunk %" PRIu64 " is out of order", n);
	for (unsigned int level = 0; level < CHUNKMAP_LEVELS; level++) {
		uint64_t at = n / chunkmap_span(level);
		if (at == builder->at[level])
			break;
		int rc = close_node(builder, level, err);
		if (rc < 0)
			return rc;
		builder->at[level] = at;
	}
	builder->nodes[0][chunkmap_slot(n, 0)] = *id;
	builder->next = n + 1;
	return 0;
}

int chunkmap_builder_finish(struct chunkmap_builder *builder, uint64_t n_chunks,
			    struct chunk_id *ret_root, uint64_t *ret_stored, struct error *err)
{
	unsigned int levels = chunkmap_levels(n_chunks);
	if (builder->next > n_chunks || levels > CHUNKMAP_LEVELS)
		return error_set(err, -EINVAL,
				 "chunk map: %" PRIu64 " chunks cannot be: number %" PRIu64
				 " was set",
				 n_chunks, builder->next);
	for (unsigned int level = 0; level < levels; level++) {
		int rc = close_node(builder, level, err);
		if (rc < 0)
			return rc;
	}
	*ret_root = builder->nodes[levels][0];
	*ret_stored = builder->stored;
	return 0;
}
