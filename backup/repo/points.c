/* SPDX-License-Identifier: GPL-3.0-or-later */
/* points - listing restore points, by what is remembered of them and by their manifests. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lunette/recall.h"
#include "lunette/repo-parts.h"

/* Those of one second by when they were finished, if they say. */
static int by_time(const void *a, const void *b)
{
	const struct repo_brief *x = *(const struct repo_brief *const *)a;
	const struct repo_brief *y = *(const struct repo_brief *const *)b;
	int order = strcmp(x->time, y->time);
	if (order == 0)
		order = strcmp(x->finished, y->finished);
	return order != 0 ? order : strcmp(x->id, y->id);
}

/**
 * list_by_time() - the briefs, oldest first
 * @forgotten: of those that can be brought back
 * @name: only those of this name; NULL for all
 * @ret: to be freed with free()
 */
static int list_by_time(struct repo *repo, bool forgotten, const char *name,
			recall_damaged_fn *damaged, void *ctx, const struct repo_brief ***ret,
			size_t *ret_n, struct error *err)
{
	const struct repo_brief **briefs;
	size_t n, kept = 0;
	int rc = recall_list(repo, forgotten, damaged, ctx, &briefs, &n, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (!name || strcmp(name, briefs[i]->name) == 0)
			briefs[kept++] = briefs[i];
	if (kept > 0)
		qsort(briefs, kept, sizeof(struct repo_brief *), by_time);
	*ret = briefs;
	*ret_n = kept;
	return 0;
}

static int tell_briefs(struct repo *repo, bool forgotten, const char *name, repo_brief_fn *fn,
		       void *ctx, recall_damaged_fn *damaged, struct error *err)
{
	CLEANUP(free_cleanup) const struct repo_brief **briefs = NULL;
	size_t n = 0;
	int rc = list_by_time(repo, forgotten, name, damaged, ctx, &briefs, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(ctx, briefs[i], err);
	return rc;
}

int repo_briefs(struct repo *repo, const char *name, repo_brief_fn *fn, void *ctx,
		void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	return tell_briefs(repo, false, name, fn, ctx, damaged, err);
}

int repo_briefs_forgotten(struct repo *repo, const char *name, repo_brief_fn *fn, void *ctx,
			  void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	return tell_briefs(repo, true, name, fn, ctx, damaged, err);
}

/* ---- manifests ---- */

/**
 * struct point_listing - manifests on their way
 * @ids: in the order in which they are told
 */
struct point_listing {
	const char *name;
	const char **ids;
	repo_point_fn *fn;
	void (*damaged)(void *ctx, const struct error *why);
	void *ctx;
};

/* One that cannot be read is told of, and does not hide the others. */
static int tell(void *ctx, size_t i, json_t *point, const struct error *why, struct error *err)
{
	const struct point_listing *listing = ctx;
	if (!point && listing->damaged)
		listing->damaged(listing->ctx, why);
	if (!point || (listing->name && strcmp(listing->name, repo_point_name(point)) != 0))
		return 0;
	return listing->fn(listing->ctx, listing->ids[i], point, err);
}

static int tell_all(struct repo *repo, struct point_listing *listing, bool backwards,
		    struct error *err)
{
	CLEANUP(free_cleanup) const struct repo_brief **briefs = NULL;
	CLEANUP(free_cleanup) const char **ids = NULL;
	size_t n;
	int rc = list_by_time(repo, false, listing->name, listing->damaged, listing->ctx, &briefs,
			      &n, err);
	if (rc < 0)
		return rc;
	ids = calloc(n + 1, sizeof(char *));
	if (!ids)
		return error_set(err, -ENOMEM, "list the restore points: %m");
	for (size_t i = 0; i < n; i++)
		ids[i] = briefs[backwards ? n - 1 - i : i]->id;
	listing->ids = ids;
	return point_get_many(repo, POINT_FOLDER, ids, n, tell, listing, err);
}

int repo_points(struct repo *repo, const char *name, repo_point_fn *fn, void *ctx,
		void (*damaged)(void *ctx, const struct error *why), struct error *err)
{
	struct point_listing listing = { .name = name, .fn = fn, .damaged = damaged, .ctx = ctx };
	return tell_all(repo, &listing, false, err);
}

int repo_points_newest_first(struct repo *repo, repo_point_fn *fn, void *ctx, struct error *err)
{
	struct point_listing listing = { .fn = fn, .ctx = ctx };
	return tell_all(repo, &listing, true, err);
}
