/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * objects - a bounded number of objects kept open for reading, by key.
 *
 * A repository has more packs and indexes than a process may have descriptors; those that are
 * read now are few.
 */
#ifndef LUNETTE_OBJECTS_H
#define LUNETTE_OBJECTS_H

#include "lunette/store.h"

struct objects;

int objects_new(struct store *store, struct objects **ret, struct error *err);
void objects_free(struct objects *objects); /* nothing of it may be in use */
DEFINE_CLEANUP(struct objects *, objects_free)

/**
 * objects_read() - read a range of the object at @key, opening it if need be. Any thread.
 *
 * Return: as store_open() and store_read().
 */
int objects_read(struct objects *objects, const char *key, void *buf, size_t len, uint64_t off,
		 struct error *err);

/**
 * objects_size() - how large the object at @key is. Any thread.
 */
int objects_size(struct objects *objects, const char *key, uint64_t *ret, struct error *err);

/**
 * objects_forget() - have the object at @key opened anew when it is read next. Any thread.
 *
 * For one that turned out to be damaged: another may have taken its place by then.
 */
void objects_forget(struct objects *objects, const char *key);

#endif
