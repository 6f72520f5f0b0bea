/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repair - carries a plan out. See repair.h.
 *
 * The order is that of every writer: packs, the index that speaks of them; and then what they
 * replace is removed.
 */
#include <errno.h>
#include <string.h>

#include "lunette/lease.h"
#include "lunette/marks.h"
#include "lunette/pack-read.h"
#include "lunette/pages.h"
#include "lunette/recent.h"
#include "lunette/repack.h"
#include "lunette/repair.h"

/**
 * struct repair - a repair on its way
 * @marks: names that a new pack must not get
 * @repack: takes what is well in damaged packs
 * @recent: chunks of packs that are there and that no index knows
 */
struct repair {
	struct repo *repo;
	const struct repair_plan *plan;
	const struct repair_options *opts;
	struct repair_result *result;
	struct marks *marks;
	struct repack *repack;
	struct recent *recent;
};

static void repair_cleanup(struct repair *repair)
{
	repack_free(repair->repack);
	marks_free(repair->marks);
	free(repair->recent);
}

static int stopped(const struct repair *repair, struct error *err)
{
	const atomic_bool *stop = repair->opts->stop;
	if (stop && atomic_load_explicit(stop, memory_order_relaxed))
		return error_set(err, -EINTR,
				 "interrupted; nothing is lost, and repair goes on "
				 "when it is run again");
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool has_key(const struct repair_keys *keys, const char *key)
{
	return keys->n && bsearch(key, keys->keys, keys->n, sizeof(*keys->keys), by_text);
}

/* Is this chunk in a pack that stays, and in an index that stays? What is not known is not. */
static bool is_safe(struct repair *repair, const struct chunk_id *id)
{
	bool there;
	struct catalog_search search = { 0 };
	struct catalog_place place;
	char key[STORE_KEY_MAX];
	if (recent_knows(repair->recent, id) || repack_knows(repair->repack, id))
		return true;
	while (catalog_next(repair->repo->catalog, &search, id, &place)) {
		pack_key(place.pack.id, key);
		if (!has_key(&repair->plan->indexes, index_key(place.index)) &&
		    !has_key(&repair->plan->packs, key) &&
		    catalog_has_pack(repair->repo->catalog, &place.pack, &there, NULL) == 0 &&
		    there)
			return true;
	}
	return false;
}

/* ---- what was new ------------------------------------------------------------------------------
 */

static int write_index(struct repair *repair, struct error *err)
{
	struct recent *recent = repair->recent;
	char name[65];
	if (recent->n == 0)
		return 0;
	int rc = index_build(repair->repo->store, repair->repo->keys, recent->entries, recent->n,
			     recent->packs, recent->n_packs, name, err);
	if (rc == 0)
		rc = catalog_refresh(repair->repo->catalog, err);
	if (rc == 0)
		recent_clear(recent);
	return rc;
}

/* ---- chunks of damaged packs -------------------------------------------------------------------
 */

/* A chunk of a damaged pack: where it is well, and nowhere else, it is saved. */
static int try_chunk(struct repair *repair, const char *key, const struct pack_entry *entry,
		     struct error *err)
{
	int rc = stopped(repair, err);
	if (rc < 0 || is_safe(repair, &entry->id))
		return rc;
	struct error why;
	rc = repack_add(repair->repack, key, entry, &why, err);
	if (rc < 0)
		return rc;
	if (why.code < 0 && why.code != -EUCLEAN)
		return error_set(err, why.code, "'%s' stays where it is, as it cannot be read: %s",
				 key, why.msg);
	repair->result->saved += why.code == 0;
	repair->result->lost += why.code < 0;
	return 0;
}

struct salvage {
	struct repair *repair;
	const char *key;
	uint8_t id[32];
};

/* What one index knows of a pack whose own table is damaged. */
static int try_entries(const struct salvage *salvage, struct index *index, struct error *err)
{
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	struct error damage = { 0 };
	int rc = index_cursor_new(index, &cursor, &damage);
	if (rc < 0)
		return rc == -ENOMEM ? error_copy(err, rc, &damage) : 0;
	uint32_t n;
	const struct index_pack *packs = index_cursor_packs(cursor, &n);
	struct index_entry e;
	while (index_cursor_next(cursor, &e, &damage) > 0) {
		if (memcmp(packs[e.pack].id, salvage->id, sizeof(salvage->id)) != 0)
			continue;
		struct pack_entry entry = { .id = e.id,
					    .offset = e.offset,
					    .stored = e.stored,
					    .length = e.length,
					    .codec = e.codec,
					    .kind = PACK_KIND_DATA };
		rc = try_chunk(salvage->repair, salvage->key, &entry, err);
		if (rc < 0)
			return rc;
	}
	return 0; /* what is behind a damaged page cannot be known */
}

static int try_index(void *ctx, const char *name, struct index *index, const struct error *why,
		     struct error *err)
{
	(void)name, (void)why;
	return index ? try_entries(ctx, index, err) : 0;
}

static int save_pack(struct repair *repair, const char *key, struct error *err)
{
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	struct salvage salvage = { .repair = repair, .key = key };
	struct chunk_id id;
	struct error why = { 0 };
	if (!chunk_id_parse(key + strlen("packs/xx/"), &id))
		return error_set(err, -EINVAL, "'%s' is no pack", key);
	memcpy(salvage.id, id.bytes, sizeof(salvage.id));
	int rc = pack_table_read(repair->repo, id.bytes, 0, &table, &why);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0 && rc != -EUCLEAN)
		return error_copy(err, rc, &why);
	if (rc < 0)
		return catalog_each(repair->repo->catalog, try_index, &salvage, err);
	rc = 0;
	for (uint32_t i = 0; rc == 0 && i < table->n; i++)
		rc = try_chunk(repair, key, &table->entries[i], err);
	return rc;
}

/* ---- packs that indexes have forgotten ---------------------------------------------------------
 */

static int index_table(struct repair *repair, const uint8_t id[32], const struct pack_table *table,
		       struct error *err)
{
	struct recent *recent = repair->recent;
	int rc = 0;
	if (recent->n + table->n > RECENT_MAX || recent->n_packs == RECENT_PACKS)
		rc = write_index(repair, err);
	if (rc < 0)
		return rc;
	size_t before = recent->n;
	for (uint32_t i = 0; i < table->n; i++) {
		const struct pack_entry *e = &table->entries[i];
		const struct index_entry entry = { .id = e->id,
						   .offset = e->offset,
						   .stored = e->stored,
						   .length = e->length,
						   .codec = e->codec };
		if (!is_safe(repair, &e->id))
			recent_add(recent, &entry);
	}
	if (recent->n == before)
		return 0;
	struct index_pack pack = { .size = table->size };
	memcpy(pack.id, id, sizeof(pack.id));
	recent_add_pack(recent, &pack);
	repair->result->indexed += recent->n - before;
	return 0;
}

static int index_one(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		     struct error *err)
{
	struct repair *repair = ctx;
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	char key[STORE_KEY_MAX];
	pack_key(id->bytes, key);
	int rc = stopped(repair, err);
	if (rc < 0 || has_key(&repair->plan->packs, key))
		return rc;
	struct error why = { 0 };
	rc = pack_table_read(repair->repo, id->bytes, st->size, &table, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	return rc < 0 ? 0 : index_table(repair, id->bytes, table, err); /* the check has told why */
}

static int index_packs_again(struct repair *repair, struct error *err)
{
	int rc = pack_list(repair->repo->store, index_one, repair, err);
	return rc < 0 ? rc : write_index(repair, err);
}

/* ---- what is removed ---------------------------------------------------------------------------
 */

static int remove_one(struct repair *repair, const char *key, struct error *err)
{
	int rc = store_remove(repair->repo->store, key, err);
	if (rc < 0)
		return rc;
	store_forget(repair->repo->store, key);
	repair->result->removed++;
	return 0;
}

static int remove_all(struct repair *repair, const struct repair_keys *keys, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < keys->n; i++)
		rc = remove_one(repair, keys->keys[i], err);
	return rc;
}

/* Return: 0 when all of an index can be read, as it is now. */
static int read_index(struct repair *repair, const char *key, struct error *err)
{
	CLEANUP(pages_free_cleanup) struct pages *pages = NULL;
	CLEANUP(index_close_cleanup) struct index *index = NULL;
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	struct repo *repo = repair->repo;
	struct index_entry entry;
	store_forget(repo->store, key);
	int rc = pages_new(&pages, err);
	if (rc == 0)
		rc = index_open(repo->store, repo->keys, pages, 1, key + strlen(INDEX_FOLDER "/"),
				&index, err);
	if (rc == 0)
		rc = index_cursor_new(index, &cursor, err);
	if (rc == 0)
		while ((rc = index_cursor_next(cursor, &entry, err)) > 0)
			;
	return rc;
}

/*
 * An index of the same chunks has the same name: the one that was made may have taken the place of
 * the damaged one, and stays.
 */
static int remove_indexes(struct repair *repair, struct error *err)
{
	const struct repair_keys *keys = &repair->plan->indexes;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < keys->n; i++) {
		struct error damage = { 0 };
		rc = read_index(repair, keys->keys[i], &damage);
		if (rc == 0)
			repair->result->removed++; /* by what has replaced it */
		else if (rc == -EUCLEAN)
			rc = remove_one(repair, keys->keys[i], err);
		else
			rc = error_copy(err, rc, &damage);
	}
	return rc;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/*
 * A prune that was interrupted may have marked a pack whose chunks it had already put into one that
 * is damaged now. Nobody prunes while we have the lease: the next prune begins anew.
 */
static int cancel_prune(struct repair *repair, struct error *err)
{
	size_t i;
	json_t *name;
	json_array_foreach(repair->marks->names, i, name)
	{
		int rc = marks_remove(repair->repo, json_string_value(name), err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int carry_out(struct repair *repair, struct lease *lease, struct error *err)
{
	const struct repair_plan *plan = repair->plan;
	int rc = cancel_prune(repair, err);
	if (rc == 0 && plan->reindex)
		rc = index_packs_again(repair, err);
	for (size_t i = 0; rc == 0 && i < plan->packs.n; i++)
		rc = save_pack(repair, plan->packs.keys[i], err);
	if (rc == 0)
		rc = repack_settle(repair->repack, err);
	if (rc == 0)
		rc = lease_check(lease, err);
	if (rc == 0)
		rc = remove_all(repair, &plan->packs, err);
	if (rc == 0)
		rc = remove_indexes(repair, err);
	if (rc == 0)
		rc = remove_all(repair, &plan->notes, err);
	if (rc == 0 && repair->opts->drop_points)
		rc = remove_all(repair, &plan->points, err);
	return rc;
}

int repair_run(struct repo *repo, const struct repair_plan *plan, const struct repair_options *opts,
	       struct repair_result *ret, struct error *err)
{
	*ret = (struct repair_result){ 0 };
	int rc = repo_may_write(repo, err);
	if (rc < 0)
		return rc;
	CLEANUP(repair_cleanup)
	struct repair repair = { .repo = repo, .plan = plan, .opts = opts, .result = ret };
	repair.recent = calloc(1, sizeof(*repair.recent));
	if (!repair.recent)
		return error_set(err, -ENOMEM, "repair: %m");
	/* Prune and repair exclude each other; what prune has marked already must not be met again.
	 */
	CLEANUP(lease_release_cleanup) struct lease *lease = NULL;
	const struct lease_request request = { .purpose = "repair", .exclusive = true };
	rc = lease_take(repo, &request, &lease, err);
	if (rc == 0)
		rc = marks_load(repo, &repair.marks, err);
	if (rc == 0)
		rc = repack_new(repo, repair.marks->packs, &repair.repack, err);
	if (rc == 0)
		rc = carry_out(&repair, lease, err);
	return rc < 0 ? error_wrap(err, rc, "repository '%s'", repo->path) : 0;
}
