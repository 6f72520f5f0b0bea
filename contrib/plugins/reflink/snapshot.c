/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot - sets of snapshots: wanted, looked for, and removed again.
 *
 * Its one idea: `prepare` writes down what the set is to be. Without that note `commit` does
 * nothing, so that a commit that comes after its abort has no effect.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "lunette/json.h"
#include "lunette/moment.h"
#include "reflink.h"

int snapshot_parse(const char *text, struct snapshot *ret, struct error *err)
{
	struct snapshot s = { 0 };
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	if (colon && colon - text <= NAMES_MAX) {
		memcpy(s.name, text, (size_t)(colon - text));
		s.number = strtoul(colon + 1, &end, 10);
		snprintf(s.file, sizeof(s.file), "%s:%zu", s.name, s.number);
	}
	/* Only one way to write a number: the name of the file comes from it. */
	if (!end || *end || s.number > 4095 || !names_ok(s.name) || strcmp(s.file, text) != 0)
		return error_set(err, -ENOENT, "there is no snapshot '%s'", text);
	*ret = s;
	return 0;
}

bool snapshot_each(const json_t *set, const char *name, size_t i, char ret[STORE_FILE_SIZE])
{
	char ending[24];
	if (i >= json_array_size(json_object_get(set, "volumes")))
		return false;
	snprintf(ending, sizeof(ending), ":%zu", i);
	store_file(ret, name, ending);
	return true;
}

int snapshot_open(const struct store *store, const struct plug_request *request, const char *param,
		  int *ret_fd, json_t **ret_volume, uint64_t *ret_size, struct error *err)
{
	const char *text;
	struct snapshot s;
	char set_file[STORE_FILE_SIZE], taken[STORE_FILE_SIZE];
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	int rc = plug_text(request, param, &text, err);
	if (rc == 0)
		rc = snapshot_parse(text, &s, err);
	if (rc < 0)
		return rc;
	store_file(set_file, s.name, ".set");
	store_file(taken, s.name, ".taken");
	struct error why = { 0 };
	rc = store_get_owned(store, request, set_file, &set, &why);
	int fd = -1;
	if (rc == 0 && store_has(store, taken))
		fd = openat(store->dir, s.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (rc == -ENOENT || (rc == 0 && fd < 0))
		return error_set(err, -ENOENT, "there is no snapshot '%s'", text);
	if (rc < 0)
		return error_copy(err, rc, &why);
	json_t *volume = json_array_get(json_object_get(set, "volumes"), s.number);
	json_int_t sector = json_integer_value(json_object_get(volume, "sector"));
	struct stat st;
	if (sector < 512 || fstat(fd, &st) < 0) {
		close(fd);
		return error_set(err, -EBADMSG, "snapshot '%s' is damaged", text);
	}
	*ret_fd = fd;
	*ret_volume = json_incref(volume);
	*ret_size = (uint64_t)(st.st_size - st.st_size % sector);
	return 0;
}

/* The volumes as they are asked for, with what tgtd knows of them. */
static int describe_volumes(const struct tgt *tgt, const json_t *paths, json_t **ret,
			    struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *volumes = json_array();
	size_t i;
	json_t *path;
	int rc = tgt_targets(tgt, &targets, err);
	if (rc < 0)
		return rc;
	json_array_foreach(paths, i, path)
	{
		const char *text = json_string_value(path);
		if (!text)
			return error_set(err, -EINVAL, "parameter 'volumes': one is not a text");
		for (size_t k = 0; k < i; k++)
			if (json_equal(path, json_array_get(paths, k)))
				return error_set(err, -EINVAL,
						 "parameter 'volumes': '%s' is there twice", text);
		const json_t *lun = volume_find(targets, text);
		if (!lun)
			return error_set(err, -ENOENT, "tgtd shows no LUN with the file '%s'",
					 text);
		json_array_append_new(volumes, json_pack("{s:O, s:O}", "path", path, "sector",
							 json_object_get(lun, "sector")));
	}
	*ret = steal(&volumes);
	return 0;
}

/* Clones each volume once for trial, which also writes out what is still in memory only. */
static int try_volumes(const struct store *store, const json_t *paths, struct error *err)
{
	size_t i;
	json_t *path;
	json_array_foreach(paths, i, path)
	{
		CLEANUP(close_cleanup) int volume = -1, clone = -1;
		struct stat st;
		int rc = volume_open(json_string_value(path), &volume, &st, err);
		if (rc == 0)
			rc = volume_clone(store, json_string_value(path), volume, &clone, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* @paths of a request, and what a set was prepared for. */
static bool same_volumes(const json_t *set, const json_t *paths)
{
	const json_t *volumes = json_object_get(set, "volumes");
	size_t i;
	json_t *path;
	if (json_array_size(volumes) != json_array_size(paths))
		return false;
	json_array_foreach(paths, i,
			   path) if (!json_equal(path, json_object_get(json_array_get(volumes, i),
								       "path"))) return false;
	return true;
}

int snapshot_find_set(const struct store *store, const struct plug_request *request,
		      const char *name, const json_t *paths, json_t **ret, struct error *err)
{
	char file[STORE_FILE_SIZE];
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	store_file(file, name, ".set");
	int rc = store_get_owned(store, request, file, &set, err);
	if (rc == -EACCES)
		return error_set(err, -EEXIST, "the name '%s' is taken by another job", name);
	if (rc < 0)
		return rc;
	if (!same_volumes(set, paths))
		return error_set(err, -EEXIST, "'%s' was prepared for other volumes", name);
	*ret = steal(&set);
	return 0;
}

int snapshot_prepare(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *paths;
	char file[STORE_FILE_SIZE], now[MOMENT_TEXT];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	CLEANUP(json_decref_cleanup) json_t *volumes = NULL;
	struct tgt tgt;
	pid_t pid;
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_list(request, "volumes", &paths, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = snapshot_find_set(&store, request, name, paths, &set, &why);
	if (rc == 0) {
		*ret = json_object();
		return 0;
	}
	if (rc != -ENOENT)
		return error_copy(err, rc, &why);
	rc = describe_volumes(&tgt, paths, &volumes, err);
	if (rc == 0)
		rc = try_volumes(&store, paths, err);
	if (rc == 0 && json_array_size(paths) > 1)
		rc = tgt_process(&tgt, &pid, err);
	if (rc < 0)
		return rc;
	moment_now(0, now);
	store_file(file, name, ".set");
	set = json_pack("{s:s, s:s, s:s, s:O}", "name", name, "owner", request->owner, "created",
			now, "volumes", volumes);
	rc = store_put(&store, file, set, err);
	if (rc == 0)
		*ret = json_object();
	return rc;
}

/* Removes all files of the set, the note that tells of them last. */
static int remove_set(const struct store *store, const char *name, const json_t *set,
		      struct error *err)
{
	char file[STORE_FILE_SIZE];
	int rc = 0;
	store_file(file, name, ".taken");
	rc = store_remove(store, file, err);
	for (size_t i = 0; rc == 0 && snapshot_each(set, name, i, file); i++)
		rc = store_remove(store, file, err);
	if (rc == 0)
		rc = store_sync(store, err);
	store_file(file, name, ".set");
	if (rc == 0)
		rc = store_remove(store, file, err);
	return rc < 0 ? rc : store_sync(store, err);
}

static int no_luns(const struct store *store, const char *name, long number, struct error *err)
{
	char lun[NAMES_MAX + 1];
	int rc = lun_of_snapshot(store, name, number, lun, err);
	if (rc == 0 && *lun)
		return error_set(err, -ENOTEMPTY, "LUN '%s' shows it", lun);
	return rc;
}

int snapshot_abort(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	char file[STORE_FILE_SIZE];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc < 0)
		return rc;
	store_file(file, name, ".set");
	rc = store_get_owned(&store, request, file, &set, err);
	if (rc == 0)
		rc = no_luns(&store, name, -1, err);
	if (rc == 0)
		rc = remove_set(&store, name, set, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*ret = json_object();
	return 0;
}

int snapshot_delete(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *text;
	struct snapshot s;
	char file[STORE_FILE_SIZE];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	int rc = plug_text(request, "snapshot", &text, err);
	if (rc == 0)
		rc = snapshot_parse(text, &s, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc < 0)
		return rc;
	store_file(file, s.name, ".set");
	rc = store_get_owned(&store, request, file, &set, err);
	if (rc == 0)
		rc = no_luns(&store, s.name, (long)s.number, err);
	if (rc == 0)
		rc = store_remove(&store, s.file, err);
	if (rc == 0)
		rc = store_sync(&store, err);
	bool others = false;
	for (size_t i = 0; rc == 0 && snapshot_each(set, s.name, i, file); i++)
		others = others || store_has(&store, file);
	if (rc == 0 && !others)
		rc = remove_set(&store, s.name, set, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*ret = json_object();
	return 0;
}
