/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layer - see layer.h. */
#include <stdlib.h>

#include "layer.h"

void layer_init(struct layer *layer, const struct store_ops *ops, struct store *below)
{
	layer->store = (struct store){ .ops = ops, .puts = below->puts };
	layer->below = below;
}

int layer_draft(struct store *store, struct store_draft **ret, struct error *err)
{
	return store_draft_new(layer_below(store), ret, err);
}

int layer_put(struct store *store, const char *key, const struct store_source *source,
	      enum store_taken taken, struct error *err)
{
	return store_put(layer_below(store), key, source, taken, err);
}

int layer_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
	       struct error *err)
{
	return store_read(layer_below(store), key, buf, len, off, err);
}

int layer_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
	      struct error *err)
{
	return store_get_to(layer_below(store), key, sink, ctx, err);
}

int layer_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
	       struct error *err)
{
	return store_list(layer_below(store), folder, fn, ctx, err);
}

int layer_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err)
{
	return store_stat(layer_below(store), key, ret, err);
}

int layer_remove(struct store *store, const char *key, struct error *err)
{
	return store_remove(layer_below(store), key, err);
}

int layer_move(struct store *store, const char *from, const char *to, size_t max, struct error *err)
{
	return store_move(layer_below(store), from, to, max, err);
}

void layer_forget(struct store *store, const char *key)
{
	store_forget(layer_below(store), key);
}

int layer_sweep(struct store *store, uint32_t age, struct error *err)
{
	return store_sweep(layer_below(store), age, err);
}

int layer_reserve(struct store *store, bool keep, struct error *err)
{
	struct store *below = layer_below(store);
	return keep ? store_keep_reserve(below, err) : store_give_reserve(below, err);
}

int layer_room(struct store *store, uint64_t *ret, struct error *err)
{
	(void)err;
	*ret = store_room(layer_below(store));
	return 0;
}

void layer_destroy(struct store *store)
{
	store_free(layer_below(store));
	free(store);
}
