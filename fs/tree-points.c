/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-points - restore points in the tree: NAME/TIME/ and NAME/latest, and opening them. TIME has
 * no colons.
 *
 * A restore point that was listed once keeps its place in a table for as long as the tree lives, so
 * that its number stays good; a listing marks those that are there now. That is 300 bytes a
 * restore point, and nothing for what is in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/clock.h"
#include "lunette/moment.h"
#include "name.h"
#include "tree-private.h"

/* A listing that is younger counts as new: one `ls` asks many times. */
#define FRESH_MS 500

/* ---- open restore points ---- */

int tree_open_new(struct layout *layout, struct tree_open **ret, struct error *err)
{
	struct tree_open *open = calloc(1, sizeof(*open));
	if (!open) {
		layout_free(layout);
		return error_set(err, -ENOMEM, "tree: %m");
	}
	open->layout = layout;
	int rc = layout_json(layout, &open->json, err);
	if (rc < 0) {
		tree_open_free(open);
		return rc;
	}
	*ret = open;
	return 0;
}

void tree_open_free(void *arg)
{
	struct tree_open *open = arg;
	if (!open)
		return;
	layout_free(open->layout);
	free(open->json);
	free(open);
}

struct point_opening {
	struct points *points;
	const char *id;
};

static int open_point(void *ctx, void **ret, struct error *err)
{
	const struct point_opening *opening = ctx;
	struct layout *layout;
	struct tree_open *open;
	int rc = opening->points->ops->open(opening->points, opening->id, &layout, err);
	if (rc == 0)
		rc = tree_open_new(layout, &open, err);
	if (rc == 0)
		*ret = open;
	return rc;
}

static struct tree_point *point_of(struct tree *tree, uint32_t number)
{
	pthread_mutex_lock(&tree->lock);
	struct tree_point *point = number < tree->n_points ? tree->all[number] : NULL;
	pthread_mutex_unlock(&tree->lock);
	return point;
}

int tree_points_hold(struct tree *tree, uint32_t number, struct tree_open **ret, struct error *err)
{
	if (!tree->points) {
		if (number != 0)
			return error_set(err, -ESTALE, "there is no restore point here");
		*ret = tree->only;
		return 0;
	}
	struct tree_point *point = point_of(tree, number);
	if (!point)
		return error_set(err, -ESTALE, "there is no restore point %" PRIu32, number);
	struct point_opening opening = { .points = tree->points, .id = point->id };
	void *open;
	int rc = pool_hold(&tree->open_points, &point->item, open_point, &opening, &open, err);
	if (rc < 0)
		return error_wrap(err, rc, "restore point %.12s", point->id);
	*ret = open;
	return 0;
}

void tree_points_release(struct tree *tree, uint32_t number)
{
	if (tree->points)
		pool_release(&tree->open_points, &point_of(tree, number)->item);
}

time_t tree_points_time(struct tree *tree, uint32_t number)
{
	if (!tree->points)
		return tree->made;
	struct tree_point *point = point_of(tree, number);
	return point ? point->time : 0;
}

static void name_free(struct tree_name *name)
{
	if (!name)
		return;
	free(name->name);
	free(name->dir);
	free(name);
}

static void point_free(struct tree_point *point)
{
	if (!point)
		return;
	free(point->dir);
	free(point);
}

DEFINE_CLEANUP(struct tree_name *, name_free)
DEFINE_CLEANUP(struct tree_point *, point_free)

static void keep(void *entry)
{
	(void)entry; /* it is in a list, too */
}

void tree_points_free(struct tree *tree)
{
	pool_destroy(&tree->open_points);
	tree_open_free(tree->only);
	tdestroy(tree->all_by_id, keep);
	tdestroy(tree->all_by_dir, keep);
	tdestroy(tree->names_by_name, keep);
	tdestroy(tree->names_by_dir, keep);
	for (uint32_t i = 0; i < tree->n_points; i++)
		point_free(tree->all[i]);
	for (uint32_t i = 0; i < tree->n_names; i++)
		name_free(tree->names[i]);
	free(tree->all);
	free(tree->names);
}

/* ---- looking them up ---- */

static int names_by_name(const void *a, const void *b)
{
	const struct tree_name *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int names_by_dir(const void *a, const void *b)
{
	const struct tree_name *x = a, *y = b;
	return strcmp(x->dir, y->dir);
}

static int points_by_id(const void *a, const void *b)
{
	const struct tree_point *x = a, *y = b;
	return strcmp(x->id, y->id);
}

static int points_by_dir(const void *a, const void *b)
{
	const struct tree_point *x = a, *y = b;
	int order = (x->name > y->name) - (x->name < y->name);
	return order ? order : strcmp(x->dir, y->dir);
}

static struct tree_name *name_called(const struct tree *tree, const char *text)
{
	const struct tree_name key = { .name = (char *)text };
	struct tree_name **found = tfind(&key, &tree->names_by_name, names_by_name);
	return found ? *found : NULL;
}

static struct tree_name *name_in(const struct tree *tree, const char *dir)
{
	const struct tree_name key = { .dir = (char *)dir };
	struct tree_name **found = tfind(&key, &tree->names_by_dir, names_by_dir);
	return found ? *found : NULL;
}

static struct tree_point *point_with(const struct tree *tree, const char *id)
{
	struct tree_point key = { .number = 0 };
	memcpy(key.id, id, sizeof(key.id));
	struct tree_point **found = tfind(&key, &tree->all_by_id, points_by_id);
	return found ? *found : NULL;
}

static struct tree_point *point_in(const struct tree *tree, uint32_t name, const char *dir)
{
	const struct tree_point key = { .name = name, .dir = (char *)dir };
	struct tree_point **found = tfind(&key, &tree->all_by_dir, points_by_dir);
	return found ? *found : NULL;
}

/* Puts an entry into two of them, or into none. Return: whether there was memory. */
static bool enter(const void *entry, void **one, int (*by_one)(const void *, const void *),
		  void **two, int (*by_two)(const void *, const void *))
{
	if (!tsearch(entry, one, by_one))
		return false;
	if (tsearch(entry, two, by_two))
		return true;
	tdelete(entry, one, by_one);
	return false;
}

/* ---- the listing, under the lock ---- */

struct taking {
	struct tree *tree;
	uint32_t name;
};

static bool name_taken(void *ctx, const char *dir)
{
	const struct taking *t = ctx;
	return name_in(t->tree, dir) != NULL;
}

static bool time_taken(void *ctx, const char *dir)
{
	const struct taking *t = ctx;
	return strcmp(dir, "latest") == 0 || point_in(t->tree, t->name, dir);
}

static int add_name(struct taking *t, const char *text, struct error *err)
{
	struct tree *tree = t->tree;
	if (tree->n_names == NODE_INDEX_MAX)
		return error_set(err, -ENFILE, "there are too many names of backups");
	struct tree_name **names = reallocarray(tree->names, tree->n_names + 1, sizeof(*names));
	if (!names)
		return error_set(err, -ENOMEM, "tree: %m");
	tree->names = names;
	char dir[NAME_SAFE_MAX];
	name_safe(text, dir, name_taken, t);
	CLEANUP(name_free_cleanup) struct tree_name *name = calloc(1, sizeof(*name));
	if (!name || !(name->name = strdup(text)) || !(name->dir = strdup(dir)) ||
	    !enter(name, &tree->names_by_name, names_by_name, &tree->names_by_dir, names_by_dir))
		return error_set(err, -ENOMEM, "tree: %m");
	name->index = tree->n_names;
	name->seen = tree->listing;
	t->name = name->index;
	names[tree->n_names++] = steal(&name);
	return 0;
}

static int take_name(struct taking *t, const char *text, struct error *err)
{
	struct tree_name *name = name_called(t->tree, text);
	if (!name)
		return add_name(t, text, err);
	t->name = name->index;
	name->seen = t->tree->listing;
	return 0;
}

static int add_point(struct taking *t, const struct point_name *listed, struct error *err)
{
	struct tree *tree = t->tree;
	if (tree->n_points == NODE_POINTS_MAX)
		return error_set(err, -ENFILE, "there are too many restore points");
	int64_t when;
	struct tree_point **all = reallocarray(tree->all, tree->n_points + 1, sizeof(*all));
	if (!all)
		return error_set(err, -ENOMEM, "tree: %m");
	tree->all = all;
	char plain[MOMENT_TEXT], dir[NAME_SAFE_MAX];
	moment_plain(listed->time, plain);
	name_safe(plain, dir, time_taken, t);
	CLEANUP(point_free_cleanup) struct tree_point *point = calloc(1, sizeof(*point));
	if (!point || !(point->dir = strdup(dir)))
		return error_set(err, -ENOMEM, "tree: %m");
	memcpy(point->id, listed->id, sizeof(point->id));
	point->number = tree->n_points;
	point->name = t->name;
	point->time = moment_parse(listed->time, &when) ? when : 0;
	point->seen = tree->listing;
	if (!enter(point, &tree->all_by_id, points_by_id, &tree->all_by_dir, points_by_dir))
		return error_set(err, -ENOMEM, "tree: %m");
	all[tree->n_points++] = steal(&point);
	return 0;
}

static int take_point(void *ctx, const struct point_name *listed, struct error *err)
{
	struct taking *t = ctx;
	int rc = take_name(t, listed->name, err);
	if (rc < 0)
		return rc;
	struct tree_point *point = point_with(t->tree, listed->id);
	if (!point)
		return add_point(t, listed, err);
	point->seen = t->tree->listing;
	return 0;
}

static int refresh_locked(struct tree *tree, struct error *err)
{
	int64_t now = clock_now_ms();
	if (tree->listing > 0 && now - tree->listed < FRESH_MS)
		return 0;
	tree->listing++;
	tree->listed = now;
	struct taking t = { .tree = tree };
	int rc = tree->points->ops->list(tree->points, take_point, &t, err);
	if (rc < 0)
		tree->listed = 0;
	return rc;
}

int tree_points_refresh(struct tree *tree, struct error *err)
{
	pthread_mutex_lock(&tree->lock);
	int rc = refresh_locked(tree, err);
	pthread_mutex_unlock(&tree->lock);
	return rc;
}

/* ---- NAME and TIME ---- */

static bool there(const struct tree *tree, uint64_t seen)
{
	return seen == tree->listing;
}

static bool find_name(struct tree *tree, const char *dir, struct tree_node *ret)
{
	const struct tree_name *name = name_in(tree, dir);
	if (!name || !there(tree, name->seen))
		return false;
	*ret = (struct tree_node){ .kind = NODE_NAME, .index = name->index };
	return true;
}

static bool find_time(struct tree *tree, uint32_t of, const char *dir, struct tree_node *ret)
{
	if (strcmp(dir, "latest") == 0) {
		*ret = (struct tree_node){ .kind = NODE_LATEST, .index = of };
		return of < tree->n_names && there(tree, tree->names[of]->seen);
	}
	const struct tree_point *point = point_in(tree, of, dir);
	if (!point || !there(tree, point->seen))
		return false;
	*ret = (struct tree_node){ .kind = NODE_POINT, .point = point->number };
	return true;
}

int tree_points_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		       struct tree_node *ret, struct error *err)
{
	pthread_mutex_lock(&tree->lock);
	int rc = refresh_locked(tree, err);
	if (rc == 0) {
		bool found = dir->kind == NODE_ROOT ? find_name(tree, name, ret)
						    : find_time(tree, dir->index, name, ret);
		if (!found)
			rc = error_set(err, -ENOENT, "%m");
	}
	pthread_mutex_unlock(&tree->lock);
	return rc;
}

static void list_names(struct tree *tree, uint64_t pos, fs_emit_fn *emit, void *ctx)
{
	for (uint64_t i = pos; i < tree->n_names; i++) {
		const struct tree_name *name = tree->names[i];
		struct tree_node node = { .kind = NODE_NAME, .index = (uint32_t)i };
		if (there(tree, name->seen) && emit(ctx, name->dir, strlen(name->dir),
						    tree_number(tree, &node), S_IFDIR, i + 1))
			return;
	}
}

/* Position 0 is "latest"; restore point n stands at n + 1. */
static void list_times(struct tree *tree, uint32_t of, uint64_t pos, fs_emit_fn *emit, void *ctx)
{
	struct tree_node latest = { .kind = NODE_LATEST, .index = of };
	if (of >= tree->n_names || !there(tree, tree->names[of]->seen))
		return;
	if (pos == 0 && emit(ctx, "latest", 6, tree_number(tree, &latest), S_IFLNK, 1))
		return;
	for (uint64_t i = pos ? pos - 1 : 0; i < tree->n_points; i++) {
		const struct tree_point *point = tree->all[i];
		struct tree_node node = { .kind = NODE_POINT, .point = (uint32_t)i };
		if (point->name == of && there(tree, point->seen) &&
		    emit(ctx, point->dir, strlen(point->dir), tree_number(tree, &node), S_IFDIR,
			 i + 2))
			return;
	}
}

int tree_points_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos,
			fs_emit_fn *emit, void *ctx, struct error *err)
{
	pthread_mutex_lock(&tree->lock);
	/* In the middle of it, too, when the last listing failed: nothing is known to be there. */
	int rc = pos == 0 || tree->listed == 0 ? refresh_locked(tree, err) : 0;
	if (rc == 0 && dir->kind == NODE_ROOT)
		list_names(tree, pos, emit, ctx);
	else if (rc == 0)
		list_times(tree, dir->index, pos, emit, ctx);
	pthread_mutex_unlock(&tree->lock);
	return rc;
}

/* One of the future, made by a clock that was wrong, only where there is no other. */
static const struct tree_point *newest(const struct tree *tree, uint32_t name)
{
	const time_t last = time(NULL) + MOMENT_SLACK;
	const struct tree_point *best = NULL, *future = NULL;
	for (uint32_t i = 0; i < tree->n_points; i++) {
		const struct tree_point *point = tree->all[i];
		const struct tree_point **of = point->time > last ? &future : &best;
		if (point->name == name && there(tree, point->seen) &&
		    (!*of || point->time >= (*of)->time))
			*of = point;
	}
	return best ? best : future;
}

int tree_points_latest(struct tree *tree, uint32_t name, char *buf, size_t size, struct error *err)
{
	pthread_mutex_lock(&tree->lock);
	int rc = refresh_locked(tree, err);
	const struct tree_point *point = rc == 0 ? newest(tree, name) : NULL;
	if (rc == 0 && !point)
		rc = error_set(err, -ENOENT, "there is no restore point left");
	else if (rc == 0 && strlen(point->dir) >= size)
		rc = error_set(err, -ENAMETOOLONG, "%m");
	else if (rc == 0)
		strcpy(buf, point->dir);
	pthread_mutex_unlock(&tree->lock);
	return rc;
}
