/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list - what the notes tell of, and to whom tgtd shows it. */
#include <errno.h>
#include <stdio.h>

#include "ceph.h"
#include "lunette/json.h"

static json_t *add(json_t *objects, const char *kind, const char *id, const char *name,
		   const json_t *note)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:O, s:O}", "kind", kind, "id", id, "name",
				   name, "owner", json_object_get(note, "owner"), "created",
				   json_object_get(note, "created"));
	json_array_append_new(objects, object);
	return object;
}

static void list_set(json_t *objects, const char *name, const json_t *note)
{
	size_t i;
	json_t *volume;
	if (!json_object_get(note, "created_snapshots")) {
		add(objects, "prepared", name, name, note);
		return;
	}
	json_array_foreach(json_object_get(note, "volumes"), i, volume)
	{
		char id[NAMES_MAX + 16];
		if (json_is_true(json_array_get(json_object_get(note, "gone"), i)))
			continue;
		snprintf(id, sizeof(id), "%s:%zu", name, i);
		json_t *object = add(objects, "snapshot", id, name, note);
		json_object_set(object, "volume", volume);
	}
}

static void list_lun(json_t *objects, const char *name, const json_t *note, const json_t *targets)
{
	size_t i;
	json_t *initiator;
	json_t *lun = add(objects, "lun", name, name, note);
	json_object_set(lun, "snapshot", json_object_get(note, "snapshot"));
	json_object_set(lun, "volume", json_object_get(note, "volume"));
	const char *identity = json_string_value(json_object_get(note, "identity"));
	if (!identity || strlen(identity) != 36)
		return;
	CLEANUP(json_decref_cleanup) json_t *initiators = tgt_initiators(targets, identity);
	json_array_foreach(initiators, i, initiator)
	{
		json_t *mapping = add(objects, "mapping", name, name, note);
		json_object_set(mapping, "initiator", initiator);
	}
}

int list_objects(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *objects = json_array();
	bool all = json_is_true(json_object_get(request->params, "all"));
	const char *key;
	json_t *note;
	struct tgt tgt;
	struct error why = { 0 };
	int rc = ceph_open(request, CEPH_READ, &ceph, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc < 0)
		return rc;
	rc = tgt_targets(&tgt, &targets, &why);
	/* Without a tgtd nothing is mapped. */
	if (rc < 0 && rc != -ECONNREFUSED)
		return error_copy(err, rc, &why);
	json_object_foreach(ceph.notes, key, note)
	{
		const char *owner = json_string_value(json_object_get(note, "owner"));
		if (!all && !names_same_owner(owner, request->owner))
			continue;
		if (strncmp(key, "set/", 4) == 0)
			list_set(objects, key + 4, note);
		else
			list_lun(objects, key + 4, note, targets);
	}
	*ret = json_pack("{s:O}", "objects", objects);
	return 0;
}
