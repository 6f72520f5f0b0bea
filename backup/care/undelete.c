/* SPDX-License-Identifier: GPL-3.0-or-later */
/* undelete - see undelete.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/forgotten.h"
#include "lunette/id-set.h"
#include "lunette/lease.h"
#include "lunette/reach.h"
#include "lunette/undelete.h"

/* Indexes may be merged while they are asked; then they are asked again, but not for ever. */
#define TRIES 5

/* ---- is all of it there? ---- */

/* What cannot be told is an error, and neither yes nor no. */
static int look(struct repo *repo, const struct chunk_id *id, bool *ret, struct error *err)
{
	struct catalog_search search = { 0 };
	struct catalog_place place;
	*ret = false;
	while (!*ret && catalog_next(repo->catalog, &search, id, &place)) {
		int rc = catalog_has_pack(repo->catalog, &place.pack, ret, err);
		if (rc < 0)
			return rc;
	}
	return *ret || search.damage.code == 0
		       ? 0
		       : error_copy(err, search.damage.code, &search.damage);
}

static int is_there(struct repo *repo, const struct chunk_id *id, bool *ret, struct error *err)
{
	struct error why = { 0 };
	int rc = look(repo, id, ret, &why);
	for (int i = 1; rc == -ENOENT && i < TRIES; i++) {
		rc = catalog_refresh(repo->catalog, &why);
		if (rc == 0)
			rc = look(repo, id, ret, &why);
	}
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

struct proof {
	struct repo *repo;
	uint64_t missing;
};

/* Most often all of its chunks went with it. */
static int miss_node(void *ctx, const struct chunk_id *node, unsigned int level,
		     const struct error *why, struct error *err)
{
	(void)level, (void)err;
	struct proof *proof = ctx;
	bool there;
	int rc = is_there(proof->repo, node, &there, err);
	if (rc == 0 && there) /* counted like every other one when it is not */
		rc = error_copy(err, why->code, why);
	return rc;
}

static int count_missing(struct repo *repo, struct reach *reach, struct proof *proof,
			 struct error *err)
{
	struct chunk_id id;
	bool there;
	int rc = reach_walk(reach, err);
	if (rc < 0)
		return rc;
	while ((rc = reach_next(reach, &id, err)) > 0) {
		rc = is_there(repo, &id, &there, err);
		if (rc < 0)
			break;
		proof->missing += !there;
	}
	return rc;
}

static int is_final(const char *id, struct error *err)
{
	return error_mark(err,
			  error_set(err, -ENOENT,
				    "restore point %.12s cannot be brought back any more: a "
				    "prune has made it final",
				    id),
			  ERROR_KIND_NOT_FOUND);
}

static int read_point(struct repo *repo, const char *id, json_t **ret, struct error *err)
{
	struct error why = { 0 };
	int rc = point_get_from(repo, FORGOTTEN_FOLDER, id, ret, &why);
	if (rc == -ENOENT)
		return is_final(id, err);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

/* How much is not there of what some of the restore points refer to, all together? */
static int prove(struct repo *repo, const struct undelete_request *request, size_t first, size_t n,
		 uint64_t *ret, struct error *err)
{
	struct proof proof = { .repo = repo };
	const struct reach_options options = { .stop = request->stop,
					       .damaged = miss_node,
					       .ctx = &proof };
	CLEANUP(reach_free_cleanup) struct reach *reach = NULL;
	int rc = reach_new(repo, &options, &reach, err);
	for (size_t i = first; rc == 0 && i < first + n; i++) {
		CLEANUP(json_decref_cleanup) json_t *point = NULL;
		rc = read_point(repo, request->ids[i], &point, err);
		if (rc == 0)
			rc = reach_add_point(reach, point, err);
	}
	if (rc == 0)
		rc = count_missing(repo, reach, &proof, err);
	*ret = proof.missing;
	return rc;
}

static int prove_all(struct repo *repo, const struct undelete_request *request, struct error *err)
{
	uint64_t missing = 0;
	/* What was known of packs and indexes may be from before the last prune. */
	catalog_recount(repo->catalog);
	int rc = catalog_refresh(repo->catalog, err);
	if (rc == 0)
		rc = prove(repo, request, 0, request->n, &missing, err);
	if (rc < 0 || missing == 0)
		return rc;
	for (size_t i = 0; i < request->n; i++) {
		rc = prove(repo, request, i, 1, &missing, err);
		if (rc < 0)
			return rc;
		if (missing > 0)
			return error_set(err, -ENODATA,
					 "restore point %.12s cannot be brought back: at least "
					 "%" PRIu64 " of its chunks are gone, by a prune that did "
					 "not end, or by damage",
					 request->ids[i], missing);
	}
	return error_set(err, -EAGAIN, "what is there has changed meanwhile: try again");
}

/* ---- and back ---- */

/* All of them, or none. @ret: how many were moved. */
static int move_all(struct repo *repo, const struct undelete_request *request, size_t *ret,
		    struct error *err)
{
	struct error why = { 0 };
	for (*ret = 0; *ret < request->n; ++*ret) {
		const char *id = request->ids[*ret];
		int rc = forgotten_bring_back(repo, id, &why);
		if (rc < 0)
			return rc == -ENOENT ? is_final(id, err) : error_copy(err, rc, &why);
	}
	return 0;
}

/*
 * As when a restore point is written: a lease that is lost meanwhile is noticed after it, since
 * whoever took it for void did so before he looked for restore points, or has seen this one.
 */
static int bring_back(struct repo *repo, struct lease *lease,
		      const struct undelete_request *request, struct error *err)
{
	size_t done = 0;
	int rc = lease_check(lease, err);
	if (rc == 0)
		rc = move_all(repo, request, &done, err);
	int lost = lease_check(lease, rc < 0 ? NULL : err);
	if (rc == 0 && lost == -ESTALE)
		rc = lost;
	for (size_t i = 0; i < done; i++)
		if (rc < 0)
			(void)forgotten_keep(repo, request->ids[i], NULL);
		else
			request->each(request->ctx, request->ids[i], false);
	return rc;
}

/*
 * Another one may have been faster: now that he has gone that can be told. And a store that has
 * lost its restore points says so: beside one that is back all others would seem to be of no use.
 *
 * @ret: the others
 */
static int pass_over(struct repo *repo, const struct undelete_request *request, char (*ret)[65],
		     size_t *ret_n, struct error *err)
{
	CLEANUP(id_set_free_cleanup) struct id_set *there = NULL;
	int rc = id_set_list(repo->store, POINT_FOLDER, &there, err);
	*ret_n = 0;
	for (size_t i = 0; rc == 0 && i < request->n; i++) {
		struct chunk_id id;
		if (chunk_id_parse(request->ids[i], &id) && id_set_has(there, &id))
			request->each(request->ctx, request->ids[i], true);
		else
			memcpy(ret[(*ret_n)++], request->ids[i], sizeof(*ret));
	}
	return rc;
}

static int undelete(struct repo *repo, struct lease *lease, const struct undelete_request *request,
		    struct error *err)
{
	struct undelete_request rest = *request;
	CLEANUP(free_cleanup) char(*ids)[65] = calloc(request->n + 1, sizeof(*ids));
	if (!ids)
		return error_set(err, -ENOMEM, "undelete: %m");
	int rc = pass_over(repo, request, ids, &rest.n, err);
	rest.ids = (const char(*)[65])ids;
	if (rc == 0 && rest.n > 0)
		rc = prove_all(repo, &rest, err);
	return rc < 0 || rest.n == 0 ? rc : bring_back(repo, lease, &rest, err);
}

int undelete_run(struct repo *repo, const struct undelete_request *request, struct error *err)
{
	/* A lease needs some room: where there is none, it is that of the reserve. */
	const struct lease_request wanted = { .purpose = "undelete",
					      .exclusive = true,
					      .removes = true };
	CLEANUP(lease_release_cleanup) struct lease *lease = NULL;
	struct error why = { 0 };
	int rc = repo_may_write(repo, &why);
	if (rc == 0)
		rc = lease_take(repo, &wanted, &lease, &why);
	if (rc == 0)
		rc = undelete(repo, lease, request, &why);
	lease_release(steal(&lease));
	(void)store_keep_reserve(repo->store, NULL);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}
