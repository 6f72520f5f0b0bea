/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reservation - room for one more snapshot of each volume, between counting and making it.
 *
 * Jobs that run at the same time must not all take the last place. A reservation is a locked file
 * that names volumes: it is gone with the process that holds it, and no longer needed once the
 * storage lists the snapshot. Nobody waits for another job's freeze.
 */
#ifndef JOB_RESERVATION_H
#define JOB_RESERVATION_H

#include <jansson.h>

#include "lunette/error.h"

/**
 * struct reservation - what is wanted
 * @state: folder; see state.h
 * @array: tells one storage from another
 * @name: of the snapshot
 * @volumes: of the storage: texts
 * @most: snapshots of one volume
 * @list: asks the storage for all that lunette has on it
 */
struct reservation {
	const char *state;
	const char *array;
	const char *name;
	const json_t *volumes;
	uint64_t most;
	int (*list)(void *ctx, json_t **ret, struct error *err);
	void *ctx;
};

/**
 * reservation_take() - count, and reserve
 * @ret_fd: to be closed when the snapshot is on the list, or will never be
 *
 * Return: 0; -EMLINK when a volume has as many snapshots as are allowed; what @list said.
 */
int reservation_take(const struct reservation *r, int *ret_fd, struct error *err);

#endif
