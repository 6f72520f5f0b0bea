/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conform - does a storage plug-in do what contrib/plugins/PROTOCOL.md says?
 *
 * Everything is tried on the real storage, with snapshots and LUNs of our own: names that begin
 * with "lt-", owned by lunette/HOST/plugin-test/RUN. Whatever the plug-in does, the last thing that
 * is done is to remove them.
 */
#ifndef LUNETTE_CONFORM_H
#define LUNETTE_CONFORM_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lunette/error.h"

enum conform_outcome { CONFORM_OK, CONFORM_NOT_OK, CONFORM_SKIPPED };

/**
 * struct conform_result - one thing that was tried
 * @what: what should hold
 * @paragraph: of PROTOCOL.md, that says so
 * @why: what was seen instead, or why it was not tried; "" when it holds
 */
struct conform_result {
	enum conform_outcome outcome;
	const char *what;
	const char *paragraph;
	const char *why;
};

/**
 * struct conform_options - what to try
 * @path: of the plug-in
 * @config: object of texts
 * @secrets: object of texts, or NULL
 * @identities: of the LUNs to take snapshots of; without any, only what needs none is tried
 * @initiator: the iSCSI name to connect with
 * @write_to: the first of the LUNs as a file or block device, whose content is destroyed; or NULL
 * @part: only this one of conform_parts; NULL for all
 * @kills: how often each verb is killed in its middle
 * @limit_ms: how long a call may take
 * @stop: when it becomes true, it cleans up and ends
 */
struct conform_options {
	const char *path;
	const json_t *config;
	const json_t *secrets;
	const char *const *identities;
	size_t n_identities;
	const char *initiator;
	const char *write_to;
	const char *part;
	unsigned int kills;
	unsigned int limit_ms;
	const atomic_bool *stop;
	void (*report)(void *ctx, const struct conform_result *result);
	void *ctx;
};

/* What it consists of, with snapshots; ends with NULL. */
extern const char *const conform_parts[];

/**
 * conform_run() - try it
 * @ret_failed: how many things do not hold
 *
 * Return: 0 when it came to its end; -EINTR; an error when there is no program to be tried.
 */
int conform_run(const struct conform_options *options, size_t *ret_failed, struct error *err);

#endif
