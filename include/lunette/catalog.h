/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * catalog - all indexes of a repository together: where does this chunk lie, anywhere?
 *
 * A damaged index does not hide what the others know; only when none of them knows a chunk does the
 * damage matter, and then the answer is "damaged" and not "not there".
 *
 * Others merge indexes, and prune, while the catalog is open: an index that is gone has been put
 * into another one before. Whoever does not find a chunk refreshes and looks again.
 */
#ifndef LUNETTE_CATALOG_H
#define LUNETTE_CATALOG_H

#include "lunette/id-set.h"
#include "lunette/index.h"

struct catalog;

/**
 * catalog_new() - open every index there is
 * @store: must outlive the catalog, and so must @keys, which are NULL where nothing is encrypted
 *
 * Return: 0, also when some of them are damaged; -ENOMEM; what listing them said.
 */
int catalog_new(struct store *store, const struct keys *keys, struct catalog **ret,
		struct error *err);
void catalog_free(struct catalog *catalog);
DEFINE_CLEANUP(struct catalog *, catalog_free)

/**
 * catalog_refresh() - open the indexes that have been added since, by us or by others, and forget
 * those that are gone. Any thread.
 */
int catalog_refresh(struct catalog *catalog, struct error *err);

/**
 * struct catalog_search - goes through all places where a chunk lies; begins as all zeros
 * @next: the index to ask next
 * @damage: the last damage that was met; code 0 when none
 */
struct catalog_search {
	size_t next;
	struct error damage;
};

/**
 * struct catalog_place - where a chunk lies
 * @index: that said so
 */
struct catalog_place {
	struct index_entry entry;
	struct index_pack pack;
	struct index *index;
};

/**
 * catalog_next() - the next place where a chunk lies. Any thread, each with its own search.
 *
 * Return: whether there is one.
 */
bool catalog_next(struct catalog *catalog, struct catalog_search *search, const struct chunk_id *id,
		  struct catalog_place *ret);

/**
 * catalog_knows() - does the repository hold this chunk, in a pack that is there? Any thread.
 * @marked: packs that do not count; may be NULL
 */
bool catalog_knows(struct catalog *catalog, const struct chunk_id *id, const struct id_set *marked);

/**
 * catalog_has_pack() - is a pack there, and as large as it should be? Any thread.
 *
 * Return: 0, and @ret says; what the store said, when it is not known.
 */
int catalog_has_pack(struct catalog *catalog, const struct index_pack *pack, bool *ret,
		     struct error *err);

/* What packs are there is found out anew: others may have removed some. Any thread. */
void catalog_recount(struct catalog *catalog);

/**
 * catalog_indexes() - the indexes that are there, those with the fewest entries first: what was
 * written last is in them
 * @strict: one that is damaged is an error; else it is left out
 * @ret: to be freed with free(); they stay valid as long as the catalog does
 */
int catalog_indexes(struct catalog *catalog, bool strict, struct index ***ret, size_t *ret_n,
		    struct error *err);

/**
 * typedef catalog_fn - one index
 * @index: NULL when it could not be opened
 * @why: then says why
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends it.
 */
typedef int catalog_fn(void *ctx, const char *name, struct index *index, const struct error *why,
		       struct error *err);

/* Goes through all indexes that are known. */
int catalog_each(struct catalog *catalog, catalog_fn *fn, void *ctx, struct error *err);

#endif
