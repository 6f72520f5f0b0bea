/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tiers - keeps indexes few: every backup writes some, and a look-up asks each of them.
 *
 * Indexes of about the same size, a tier, are merged when there are too many of them, and what
 * comes out is one of a higher tier. So an entry is written once a tier, and a repository has a few
 * indexes a tier.
 */
#ifndef LUNETTE_TIERS_H
#define LUNETTE_TIERS_H

#include "lunette/repo-parts.h"

/* A tier is merged when it has so many indexes; each tier's are up to so many times larger. */
#define TIERS_FACTOR 4

/* Larger ones are left to prune, so that a backup does not spend its time with them. */
#define TIERS_MAX_ENTRIES (16u << 20)

/**
 * tiers_merge() - merge tiers that are full
 *
 * Only under a lease that knows of no marks: entries of marked packs are copied as well, and must
 * not appear again after prune has dropped them. An index that is damaged is left alone. Others may
 * do the same at the same time.
 *
 * Return: 0; -ENOENT when another one was faster; what reading, writing or removing said: then some
 * are not merged, and nothing is lost.
 */
int tiers_merge(struct repo *repo, struct error *err);

/**
 * tiers_replace() - write one index instead of several, and remove these
 * @indexes: @n of them, those that were written last first
 * @without: packs whose entries are dropped; may be NULL
 *
 * A chunk that lies in several places keeps one: the first of those whose pack is there.
 *
 * Return: 0 when they are replaced on stable storage; else both may be there.
 */
int tiers_replace(struct repo *repo, struct index *const *indexes, size_t n,
		  const struct id_set *without, struct error *err);

#endif
