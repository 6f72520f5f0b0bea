/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-packs - do the packs hold what the indexes say?
 *
 * Indexes are sorted by chunk, tables by pack. Instead of looking each chunk up, the entries for
 * each pack are summed up on both sides: a few bytes a pack, and everything is read once, in the
 * order in which it lies. Only where the sums differ is a pack looked at chunk by chunk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check-private.h"

/* ---- what is there -----------------------------------------------------------------------------
 */

struct found_packs {
	struct check *check;
	size_t room;
};

static int found_pack(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		      struct error *err)
{
	struct found_packs *list = ctx;
	struct check *check = list->check;
	if (check->n_packs == list->room) {
		size_t room = list->room ? 2 * list->room : 1024;
		struct check_pack *grown = reallocarray(check->packs, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list the packs: %m");
		check->packs = grown;
		list->room = room;
	}
	struct check_pack *pack = &check->packs[check->n_packs++];
	*pack = (struct check_pack){ .size = st->size };
	memcpy(pack->id, id->bytes, sizeof(pack->id));
	return check_stopped(check, err);
}

static int by_id(const void *a, const void *b)
{
	const struct check_pack *x = a, *y = b;
	return memcmp(x->id, y->id, sizeof(x->id));
}

int check_list_packs(struct check *check, struct error *err)
{
	struct found_packs list = { .check = check };
	int rc = pack_list(check->repo->store, found_pack, &list, err);
	if (check->n_packs > 0)
		qsort(check->packs, check->n_packs, sizeof(*check->packs), by_id);
	return rc;
}

struct check_pack *check_find_pack(const struct check *check, const uint8_t id[32])
{
	struct check_pack key;
	memcpy(key.id, id, sizeof(key.id));
	return check->n_packs ? bsearch(&key, check->packs, check->n_packs, sizeof(key), by_id)
			      : NULL;
}

static int pack_problem(struct check *check, struct check_pack *pack, int code, const char *what,
			struct error *err)
{
	char key[STORE_KEY_MAX];
	pack_key(pack->id, key);
	pack->damaged = true;
	return check_problem(check, key, code, what, err);
}

/* ---- what the indexes say ----------------------------------------------------------------------
 */

static uint64_t sum_of(const struct chunk_id *id, uint32_t offset, uint32_t stored, uint32_t length,
		       uint8_t codec)
{
	uint64_t n;
	memcpy(&n, id->bytes, sizeof(n));
	return n * (2 * (uint64_t)offset + 1) + stored * 0x9e3779b97f4a7c15u +
	       length * 0xc2b2ae3d27d4eb4fu + codec * 0x165667b19e3779f9u;
}

/* A pack that an index knows. @ret: NULL when it is not there. */
static int note_pack(struct check *check, const struct index_pack *known, struct check_pack **ret,
		     struct error *err)
{
	struct check_pack *pack = check_find_pack(check, known->id);
	*ret = pack;
	if (!pack) {
		check->result->missing++;
		return 0;
	}
	pack->indexes++;
	return check_pack_size(check, pack, known, err);
}

int check_pack_size(struct check *check, struct check_pack *pack, const struct index_pack *known,
		    struct error *err)
{
	if (pack->size == known->size || pack->damaged)
		return 0;
	char what[128];
	snprintf(what, sizeof(what), "it has %" PRIu64 " bytes, and an index says %" PRIu32,
		 pack->size, known->size);
	return pack_problem(check, pack, -EUCLEAN, what, err);
}

static int sum_up(struct check *check, struct index_cursor *cursor, struct check_pack **packs,
		  struct error *err)
{
	struct index_entry e;
	int rc;
	while ((rc = index_cursor_next(cursor, &e, err)) > 0) {
		struct check_pack *pack = packs[e.pack];
		if (pack) {
			pack->n++;
			pack->sum += sum_of(&e.id, e.offset, e.stored, e.length, e.codec);
		}
		if (check->result->chunks++ % 1024 == 0)
			rc = check_stopped(check, err);
		if (rc < 0)
			break;
	}
	return rc;
}

static int read_index(struct check *check, struct index *index, struct error *err)
{
	CLEANUP(index_cursor_free_cleanup) struct index_cursor *cursor = NULL;
	int rc = index_cursor_new(index, &cursor, err);
	if (rc < 0)
		return rc;
	uint32_t n;
	const struct index_pack *known = index_cursor_packs(cursor, &n);
	CLEANUP(free_cleanup) struct check_pack **packs = calloc(n, sizeof(*packs));
	if (!packs)
		return error_set(err, -ENOMEM, "read an index: %m");
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		rc = note_pack(check, &known[i], &packs[i], err);
	return rc < 0 ? rc : sum_up(check, cursor, packs, err);
}

static int check_index(void *ctx, const char *name, struct index *index, const struct error *why,
		       struct error *err)
{
	struct check *check = ctx;
	struct error damage = *why;
	char object[STORE_KEY_MAX];
	snprintf(object, sizeof(object), INDEX_FOLDER "/%.64s", name);
	int rc = index ? read_index(check, index, &damage) : why->code;
	if (rc == -ENOMEM || rc == -EINTR)
		return error_copy(err, rc, &damage);
	if (rc == -ENOENT)
		return 0; /* a larger one took its place meanwhile */
	check->result->indexes++;
	return rc < 0 ? check_problem(check, object, rc, damage.msg, err) : 0;
}

int check_indexes(struct check *check, struct error *err)
{
	return catalog_each(check->repo->catalog, check_index, check, err);
}

/* ---- and the packs themselves ------------------------------------------------------------------
 */

/* Does any index say that this chunk lies just there? How many do? */
static uint64_t count_places(struct check *check, const struct check_pack *pack,
			     const struct pack_entry *entry)
{
	uint64_t n = 0;
	struct catalog_search search = { 0 };
	struct catalog_place place;
	while (catalog_next(check->repo->catalog, &search, &entry->id, &place))
		n += memcmp(place.pack.id, pack->id, sizeof(pack->id)) == 0 &&
		     place.entry.offset == entry->offset && place.entry.stored == entry->stored &&
		     place.entry.length == entry->length && place.entry.codec == entry->codec;
	return n;
}

/* Indexes may know less than all of a pack, but nothing that is not in it. */
static int compare(struct check *check, struct check_pack *pack, const struct pack_table *table,
		   struct error *err)
{
	uint64_t sum = 0, known = 0;
	for (uint32_t i = 0; i < table->n; i++) {
		const struct pack_entry *e = &table->entries[i];
		sum += sum_of(&e->id, e->offset, e->stored, e->length, e->codec);
	}
	if (pack->n == (uint64_t)pack->indexes * table->n && pack->sum == pack->indexes * sum)
		return 0;
	for (uint32_t i = 0; i < table->n; i++)
		known += count_places(check, pack, &table->entries[i]);
	return known == pack->n
		       ? 0
		       : pack_problem(check, pack, -EUCLEAN,
				      "an index says of it what its table does not say", err);
}

static int check_table(struct check *check, struct check_pack *pack, struct error *err)
{
	CLEANUP(free_cleanup) struct pack_table *table = NULL;
	struct error why = { 0 };
	int rc = pack_table_read(check->repo, pack->id, pack->size, &table, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc == -ENOENT) { /* pruned meanwhile; whoever still needs it will say so */
		pack->size = 0;
		return 0;
	}
	check->result->packs++;
	check->result->bytes += pack->size;
	if (pack->n == 0) {
		check->result->orphans++;
		check->result->orphan_bytes += pack->size;
	}
	if (rc < 0)
		return pack_problem(check, pack, rc, why.msg, err);
	/* All that indexes say of it is known only when they were read. */
	bool known = pack->n > 0 && check->opts->n_named == 0;
	return known ? compare(check, pack, table, err) : 0;
}

int check_tables(struct check *check, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < check->n_packs; i++) {
		rc = check_stopped(check, err);
		if (rc == 0 && (check->packs[i].n > 0 || check->opts->n_named == 0))
			rc = check_table(check, &check->packs[i], err);
	}
	return rc;
}
