/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forgotten - see forgotten.h. */
#include <errno.h>
#include <stdio.h>

#include "lunette/box.h"
#include "lunette/forgotten.h"
#include "lunette/repo-parts.h"

static void key_in(const char *folder, const char *id, char ret[STORE_KEY_MAX])
{
	snprintf(ret, STORE_KEY_MAX, "%s/%.64s", folder, id);
}

struct forgotten_listing {
	struct repo *repo;
	store_list_fn *fn;
	void *ctx;
};

static int list_one(void *ctx, const char *id, const struct store_stat *st, struct error *err)
{
	struct forgotten_listing *l = ctx;
	struct chunk_id parsed;
	char key[STORE_KEY_MAX];
	struct store_stat there;
	struct error why = { 0 };
	if (!chunk_id_parse(id, &parsed))
		return 0;
	key_in(POINT_FOLDER, id, key);
	int rc = store_stat(l->repo->store, key, &there, &why);
	if (rc == 0)
		return 0;
	return rc == -ENOENT ? l->fn(l->ctx, id, st, err) : error_copy(err, rc, &why);
}

int forgotten_list(struct repo *repo, store_list_fn *fn, void *ctx, struct error *err)
{
	struct forgotten_listing l = { repo, fn, ctx };
	return store_list(repo->store, FORGOTTEN_FOLDER, list_one, &l, err);
}

static int move(struct repo *repo, const char *id, const char *from, const char *to,
		struct error *err)
{
	char key[STORE_KEY_MAX], moved[STORE_KEY_MAX];
	key_in(from, id, key);
	key_in(to, id, moved);
	return store_move(repo->store, key, moved, POINT_MAX + BOX_MORE, err);
}

int forgotten_keep(struct repo *repo, const char *id, struct error *err)
{
	return move(repo, id, POINT_FOLDER, FORGOTTEN_FOLDER, err);
}

int forgotten_bring_back(struct repo *repo, const char *id, struct error *err)
{
	return move(repo, id, FORGOTTEN_FOLDER, POINT_FOLDER, err);
}

int forgotten_remove(struct repo *repo, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	key_in(FORGOTTEN_FOLDER, id, key);
	return store_remove(repo->store, key, err);
}
