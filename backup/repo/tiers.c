/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tiers - see tiers.h. */
#include <errno.h>
#include <string.h>

#include "lunette/index-merge.h"
#include "lunette/marks.h"
#include "lunette/tiers.h"

/* ---- several indexes become one ---- */

/**
 * struct replacement - an index that takes the place of others
 * @packs: of the merge; @n of them
 * @numbers: of the packs that stay, in the new index; DROPPED for others
 * @marks: that there are
 */
struct replacement {
	struct repo *repo;
	struct index_merge *merge;
	struct marks *marks;
	uint32_t n;
	const struct index_pack *packs;
	uint32_t *numbers;
	uint32_t n_kept;
	struct index_pack *kept;
	struct index_builder *builder;
};

#define DROPPED UINT32_MAX

static void replacement_cleanup(struct replacement *r)
{
	index_builder_free(r->builder);
	index_merge_free(r->merge);
	marks_free(r->marks);
	free(r->numbers);
	free(r->kept);
}

static int choose_packs(struct replacement *r, const struct id_set *without, struct error *err)
{
	r->packs = index_merge_packs(r->merge, &r->n);
	r->numbers = calloc(r->n, sizeof(*r->numbers));
	r->kept = calloc(r->n, sizeof(*r->kept));
	if (!r->numbers || !r->kept)
		return error_set(err, -ENOMEM, "merge indexes: %m");
	for (uint32_t i = 0; i < r->n; i++) {
		bool dropped = without && id_set_has(without, index_pack_id(&r->packs[i]));
		r->numbers[i] = dropped ? DROPPED : r->n_kept;
		if (!dropped)
			r->kept[r->n_kept++] = r->packs[i];
	}
	return 0;
}

/*
 * The place that a chunk keeps: one in a pack that is there, if any is, and of those one in a pack
 * that is not marked. What is in a marked one was copied, and that is where the copy is found.
 * NULL: all are dropped.
 */
static int choose_place(const struct replacement *r, const struct index_entry *places, size_t n,
			const struct index_entry **ret, struct error *err)
{
	const struct index_entry *first = NULL, *there = NULL, *stays = NULL;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		kept += r->numbers[places[i].pack] != DROPPED;
	for (size_t i = 0; i < n && !stays; i++) {
		if (r->numbers[places[i].pack] == DROPPED)
			continue;
		first = first ? first : &places[i];
		bool is_there = false;
		if (kept > 1) { /* else there is no choice */
			int rc = catalog_has_pack(r->repo->catalog, &r->packs[places[i].pack],
						  &is_there, err);
			if (rc < 0)
				return rc;
		}
		if (is_there && !there)
			there = &places[i];
		if (is_there && !marks_has(r->marks, &r->packs[places[i].pack]))
			stays = &places[i];
	}
	*ret = stays ? stays : there ? there : first;
	return 0;
}

static int copy_entries(struct replacement *r, uint64_t *ret, struct error *err)
{
	const struct index_entry *places;
	size_t n;
	int rc;
	*ret = 0;
	while ((rc = index_merge_next(r->merge, &places, &n, err)) > 0) {
		const struct index_entry *kept;
		rc = choose_place(r, places, n, &kept, err);
		if (rc < 0)
			return rc;
		if (!kept)
			continue;
		struct index_entry entry = *kept;
		entry.pack = r->numbers[entry.pack];
		rc = index_builder_add(r->builder, &entry, err);
		if (rc < 0)
			return rc;
		++*ret;
	}
	return rc;
}

/* @ret_name: "" when there is nothing left to say. */
static int write_merged(struct repo *repo, struct index *const *indexes, size_t n,
			const struct id_set *without, char ret_name[65], struct error *err)
{
	CLEANUP(replacement_cleanup) struct replacement r = { .repo = repo };
	uint64_t entries = 0;
	ret_name[0] = '\0';
	int rc = index_merge_new(indexes, n, &r.merge, err);
	if (rc == 0)
		rc = marks_load(repo, &r.marks, err);
	if (rc == 0)
		rc = choose_packs(&r, without, err);
	if (rc < 0 || r.n_kept == 0)
		return rc;
	rc = index_builder_new(repo->store, repo->keys, r.kept, r.n_kept, &r.builder, err);
	if (rc == 0)
		rc = copy_entries(&r, &entries, err);
	return rc < 0 || entries == 0 ? rc : index_builder_finish(r.builder, ret_name, err);
}

int tiers_replace(struct repo *repo, struct index *const *indexes, size_t n,
		  const struct id_set *without, struct error *err)
{
	char name[65];
	int rc = write_merged(repo, indexes, n, without, name, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (strcmp(index_key(indexes[i]) + strlen(INDEX_FOLDER "/"), name) != 0)
			rc = store_remove(repo->store, index_key(indexes[i]), err);
	return rc < 0 ? rc : catalog_refresh(repo->catalog, err);
}

/* ---- which ones ---- */

static unsigned int tier_of(const struct index *index)
{
	unsigned int tier = 0;
	for (uint64_t n = index_entries(index); n >= TIERS_FACTOR; n /= TIERS_FACTOR)
		tier++;
	return tier;
}

/* Those of one tier follow each other, since they are sorted by size. Returns 0 if none is full. */
static size_t find_full(struct index *const *indexes, size_t n, size_t *ret_first)
{
	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n && tier_of(indexes[end]) == tier_of(indexes[first]);)
			end++;
		if (end - first >= TIERS_FACTOR &&
		    index_entries(indexes[first]) <= TIERS_MAX_ENTRIES / TIERS_FACTOR) {
			*ret_first = first;
			return end - first;
		}
	}
	return 0;
}

int tiers_merge(struct repo *repo, struct error *err)
{
	int rc = catalog_refresh(repo->catalog, err);
	while (rc == 0) {
		CLEANUP(free_cleanup) struct index **indexes = NULL;
		size_t n, first, full;
		rc = catalog_indexes(repo->catalog, false, &indexes, &n, err);
		if (rc < 0 || (full = find_full(indexes, n, &first)) == 0)
			return rc;
		rc = tiers_replace(repo, indexes + first, full, NULL, err);
	}
	return rc;
}
