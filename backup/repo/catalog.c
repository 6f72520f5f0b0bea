/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog - see catalog.h. The list only grows while the repository is open. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "catalog.h"

/* An index that was found: open, or NULL and the reason why it is not. */
struct listed {
	char name[65];
	struct index *index;
	struct error damage;
};

struct catalog {
	struct store *store;
	struct objects *objects;
	const struct keys *keys;
	struct pages *pages;
	pthread_mutex_t refreshing; /* one at a time */
	pthread_rwlock_t lock;      /* guards the two below */
	size_t n;
	struct listed *listed;
};

int catalog_new(struct store *store, struct objects *objects, const struct keys *keys,
		struct catalog **ret, struct error *err)
{
	CLEANUP(catalog_free_cleanup) struct catalog *catalog = calloc(1, sizeof(*catalog));
	if (!catalog)
		return error_set(err, -ENOMEM, "open the repository: %m");
	pthread_mutex_init(&catalog->refreshing, NULL);
	pthread_rwlock_init(&catalog->lock, NULL);
	catalog->store = store;
	catalog->objects = objects;
	catalog->keys = keys;
	int rc = pages_new(&catalog->pages, err);
	if (rc < 0)
		return rc;
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

static int found(void *ctx, const char *name, struct error *err)
{
	struct catalog *catalog = ctx;
	/* Only names of ours: somebody may have left a note in the folder. */
	if (strlen(name) != 64)
		return 0;
	struct listed *listed = find(catalog, name);
	if (listed && listed->index)
		return 0;
	int rc = listed ? 0 : append(catalog, name, &listed, err);
	if (rc < 0)
		return rc;
	/* One that was damaged may be whole by now: put back by its owner, or by a backup. */
	struct error why = { 0 };
	struct index *index = NULL;
	uint64_t serial = (uint64_t)(listed - catalog->listed) + 1;
	rc = index_open(catalog->objects, catalog->keys, catalog->pages, serial, name, &index,
			&why);
	if (rc == -ENOMEM)
		return error_set(err, rc, "%s", why.msg);
	pthread_rwlock_wrlock(&catalog->lock);
	listed->index = index;
	listed->damage = why;
	pthread_rwlock_unlock(&catalog->lock);
	return 0;
}

int catalog_refresh(struct catalog *catalog, struct error *err)
{
	pthread_mutex_lock(&catalog->refreshing);
	int rc = store_list(catalog->store, INDEX_FOLDER, found, catalog, err);
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
		struct index *index = more ? listed->index : NULL;
		if (more && !index)
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

bool catalog_knows(struct catalog *catalog, const struct chunk_id *id)
{
	struct catalog_search search = { 0 };
	struct catalog_place place;
	while (catalog_next(catalog, &search, id, &place))
		if (index_pack_there(place.index, place.entry.pack, &place.pack))
			return true;
	return false;
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
		int rc = fn(ctx, listed.name, listed.index, &listed.damage, err);
		if (rc < 0)
			return rc;
	}
}
