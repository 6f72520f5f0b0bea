/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-layers - stores that stand in front of any other one, and change one thing. They can be put
 * on top of each other; who opens a store decides which it needs.
 */
#ifndef LUNETTE_STORE_LAYERS_H
#define LUNETTE_STORE_LAYERS_H

#include <stdatomic.h>

#include "lunette/store.h"

/* ---- layer-faults.c: the n-th operation fails, as on a disk that is full or gone. For tests. ----
 */

/**
 * struct store_faults - what fails, and how; to be set before it is used
 * @code: what fails fails with this, e.g. -ENOSPC; 0: the process is killed
 * @fail_at: this operation, from 1, and all later ones; 0: none
 * @once: only that one
 * @late: what appends, puts or moves does so first, as if the answer were lost
 * @count: of operations so far, from any thread
 */
struct store_faults {
	struct store store;
	struct store *below;
	int code;
	int fail_at;
	bool once;
	bool late;
	atomic_int count;
};

/* @below: taken over. NULL: there is no memory. */
struct store_faults *store_faults_new(struct store *below);

/* ---- layer-retry.c: asks again after what may pass by itself ---- */

/**
 * struct store_retry_policy - how often, and after which pauses
 * @tries: in all; 1 is no second one
 * @first_ms: before the second one; before each later one twice as long
 * @longest_ms: but no longer than this
 */
struct store_retry_policy {
	unsigned int tries;
	unsigned int first_ms;
	unsigned int longest_ms;
};

/**
 * store_retry_new()
 * @below: taken over, also on failure
 *
 * What is no accident is not asked again: not there, there already, damaged, forbidden, full.
 *
 * Return: NULL: there is no memory.
 */
struct store *store_retry_new(struct store *below, const struct store_retry_policy *policy);

/* ---- layer-limit.c: so many bytes a second ---- */

/**
 * store_limit_new()
 * @below: taken over, also on failure
 * @rate: bytes a second, to and fro together, by all threads
 *
 * Return: NULL: there is no memory.
 */
struct store *store_limit_new(struct store *below, uint64_t rate);

/* ---- layer-cache.c: what is read at random lies on this host, too ---- */

/**
 * struct store_cache_options
 * @folder: for its file; processes that use the same one share it
 * @bytes: that it may take; all that share it should say the same
 * @scope: tells repositories that share it apart: their address, or their id
 */
struct store_cache_options {
	const char *folder;
	uint64_t bytes;
	const char *scope;
};

/**
 * store_cache_new() - small reads of packs and indexes are kept
 * @below: taken over, also on failure
 *
 * A cache that cannot be had, or not be written, is no error: then everything passes.
 *
 * What lies in the store now, only the store knows: whoever checks that must not read through a
 * cache, or store_forget() first.
 *
 * Return: NULL: there is no memory.
 */
struct store *store_cache_new(struct store *below, const struct store_cache_options *options);

#endif
