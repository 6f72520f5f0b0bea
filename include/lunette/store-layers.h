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
 * @late: what appends or puts does so first, as if the answer were lost
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

#endif
