/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * list - what there is, read from the folder and from tgtd.
 *
 * A set that is not taken is `prepared`, whatever files it has already: `abort` removes them. What
 * another call is making or removing at this moment may be in the list or not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "lunette/json.h"
#include "reflink.h"

struct listing {
	const struct store *store;
	const struct plug_request *request;
	const json_t *targets;
	json_t *objects;
	bool all;
};

/* An object with the members that all kinds have. */
static json_t *add(struct listing *l, const char *kind, const char *id, const json_t *note)
{
	json_t *object =
		json_pack("{s:s, s:s, s:O, s:O, s:O}", "kind", kind, "id", id, "name",
			  json_object_get(note, "name"), "owner", json_object_get(note, "owner"),
			  "created", json_object_get(note, "created"));
	json_array_append_new(l->objects, object);
	return object;
}

static void list_set(struct listing *l, const char *name, const json_t *set)
{
	char file[STORE_FILE_SIZE];
	bool any = false;
	store_file(file, name, ".taken");
	bool taken = store_has(l->store, file);
	for (size_t i = 0; taken && snapshot_each(set, name, i, file); i++) {
		if (!store_has(l->store, file))
			continue;
		const json_t *volume = json_array_get(json_object_get(set, "volumes"), i);
		json_t *object = add(l, "snapshot", file, set);
		json_object_set(object, "volume", json_object_get(volume, "path"));
		any = true;
	}
	if (!any)
		add(l, "prepared", name, set);
}

static void list_lun(struct listing *l, const char *name, const json_t *note)
{
	size_t i;
	json_t *initiator;
	json_t *lun = add(l, "lun", name, note);
	json_object_set(lun, "snapshot", json_object_get(note, "snapshot"));
	json_object_set(lun, "volume", json_object_get(note, "volume"));
	const char *identity = json_string_value(json_object_get(note, "identity"));
	if (!identity || strlen(identity) != 36)
		return;
	CLEANUP(json_decref_cleanup) json_t *initiators = tgt_initiators(l->targets, identity);
	json_array_foreach(initiators, i, initiator)
	{
		json_t *mapping = add(l, "mapping", name, note);
		json_object_set(mapping, "initiator", initiator);
	}
}

static int list_file(struct listing *l, char *file, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	char *dot = strrchr(file, '.');
	bool set = dot && strcmp(dot, ".set") == 0;
	if (!set && !(dot && strcmp(dot, ".lun") == 0))
		return 0;
	int rc = store_get(l->store, file, &note, err);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc; /* removed meanwhile */
	const char *owner = json_string_value(json_object_get(note, "owner"));
	*dot = '\0';
	if (!owner || !names_owner_ok(owner) || !names_ok(file) || !json_object_get(note, "name") ||
	    !json_object_get(note, "created"))
		return error_set(err, -EBADMSG, "the note about '%s' in '%s' is damaged", file,
				 l->store->path);
	if (!l->all && !names_same_owner(owner, l->request->owner))
		return 0;
	if (set)
		list_set(l, file, note);
	else
		list_lun(l, file, note);
	return 0;
}

int list_objects(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *objects = json_array();
	struct tgt tgt;
	int rc = store_open(request, STORE_READ, &store, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = tgt_targets(&tgt, &targets, &why);
	/* Without a tgtd nothing is mapped. */
	if (rc < 0 && rc != -ECONNREFUSED)
		return error_copy(err, rc, &why);
	struct listing l = { .store = &store,
			     .request = request,
			     .targets = targets,
			     .objects = objects,
			     .all = json_is_true(json_object_get(request->params, "all")) };
	int fd = openat(store.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_cleanup(&fd);
		return error_set(err, -errno, "list '%s': %m", store.path);
	}
	rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(dir));)
		rc = list_file(&l, e->d_name, err);
	closedir(dir);
	if (rc == 0)
		*ret = json_pack("{s:O}", "objects", objects);
	return rc;
}
