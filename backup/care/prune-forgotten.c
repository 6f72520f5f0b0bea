/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune-forgotten - makes final what was forgotten, before anything that it refers to is marked.
 *
 * Restore points are listed first, forgotten ones after that: one that is forgotten in between is
 * in both listings. What only it refers to stays this time, and so does it.
 */
#include <errno.h>

#include "lunette/forgotten.h"
#include "prune-private.h"

/* Ids, which must not be removed while they are listed. */
struct ids {
	const struct id_set *counted;
	size_t n, room;
	struct chunk_id *ids;
};

static void ids_cleanup(struct ids *ids)
{
	free(ids->ids);
}

static int collect(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	struct ids *ids = ctx;
	struct chunk_id id;
	if (!chunk_id_parse(name, &id) || id_set_has(ids->counted, &id))
		return 0;
	if (ids->n == ids->room) {
		size_t room = ids->room ? 2 * ids->room : 64;
		struct chunk_id *grown = reallocarray(ids->ids, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "prune: %m");
		ids->ids = grown;
		ids->room = room;
	}
	ids->ids[ids->n++] = id;
	return 0;
}

int prune_forgotten(struct repo *repo, struct lease *own, const struct id_set *counted,
		    const struct prune_options *options, struct prune_result *result,
		    struct error *err)
{
	CLEANUP(ids_cleanup) struct ids ids = { .counted = counted };
	int rc = forgotten_list(repo, collect, &ids, err);
	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		char id[65];
		chunk_id_hex(&ids.ids[i], id);
		rc = prune_stopped(options, err);
		if (rc == 0 && own)
			rc = lease_check(own, err);
		if (rc == 0 && !options->dry_run)
			rc = forgotten_remove(repo, id, err);
		result->forgotten += rc == 0;
	}
	return rc;
}

int prune_forgotten_first(struct repo *repo, const struct prune_options *options,
			  struct prune_result *result, struct error *err)
{
	CLEANUP(id_set_free_cleanup) struct id_set *points = NULL;
	int rc = id_set_list(repo->store, POINT_FOLDER, &points, err);
	return rc < 0 ? rc : prune_forgotten(repo, NULL, points, options, result, err);
}
