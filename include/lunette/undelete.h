/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * undelete - brings forgotten restore points back, until the repository is pruned.
 *
 * Nobody may prune meanwhile: it takes an exclusive lease, as prune does. Then it makes sure that
 * every chunk and node that they refer to is in a pack that is there, by what the indexes say; data
 * is not read. What an earlier prune has marked and not yet removed counts as there: the next one
 * finds that it is needed.
 */
#ifndef LUNETTE_UNDELETE_H
#define LUNETTE_UNDELETE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lunette/repo.h"

/**
 * struct undelete_request - what is to be done
 * @n, @ids: of restore points that are forgotten
 * @stop: when it becomes true it ends with -EINTR, and nothing is brought back; may be NULL
 * @each: told of each one when it is in its place again; @there: somebody else has brought it back
 */
struct undelete_request {
	size_t n;
	const char (*ids)[65];
	const atomic_bool *stop;
	void (*each)(void *ctx, const char *id, bool there);
	void *ctx;
};

/**
 * undelete_run() - do it: all of them, or, where one of them cannot be brought back, none
 *
 * Return: 0; -ENOENT when one is not there any more: it has been pruned meanwhile; -ENODATA when
 * something of one is not there; -EBUSY when a prune or a repair is at work; -EINTR; ...
 */
int undelete_run(struct repo *repo, const struct undelete_request *request, struct error *err);

#endif
