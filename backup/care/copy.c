/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy - which restore points are copied, in which order, and what they are called in the other
 * repository: see copy.h.
 *
 * A restore point bears where it was first made: its "origin". Two of the same origin are the same,
 * however many repositories lie between, so that nothing is copied twice, and nothing comes back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lunette/copy.h"
#include "lunette/json.h"
#include "lunette/lease.h"
#include "lunette/repo-parts.h"

/**
 * struct copy_point - a restore point
 * @order: its place by time
 * @size: of its disks, bytes
 * @origin: REPOSITORY/POINT
 * @there: in the other repository; NULL: it is not
 */
struct copy_point {
	size_t order;
	bool wanted;
	char id[65];
	uint64_t size;
	char origin[98];
	char *name;
	const struct copy_point *there;
};

struct copy_points {
	const struct repo *repo;
	size_t n, room;
	struct copy_point *all;
	const struct copy_request *request; /* to be told of damage; NULL: nobody is */
};

static void members_cleanup(struct copy_points *members)
{
	for (size_t i = 0; i < members->n; i++)
		free(members->all[i].name);
	free(members->all);
}

/* ---- what there is ---- */

static void origin_of(const struct repo *repo, const char *id, const json_t *point, char ret[98])
{
	const json_t *origin = json_object_get(point, "origin");
	const char *where = json_string_value(json_object_get(origin, "repository"));
	const char *what = json_string_value(json_object_get(origin, "point"));
	bool known = where && what && strlen(where) == 32 && strlen(what) == 64;
	snprintf(ret, 98, "%.32s/%.64s", known ? where : repo_id(repo), known ? what : id);
}

static uint64_t size_of(const json_t *point)
{
	uint64_t size = 0;
	size_t i;
	const json_t *disk;
	json_array_foreach(json_object_get(point, "disks"), i, disk)
	{
		size += (uint64_t)json_integer_value(json_object_get(disk, "size"));
	}
	return size;
}

static int collect(void *ctx, const struct repo_brief *brief, struct error *err)
{
	struct copy_points *members = ctx;
	if (members->n == members->room) {
		size_t room = members->room ? 2 * members->room : 64;
		struct copy_point *grown = reallocarray(members->all, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list the restore points: %m");
		members->all = grown;
		members->room = room;
	}
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = repo_brief_members(brief, &point, err);
	if (rc < 0)
		return rc;
	struct copy_point *member = &members->all[members->n];
	*member = (struct copy_point){ .order = members->n,
				       .size = size_of(point),
				       .name = strdup(brief->name) };
	if (!member->name)
		return error_set(err, -ENOMEM, "list the restore points: %m");
	members->n++;
	memcpy(member->id, brief->id, sizeof(member->id));
	origin_of(members->repo, brief->id, point, member->origin);
	return 0;
}

static void damaged(void *ctx, const struct error *why)
{
	const struct copy_request *request = ((struct copy_points *)ctx)->request;
	if (request && request->damaged)
		request->damaged(request->ctx, why);
}

static int by_name(const void *a, const void *b)
{
	const struct copy_point *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Of several of one origin, the oldest first. */
static int by_origin(const void *a, const void *b)
{
	const struct copy_point *x = a, *y = b;
	int order = strcmp(x->origin, y->origin);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static const struct copy_point *find_origin(const struct copy_points *sorted, const char *origin)
{
	size_t first = 0, end = sorted->n;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		if (strcmp(sorted->all[middle].origin, origin) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	bool found = first < sorted->n && strcmp(sorted->all[first].origin, origin) == 0;
	return found ? &sorted->all[first] : NULL;
}

static void find_there(const struct copy_points *here, struct copy_points *there)
{
	if (there->n > 0)
		qsort(there->all, there->n, sizeof(*there->all), by_origin);
	for (size_t i = 0; i < here->n; i++)
		here->all[i].there = find_origin(there, here->all[i].origin);
}

/* ---- what is wanted ---- */

/* A name is all restore points of it; any other word is one of them. */
static int choose_one(struct repo *from, struct copy_points *members, const char *wanted,
		      struct error *err)
{
	bool any = false;
	for (size_t i = 0; i < members->n; i++)
		if (strcmp(members->all[i].name, wanted) == 0)
			any = members->all[i].wanted = true;
	struct repo_point_search search = { .spec = wanted };
	int rc = repo_point_search(from, &search, err);
	if (rc < 0)
		return rc;
	json_decref(search.point);
	if (search.future[0] && !any && members->request->future)
		members->request->future(members->request->ctx, &search);
	for (size_t i = 0; !any && i < members->n; i++)
		if (strcmp(members->all[i].id, search.id) == 0)
			members->all[i].wanted = true;
	return 0;
}

static int choose(struct repo *from, struct copy_points *members,
		  const struct copy_request *request, struct error *err)
{
	for (size_t i = 0; request->n_wanted == 0 && i < members->n; i++)
		members->all[i].wanted = true;
	for (size_t i = 0; i < request->n_wanted; i++) {
		int rc = choose_one(from, members, request->wanted[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- copying ---- */

/**
 * struct copying - copying all that is wanted
 * @base: the last restore point of this name that both repositories have; NULL: none
 * @base_to: the same, in the other one
 * @next_base: one that came after it and both have, whose manifests have not been read yet; or NULL
 */
struct copying {
	struct repo *from, *to;
	const struct copy_request *request;
	struct copy_stats *stats;
	struct copy_points here, there;
	json_t *base, *base_to;
	const struct copy_point *next_base;
};

static void copying_cleanup(struct copying *copying)
{
	members_cleanup(&copying->here);
	members_cleanup(&copying->there);
	json_decref(copying->base);
	json_decref(copying->base_to);
}

static bool find_disk(const json_t *point, const char *name, struct repo_disk *ret)
{
	for (size_t i = 0; point && i < repo_point_disks(point); i++) {
		repo_point_disk(point, i, ret);
		if (strcmp(ret->name, name) == 0)
			return true;
	}
	return false;
}

static int copy_disks(struct copying *copying, struct copier *copier, const json_t *point,
		      json_t *made, struct error *err)
{
	uint32_t chunk_size = repo_chunk_size(copying->to);
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		struct copy_base base;
		struct chunk_id root;
		char hex[65];
		repo_point_disk(point, i, &disk);
		bool has_base = find_disk(copying->base, disk.name, &base.from) &&
				find_disk(copying->base_to, disk.name, &base.to);
		int rc = copier_disk(copier, &disk, has_base ? &base : NULL, &root, err);
		if (rc < 0)
			return rc;
		chunk_id_hex(&root, hex);
		uint64_t n = disk.size / chunk_size + (disk.size % chunk_size != 0);
		json_t *entry = json_array_get(json_object_get(made, "disks"), i);
		if (json_object_set_new(entry, "chunk_size", json_integer(chunk_size)) < 0 ||
		    json_object_set_new(
			    entry, "map",
			    json_pack("{s:s, s:I}", "root", hex, "chunks", (json_int_t)n)) < 0)
			return error_set(err, -ENOMEM, "restore point: %m");
	}
	return 0;
}

/* What only the copy knows: where it comes from, and what it took to store it here. */
static int note_copy(const struct copy_point *member, const struct copy_stats *before,
		     const struct copy_stats *after, json_t *made, struct error *err)
{
	json_t *origin = json_pack("{s:s%, s:s}", "repository", member->origin, (size_t)32, "point",
				   member->origin + 33);
	json_t *stats = json_object_get(made, "stats");
	int rc = json_object_set_new(made, "origin", origin);
	if (rc == 0 && stats)
		rc = json_object_update_new(
			stats, json_pack("{s:I, s:I, s:I}", "known",
					 (json_int_t)(after->known - before->known), "new",
					 (json_int_t)(after->added - before->added), "stored",
					 (json_int_t)(after->stored - before->stored)));
	return rc < 0 ? error_set(err, -ENOMEM, "restore point: %m") : 0;
}

static int copy_point(struct copying *copying, const struct copy_point *member, const json_t *point,
		      struct error *err)
{
	CLEANUP(repo_writer_free_cleanup) struct repo_writer *writer = NULL;
	CLEANUP(copier_free_cleanup) struct copier *copier = NULL;
	CLEANUP(json_decref_cleanup) json_t *made = json_deep_copy(point);
	if (!made)
		return error_set(err, -ENOMEM, "restore point: %m");
	struct copy_stats before = *copying->stats;
	int rc = repo_writer_new(copying->to, &writer, err);
	if (rc == 0)
		rc = copier_new(copying->from, copying->to, writer, copying->request,
				copying->stats, &copier, err);
	if (rc == 0)
		rc = copy_disks(copying, copier, point, made, err);
	if (rc == 0)
		rc = note_copy(member, &before, copying->stats, made, err);
	char id[65];
	if (rc == 0)
		rc = repo_writer_commit(writer, made, id, err);
	if (rc < 0)
		return rc == -EINTR ? rc
				    : error_wrap(err, rc, "copy %s@%s", repo_point_name(point),
						 repo_point_time(point));
	copying->stats->copied++;
	if (copying->request->copied)
		copying->request->copied(copying->request->ctx, made, member->id, id);
	json_decref(copying->base);
	json_decref(copying->base_to);
	copying->base = json_incref((json_t *)point);
	copying->base_to = steal(&made);
	return 0;
}

/* What the next one is compared with; its manifests are read when there is a next one. */
static int use_as_base(struct copying *copying, const struct copy_point *member, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *base = NULL;
	CLEANUP(json_decref_cleanup) json_t *base_to = NULL;
	int rc = point_get(copying->from, member->id, &base, err);
	if (rc == 0)
		rc = point_get(copying->to, member->there->id, &base_to, err);
	if (rc < 0)
		return rc;
	json_decref(copying->base);
	json_decref(copying->base_to);
	copying->base = steal(&base);
	copying->base_to = steal(&base_to);
	return 0;
}

static int copy_member(struct copying *copying, const struct copy_point *member, struct error *err)
{
	if (member->there) {
		copying->stats->present += member->wanted;
		copying->next_base = member;
		return 0;
	}
	if (!member->wanted)
		return 0;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = copying->next_base ? use_as_base(copying, copying->next_base, err) : 0;
	copying->next_base = NULL;
	if (rc == 0)
		rc = point_get(copying->from, member->id, &point, err);
	return rc < 0 ? rc : copy_point(copying, member, point, err);
}

static void find_total(struct copying *copying)
{
	for (size_t i = 0; i < copying->here.n; i++) {
		const struct copy_point *member = &copying->here.all[i];
		if (member->wanted && !member->there)
			copying->stats->total += member->size;
	}
}

static int collect_both(struct copying *copying, struct error *err)
{
	copying->here = (struct copy_points){ .repo = copying->from, .request = copying->request };
	copying->there = (struct copy_points){ .repo = copying->to };
	int rc = repo_briefs(copying->from, NULL, collect, &copying->here, damaged, err);
	if (rc == 0)
		rc = repo_briefs(copying->to, NULL, collect, &copying->there, damaged, err);
	if (rc == 0)
		rc = choose(copying->from, &copying->here, copying->request, err);
	if (rc < 0 || copying->here.n == 0)
		return rc;
	qsort(copying->here.all, copying->here.n, sizeof(*copying->here.all), by_name);
	find_there(&copying->here, &copying->there);
	find_total(copying);
	return 0;
}

/* Two of one id: one of them is a copy of the other's files, unless they are one. */
static int refuse_itself(struct repo *from, struct repo *to, struct error *err)
{
	CLEANUP(lease_release_cleanup) struct lease *lease = NULL;
	bool same = false;
	if (strcmp(repo_id(from), repo_id(to)) != 0)
		return 0;
	int rc = lease_take(to, &(struct lease_request){ .purpose = "copy" }, &lease, err);
	if (rc == 0)
		rc = lease_is_in(lease, from, &same, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s'", repo_path(to));
	return same ? error_set(err, -EINVAL, "'%s' and '%s' are the same repository",
				repo_path(from), repo_path(to))
		    : 0;
}

int copy_points(struct repo *from, struct repo *to, const struct copy_request *request,
		struct copy_stats *stats, struct error *err)
{
	CLEANUP(copying_cleanup)
	struct copying copying = { .from = from, .to = to, .request = request, .stats = stats };
	int rc = refuse_itself(from, to, err);
	if (rc == 0)
		rc = collect_both(&copying, err);
	for (size_t i = 0; rc == 0 && i < copying.here.n; i++) {
		if (i > 0 && strcmp(copying.here.all[i].name, copying.here.all[i - 1].name) != 0) {
			json_decref(steal(&copying.base));
			json_decref(steal(&copying.base_to));
			copying.next_base = NULL;
		}
		rc = copy_member(&copying, &copying.here.all[i], err);
	}
	return rc;
}
