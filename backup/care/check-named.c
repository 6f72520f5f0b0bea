/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-named - which packs hold what some restore points refer to? Only these are looked at, when
 * only those are checked.
 */
#include <errno.h>

#include "check-private.h"
#include "lunette/reach.h"

/* What is below is not known; going through the restore points tells of it. */
static int pass_over(void *ctx, const struct chunk_id *node, unsigned int level,
		     const struct error *why, struct error *err)
{
	(void)ctx, (void)node, (void)level, (void)why, (void)err;
	return 0;
}

/* The first place counts, as it is the one that is read. */
static int find_place(struct check *check, const struct chunk_id *id, struct error *err)
{
	struct catalog_search search = { 0 };
	struct catalog_place place;
	while (catalog_next(check->repo->catalog, &search, id, &place)) {
		struct check_pack *pack = check_find_pack(check, place.pack.id);
		if (!pack)
			continue;
		pack->n++;
		check->result->chunks++;
		return check_pack_size(check, pack, &place.pack, err);
	}
	check->elsewhere = true;
	return 0;
}

int check_get_named(struct check *check, size_t i, json_t **ret, struct error *err)
{
	const char *id = check->opts->named[i];
	struct error why = { 0 };
	int rc = point_get(check->repo, id, ret, &why);
	if (rc == -ENOENT)
		return error_mark(
			err,
			error_set(err, rc, "restore point %.12s has been forgotten meanwhile", id),
			ERROR_KIND_NOT_FOUND);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

int check_find_packs(struct check *check, struct error *err)
{
	const struct check_options *opts = check->opts;
	const struct reach_options options = { .stop = opts->stop, .damaged = pass_over };
	CLEANUP(reach_free_cleanup) struct reach *reach = NULL;
	struct chunk_id id;
	int rc = catalog_refresh(check->repo->catalog, err);
	if (rc == 0)
		rc = reach_new(check->repo, &options, &reach, err);
	for (size_t i = 0; rc == 0 && i < opts->n_named; i++) {
		CLEANUP(json_decref_cleanup) json_t *point = NULL;
		rc = check_get_named(check, i, &point, err);
		if (rc == 0)
			rc = reach_add_point(reach, point, err);
	}
	if (rc == 0)
		rc = reach_walk(reach, err);
	if (rc < 0)
		return rc;
	while ((rc = reach_next(reach, &id, err)) > 0) {
		rc = check_stopped(check, err);
		if (rc == 0)
			rc = find_place(check, &id, err);
		if (rc < 0)
			break;
	}
	return rc;
}
