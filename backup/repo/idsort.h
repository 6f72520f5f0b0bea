/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * idsort - sorts chunk ids, each once, more of them than fit in memory.
 *
 * Ids are spread by their first bits over buckets; a bucket is small enough to be sorted in memory,
 * and waits in a temporary file. One that has doubled since it was sorted last is sorted again and
 * loses what is there twice, so that the file grows with the ids and not with how often they are
 * given. Not thread-safe.
 */
#ifndef REPO_IDSORT_H
#define REPO_IDSORT_H

#include "lunette/repo.h"

struct idsort;

int idsort_new(struct idsort **ret, struct error *err);
void idsort_free(struct idsort *sort);
DEFINE_CLEANUP(struct idsort *, idsort_free)

/* Gives an id; before the first idsort_next() only. */
int idsort_add(struct idsort *sort, const struct chunk_id *id, struct error *err);

/**
 * idsort_next() - the next id: the least one first, each once
 *
 * Return: 1; 0 at the end; what the temporary file said; -ENOMEM.
 */
int idsort_next(struct idsort *sort, struct chunk_id *ret, struct error *err);

#endif
