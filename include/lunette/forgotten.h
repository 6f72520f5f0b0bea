/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forgotten - restore points that were forgotten, and can be brought back.
 *
 * A manifest that goes from its folder lies in another one until the repository is pruned, under
 * the same name and with the same bytes. Nobody counts it: what only it refers to may be removed by
 * any prune. So whoever brings it back keeps prunes away, and proves first that all of it is there
 * (see undelete.h).
 *
 * Who dies in the middle may leave it in both folders. Then it is not forgotten.
 */
#ifndef LUNETTE_FORGOTTEN_H
#define LUNETTE_FORGOTTEN_H

#include "lunette/repo.h"
#include "lunette/store.h"

#define FORGOTTEN_FOLDER "forgotten"

/**
 * forgotten_list() - those that are forgotten, and not there as well
 * @fn: told of each one's id
 */
int forgotten_list(struct repo *repo, store_list_fn *fn, void *ctx, struct error *err);

/**
 * forgotten_keep() - take a restore point away, to be brought back later
 *
 * Return: 0; -ENOENT when it is not there; -ENOSPC, -EDQUOT where that takes room; ...
 */
int forgotten_keep(struct repo *repo, const char *id, struct error *err);

/**
 * forgotten_bring_back() - put it in its place again
 *
 * Return: 0; -ENOENT when it is not forgotten; ...
 */
int forgotten_bring_back(struct repo *repo, const char *id, struct error *err);

/* Makes it final. Return: 0 also when it is gone already; what the store said. */
int forgotten_remove(struct repo *repo, const char *id, struct error *err);

#endif
