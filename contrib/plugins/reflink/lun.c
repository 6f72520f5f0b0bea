/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun - a clone of a snapshot, shown as a LUN.
 *
 * Its one idea: its identity is in the note that is written before there is anything else of it, so
 * it is the same however often it is made, mapped, or its tgtd started anew.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "lunette/json.h"
#include "lunette/moment.h"
#include "reflink.h"

#define NOTE ".lun"
#define DATA ":lun"

/* Shares the blocks of the snapshot, if that was not done already. */
static int make_data(const struct store *store, const char *name, int snapshot, struct error *err)
{
	char file[STORE_FILE_SIZE];
	CLEANUP(close_cleanup) int fd = -1;
	store_file(file, name, DATA);
	if (store_has(store, file))
		return 0;
	int rc = store_new(store, &fd, err);
	if (rc < 0)
		return rc;
	if (ioctl(fd, FICLONE, snapshot) < 0)
		return error_set(err, -errno, "clone '%s/%s': %m", store->path, file);
	rc = store_keep(store, fd, file, err);
	return rc < 0 ? rc : store_sync(store, err);
}

static int make_note(const struct store *store, const struct plug_request *request,
		     const char *name, const char *snapshot, uint64_t size, const json_t *volume,
		     json_t **ret, struct error *err)
{
	char file[STORE_FILE_SIZE], now[MOMENT_TEXT], identity[TGT_IDENTITY_SIZE];
	int rc = tgt_new_identity(identity, err);
	if (rc < 0)
		return rc;
	moment_now(0, now);
	store_file(file, name, NOTE);
	CLEANUP(json_decref_cleanup)
	json_t *note = json_pack("{s:s, s:s, s:s, s:s, s:O, s:s, s:O, s:I}", "name", name, "owner",
				 request->owner, "created", now, "snapshot", snapshot, "volume",
				 json_object_get(volume, "path"), "identity", identity, "sector",
				 json_object_get(volume, "sector"), "size", (json_int_t)size);
	rc = store_put(store, file, note, err);
	if (rc == 0)
		*ret = steal(&note);
	return rc;
}

int lun_create(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *snapshot;
	char file[STORE_FILE_SIZE];
	uint64_t size;
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(json_decref_cleanup) json_t *volume = NULL;
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_text(request, "snapshot", &snapshot, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc < 0)
		return rc;
	store_file(file, name, NOTE);
	struct error why = { 0 };
	rc = store_get_owned(&store, request, file, &note, &why);
	if (rc == -EACCES)
		return error_set(err, -EEXIST, "the name '%s' is taken by another job", name);
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	const char *of = json_string_value(json_object_get(note, "snapshot"));
	if (note && (!of || strcmp(of, snapshot) != 0))
		return error_set(err, -EEXIST, "LUN '%s' shows another snapshot, '%s'", name, of);
	rc = snapshot_open(&store, request, "snapshot", &fd, &volume, &size, err);
	if (rc == 0 && !note)
		rc = make_note(&store, request, name, snapshot, size, volume, &note, err);
	if (rc == 0)
		rc = make_data(&store, name, fd, err);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:s, s:O, s:O}", "lun", name, "size", json_object_get(note, "size"),
			 "identity", json_object_get(note, "identity"));
	return 0;
}

/* What map, unmap and lun-delete begin with. -ENOENT when there is no such LUN. */
static int open_lun(const struct plug_request *request, struct store *store, struct tgt *tgt,
		    json_t **ret, const char **ret_name, struct error *err)
{
	char file[STORE_FILE_SIZE];
	int rc = plug_name(request, "lun", ret_name, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, store, err);
	if (rc == 0)
		rc = tgt_open(request, tgt, err);
	if (rc < 0)
		return rc;
	store_file(file, *ret_name, NOTE);
	return store_get_owned(store, request, file, ret, err);
}

static const char *identity_of(const json_t *note)
{
	const char *identity = json_string_value(json_object_get(note, "identity"));
	return identity && strlen(identity) == 36 ? identity : "naa.damaged";
}

int lun_map(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *initiator;
	char file[STORE_FILE_SIZE], path[4096];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	struct tgt tgt;
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = open_lun(request, &store, &tgt, &note, &name, err);
	if (rc < 0)
		return rc;
	store_file(file, name, DATA);
	if (!store_has(&store, file))
		return error_set(err, -ENOENT, "LUN '%s' was not made to its end", name);
	snprintf(path, sizeof(path), "%s/%s", store.path, file);
	struct tgt_export lun = {
		.identity = identity_of(note),
		.backing = "rdwr",
		.path = path,
		.product = "REFLINK",
		.sector = (unsigned int)json_integer_value(json_object_get(note, "sector")),
	};
	return tgt_map(&tgt, &lun, initiator, ret, err);
}

/**
 * find_going() - the identity of a LUN that is to go
 * @ret: "" when it is shown nowhere, or not known at all
 *
 * When somebody has tidied up in the folder its note is gone, and its file too perhaps, but tgtd
 * still shows it.
 */
static int find_going(const struct plug_request *request, struct store *store, struct tgt *tgt,
		      const char **ret_name, char ret[TGT_IDENTITY_SIZE], struct error *err)
{
	char file[STORE_FILE_SIZE], path[4096];
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	struct error why = { 0 };
	int rc = open_lun(request, store, tgt, &note, ret_name, &why);
	if (rc == -ENOENT) {
		store_file(file, *ret_name, DATA);
		snprintf(path, sizeof(path), "%s/%s", store->path, file);
		return tgt_identity(tgt, path, ret, err);
	}
	snprintf(ret, TGT_IDENTITY_SIZE, "%s", rc == 0 ? identity_of(note) : "");
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *initiator;
	char identity[TGT_IDENTITY_SIZE];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	struct tgt tgt;
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = find_going(request, &store, &tgt, &name, identity, err);
	if (rc == 0 && *identity)
		rc = tgt_unmap(&tgt, identity, initiator, err);
	if (rc < 0)
		return rc;
	*ret = json_object();
	return 0;
}

int lun_delete(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	char file[STORE_FILE_SIZE], identity[TGT_IDENTITY_SIZE];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	struct tgt tgt;
	int rc = find_going(request, &store, &tgt, &name, identity, err);
	if (rc == 0 && *identity)
		rc = tgt_withdraw(&tgt, identity, err);
	if (rc == 0) {
		store_file(file, name, DATA);
		rc = store_remove(&store, file, err);
	}
	if (rc == 0)
		rc = store_sync(&store, err);
	if (rc == 0) {
		store_file(file, name, NOTE);
		rc = store_remove(&store, file, err);
	}
	if (rc == 0)
		rc = store_sync(&store, err);
	if (rc < 0)
		return rc;
	*ret = json_object();
	return 0;
}

/* True when the file is the note of a LUN of the set, or of that one snapshot of it. */
static bool shows(const struct store *store, const char *file, const char *set, long number)
{
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	struct snapshot s;
	size_t len = strlen(file);
	if (len <= strlen(NOTE) || strcmp(file + len - strlen(NOTE), NOTE) != 0 ||
	    store_get(store, file, &note, NULL) < 0)
		return false;
	const char *text = json_string_value(json_object_get(note, "snapshot"));
	return text && snapshot_parse(text, &s, NULL) == 0 && strcmp(s.name, set) == 0 &&
	       (number < 0 || (size_t)number == s.number);
}

int lun_of_snapshot(const struct store *store, const char *set, long number,
		    char ret[NAMES_MAX + 1], struct error *err)
{
	int fd = openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_cleanup(&fd);
		return error_set(err, -errno, "list '%s': %m", store->path);
	}
	ret[0] = '\0';
	for (struct dirent *e; !*ret && (e = readdir(dir));)
		if (shows(store, e->d_name, set, number))
			snprintf(ret, NAMES_MAX + 1, "%.*s",
				 (int)(strlen(e->d_name) - strlen(NOTE)), e->d_name);
	closedir(dir);
	return 0;
}
