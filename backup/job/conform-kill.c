/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conform-kill - the plug-in dies in the middle of each verb.
 *
 * It is killed at moments spread over the time that the verb took before. Then a new process must
 * do the same call with success, as if it were the first or the second time, and must find
 * everything to be removed in `list`.
 */
#include <errno.h>
#include <stdio.h>

#include "conform-private.h"

/* The steps of a life; each can be reached by doing those before it. */
struct life {
	char set[CONFORM_NAME_SIZE];
	char name[CONFORM_NAME_SIZE];
	char snapshot[PLUGIN_ID_MAX + 1];
	char lun[PLUGIN_ID_MAX + 1];
};

enum kill_step { PREPARE, COMMIT, LUN_CREATE, MAP, UNMAP, LUN_DELETE, SNAP_DELETE, ABORT, STEPS };

static const char *const verbs[] = { "prepare", "commit",     "lun-create",  "map",
				     "unmap",   "lun-delete", "snap-delete", "abort" };

static json_t *params_of(struct conform *c, enum kill_step step, const struct life *l)
{
	switch (step) {
	case PREPARE:
	case COMMIT:
		return conform_set(c, l->set);
	case LUN_CREATE:
		return conform_new_lun(l->name, l->snapshot);
	case MAP:
	case UNMAP:
		return conform_lun(l->lun, c->o->initiator);
	case LUN_DELETE:
		return conform_lun(l->lun, NULL);
	case SNAP_DELETE:
		return json_pack("{s:s}", "snapshot", l->snapshot);
	default:
		return conform_named(l->set);
	}
}

static int do_step(struct conform *c, enum kill_step step, struct life *l)
{
	CONFORM_JSON *result = NULL;
	int rc = conform_call(c, verbs[step], params_of(c, step, l), &result);
	if (rc == 0 && step == COMMIT)
		snprintf(l->snapshot, sizeof(l->snapshot), "%s", conform_snapshot(result, 0));
	if (rc == 0 && step == LUN_CREATE)
		snprintf(l->lun, sizeof(l->lun), "%s", shape_text(result, "lun"));
	return rc;
}

/* What must be in the list when a step has been done; NULL: nothing need be. */
static const char *const leaves[] = { "prepared", "snapshot", "lun", "mapping",
				      "lun",      "snapshot", NULL,  NULL };

/* Kills it in this step, with everything before it done; sees that a new one copes. */
static bool kill_once(struct conform *c, enum kill_step step, unsigned int us, unsigned int round,
		      bool *ret_told)
{
	struct life l = { 0 };
	char what[32];
	snprintf(what, sizeof(what), "k%d-%u", (int)step, round);
	conform_name(c, what, l.set);
	conform_name(c, what, l.name);
	int rc = 0;
	/* An abort is tried where it has the most to do: on snapshots without LUNs. */
	int before = step == ABORT ? LUN_CREATE : (int)step;
	for (int i = 0; rc == 0 && i < before; i++)
		rc = do_step(c, (enum kill_step)i, &l);
	if (rc < 0)
		return false;
	conform_kill(c, verbs[step], params_of(c, step, &l), us);
	*ret_told = true;
	if (do_step(c, step, &l) < 0)
		return false;
	*ret_told = !leaves[step] || conform_count(c, c->owner, false, leaves[step], NULL) > 0;
	return true;
}

static void kill_step(struct conform *c, enum kill_step step)
{
	char what[96], why[600];
	json_int_t took = json_integer_value(json_object_get(c->took_ms, verbs[step]));
	unsigned int failed = 0, left = 0;
	for (unsigned int i = 0; i < c->o->kills && !conform_stopped(c); i++) {
		uint64_t span = (uint64_t)MAX(took, (json_int_t)1) * 1000 + 500;
		unsigned int us = (unsigned int)(span * (2 * i + 1) / (2 * c->o->kills));
		bool told = true;
		if (!kill_once(c, step, us, i, &told)) {
			failed++;
			snprintf(why, sizeof(why), "%s", c->err.msg);
		}
		if (!told)
			error_set(&c->err, -ENOENT, "it does not have the %s", leaves[step]);
		if (!told || conform_clean_up(c) < 0 ||
		    conform_count(c, c->owner, false, NULL, NULL) != 0) {
			left++;
			snprintf(why, sizeof(why), "%s", c->err.msg);
		}
	}
	snprintf(what, sizeof(what), "killed in %s: the same call succeeds later", verbs[step]);
	conform_check(c, failed == 0, what, P_NAMES, "%u of %u times it did not: %s", failed,
		      c->o->kills, failed ? why : "");
	snprintf(what, sizeof(what), "killed in %s: list tells all that is to be removed",
		 verbs[step]);
	conform_check(c, left == 0, what, P_CLEAN_UP,
		      "%u of %u times it does not, or something cannot be removed: %s", left,
		      c->o->kills, left ? why : "");
}

void conform_kills(struct conform *c)
{
	for (int step = 0; step < STEPS && c->o->kills && !conform_stopped(c); step++)
		kill_step(c, (enum kill_step)step);
}
