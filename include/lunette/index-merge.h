/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-merge - all entries of several indexes, in the order of their ids, as from one: for whoever
 * makes one index out of many, or compares them with something else that is sorted.
 *
 * Memory is a run of pages for each index, and 100 bytes for each pack.
 */
#ifndef LUNETTE_INDEX_MERGE_H
#define LUNETTE_INDEX_MERGE_H

#include "lunette/index.h"

struct index_merge;

/**
 * index_merge_new() - begin to read several indexes together
 * @indexes: @n of them, at least one; they must outlive the merge
 *
 * Return: 0; -EUCLEAN when the packs of one are damaged; -ENOENT when one is gone; ...
 */
int index_merge_new(struct index *const *indexes, size_t n, struct index_merge **ret,
		    struct error *err);
void index_merge_free(struct index_merge *merge);
DEFINE_CLEANUP(struct index_merge *, index_merge_free)

/* The packs of all of them, each once, sorted by id; valid as long as the merge is. */
const struct index_pack *index_merge_packs(const struct index_merge *merge, uint32_t *ret_n);

/**
 * index_merge_next() - the next chunk, and every place where one of the indexes says that it lies
 * @ret: entries of one id, in the order of the indexes; their packs are numbers among
 *       index_merge_packs(); valid until the next call
 * @ret_n: at least one
 *
 * Return: 1; 0 at the end; -EUCLEAN when an index is damaged; ...
 */
int index_merge_next(struct index_merge *merge, const struct index_entry **ret, size_t *ret_n,
		     struct error *err);

#endif
