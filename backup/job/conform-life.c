/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform-life - what the storage says of itself; and the life of a snapshot, each call twice. */
#include <stdio.h>

#include "conform-private.h"

/* ---- the storage ------------------------------------------------------------------------------
 */

static void try_settings(struct conform *c)
{
	size_t i;
	json_t *setting;
	json_array_foreach(json_object_get(c->info, "settings"), i, setting)
	{
		const char *name = shape_text(setting, "name");
		if (!shape_flag(setting, "required") || shape_flag(setting, "secret"))
			continue;
		char what[160];
		json_t *config = json_copy((json_t *)c->o->config);
		json_object_del(config, name);
		int rc = conform_do(c, "probe", json_pack("{s:o}", "config", config));
		snprintf(what, sizeof(what),
			 "probe without the setting '%.64s' is INTERNAL, which names it", name);
		conform_named_wrong(c, rc, "probe", name, what);
	}
}

static void get_capabilities(struct conform *c)
{
	CONFORM_JSON *can = NULL;
	int rc = conform_call(c, "capabilities", json_object(), &can);
	if (!conform_ended(c, rc, NULL, "capabilities", P_VERB("capabilities")))
		return;
	c->can = (struct plugin_capabilities){
		.group = shape_flag(can, "group"),
		.delta = shape_flag(can, "delta"),
		.allocated = shape_flag(can, "allocated"),
		.chap = shape_flag(can, "chap"),
		.initiators = shape_flag(can, "initiators"),
		.snapshots_per_volume = shape_size(can, "snapshots_per_volume"),
	};
}

static json_t *luns_of(struct conform *c, bool backwards)
{
	json_t *luns = json_array();
	for (size_t i = 0; i < c->o->n_identities; i++) {
		size_t k = backwards ? c->o->n_identities - 1 - i : i;
		json_array_append_new(
			luns, json_pack("{s:s, s:i}", "identity", c->o->identities[k], "size", 0));
	}
	return json_pack("{s:o}", "luns", luns);
}

static bool in_order(struct conform *c, const json_t *volumes, bool backwards)
{
	if (json_array_size(volumes) != c->o->n_identities)
		return false;
	for (size_t i = 0; i < c->o->n_identities; i++) {
		size_t k = backwards ? c->o->n_identities - 1 - i : i;
		if (strcmp(shape_text(json_array_get(volumes, i), "identity"),
			   c->o->identities[k]) != 0)
			return false;
	}
	return true;
}

static void resolve(struct conform *c)
{
	CONFORM_JSON *there = NULL, *back = NULL;
	static const char nobody[] = "naa.6000000000000000000000000000dead";
	int rc = conform_call(c, "resolve", luns_of(c, false), &there);
	if (!conform_ended(c, rc, NULL, "resolve finds the volumes", P_VERB("resolve")))
		return;
	const json_t *volumes = json_object_get(there, "volumes");
	rc = conform_call(c, "resolve", luns_of(c, true), &back);
	if (!conform_check(c,
			   in_order(c, volumes, false) && rc == 0 &&
				   in_order(c, json_object_get(back, "volumes"), true),
			   "resolve answers in the order that was asked", P_VERB("resolve"),
			   "it does not"))
		return;
	json_t *luns = luns_of(c, false);
	json_array_append_new(json_object_get(luns, "luns"),
			      json_pack("{s:s, s:i}", "identity", nobody, "size", 0));
	rc = conform_do(c, "resolve", luns);
	conform_check(c, rc == code_errno("NOT_FOUND") && strstr(c->err.msg, nobody),
		      "resolve of an unknown LUN is NOT_FOUND, which names it", P_VERB("resolve"),
		      "it answered: %s", rc == 0 ? "success" : c->err.msg);
	c->volumes = json_incref((json_t *)volumes);
	for (size_t i = 0; i < json_array_size(volumes); i++)
		json_array_append(c->names, json_object_get(json_array_get(volumes, i), "volume"));
	/* Without groups only one can be taken at a time. */
	while (!c->can.group && json_array_size(c->names) > 1)
		json_array_remove(c->names, 1);
}

void conform_storage(struct conform *c)
{
	get_capabilities(c);
	int rc = conform_do(c, "probe", json_object());
	bool reached = conform_ended(c, rc, NULL, "probe", P_VERB("probe"));
	try_settings(c);
	if (reached && c->o->n_identities > 0)
		resolve(c);
}

/* ---- from prepare to snap-delete --------------------------------------------------------------
 */

static void twice(struct conform *c, const char *verb, json_t *params, const char *paragraph)
{
	char what[64];
	CONFORM_JSON *kept = params;
	snprintf(what, sizeof(what), "%s", verb);
	conform_ended(c, conform_do(c, verb, json_copy(kept)), NULL, what, paragraph);
	snprintf(what, sizeof(what), "%s again is success again", verb);
	conform_ended(c, conform_do(c, verb, json_copy(kept)), NULL, what, P_NAMES);
}

static bool twice_same(struct conform *c, const char *verb, json_t *params, const char *paragraph,
		       json_t **ret)
{
	char what[64];
	CONFORM_JSON *kept = params, *again = NULL;
	snprintf(what, sizeof(what), "%s", verb);
	if (!conform_ended(c, conform_call(c, verb, json_copy(kept), ret), NULL, what, paragraph))
		return false;
	int rc = conform_call(c, verb, json_copy(kept), &again);
	snprintf(what, sizeof(what), "%s again gives the same result", verb);
	conform_check(c, rc == 0 && json_equal(*ret, again), what, P_NAMES, "%s",
		      rc < 0 ? c->err.msg : "the results differ");
	return true;
}

static void in_list(struct conform *c, const char *kind, const char *id, int wanted)
{
	char what[96];
	int n = conform_count(c, c->owner, false, kind, id);
	snprintf(what, sizeof(what), wanted ? "list has the %s" : "list has the %s no longer",
		 kind);
	conform_check(c, n == wanted, what, P_VERB("list"), "%s",
		      n < 0 ? c->err.msg : "list and what was done differ");
}

static void check_taken(struct conform *c, const json_t *taken)
{
	const json_t *snapshots = json_object_get(taken, "snapshots");
	bool order = json_array_size(snapshots) == json_array_size(c->names), size = order;
	for (size_t i = 0; order && i < json_array_size(snapshots); i++) {
		const json_t *s = json_array_get(snapshots, i);
		order = json_equal(json_object_get(s, "volume"), json_array_get(c->names, i));
		size = size &&
		       shape_size(s, "size") == shape_size(json_array_get(c->volumes, i), "size");
	}
	conform_check(c, order, "commit answers in the order of the volumes", P_VERB("commit"),
		      "it does not, or not with as many");
	conform_check(c, size, "snapshots have the sizes of their volumes", P_VERB("commit"),
		      "commit and resolve say different sizes");
}

static void take(struct conform *c, const char *name, json_t **ret)
{
	int rc = conform_do(c, "commit", conform_set(c, name));
	conform_ended(c, rc, "NOT_FOUND", "commit of what was not prepared is NOT_FOUND",
		      P_VERB("commit"));
	twice(c, "prepare", conform_set(c, name), P_VERB("prepare"));
	in_list(c, "prepared", name, 1);
	if (json_array_size(c->names) > 1) {
		rc = conform_do(c, "prepare",
				json_pack("{s:s, s:[O]}", "name", name, "volumes",
					  json_array_get(c->names, 0)));
		conform_ended(c, rc, "ALREADY_EXISTS",
			      "prepare of other volumes under the same name is ALREADY_EXISTS",
			      P_NAMES);
	}
	twice(c, "abort", conform_named(name), P_VERB("abort"));
	in_list(c, "prepared", name, 0);
	rc = conform_do(c, "commit", conform_set(c, name));
	conform_ended(c, rc, "NOT_FOUND", "a commit after the abort has no effect",
		      P_VERB("abort"));
	rc = conform_do(c, "prepare", conform_set(c, name));
	conform_ended(c, rc, NULL, "a name can be used again", P_NAMES);
	if (!twice_same(c, "commit", conform_set(c, name), P_VERB("commit"), ret))
		return;
	check_taken(c, *ret);
	in_list(c, "prepared", name, 0);
	in_list(c, "snapshot", conform_snapshot(*ret, 0), 1);
}

static void no_group(struct conform *c, const char *name)
{
	if (c->can.group || c->o->n_identities < 2)
		return;
	json_t *all = json_array();
	for (size_t i = 0; i < json_array_size(c->volumes); i++)
		json_array_append(all, json_object_get(json_array_get(c->volumes, i), "volume"));
	int rc = conform_do(c, "prepare", json_pack("{s:s, s:o}", "name", name, "volumes", all));
	conform_ended(c, rc, "UNSUPPORTED", "a set of several volumes is UNSUPPORTED",
		      P_VERB("capabilities"));
}

static void live(struct conform *c, const char *set, const json_t *taken)
{
	char name[CONFORM_NAME_SIZE];
	CONFORM_JSON *lun = NULL, *map = NULL;
	const char *snapshot = conform_snapshot(taken, 0);
	const char *initiator = c->o->initiator;
	conform_name(c, "l.1", name);
	if (!twice_same(c, "lun-create", conform_new_lun(name, snapshot), P_VERB("lun-create"),
			&lun))
		return;
	const char *id = shape_text(lun, "lun");
	const json_t *volume = json_array_get(c->volumes, 0);
	conform_check(c, strcmp(shape_text(lun, "identity"), shape_text(volume, "identity")) != 0,
		      "the LUN's identity is not that of the original", P_VERB("lun-create"),
		      "it is");
	conform_check(c, shape_size(lun, "size") == shape_size(volume, "size"),
		      "the LUN is as large as the volume", P_VERB("lun-create"),
		      "their sizes differ");
	if (json_array_size(c->names) > 1)
		conform_ended(c,
			      conform_do(c, "lun-create",
					 conform_new_lun(name, conform_snapshot(taken, 1))),
			      "ALREADY_EXISTS",
			      "lun-create of another snapshot under the same name is "
			      "ALREADY_EXISTS",
			      P_NAMES);
	in_list(c, "lun", id, 1);
	conform_ended(c, conform_do(c, "snap-delete", json_pack("{s:s}", "snapshot", snapshot)),
		      "HAS_DEPENDENTS", "snap-delete with a LUN is HAS_DEPENDENTS",
		      P_VERB("snap-delete"));
	conform_ended(c, conform_do(c, "abort", conform_named(set)), "HAS_DEPENDENTS",
		      "abort with a LUN is HAS_DEPENDENTS", P_VERB("abort"));
	if (!twice_same(c, "map", conform_lun(id, initiator), P_VERB("map"), &map))
		return;
	conform_check(c, strcmp(shape_text(lun, "identity"), shape_text(map, "identity")) == 0,
		      "map says the same identity as lun-create", P_VERB("map"), "it does not");
	in_list(c, "mapping", id, 1);
	conform_ended(c, conform_do(c, "lun-delete", conform_lun(id, NULL)), "IS_MAPPED",
		      "lun-delete of a mapped LUN is IS_MAPPED", P_VERB("lun-delete"));
	twice(c, "unmap", conform_lun(id, initiator), P_VERB("unmap"));
	in_list(c, "mapping", id, 0);
	twice(c, "lun-delete", conform_lun(id, NULL), P_VERB("lun-delete"));
	in_list(c, "lun", id, 0);
	conform_ended(c, conform_do(c, "map", conform_lun(id, initiator)), "NOT_FOUND",
		      "map of a LUN that is gone is NOT_FOUND", P_VERB("map"));
}

void conform_life(struct conform *c)
{
	char set[CONFORM_NAME_SIZE], other[CONFORM_NAME_SIZE];
	CONFORM_JSON *taken = NULL;
	conform_name(c, "s.1", set);
	conform_name(c, "l.2", other);
	no_group(c, set);
	take(c, set, &taken);
	if (!taken)
		return;
	live(c, set, taken);
	for (size_t i = 0; i < json_array_size(c->names); i++)
		twice(c, "snap-delete", json_pack("{s:s}", "snapshot", conform_snapshot(taken, i)),
		      P_VERB("snap-delete"));
	in_list(c, "snapshot", conform_snapshot(taken, 0), 0);
	conform_ended(
		c, conform_do(c, "lun-create", conform_new_lun(other, conform_snapshot(taken, 0))),
		"NOT_FOUND", "lun-create of a snapshot that is gone is NOT_FOUND",
		P_VERB("lun-create"));
	conform_ended(c, conform_do(c, "abort", conform_named(set)), NULL,
		      "abort when nothing is left is success", P_NAMES);
	int n = conform_count(c, c->owner, false, NULL, NULL);
	conform_check(c, n == 0, "the list is empty after all was removed", P_VERB("list"),
		      "%d objects are in it", n);
}
