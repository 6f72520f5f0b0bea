/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-names - names that are long, odd or hostile; and things of other owners. */
#include <errno.h>
#include <stdio.h>

#include "conform-private.h"

#define L63 "L23456789.123456789-123456789_123456789.123456789-123456789_123"

static const char *const hostile[] = {
	"..",    ".hidden", "-rf",  "a/b",   "../../tmp/lt", "a b", "a\nb", "a;b",     "a'b",
	"$(id)", "a%b",     "a\"b", "a,b=c", "\xc3\xa9",     "a:b", "a@b",  (L63 "4"),
};

/* Ids that name nothing of ours, whatever a path, a shell or a format would make of them. */
static const char *const hostile_ids[] = {
	"../../../../etc/passwd", "/etc/passwd", "$(id)", "a;b", "*", "%s%n", "-a", "a\nb",
};

static bool refused(struct conform *c, const char *verb, json_t *params)
{
	int rc = conform_do(c, verb, params);
	return rc < 0 && rc != -EPROTO && rc != -EPIPE && rc != -ETIMEDOUT;
}

static void try_hostile(struct conform *c, const char *snapshot)
{
	char what[160];
	for (size_t i = 0; i < ARRAY_SIZE(hostile) && !conform_stopped(c); i++) {
		bool ok = refused(c, "prepare", conform_set(c, hostile[i]));
		ok = refused(c, "lun-create", conform_new_lun(hostile[i], snapshot)) && ok;
		snprintf(what, sizeof(what), "the name '%.70s' is refused", hostile[i]);
		conform_check(c, ok, what, P_NAMES, "%s", c->err.msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hostile_ids) && !conform_stopped(c); i++) {
		const char *id = hostile_ids[i];
		char name[CONFORM_NAME_SIZE];
		conform_name(c, "h", name);
		bool ok = refused(c, "lun-create", conform_new_lun(name, id));
		ok = refused(c, "map", conform_lun(id, c->o->initiator)) && ok;
		ok = refused(c, "prepare",
			     json_pack("{s:s, s:[s]}", "name", name, "volumes", id)) &&
		     ok;
		if (c->can.allocated)
			ok = refused(c, "allocated", json_pack("{s:s}", "snapshot", id)) && ok;
		snprintf(what, sizeof(what), "nothing has the id '%.70s'", id);
		conform_check(c, ok, what, P_CODES, "%s", c->err.msg);
	}
}

static void try_initiators(struct conform *c, const char *lun)
{
	static const char *const wrong[] = { "ALL", "iqn.x y", "iqn.x,y=z", "iqn.x\ny", "*" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char what[96];
		snprintf(what, sizeof(what), "map to the initiator '%s' is refused", wrong[i]);
		conform_check(c, refused(c, "map", conform_lun(lun, wrong[i])), what, P_VERB("map"),
			      "%s", c->err.msg);
	}
}

void conform_names(struct conform *c)
{
	CONFORM_JSON *taken = NULL, *lun = NULL;
	char name[CONFORM_NAME_SIZE], longest[CONFORM_NAME_SIZE] = L63;
	/* The longest there is, and not that of an earlier test. */
	memcpy(longest + 1, c->tag, strlen(c->tag));
	int rc = conform_take(c, longest, &taken);
	conform_ended(c, rc, NULL, "a name may have 63 characters, dots, - and _", P_NAMES);
	if (rc < 0)
		return;
	const char *snapshot = conform_snapshot(taken, 0);
	rc = conform_call(c, "lun-create", conform_new_lun(longest, snapshot), &lun);
	conform_ended(c, rc, NULL, "a LUN may have the same name as the set", P_NAMES);
	try_hostile(c, snapshot);
	if (rc == 0)
		try_initiators(c, shape_text(lun, "lun"));
	conform_name(c, "x", name);
	conform_ended(c, conform_do(c, "abort", conform_named(name)), NULL,
		      "abort of a name that never was is success", P_NAMES);
	int n = conform_count(c, c->owner, false, NULL, NULL);
	int wanted = (int)json_array_size(c->names) + (rc == 0);
	conform_check(c, n == wanted, "what was refused made nothing", P_NAMES,
		      "%d objects are in the list, not %d", n, wanted);
	conform_clean_up(c);
}

/* ---- owners -----------------------------------------------------------------------------------
 */

static void denied(struct conform *c, const char *verb, json_t *params)
{
	char what[96];
	snprintf(what, sizeof(what), "%s of what another owner has is DENIED", verb);
	int rc = conform_do(c, verb, conform_as(params, c->other_owner));
	conform_ended(c, rc, "DENIED", what, P_NAMES);
}

static void taken_name(struct conform *c, const char *verb, json_t *params)
{
	char what[96];
	snprintf(what, sizeof(what), "%s under another owner's name is ALREADY_EXISTS", verb);
	int rc = conform_do(c, verb, conform_as(params, c->other_owner));
	conform_ended(c, rc, "ALREADY_EXISTS", what, P_NAMES);
}

/* A later run of the same job: HOST/JOB are the same. */
static void later_run(struct conform *c)
{
	char owner[sizeof(c->owner)];
	memcpy(owner, c->owner, sizeof(owner));
	snprintf(strrchr(c->owner, '/'), 8, "/later");
	conform_check(c, conform_clean_up(c) > 0, "a later run removes what a dead one left",
		      P_NAMES, "%s", c->err.msg);
	memcpy(c->owner, owner, sizeof(owner));
}

void conform_owners(struct conform *c)
{
	CONFORM_JSON *taken = NULL, *lun = NULL;
	char set[CONFORM_NAME_SIZE], name[CONFORM_NAME_SIZE], other[CONFORM_NAME_SIZE];
	conform_name(c, "s2", set);
	conform_name(c, "l2", name);
	conform_name(c, "l3", other);
	if (conform_take(c, set, &taken) < 0)
		return;
	const char *snapshot = conform_snapshot(taken, 0);
	if (conform_call(c, "lun-create", conform_new_lun(name, snapshot), &lun) < 0)
		return;
	const char *id = shape_text(lun, "lun");
	const char *initiator = c->o->initiator;
	conform_check(c, conform_count(c, c->other_owner, false, "lun", id) == 0,
		      "list does not show what another owner has", P_VERB("list"), "it does");
	conform_check(c, conform_count(c, c->other_owner, true, "lun", id) == 1,
		      "list with 'all' shows what another owner has", P_VERB("list"),
		      "it does not");
	taken_name(c, "prepare", conform_set(c, set));
	taken_name(c, "lun-create", conform_new_lun(name, snapshot));
	denied(c, "lun-create", conform_new_lun(other, snapshot));
	denied(c, "map", conform_lun(id, initiator));
	denied(c, "unmap", conform_lun(id, initiator));
	denied(c, "lun-delete", conform_lun(id, NULL));
	denied(c, "snap-delete", json_pack("{s:s}", "snapshot", snapshot));
	denied(c, "abort", conform_named(set));
	if (c->can.allocated)
		denied(c, "allocated", json_pack("{s:s}", "snapshot", snapshot));
	later_run(c);
}
