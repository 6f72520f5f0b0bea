/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notes - metadata of one small image, each a JSON object. See ceph.h. */
#include <errno.h>
#include <stdio.h>

#include "ceph.h"
#include "lunette/json.h"

#define NOTES_IMAGE "lunette-notes"

/* An argument of a program has at most 128 KiB. */
#define NOTE_MAX 100000

#define KEY_SIZE (8 + NAMES_MAX)

static void key_of(const char *kind, const char *name, char ret[KEY_SIZE])
{
	snprintf(ret, KEY_SIZE, "%s/%.63s", kind, name);
}

int notes_load(struct ceph *ceph, struct error *err)
{
	char spec[CEPH_SPEC_SIZE];
	CLEANUP(json_decref_cleanup) json_t *all = NULL;
	struct error why = { 0 };
	const char *key;
	json_t *value;
	ceph_spec(ceph, NOTES_IMAGE, NULL, spec);
	int rc = CEPH_RBD(ceph, &all, &why, "image-meta", "list", spec, "--format", "json");
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	/* Without a pool there is no image either: let it be said here. */
	if (rc == -ENOENT) {
		rc = CEPH_RBD(ceph, NULL, err, "ls", "--pool", ceph->pool);
		if (rc < 0)
			return rc == -ENOENT ? error_set(err, -EINVAL,
							 "setting 'pool': there is no pool '%s'",
							 ceph->pool)
					     : rc;
	}
	ceph->notes = json_object();
	json_object_foreach(all, key, value)
	{
		const char *text = json_string_value(value);
		json_t *note = text ? json_loads(text, 0, NULL) : NULL;
		const char *owner = json_string_value(json_object_get(note, "owner"));
		const char *slash = strchr(key, '/');
		if (!note || !owner || !names_owner_ok(owner) || !slash || !names_ok(slash + 1)) {
			json_decref(note);
			return error_set(err, -EBADMSG, "'%s': the metadata '%.100s' are damaged",
					 spec, key);
		}
		json_object_set_new(ceph->notes, key, note);
	}
	return 0;
}

json_t *note_get(const struct ceph *ceph, const char *kind, const char *name)
{
	char key[KEY_SIZE];
	key_of(kind, name, key);
	return json_object_get(ceph->notes, key);
}

int note_get_owned(const struct ceph *ceph, const char *kind, const char *name, json_t **ret,
		   struct error *err)
{
	json_t *note = note_get(ceph, kind, name);
	const char *owner = json_string_value(json_object_get(note, "owner"));
	if (note && !names_same_owner(owner, ceph->request->owner))
		return error_set(err, -EACCES, "'%s' belongs to '%s'", name, owner);
	*ret = note;
	return 0;
}

int note_put(struct ceph *ceph, const char *kind, const char *name, json_t *note, struct error *err)
{
	char spec[CEPH_SPEC_SIZE], key[KEY_SIZE];
	CLEANUP(free_cleanup) char *text = json_dumps(note, JSON_COMPACT);
	if (!text || strlen(text) > NOTE_MAX)
		return error_set(err, -EMLINK, "'%s' are too many volumes at once", name);
	ceph_spec(ceph, NOTES_IMAGE, NULL, spec);
	key_of(kind, name, key);
	int rc = CEPH_RBD(ceph, NULL, err, "image-meta", "set", spec, key, text);
	if (rc == -ENOENT) {
		rc = CEPH_RBD(ceph, NULL, err, "create", "--size", "1", "--no-progress", spec);
		if (rc == 0 || rc == -EEXIST)
			rc = CEPH_RBD(ceph, NULL, err, "image-meta", "set", spec, key, text);
	}
	if (rc == 0)
		json_object_set(ceph->notes, key, note);
	return rc;
}

int note_remove(struct ceph *ceph, const char *kind, const char *name, struct error *err)
{
	char spec[CEPH_SPEC_SIZE], key[KEY_SIZE];
	struct error why = { 0 };
	ceph_spec(ceph, NOTES_IMAGE, NULL, spec);
	key_of(kind, name, key);
	int rc = CEPH_RBD(ceph, NULL, &why, "image-meta", "remove", spec, key);
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	json_object_del(ceph->notes, key);
	return 0;
}
