/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recall - see recall.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/forgotten.h"
#include "lunette/recall.h"
#include "lunette/repo-parts.h"

/* An object that is not older than this may be written over within the same second, and its time
 * would not tell. */
#define RECENT 2

/* Half of a file may be of restore points that are gone. */
#define GONE_MAX(n) ((n) / 2)

/* A brief is never given back while the repository is open: somebody may be at it. */
struct recall_owned {
	struct recall_owned *older;
	struct repo_brief *brief;
};

/**
 * struct recall
 * @folder: NULL: there is no file
 * @of: which restore points: the repository's folder of them
 * @loaded: the file has been looked at
 * @in_file: briefs that are in it
 * @n, @known: those that the last listing showed, sorted by id
 */
struct recall {
	pthread_mutex_t lock;
	char *folder;
	const char *of;
	bool loaded;
	size_t in_file;
	size_t n;
	const struct repo_brief **known;
	struct recall_owned *owned;
};

int recall_new(const char *folder, bool forgotten, struct recall **ret, struct error *err)
{
	CLEANUP(recall_free_cleanup) struct recall *recall = calloc(1, sizeof(*recall));
	if (!recall)
		return error_set(err, -ENOMEM, "open the repository: %m");
	pthread_mutex_init(&recall->lock, NULL);
	recall->of = forgotten ? FORGOTTEN_FOLDER : POINT_FOLDER;
	if (folder && !(recall->folder = strdup(folder)))
		return error_set(err, -ENOMEM, "open the repository: %m");
	*ret = steal(&recall);
	return 0;
}

void recall_free(struct recall *recall)
{
	if (!recall)
		return;
	while (recall->owned) {
		struct recall_owned *owned = recall->owned;
		recall->owned = owned->older;
		free(owned->brief);
		free(owned);
	}
	pthread_mutex_destroy(&recall->lock);
	free(recall->known);
	free(recall->folder);
	free(recall);
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "list the restore points: %m");
}

/* @brief: taken over, also on failure */
static int own(struct recall *recall, struct repo_brief *brief, struct error *err)
{
	struct recall_owned *owned = malloc(sizeof(*owned));
	if (!owned) {
		free(brief);
		return no_memory(err);
	}
	*owned = (struct recall_owned){ .older = recall->owned, .brief = brief };
	recall->owned = owned;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct repo_brief *const *x = a, *const *y = b;
	return strcmp((*x)->id, (*y)->id);
}

static const struct repo_brief *find(const struct recall *recall, const char *id)
{
	size_t first = 0, end = recall->n;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		int order = strcmp(recall->known[middle]->id, id);
		if (order == 0)
			return recall->known[middle];
		first = order < 0 ? middle + 1 : first;
		end = order < 0 ? end : middle;
	}
	return NULL;
}

/* ---- the file ---- */

static struct recall_place place_of(const struct repo *repo, const struct recall *recall)
{
	return (struct recall_place){ .folder = recall->folder,
				      .of = recall->of,
				      .id = repo->config.id,
				      .keys = repo->keys };
}

static int take_all(struct recall *recall, const uint8_t *buf, size_t len, struct error *err)
{
	size_t room = 0, used;
	for (size_t off = 0; off < len; off += used) {
		struct repo_brief *brief;
		int rc = brief_get(buf + off, len - off, &brief, &used);
		if (rc == -EUCLEAN)
			break; /* no version of ours wrote that: what comes behind is read again */
		if (rc < 0)
			return no_memory(err);
		if (recall->n == room) {
			room = room ? 2 * room : 256;
			const struct repo_brief **grown =
				reallocarray(recall->known, room, sizeof(struct repo_brief *));
			if (!grown) {
				free(brief);
				return no_memory(err);
			}
			recall->known = grown;
		}
		recall->known[recall->n++] = brief;
		rc = own(recall, brief, err);
		if (rc < 0)
			return rc;
	}
	recall->in_file = recall->n;
	if (recall->n > 0)
		qsort(recall->known, recall->n, sizeof(struct repo_brief *), by_id);
	return 0;
}

static int load(const struct repo *repo, struct recall *recall, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *buf = NULL;
	size_t len;
	if (recall->loaded)
		return 0;
	recall->loaded = true;
	const struct recall_place place = place_of(repo, recall);
	if (!recall->folder || !recall_load(&place, &buf, &len))
		return 0;
	return take_all(recall, buf, len, err);
}

static bool is_settled(const struct repo_brief *brief, int64_t now)
{
	return brief->modified < now - RECENT;
}

/* What is not kept costs time, so that no error of it is anybody's. */
static void save(const struct repo *repo, struct recall *recall)
{
	int64_t now = time(NULL);
	size_t len = 0, n = 0;
	for (size_t i = 0; i < recall->n; i++)
		len += brief_size(recall->known[i]);
	CLEANUP(free_cleanup) uint8_t *buf = malloc(MIN(len, RECALL_MAX) + 1);
	len = 0;
	for (size_t i = 0; buf && i < recall->n; i++) {
		size_t size = brief_size(recall->known[i]);
		if (!is_settled(recall->known[i], now) || !range_inside(size, len, RECALL_MAX))
			continue;
		brief_put(recall->known[i], buf + len);
		len += size;
		n++;
	}
	if (!buf)
		return;
	const struct recall_place place = place_of(repo, recall);
	recall_save(&place, buf, len);
	recall->in_file = n;
}

/* ---- listing ---- */

struct recall_object {
	char id[65];
	struct store_stat st;
};

/**
 * struct recall_listing - restore points on their way
 * @found: what the store has; and of these, @missing: places of those that have to be read
 * @known: the briefs, as far as there are any
 * @settled: one that was read can go into the file
 */
struct recall_listing {
	struct repo *repo;
	struct recall *recall;
	recall_damaged_fn *damaged;
	void *ctx;
	size_t n_found, room;
	struct recall_object *found;
	size_t n_missing;
	const struct recall_object **missing;
	size_t n;
	const struct repo_brief **known;
	bool settled;
};

static void listing_cleanup(struct recall_listing *listing)
{
	free(listing->found);
	free(listing->missing);
	free(listing->known);
}

static int note_object(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	struct recall_listing *listing = ctx;
	struct chunk_id id;
	if (!chunk_id_parse(name, &id))
		return 0;
	if (listing->n_found == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		struct recall_object *grown = reallocarray(listing->found, room, sizeof(*grown));
		if (!grown)
			return no_memory(err);
		listing->found = grown;
		listing->room = room;
	}
	struct recall_object *object = &listing->found[listing->n_found++];
	memcpy(object->id, name, sizeof(object->id));
	object->st = *st;
	return 0;
}

static int tell_apart(struct recall_listing *listing, struct error *err)
{
	listing->known = calloc(listing->n_found + 1, sizeof(struct repo_brief *));
	listing->missing = calloc(listing->n_found + 1, sizeof(struct recall_object *));
	if (!listing->known || !listing->missing)
		return no_memory(err);
	for (size_t i = 0; i < listing->n_found; i++) {
		const struct recall_object *object = &listing->found[i];
		const struct repo_brief *brief = find(listing->recall, object->id);
		if (brief && brief->size == object->st.size &&
		    brief->modified == object->st.modified)
			listing->known[listing->n++] = brief;
		else
			listing->missing[listing->n_missing++] = object;
	}
	return 0;
}

static int note_point(void *ctx, size_t i, json_t *point, const struct error *why,
		      struct error *err)
{
	struct recall_listing *listing = ctx;
	const struct recall_object *object = listing->missing[i];
	struct repo_brief *brief;
	if (!point && listing->damaged)
		listing->damaged(listing->ctx, why);
	if (!point)
		return 0;
	int rc = brief_new(object->id, &object->st, point, &brief, err);
	if (rc < 0)
		return rc;
	listing->settled = listing->settled || is_settled(brief, time(NULL));
	listing->known[listing->n++] = brief;
	return own(listing->recall, brief, err);
}

static int read_missing(struct recall_listing *listing, struct error *err)
{
	CLEANUP(free_cleanup)
	const char **ids = calloc(listing->n_missing + 1, sizeof(char *));
	if (!ids)
		return no_memory(err);
	for (size_t i = 0; i < listing->n_missing; i++)
		ids[i] = listing->missing[i]->id;
	return point_get_many(listing->repo, listing->recall->of, ids, listing->n_missing,
			      note_point, listing, err);
}

static int list_objects(struct recall_listing *listing, struct error *err)
{
	struct repo *repo = listing->repo;
	return listing->recall == repo->recall_forgotten
		       ? forgotten_list(repo, note_object, listing, err)
		       : store_list(repo->store, POINT_FOLDER, note_object, listing, err);
}

static int list(struct recall_listing *listing, struct error *err)
{
	struct repo *repo = listing->repo;
	struct recall *recall = listing->recall;
	int rc = load(repo, recall, err);
	if (rc == 0)
		rc = list_objects(listing, err);
	if (rc == 0)
		rc = tell_apart(listing, err);
	if (rc == 0)
		rc = read_missing(listing, err);
	const struct repo_brief **kept =
		rc == 0 ? calloc(listing->n + 1, sizeof(struct repo_brief *)) : NULL;
	if (!kept)
		return rc < 0 ? rc : no_memory(err);
	memcpy(kept, listing->known, listing->n * sizeof(struct repo_brief *));
	if (listing->n > 0)
		qsort(kept, listing->n, sizeof(struct repo_brief *), by_id);
	free(recall->known);
	recall->known = kept;
	recall->n = listing->n;
	size_t gone = recall->in_file > recall->n ? recall->in_file - recall->n : 0;
	if (recall->folder && (listing->settled || gone > GONE_MAX(recall->in_file)))
		save(repo, recall);
	return 0;
}

static struct recall *recall_of(const struct repo *repo, bool forgotten)
{
	return forgotten ? repo->recall_forgotten : repo->recall;
}

int recall_list(struct repo *repo, bool forgotten, recall_damaged_fn *damaged, void *ctx,
		const struct repo_brief ***ret, size_t *ret_n, struct error *err)
{
	CLEANUP(listing_cleanup)
	struct recall_listing listing = {
		.repo = repo,
		.recall = recall_of(repo, forgotten),
		.damaged = damaged,
		.ctx = ctx,
	};
	pthread_mutex_lock(&listing.recall->lock);
	int rc = list(&listing, err);
	pthread_mutex_unlock(&listing.recall->lock);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo->path);
	*ret = steal(&listing.known);
	*ret_n = listing.n;
	return 0;
}

void recall_distrust(struct repo *repo, bool forgotten)
{
	struct recall *recall = recall_of(repo, forgotten);
	const struct recall_place place = place_of(repo, recall);
	pthread_mutex_lock(&recall->lock);
	recall->loaded = true;
	recall->n = recall->in_file = 0;
	if (recall->folder)
		recall_remove(&place);
	pthread_mutex_unlock(&recall->lock);
}
