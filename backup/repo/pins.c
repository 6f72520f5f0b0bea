/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pins - restore points that are kept whatever a policy says, and points that are forgotten.
 *
 * A pin is an empty object that is named like its restore point: it says nothing, can be set twice,
 * and nothing in it can be damaged.
 */
#include <errno.h>
#include <stdio.h>

#include "lunette/forgotten.h"
#include "lunette/repo-parts.h"

#define PIN_FOLDER "pins"

static void pin_key(const char *id, char ret[STORE_KEY_MAX])
{
	snprintf(ret, STORE_KEY_MAX, PIN_FOLDER "/%.64s", id);
}

int repo_pin(struct repo *repo, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	pin_key(id, key);
	int rc = store_put_same(repo->store, key, "", 0, err);
	return rc < 0 ? error_wrap(err, rc, "pin restore point %.16s", id) : 0;
}

int repo_unpin(struct repo *repo, const char *id, struct error *err)
{
	char key[STORE_KEY_MAX];
	pin_key(id, key);
	int rc = store_remove(repo->store, key, err);
	return rc < 0 ? error_wrap(err, rc, "unpin restore point %.16s", id) : 0;
}

int repo_is_pinned(struct repo *repo, const char *id, bool *ret, struct error *err)
{
	char key[STORE_KEY_MAX];
	pin_key(id, key);
	struct store_stat st;
	struct error why = { 0 };
	int rc = store_stat(repo->store, key, &st, &why);
	if (rc < 0 && rc != -ENOENT)
		return error_set(err, rc, "is restore point %.16s pinned? %s", id, why.msg);
	*ret = rc == 0;
	return 0;
}

int repo_pins(struct repo *repo, struct id_set **ret, struct error *err)
{
	int rc = id_set_list(repo->store, PIN_FOLDER, ret, err);
	return rc < 0 ? error_wrap(err, rc, "which restore points are pinned?") : 0;
}

/*
 * Of what is kept for later nothing may stand in the way of freeing room: where there is none for
 * it, it is not kept.
 */
int repo_forget(struct repo *repo, const char *id, bool *ret_final, struct error *err)
{
	bool pinned;
	int rc = repo_is_pinned(repo, id, &pinned, err);
	if (rc < 0)
		return rc;
	if (pinned)
		return error_set(err, -EPERM,
				 "restore point %.16s is pinned: 'lunette unpin' lets it go", id);
	struct error why = { 0 };
	rc = forgotten_keep(repo, id, &why);
	bool is_final = store_is_full(rc);
	if (is_final)
		rc = point_remove(repo, id, &why);
	/* One that is gone already is not looked for again: it may have been brought back since. */
	if (rc < 0 && rc != -ENOENT)
		return error_set(err, rc, "forget restore point %.16s: %s", id, why.msg);
	if (ret_final)
		*ret_final = is_final;
	return 0;
}
