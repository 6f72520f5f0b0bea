/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layer-limit - so many bytes a second to and from a store, all threads together. See
 * store-layers.h.
 *
 * Drafts take shape on this host, whatever the store below offers, and what is moved is read and
 * put: then all that goes to it passes through here.
 */
#include <errno.h>

#include "layer.h"
#include "lunette/limit.h"
#include "lunette/store-layers.h"

struct limited {
	struct layer layer;
	struct limit limit;
};

static struct limit *limit_of(struct store *store)
{
	return &((struct limited *)store)->limit;
}

static int wait_for(struct limit *limit, size_t len, struct error *err)
{
	int rc = 0;
	for (size_t done = 0, piece; rc == 0 && done < len; done += piece) {
		piece = MIN(len - done, limit_piece(limit));
		rc = limit_wait(limit, piece, NULL, err);
	}
	return rc;
}

struct limited_source {
	struct store_source source;
	const struct store_source *from;
	struct limit *limit;
};

static int source_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		       struct error *err)
{
	const struct limited_source *s = (const struct limited_source *)source;
	int rc = wait_for(s->limit, len, err);
	return rc < 0 ? rc : store_source_read(s->from, buf, len, off, err);
}

static int limited_put(struct store *store, const char *key, const struct store_source *source,
		       enum store_taken taken, struct error *err)
{
	static const struct store_source_ops ops = { .read = source_read };
	const struct limited_source s = { { &ops, source->size }, source, limit_of(store) };
	return layer_put(store, key, &s.source, taken, err);
}

static int limited_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
			struct error *err)
{
	int rc = wait_for(limit_of(store), len, err);
	return rc < 0 ? rc : layer_read(store, key, buf, len, off, err);
}

struct limited_sink {
	struct limit *limit;
	store_sink_fn *sink;
	void *ctx;
};

/* The store below does not read on while its sink waits. */
static int sink_slowly(void *ctx, const void *buf, size_t len, struct error *err)
{
	const struct limited_sink *s = ctx;
	int rc = wait_for(s->limit, len, err);
	return rc < 0 ? rc : s->sink(s->ctx, buf, len, err);
}

static int limited_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		       struct error *err)
{
	struct limited_sink s = { limit_of(store), sink, ctx };
	return layer_get(store, key, sink_slowly, &s, err);
}

struct store *store_limit_new(struct store *below, uint64_t rate)
{
	static const struct store_ops ops = {
		.put = limited_put,
		.read = limited_read,
		.list = layer_list,
		.stat = layer_stat,
		.remove = layer_remove,
		.destroy = layer_destroy,
		.get = limited_get,
		.forget = layer_forget,
		.sweep = layer_sweep,
		.reserve = layer_reserve,
		.room = layer_room,
	};
	struct limited *limited = calloc(1, sizeof(*limited));
	if (!limited) {
		store_free(below);
		return NULL;
	}
	layer_init(&limited->layer, &ops, below);
	limit_init(&limited->limit, rate);
	return &limited->layer.store;
}
