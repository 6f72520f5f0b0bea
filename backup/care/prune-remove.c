/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune-remove - marks packs, and removes those whose marks everybody heeds.
 *
 * A mark is acted on in an order that leaves nothing wrong wherever it ends: indexes that do not
 * speak of the packs any more, the old indexes go, the packs go, the mark goes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/document.h"
#include "lunette/json.h"
#include "prune-private.h"
#include "lunette/tiers.h"

int prune_mark(struct repo *repo, const struct index_pack *packs, size_t n, struct error *err)
{
	char name[65];
	int rc = 0;
	for (size_t at = 0; rc == 0 && at < n; at += MARKS_PACKS)
		rc = marks_put(repo, packs + at, MIN(n - at, (size_t)MARKS_PACKS), name, err);
	return rc;
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
	struct usage *later; /* of those that came since; NULL when there are none to look for */
	struct id_set *goes;
};

static void removal_cleanup(struct removal *removal)
{
	usage_free(removal->later);
	id_set_free(removal->goes);
}

static bool is_used(const struct usage *usage, const struct chunk_id *id)
{
	const struct usage_pack *pack = usage ? usage_find(usage, id) : NULL;
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

static int choose_one(struct removal *removal, const struct chunk_id *id, struct error *err)
{
	bool is_new;
	if (is_used(removal->usage, id) || is_used(removal->later, id))
		return 0; /* it stays, and is not marked any more */
	return id_set_add(removal->goes, id, &is_new, err);
}

static int remove_one(struct removal *removal, const struct chunk_id *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	if (!id_set_has(removal->goes, id))
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
	return 0;
}

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

static int rewrite_indexes(struct removal *removal, struct error *err)
{
	struct repo *repo = removal->repo;
	CLEANUP(free_cleanup) struct index **indexes = NULL;
	size_t n, kept = 0;
	int rc = catalog_refresh(repo->catalog, err);
	if (rc == 0)
		rc = catalog_indexes(repo->catalog, true, &indexes, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool speaks;
		rc = speaks_of(indexes[i], removal->goes, &speaks, err);
		if (rc == 0 && speaks)
			indexes[kept++] = indexes[i];
	}
	if (rc == 0)
		rc = lease_check(removal->own, err);
	return rc < 0 || kept == 0 ? rc : tiers_replace(repo, indexes, kept, removal->goes, err);
}

int prune_remove(struct repo *repo, struct lease *own, const struct usage *usage, json_t *ready,
		 bool recheck, const struct prune_options *options, struct prune_result *result,
		 struct error *err)
{
	if (json_array_size(ready) == 0)
		return 0;
	CLEANUP(removal_cleanup)
	struct removal removal = {
		.repo = repo, .own = own, .options = options, .result = result, .usage = usage
	};
	CLEANUP(marks_free_cleanup) struct marks *marks = NULL;
	int rc = id_set_new(SIZE_MAX, &removal.goes, err);
	if (rc == 0)
		rc = marks_load(repo, &marks, err);
	if (rc == 0 && recheck)
		rc = usage_new(repo, marks, usage->points, options, &removal.later, err);
	if (rc == 0)
		rc = each_pack(repo, ready, choose_one, &removal, err);
	if (rc == 0)
		rc = rewrite_indexes(&removal, err);
	if (rc == 0)
		rc = each_pack(repo, ready, remove_one, &removal, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(ready); i++)
		rc = marks_remove(repo, json_string_value(json_array_get(ready, i)), err);
	return rc;
}
