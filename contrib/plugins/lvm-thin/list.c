/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list - what there is, read from the tags of the logical volumes and from LIO. */
#include <errno.h>

#include "lunette/json.h"
#include "lvm-thin.h"

struct listing {
	struct vg vg;
	json_t *objects;
	bool all;
};

static bool is_wanted(const struct listing *l, const json_t *lv)
{
	return l->all || names_same_owner(lv_tag(lv, "owner"), l->vg.request->owner);
}

/* An object with the members that all kinds have. */
static json_t *add(struct listing *l, const char *kind, const char *id, const json_t *lv)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", kind, "id", id, "name",
				   lv_tag(lv, "name"), "owner", lv_tag(lv, "owner"), "created",
				   lv_tag(lv, "created"));
	json_array_append_new(l->objects, object);
	return object;
}

/* A set that is not taken is there once, whatever members it has already. */
static void list_prepared(struct listing *l, const char *name, const json_t *lv)
{
	for (size_t i = 0; i < json_array_size(l->objects); i++) {
		const json_t *object = json_array_get(l->objects, i);
		if (strcmp(lv_text(object, "kind"), "prepared") == 0 &&
		    strcmp(lv_text(object, "id"), name) == 0)
			return;
	}
	add(l, "prepared", name, lv);
}

static void list_snapshot(struct listing *l, const json_t *lv)
{
	char id[SNAPSHOT_ID_SIZE];
	const char *name = lv_tag(lv, "name"), *taken = set_taken(&l->vg, name);
	if (!taken) {
		list_prepared(l, name, lv);
		return;
	}
	snapshot_id(lv, id);
	json_t *object = add(l, "snapshot", id, lv);
	json_object_set_new(object, "volume", json_string(lv_tag(lv, "volume")));
	json_object_set_new(object, "created", json_string(taken));
}

static void list_lun(struct listing *l, const json_t *lv)
{
	const char *name = lv_tag(lv, "name");
	json_t *lun = add(l, "lun", name, lv);
	json_object_set_new(lun, "snapshot", json_string(lv_tag(lv, "snapshot")));
	CLEANUP(json_decref_cleanup) json_t *initiators = lio_initiators(lv_tag(lv, "serial"));
	for (size_t i = 0; i < json_array_size(initiators); i++)
		json_object_set(add(l, "mapping", name, lv), "initiator",
				json_array_get(initiators, i));
}

int list_objects(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *objects = json_array();
	struct listing l = { .objects = objects,
			     .all = json_is_true(json_object_get(request->params, "all")) };
	const json_t *lv;
	/* Not before a call that was killed has come to its end: what it makes belongs here. */
	int rc = vg_open(request, VG_CHANGE, &l.vg, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; (lv = vg_each(&l.vg, "snapshot", &i));)
		if (is_wanted(&l, lv))
			list_snapshot(&l, lv);
	for (size_t i = 0; (lv = vg_each(&l.vg, "lun", &i));)
		if (is_wanted(&l, lv))
			list_lun(&l, lv);
	vg_close(&l.vg);
	*ret = json_pack("{s:O}", "objects", objects);
	return 0;
}
