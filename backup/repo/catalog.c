/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * catalog - see catalog.h. The list only grows while the repository is open: an index that is gone
 * stays in it, since another thread may be reading it, but is not asked any more.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lunette/catalog.h"
#include "lunette/stock.h"

/* Somebody who writes an index every time does not keep others from reading. */
#define LISTINGS_MAX 10

/**
 * struct listed - an index that was found
 * @index: NULL when it could not be opened, and @damage says why
 * @gone: it was not there when the indexes were listed last
 * @seen: the listing in which it was
 */
struct listed {
	char name[65];
	struct index *index;
	struct error damage;
	bool gone;
	uint64_t seen;
};

struct catalog {
	struct store *store;
	const struct keys *keys;
	struct pages *pages;
	struct stock *stock;
	pthread_mutex_t refreshing; /* one at a time */
	uint64_t listings;          /* how many there have been */
	bool changed;               /* the last one has shown other indexes than the one before */
	pthread_rwlock_t lock;      /* guards the two below */
	size_t n;
	struct listed *listed;
};

int catalog_new(struct store *store, const struct keys *keys, struct catalog **ret,
		struct error *err)
{
	CLEANUP(catalog_free_cleanup) struct catalog *catalog = calloc(1, sizeof(*catalog));
	if (!catalog)
		return error_set(err, -ENOMEM, "open the repository: %m");
	pthread_mutex_init(&catalog->refreshing, NULL);
	pthread_rwlock_init(&catalog->lock, NULL);
	catalog->store = store;
	catalog->keys = keys;
	int rc = pages_new(&catalog->pages, err);
	if (rc == 0)
		rc = stock_new(store, &catalog->stock, err);
	if (rc == 0)
		rc = catalog_refresh(catalog, err);
	if (rc < 0)
		return rc;
	*ret = steal(&catalog);
	return 0;
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->n; i++)
		index_close(catalog->listed[i].index);
	free(catalog->listed);
	stock_free(catalog->stock);
	pages_free(catalog->pages);
	pthread_rwlock_destroy(&catalog->lock);
	pthread_mutex_destroy(&catalog->refreshing);
	free(catalog);
}

static struct listed *find(struct catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->n; i++)
		if (strcmp(catalog->listed[i].name, name) == 0)
			return &catalog->listed[i];
	return NULL;
}

/* A place in the list for an index that is not in it yet. */
static int append(struct catalog *catalog, const char *name, struct listed **ret, struct error *err)
{
	pthread_rwlock_wrlock(&catalog->lock);
	struct listed *grown =
		reallocarray(catalog->listed, catalog->n + 1, sizeof(*catalog->listed));
	if (grown) {
		catalog->listed = grown;
		*ret = &grown[catalog->n++];
		**ret = (struct listed){ 0 };
		memcpy((*ret)->name, name, sizeof((*ret)->name));
	}
	pthread_rwlock_unlock(&catalog->lock);
	return grown ? 0 : error_set(err, -ENOMEM, "open an index: %m");
}

static int found(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct catalog *catalog = ctx;
	/* Only names of ours: somebody may have left a note in the folder. */
	if (strlen(name) != 64)
		return 0;
	struct listed *listed = find(catalog, name);
	catalog->changed = catalog->changed || !listed || listed->gone;
	int rc = listed ? 0 : append(catalog, name, &listed, err);
	if (rc < 0)
		return rc;
	listed->seen = catalog->listings;
	if (listed->index && !listed->gone)
		return 0;
	/* One that was damaged may be whole by now: put back by its owner, or by a backup. */
	struct error why = { 0 };
	struct index *index = listed->index;
	uint64_t serial = (uint64_t)(listed - catalog->listed) + 1;
	rc = index ? 0
		   : index_open(catalog->store, catalog->keys, catalog->pages, serial, name, &index,
				&why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	pthread_rwlock_wrlock(&catalog->lock);
	listed->index = index;
	listed->damage = why;
	listed->gone = rc == -ENOENT; /* since it was listed */
	pthread_rwlock_unlock(&catalog->lock);
	return 0;
}

/* What the listing did not show is gone; its file is closed, so that its room is free. */
static void forget_gone(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->n; i++) {
		struct listed *listed = &catalog->listed[i];
		if (listed->gone || listed->seen == catalog->listings)
			continue;
		pthread_rwlock_wrlock(&catalog->lock);
		listed->gone = true;
		pthread_rwlock_unlock(&catalog->lock);
		if (listed->index)
			store_forget(catalog->store, index_key(listed->index));
		catalog->changed = true;
	}
}

/*
 * While others merge, one listing may miss both the indexes that go and the one that comes in their
 * place. Two that show the same have missed nothing.
 */
int catalog_refresh(struct catalog *catalog, struct error *err)
{
	int rc = 0;
	pthread_mutex_lock(&catalog->refreshing);
	catalog->changed = true;
	for (int i = 0; rc == 0 && catalog->changed && i < LISTINGS_MAX; i++) {
		catalog->changed = false;
		catalog->listings++;
		rc = store_list(catalog->store, INDEX_FOLDER, found, catalog, err);
		if (rc == 0)
			forget_gone(catalog);
	}
	pthread_mutex_unlock(&catalog->refreshing);
	return rc;
}

bool catalog_next(struct catalog *catalog, struct catalog_search *search, const struct chunk_id *id,
		  struct catalog_place *ret)
{
	for (;;) {
		pthread_rwlock_rdlock(&catalog->lock);
		bool more = search->next < catalog->n;
		struct listed *listed = more ? &catalog->listed[search->next++] : NULL;
		struct index *index = more && !listed->gone ? listed->index : NULL;
		if (more && !index && !listed->gone)
			search->damage = listed->damage;
		pthread_rwlock_unlock(&catalog->lock);
		if (!more)
			return false;
		bool is_there = false;
		int rc = index ? index_find(index, id, &ret->entry, &ret->pack, &is_there,
					    &search->damage)
			       : 0;
		if (rc == 0 && is_there) {
			ret->index = index;
			return true;
		}
	}
}

int catalog_has_pack(struct catalog *catalog, const struct index_pack *pack, bool *ret,
		     struct error *err)
{
	return stock_has(catalog->stock, pack, ret, err);
}

void catalog_recount(struct catalog *catalog)
{
	stock_renew(catalog->stock);
}

/* A chunk in a pack of which it is not known whether it is there is stored again: that is safe. */
static bool knows(struct catalog *catalog, const struct chunk_id *id, const struct id_set *marked,
		  bool *ret_gone)
{
	struct catalog_search search = { 0 };
	struct catalog_place place;
	while (catalog_next(catalog, &search, id, &place)) {
		if (marked && id_set_has(marked, index_pack_id(&place.pack)))
			continue;
		bool there;
		if (stock_has(catalog->stock, &place.pack, &there, NULL) == 0 && there)
			return true;
	}
	*ret_gone = search.damage.code == -ENOENT;
	return false;
}

bool catalog_knows(struct catalog *catalog, const struct chunk_id *id, const struct id_set *marked)
{
	bool gone;
	if (knows(catalog, id, marked, &gone))
		return true;
	/* An index that was to be asked has been put into another one meanwhile. */
	return gone && catalog_refresh(catalog, NULL) == 0 && knows(catalog, id, marked, &gone);
}

int catalog_each(struct catalog *catalog, catalog_fn *fn, void *ctx, struct error *err)
{
	for (size_t i = 0;; i++) {
		pthread_rwlock_rdlock(&catalog->lock);
		bool more = i < catalog->n;
		struct listed listed = more ? catalog->listed[i] : (struct listed){ 0 };
		pthread_rwlock_unlock(&catalog->lock);
		if (!more)
			return 0;
		int rc = listed.gone ? 0 : fn(ctx, listed.name, listed.index, &listed.damage, err);
		if (rc < 0)
			return rc;
	}
}

static int by_entries(const void *a, const void *b)
{
	const struct index *x = *(struct index *const *)a, *y = *(struct index *const *)b;
	uint64_t n = index_entries(x), m = index_entries(y);
	return n != m ? (n > m) - (n < m) : strcmp(index_key(x), index_key(y));
}

int catalog_indexes(struct catalog *catalog, bool strict, struct index ***ret, size_t *ret_n,
		    struct error *err)
{
	int rc = 0;
	size_t n = 0;
	pthread_rwlock_rdlock(&catalog->lock);
	struct index **indexes = calloc(catalog->n + 1, sizeof(struct index *));
	if (!indexes)
		rc = error_set(err, -ENOMEM, "list the indexes: %m");
	for (size_t i = 0; rc == 0 && i < catalog->n; i++) {
		const struct listed *listed = &catalog->listed[i];
		if (!listed->gone && listed->index)
			indexes[n++] = listed->index;
		else if (!listed->gone && strict)
			rc = error_copy(err, listed->damage.code, &listed->damage);
	}
	pthread_rwlock_unlock(&catalog->lock);
	if (rc < 0) {
		free(indexes);
		return rc;
	}
	qsort(indexes, n, sizeof(struct index *), by_entries);
	*ret = indexes;
	*ret_n = n;
	return 0;
}
