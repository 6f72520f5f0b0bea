/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layer - what stores that stand in front of another one share: everything passes through, and each
 * layer puts its own functions in the place of those that it changes.
 */
#ifndef STORE_LAYER_H
#define STORE_LAYER_H

#include "lunette/store.h"

/* The head of a layer's own struct. @below is the layer's. */
struct layer {
	struct store store;
	struct store *below;
};

static inline struct store *layer_below(struct store *store)
{
	return ((struct layer *)store)->below;
}

/* Sets the head up; @below is taken over. */
void layer_init(struct layer *layer, const struct store_ops *ops, struct store *below);

int layer_draft(struct store *store, struct store_draft **ret, struct error *err);
int layer_put(struct store *store, const char *key, const struct store_source *source,
	      enum store_taken taken, struct error *err);
int layer_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
	       struct error *err);
int layer_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
	      struct error *err);
int layer_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
	       struct error *err);
int layer_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err);
int layer_remove(struct store *store, const char *key, struct error *err);
int layer_move(struct store *store, const char *from, const char *to, size_t max,
	       struct error *err);
void layer_forget(struct store *store, const char *key);
int layer_sweep(struct store *store, uint32_t age, struct error *err);
int layer_reserve(struct store *store, bool keep, struct error *err);
int layer_room(struct store *store, uint64_t *ret, struct error *err);
void layer_destroy(struct store *store); /* what is below, and the struct */

#endif
