/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot - sets of snapshots of images.
 *
 * A snapshot of one image is of one moment. Ceph can take a group's snapshots at one moment too,
 * but (up to version 18) clones nothing from them, so they cannot be shown. Several images
 * therefore take the setting `several = one-after-another`, which is as good for a server that
 * was frozen, and no better than it says for one that was not.
 */
#include <errno.h>
#include <stdio.h>

#include "ceph.h"
#include "lunette/json.h"
#include "lunette/moment.h"

#define VOLUMES_MAX 256

bool snapshot_several(const struct plug_request *request)
{
	const char *several;
	return plug_config(request, "several", "no", &several, NULL) == 0 &&
	       strcmp(several, "one-after-another") == 0;
}

static const char *image_of(const json_t *note, size_t i)
{
	return json_string_value(json_array_get(json_object_get(note, "volumes"), i));
}

static bool is_gone(const json_t *note, size_t i)
{
	return json_is_true(json_array_get(json_object_get(note, "gone"), i));
}

int snapshot_find(const struct ceph *ceph, const char *text, struct snapshot *ret,
		  struct error *err)
{
	struct snapshot s = { 0 };
	char again[NAMES_MAX + 16] = "";
	const char *colon = strrchr(text, ':');
	if (colon && colon - text <= NAMES_MAX) {
		memcpy(s.set, text, (size_t)(colon - text));
		s.number = strtoul(colon + 1, NULL, 10) % 10000;
		snprintf(again, sizeof(again), "%s:%zu", s.set, s.number);
	}
	if (strcmp(again, text) != 0 || !names_ok(s.set))
		return error_set(err, -ENOENT, "there is no snapshot '%.100s'", text);
	int rc = note_get_owned(ceph, "set", s.set, &s.note, err);
	if (rc < 0)
		return rc;
	s.image = image_of(s.note, s.number);
	if (!s.image || !json_object_get(s.note, "created_snapshots") || is_gone(s.note, s.number))
		return error_set(err, -ENOENT, "there is no snapshot '%s'", text);
	*ret = s;
	return 0;
}

/* ---- prepare ----------------------------------------------------------------------------------
 */

static int check_volumes(const struct ceph *ceph, const json_t *volumes, struct error *err)
{
	size_t i;
	json_t *volume;
	json_array_foreach(volumes, i, volume)
	{
		const char *image = json_string_value(volume);
		json_int_t size;
		if (!image)
			return error_set(err, -EINVAL, "parameter 'volumes': one is not a text");
		for (size_t k = 0; k < i; k++)
			if (json_equal(volume, json_array_get(volumes, k)))
				return error_set(err, -EINVAL,
						 "parameter 'volumes': '%s' is there twice", image);
		if (!volume_name_ok(image))
			return error_set(err, -ENOENT, "there is no image '%.100s'", image);
		int rc = volume_size(ceph, image, NULL, &size, err);
		if (rc < 0)
			return rc;
	}
	if (i > VOLUMES_MAX)
		return error_set(err, -EMLINK, "more than %d volumes at once", VOLUMES_MAX);
	if (i > 1 && !snapshot_several(ceph->request))
		return error_set(err, -EOPNOTSUPP,
				 "Ceph takes snapshots of several images one after the other; when "
				 "that is good enough, because the server is frozen, the setting "
				 "'several = one-after-another' allows it");
	return 0;
}

/* The note of the set for these volumes: NULL when there is none. */
static int find_set(const struct ceph *ceph, const char *name, const json_t *volumes, json_t **ret,
		    struct error *err)
{
	json_t *note;
	struct error why = { 0 };
	int rc = note_get_owned(ceph, "set", name, &note, &why);
	if (rc < 0)
		return error_set(err, -EEXIST, "the name '%s' is taken by another job", name);
	if (note && !json_equal(json_object_get(note, "volumes"), volumes))
		return error_set(err, -EEXIST, "'%s' was prepared for other volumes", name);
	*ret = note;
	return 0;
}

/* What prepare and commit begin with. */
static int open_set(const struct plug_request *request, struct ceph *ceph, const char **ret_name,
		    const json_t **ret_volumes, json_t **ret, struct error *err)
{
	int rc = plug_name(request, "name", ret_name, err);
	if (rc == 0)
		rc = plug_list(request, "volumes", ret_volumes, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_CHANGE, ceph, err);
	if (rc == 0)
		rc = find_set(ceph, *ret_name, *ret_volumes, ret, err);
	return rc;
}

int snapshot_prepare(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *volumes;
	char now[MOMENT_TEXT];
	json_t *note;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = open_set(request, &ceph, &name, &volumes, &note, err);
	if (rc == 0 && !note) {
		rc = check_volumes(&ceph, volumes, err);
		if (rc < 0)
			return rc;
		moment_now(0, now);
		CLEANUP(json_decref_cleanup)
		json_t *made = json_pack("{s:s, s:s, s:O}", "owner", request->owner, "created", now,
					 "volumes", volumes);
		rc = note_put(&ceph, "set", name, made, err);
	}
	if (rc == 0)
		*ret = json_object();
	return rc;
}

/* ---- commit -----------------------------------------------------------------------------------
 */

/*
 * rbd first renames a snapshot that it is to remove ("trash"). When it was killed behind that, the
 * snapshot has no name any more, and is removed by its number.
 */
static int empty_trash(const struct ceph *ceph, const char *image, const char *set,
		       struct error *err)
{
	char spec[CEPH_SPEC_SIZE], name[NAMES_MAX + 16], number[32];
	CLEANUP(json_decref_cleanup) json_t *all = NULL;
	struct error why = { 0 };
	size_t i;
	json_t *snapshot;
	ceph_spec(ceph, image, NULL, spec);
	snprintf(name, sizeof(name), "lunette.%s", set);
	int rc = CEPH_RBD(ceph, &all, &why, "snap", "ls", spec, "--all", "--format", "json");
	json_array_foreach(all, i, snapshot)
	{
		const json_t *space = json_object_get(snapshot, "namespace");
		const char *was = json_string_value(json_object_get(space, "original_name"));
		if (rc < 0 || !was || strcmp(was, name) != 0)
			continue;
		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(json_object_get(snapshot, "id")));
		rc = CEPH_RBD(ceph, NULL, &why, "snap", "rm", spec, "--snap-id", number);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc == 0 || rc == -ENOENT ? 0 : error_copy(err, rc, &why);
}

static int remove_one(const struct ceph *ceph, const char *image, const char *set,
		      struct error *err)
{
	char spec[CEPH_SPEC_SIZE];
	struct error why = { 0 };
	ceph_spec(ceph, image, set, spec);
	int rc = CEPH_RBD(ceph, NULL, &why, "snap", "rm", spec, "--no-progress");
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	return empty_trash(ceph, image, set, err);
}

/* What a commit left that was killed is of another moment. */
static int take_one(const struct ceph *ceph, const char *image, const char *set, struct error *err)
{
	char spec[CEPH_SPEC_SIZE];
	struct error why = { 0 };
	ceph_spec(ceph, image, set, spec);
	int rc = CEPH_RBD(ceph, NULL, &why, "snap", "create", spec, "--no-progress");
	if (rc == -EEXIST) {
		rc = remove_one(ceph, image, set, &why);
		if (rc == 0)
			rc = CEPH_RBD(ceph, NULL, &why, "snap", "create", spec, "--no-progress");
	}
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

static int take(struct ceph *ceph, const char *name, const json_t *set, struct error *err)
{
	char now[MOMENT_TEXT];
	CLEANUP(json_decref_cleanup) json_t *sizes = json_array();
	CLEANUP(json_decref_cleanup) json_t *note = json_copy((json_t *)set);
	size_t n = json_array_size(json_object_get(set, "volumes"));
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = take_one(ceph, image_of(set, i), name, err);
	moment_now(0, now);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		json_int_t size = 0;
		rc = volume_size(ceph, image_of(set, i), name, &size, err);
		json_array_append_new(sizes, json_integer(size));
	}
	json_object_set(note, "sizes", sizes);
	json_object_set_new(note, "created_snapshots", json_string(now));
	if (rc == 0)
		return note_put(ceph, "set", name, note, err);
	for (size_t i = 0; i < n; i++)
		remove_one(ceph, image_of(set, i), name, NULL);
	return rc;
}

static int reply(const char *name, const json_t *note, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *snapshots = json_array();
	for (size_t i = 0; i < json_array_size(json_object_get(note, "volumes")); i++) {
		char id[NAMES_MAX + 16];
		if (is_gone(note, i))
			return error_set(err, -ESTALE, "a snapshot of '%s' was deleted", name);
		snprintf(id, sizeof(id), "%s:%zu", name, i);
		json_array_append_new(
			snapshots,
			json_pack("{s:s, s:s, s:O, s:O}", "volume", image_of(note, i), "snapshot",
				  id, "size", json_array_get(json_object_get(note, "sizes"), i),
				  "created", json_object_get(note, "created_snapshots")));
	}
	*ret = json_pack("{s:O}", "snapshots", snapshots);
	return *ret ? 0 : error_set(err, -EBADMSG, "the note of '%s' is damaged", name);
}

int snapshot_commit(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *volumes;
	json_t *note;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = open_set(request, &ceph, &name, &volumes, &note, err);
	if (rc < 0)
		return rc;
	if (!note)
		return error_set(err, -ENOENT, "'%s' was not prepared", name);
	if (!json_object_get(note, "created_snapshots"))
		rc = take(&ceph, name, note, err);
	return rc < 0 ? rc : reply(name, note_get(&ceph, "set", name), ret, err);
}

/* ---- removing ---------------------------------------------------------------------------------
 */

/* -ENOTEMPTY when a LUN shows a snapshot of the set: that one, or with NULL any. */
static int no_luns(const struct ceph *ceph, const char *set, const char *snapshot,
		   struct error *err)
{
	const char *key;
	json_t *note;
	size_t len = strlen(set);
	json_object_foreach(ceph->notes, key, note)
	{
		const char *of = json_string_value(json_object_get(note, "snapshot"));
		if (!of || strncmp(key, "lun/", 4) != 0)
			continue;
		if (snapshot ? strcmp(of, snapshot) == 0
			     : strncmp(of, set, len) == 0 && of[len] == ':')
			return error_set(err, -ENOTEMPTY, "LUN '%s' shows it", key + 4);
	}
	return 0;
}

int snapshot_abort(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	json_t *note = NULL;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_CHANGE, &ceph, err);
	if (rc == 0)
		rc = note_get_owned(&ceph, "set", name, &note, err);
	if (rc == 0 && note)
		rc = no_luns(&ceph, name, NULL, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(json_object_get(note, "volumes")); i++)
		rc = remove_one(&ceph, image_of(note, i), name, err);
	if (rc == 0 && note)
		rc = note_remove(&ceph, "set", name, err);
	if (rc == 0)
		*ret = json_object();
	return rc;
}

/* Notes that one is gone; and forgets the set with the last one. */
static int note_gone(struct ceph *ceph, const struct snapshot *s, struct error *err)
{
	size_t n = json_array_size(json_object_get(s->note, "volumes"));
	CLEANUP(json_decref_cleanup) json_t *note = json_copy(s->note);
	CLEANUP(json_decref_cleanup) json_t *gone = json_array();
	bool others = false;
	for (size_t i = 0; i < n; i++) {
		bool is = i == s->number || is_gone(s->note, i);
		others = others || !is;
		json_array_append_new(gone, json_boolean(is));
	}
	if (!others)
		return note_remove(ceph, "set", s->set, err);
	json_object_set(note, "gone", gone);
	return note_put(ceph, "set", s->set, note, err);
}

int snapshot_delete(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *text;
	struct snapshot s;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = plug_text(request, "snapshot", &text, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_CHANGE, &ceph, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = snapshot_find(&ceph, text, &s, &why);
	if (rc == 0) {
		rc = no_luns(&ceph, s.set, text, &why);
		if (rc == 0)
			rc = remove_one(&ceph, s.image, s.set, &why);
		if (rc == 0)
			rc = note_gone(&ceph, &s, &why);
	}
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	*ret = json_object();
	return 0;
}
