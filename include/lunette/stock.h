/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stock - which packs are there? Known by listing, a folder at a time, so that the store is not
 * asked once for each pack: where it is far away that takes minutes.
 *
 * A few bytes for each pack whose folder was asked for. What was there once counts as being there:
 * who relies on a pack has a lease, and who reads one is told when it is gone.
 */
#ifndef LUNETTE_STOCK_H
#define LUNETTE_STOCK_H

#include "lunette/pack.h"

struct stock;

/* @store must outlive it. */
int stock_new(struct store *store, struct stock **ret, struct error *err);
void stock_free(struct stock *stock);
DEFINE_CLEANUP(struct stock *, stock_free)

/* Everything is listed anew when it is asked for next. Any thread. */
void stock_renew(struct stock *stock);

/**
 * stock_has() - is a pack there, and as large as it should be? Any thread.
 *
 * Return: 0, and @ret says; what the store said, when it is not known.
 */
int stock_has(struct stock *stock, const struct index_pack *pack, bool *ret, struct error *err);

#endif
