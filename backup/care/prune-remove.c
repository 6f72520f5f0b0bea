/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune-remove - marks packs, and removes those whose marks everybody heeds.
 *
 * A mark is acted on in an order that leaves nothing wrong wherever it ends, and that frees room
 * before it needs any: the packs go, then come indexes that do not speak of them any more, the old
 * indexes go, the mark goes. While it is there nobody relies on what an index says of its packs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/document.h"
#include "lunette/json.h"
#include "prune-private.h"
#include "lunette/tiers.h"

/* Bytes that an index takes for a chunk, with what frames it. */
#define INDEX_ENTRY_ROOM 50u

#define LARGE_INDEX (16ull << 20)

int prune_mark(struct repo *repo, const struct index_pack *packs, size_t n, size_t *ret_marked,
	       struct error *err)
{
	char name[65];
	*ret_marked = 0;
	while (*ret_marked < n) {
		size_t some = MIN(n - *ret_marked, (size_t)MARKS_PACKS);
		int rc = marks_put(repo, packs + *ret_marked, some, name, err);
		if (rc < 0)
			return store_is_full(rc) && *ret_marked > 0 ? 0 : rc;
		*ret_marked += some;
	}
	return 0;
}

/* ---- which marks are ready ---- */

struct heeding {
	json_t *ready;   /* names of marks that all whom we met heed */
	json_t *waiting; /* texts: who does not heed all of them */
	json_t *writers; /* texts: all */
};

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	const json_t *each;
	json_array_foreach(list, i,
			   each) if (strcmp(json_string_value(each), text) == 0) return true;
	return false;
}

/* Everybody is met twice. */
static void add_text(json_t *list, const char *text)
{
	if (!has_text(list, text))
		json_array_append_new(list, json_string(text));
}

static int meet(void *ctx, const struct lease_info *info, struct error *err)
{
	(void)err;
	struct heeding *h = ctx;
	char text[LEASE_TEXT_MAX];
	lease_text(info, text);
	add_text(h->writers, text);
	for (size_t i = json_array_size(h->ready); i-- > 0;) {
		bool heeds = false;
		size_t j;
		const json_t *mark;
		json_array_foreach(info->marks, j, mark) heeds =
			heeds || json_equal(mark, json_array_get(h->ready, i));
		if (heeds)
			continue;
		json_array_remove(h->ready, i);
		add_text(h->waiting, text);
	}
	return 0;
}

int prune_ready(struct repo *repo, const struct lease *own, const struct marks *marks,
		struct prune_result *result, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *ready = json_copy(marks->names);
	struct heeding heeding = { ready, result->waiting_for, result->writers };
	if (!ready)
		return error_set(err, -ENOMEM, "prune: %m");
	json_array_clear(result->waiting_for);
	json_array_clear(result->writers);
	int rc = lease_each(repo, own, meet, &heeding, err);
	if (rc < 0)
		return rc;
	*ret = steal(&ready);
	return 0;
}

/* ---- removing ---- */

struct removal {
	struct repo *repo;
	struct lease *own;
	const struct prune_options *options;
	struct prune_result *result;
	const struct usage *usage; /* of all restore points that were there first */
	struct usage *later;       /* of those that came since */
	struct id_set *gone;
};

static bool is_used(const struct usage *usage, const struct chunk_id *id)
{
	const struct usage_pack *pack = usage_find(usage, id);
	return pack && pack->n_live > 0;
}

/* Calls @fn with each pack of the marks that are ready. */
static int each_pack(struct repo *repo, const json_t *ready,
		     int (*fn)(struct removal *removal, const struct chunk_id *id,
			       struct error *err),
		     struct removal *removal, struct error *err)
{
	size_t i, j;
	const json_t *name, *pack;
	json_array_foreach(ready, i, name)
	{
		CLEANUP(json_decref_cleanup) json_t *document = NULL;
		int rc = document_get(repo, MARKS_FOLDER, json_string_value(name), MARKS_MAX,
				      &document, err);
		if (rc < 0)
			return error_wrap(err, rc, "mark %.16s", json_string_value(name));
		json_array_foreach(json_object_get(document, "packs"), j, pack)
		{
			struct chunk_id id;
			if (!json_is_string(pack) || !chunk_id_parse(json_string_value(pack), &id))
				continue; /* marks_load() has seen it whole */
			rc = fn(removal, &id, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* One that is used stays, and is not marked any more when the mark goes. */
static int remove_one(struct removal *removal, const struct chunk_id *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	bool is_new;
	if (is_used(removal->usage, id) || is_used(removal->later, id) ||
	    id_set_has(removal->gone, id))
		return 0;
	int rc = prune_stopped(removal->options, err);
	if (rc == 0) /* who slept must not go on: another prune may have decided otherwise */
		rc = lease_check(removal->own, err);
	if (rc < 0)
		return rc;
	pack_key(id->bytes, key);
	/* Also one that was not listed: an earlier run may not have come to syncing its removal. */
	rc = store_remove(removal->repo->store, key, err);
	if (rc < 0)
		return rc;
	store_forget(removal->repo->store, key);
	const struct index_pack *pack = usage_there(removal->usage, id);
	if (pack) {
		removal->result->removed.packs++;
		removal->result->removed.bytes += pack->size;
	}
	return id_set_add(removal->gone, id, &is_new, err);
}

int prune_remove(struct repo *repo, struct lease *own, const struct usage *usage, json_t *ready,
		 struct id_set *gone, const struct prune_options *options,
		 struct prune_result *result, struct error *err)
{
	if (json_array_size(ready) == 0)
		return 0;
	CLEANUP(usage_free_cleanup) struct usage *later = NULL;
	CLEANUP(marks_free_cleanup) struct marks *marks = NULL;
	bool outdated = false;
	int rc = usage_is_outdated(repo, usage, &outdated, err);
	if (rc < 0 || outdated)
		return rc < 0 ? rc : 1;
	rc = marks_load(repo, &marks, err);
	if (rc == 0)
		rc = usage_new(repo, marks, usage->points, options, &later, err);
	if (rc < 0)
		return rc;
	struct removal removal = { repo, own, options, result, usage, later, gone };
	return each_pack(repo, ready, remove_one, &removal, err);
}

/* ---- settling ---- */

/* Does an index speak of a pack that goes? */
static int speaks_of(struct index *index, const struct id_set *goes, bool *ret, struct error *err)
{
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	uint32_t n;
	int rc = index_cursor_new(index, &cursor, err);
	if (rc < 0)
		return rc;
	const struct index_pack *packs = index_cursor_packs(cursor, &n);
	*ret = false;
	for (uint32_t i = 0; i < n && !*ret; i++)
		*ret = id_set_has(goes, index_pack_id(&packs[i]));
	return 0;
}

/* Which indexes speak of packs that are gone? @ret_size: bytes that the new one may take. */
static int find_indexes(struct repo *repo, const struct id_set *gone, struct index ***ret,
			size_t *ret_n, uint64_t *ret_size, struct error *err)
{
	CLEANUP(free_cleanup) struct index **indexes = NULL;
	size_t n = 0, kept = 0;
	uint64_t size = 0;
	int rc = catalog_refresh(repo->catalog, err);
	if (rc == 0)
		rc = catalog_indexes(repo->catalog, true, &indexes, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool speaks;
		rc = speaks_of(indexes[i], gone, &speaks, err);
		if (rc < 0 || !speaks)
			continue;
		size += index_entries(indexes[i]) * INDEX_ENTRY_ROOM;
		indexes[kept++] = indexes[i];
	}
	if (rc < 0)
		return rc;
	*ret = steal(&indexes);
	*ret_n = kept;
	*ret_size = size;
	return 0;
}

static int rewrite_indexes(struct repo *repo, struct lease *own, const struct id_set *gone,
			   struct error *err)
{
	CLEANUP(free_cleanup) struct index **indexes = NULL;
	size_t n;
	uint64_t size;
	int rc = find_indexes(repo, gone, &indexes, &n, &size, err);
	if (rc < 0 || n == 0)
		return rc;
	/* A large one is not begun in vain: the last room may be what a backup needs. */
	if (size > MAX(store_room(repo->store), LARGE_INDEX))
		return error_set(err, -ENOSPC, "write an index: %m");
	rc = lease_check(own, err);
	return rc < 0 ? rc : tiers_replace(repo, indexes, n, gone, err);
}

int prune_settle(struct repo *repo, struct lease *own, json_t *ready, const struct id_set *gone,
		 struct prune_result *result, struct error *err)
{
	if (json_array_size(ready) == 0)
		return 0;
	struct error why = { 0 };
	int rc = rewrite_indexes(repo, own, gone, &why);
	result->unsettled = store_is_full(rc);
	if (result->unsettled)
		return 0;
	if (rc < 0)
		return error_copy(err, rc, &why);
	for (size_t i = 0; rc == 0 && i < json_array_size(ready); i++)
		rc = marks_remove(repo, json_string_value(json_array_get(ready, i)), err);
	return rc;
}
