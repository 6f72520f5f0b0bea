/* SPDX-License-Identifier: GPL-3.0-or-later */
/* points - listing restore points. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/forgotten.h"
#include "lunette/repo-parts.h"

/* What is kept of each while they are sorted; manifests may be large, so these are read again. */
struct point_found {
	char id[65];
	char time[POINT_TIME_MAX];
	char finished[POINT_TIME_MAX];
};

/**
 * struct point_listing - a listing on its way
 * @forgotten: of those that can be brought back
 * @name: NULL: all
 */
struct point_listing {
	struct repo *repo;
	bool forgotten;
	const char *name;
	void *ctx;
	void (*damaged)(void *ctx, const struct error *why);
	size_t n, room;
	struct point_found *found;
};

static void listing_cleanup(struct point_listing *listing)
{
	free(listing->found);
}

static bool is_id(const char *name)
{
	struct chunk_id id;
	return chunk_id_parse(name, &id);
}

/* Those of one second by when they were finished, if they say. */
static int by_time(const void *a, const void *b)
{
	const struct point_found *x = a, *y = b;
	int order = strcmp(x->time, y->time);
	if (order == 0)
		order = strcmp(x->finished, y->finished);
	return order != 0 ? order : strcmp(x->id, y->id);
}

static int remember(struct point_listing *listing, const char *id, const json_t *point,
		    struct error *err)
{
	if (listing->n == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		struct point_found *grown = reallocarray(listing->found, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list the restore points: %m");
		listing->found = grown;
		listing->room = room;
	}
	struct point_found *found = &listing->found[listing->n++];
	memcpy(found->id, id, sizeof(found->id));
	snprintf(found->time, sizeof(found->time), "%s", repo_point_time(point));
	snprintf(found->finished, sizeof(found->finished), "%s", point_finished(point));
	return 0;
}

/* One that cannot be read is told of, and does not hide the others. */
static int read_point(struct point_listing *listing, const char *id, json_t **ret,
		      struct error *err)
{
	*ret = NULL;
	struct error why;
	int rc = point_get_from(listing->repo, listing->forgotten ? FORGOTTEN_FOLDER : POINT_FOLDER,
				id, ret, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0 && listing->damaged)
		listing->damaged(listing->ctx, &why);
	return 0;
}

static int collect(void *ctx, const char *id, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct point_listing *listing = ctx;
	if (!is_id(id))
		return 0;
	json_t *point;
	int rc = read_point(listing, id, &point, err);
	if (rc < 0 || !point)
		return rc;
	if (!listing->name || strcmp(listing->name, repo_point_name(point)) == 0)
		rc = remember(listing, id, point, err);
	json_decref(point);
	return rc;
}

static int each_point(struct point_listing *listing, bool backwards, repo_point_fn *fn,
		      struct error *err)
{
	struct repo *repo = listing->repo;
	int rc = listing->forgotten ? forgotten_list(repo, collect, listing, err)
				    : store_list(repo->store, POINT_FOLDER, collect, listing, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo->path);
	if (listing->n > 0)
		qsort(listing->found, listing->n, sizeof(*listing->found), by_time);
	for (size_t i = 0; i < listing->n; i++) {
		const struct point_found *found =
			&listing->found[backwards ? listing->n - 1 - i : i];
		json_t *point;
		rc = read_point(listing, found->id, &point, err);
		if (rc == 0 && point)
			rc = fn(listing->ctx, found->id, point, err);
		json_decref(point);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int repo_points(struct repo *repo, const char *name, repo_point_fn *fn, void *ctx,
		void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	CLEANUP(listing_cleanup)
	struct point_listing listing = {
		.repo = repo, .name = name, .ctx = ctx, .damaged = damaged
	};
	return each_point(&listing, false, fn, err);
}

int repo_points_forgotten(struct repo *repo, const char *name, repo_point_fn *fn, void *ctx,
			  void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	CLEANUP(listing_cleanup)
	struct point_listing listing = {
		.repo = repo,
		.forgotten = true,
		.name = name,
		.ctx = ctx,
		.damaged = damaged,
	};
	return each_point(&listing, false, fn, err);
}

int repo_points_newest_first(struct repo *repo, repo_point_fn *fn, void *ctx, struct error *err)
{
	CLEANUP(listing_cleanup) struct point_listing listing = { .repo = repo, .ctx = ctx };
	return each_point(&listing, true, fn, err);
}
