/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog - see catalog.h. The list only grows while the repository is open. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "catalog.h"

/* An index that was found: open, or the reason why it is not. */
struct listed {
	char name[65];
	struct index *index;
	struct error *damage;
};

struct catalog {
	struct store *store;
	struct objects *objects;
	struct pages *pages;
	pthread_mutex_t refreshing; /* one at a time */
	pthread_rwlock_t lock;      /* guards the two below */
	size_t n;
	struct listed *listed;
};

int catalog_new(struct store *store, struct objects *objects, struct catalog **ret,
		struct error *err)
{
	CLEANUP(catalog_free_cleanup) struct catalog *catalog = calloc(1, sizeof(*catalog));
	if (!catalog)
		return error_set(err, -ENOMEM, "open the repository: %m");
	pthread_mutex_init(&catalog->refreshing, NULL);
	pthread_rwlock_init(&catalog->lock, NULL);
	catalog->store = store;
	catalog->objects = objects;
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
	for (size_t i = 0; i < catalog->n; i++) {
		index_close(catalog->listed[i].index);
		free(catalog->listed[i].damage);
	}
	free(catalog->listed);
	pages_free(catalog->pages);
	pthread_rwlock_destroy(&catalog->lock);
	pthread_mutex_destroy(&catalog->refreshing);
	free(catalog);
}

static bool is_listed(const struct catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->n; i++)
		if (strcmp(catalog->listed[i].name, name) == 0)
			return true;
	return false;
}

static int append(struct catalog *catalog, const struct listed *listed, struct error *err)
{
	int rc = 0;
	pthread_rwlock_wrlock(&catalog->lock);
	struct listed *grown =
		reallocarray(catalog->listed, catalog->n + 1, sizeof(*catalog->listed));
	if (grown) {
		catalog->listed = grown;
		catalog->listed[catalog->n++] = *listed;
	} else {
		rc = error_set(err, -ENOMEM, "open an index: %m");
	}
	pthread_rwlock_unlock(&catalog->lock);
	return rc;
}

static int found(void *ctx, const char *name, struct error *err)
{
	struct catalog *catalog = ctx;
	struct listed listed = { 0 };
	/* Only names of ours: somebody may have left a note in the folder. */
	if (strlen(name) != 64 || is_listed(catalog, name))
		return 0;
	memcpy(listed.name, name, 65);

	struct error why;
	int rc = index_open(catalog->objects, catalog->pages, catalog->n + 1, name, &listed.index,
			    &why);
	if (rc == -ENOMEM)
		return error_set(err, rc, "%s", why.msg);
	if (rc < 0) {
		listed.damage = malloc(sizeof(why));
		if (!listed.damage)
			return error_set(err, -ENOMEM, "open an index: %m");
		*listed.damage = why;
	}
	rc = append(catalog, &listed, err);
	if (rc < 0) {
		index_close(listed.index);
		free(listed.damage);
	}
	return rc;
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
		struct listed listed = { 0 };
		if (more)
			listed = catalog->listed[search->next++];
		pthread_rwlock_unlock(&catalog->lock);
		if (!more)
			return false;
		if (!listed.index) {
			search->damage = *listed.damage;
			continue;
		}
		bool is_there = false;
		int rc = index_find(listed.index, id, &ret->entry, &ret->pack, &is_there,
				    &search->damage);
		if (rc == 0 && is_there) {
			ret->index = listed.index;
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
