/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * commit - all volumes of a set at one moment.
 *
 * A clone of one file is of one moment, whatever is being written: the file system holds the
 * writers. For several files tgtd, through which all writes come, stands still in between; that is
 * milliseconds, since what tgtd has written is brought to the disk before. (When the server is
 * frozen nothing is written anyhow: this is for those that cannot be.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/moment.h"
#include "reflink.h"

/* Removes what an earlier commit of this name left that was killed. */
static int remove_clones(const struct store *store, const json_t *set, const char *name,
			 struct error *err)
{
	char file[STORE_FILE_SIZE];
	for (size_t i = 0; snapshot_each(set, name, i, file); i++) {
		int rc = store_remove(store, file, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

struct clones {
	size_t n;
	struct {
		const char *path;
		int volume;
		int clone;
		json_int_t size;
	} of[];
};

static void clones_cleanup(struct clones **clones)
{
	for (size_t i = 0; *clones && i < (*clones)->n; i++) {
		close_cleanup(&(*clones)->of[i].volume);
		close_cleanup(&(*clones)->of[i].clone);
	}
	free(*clones);
}

static int open_volumes(const json_t *set, struct clones **ret, struct error *err)
{
	const json_t *volumes = json_object_get(set, "volumes");
	size_t n = json_array_size(volumes);
	CLEANUP(clones_cleanup) struct clones *c = calloc(1, sizeof(*c) + n * sizeof(c->of[0]));
	if (!c)
		return error_set(err, -ENOMEM, "%m");
	for (c->n = 0; c->n < n; c->n++) {
		const json_t *volume = json_array_get(volumes, c->n);
		json_int_t sector = json_integer_value(json_object_get(volume, "sector"));
		struct stat st;
		c->of[c->n].volume = c->of[c->n].clone = -1;
		c->of[c->n].path = json_string_value(json_object_get(volume, "path"));
		int rc = volume_open(c->of[c->n].path, &c->of[c->n].volume, &st, err);
		if (rc < 0)
			return rc;
		c->of[c->n].size = st.st_size - st.st_size % (sector ? sector : 512);
		if (n > 1 && fdatasync(c->of[c->n].volume) < 0)
			return error_set(err, -errno, "sync '%s': %m", c->of[c->n].path);
	}
	*ret = steal(&c);
	return 0;
}

static int clone_all(const struct store *store, struct clones *c, struct error *err)
{
	for (size_t i = 0; i < c->n; i++) {
		int rc = volume_clone(store, c->of[i].path, c->of[i].volume, &c->of[i].clone, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int clone_at_once(const struct plug_request *request, const struct store *store,
			 struct clones *c, struct error *err)
{
	struct pause *pause;
	struct tgt tgt;
	if (c->n == 1)
		return clone_all(store, c, err);
	int rc = tgt_open(request, &tgt, err);
	if (rc == 0)
		rc = pause_begin(&tgt, &pause, err);
	if (rc < 0)
		return rc;
	rc = clone_all(store, c, err);
	int end = pause_end(pause, rc < 0 ? NULL : err);
	return rc < 0 ? rc : end;
}

/* Gives all clones their names, and then says that they are a set. */
static int keep_all(const struct plug_request *request, const struct store *store, const char *name,
		    const json_t *set, struct clones *c, struct error *err)
{
	char file[STORE_FILE_SIZE], now[MOMENT_TEXT];
	CLEANUP(json_decref_cleanup) json_t *sizes = json_array();
	for (size_t i = 0; i < c->n; i++) {
		snapshot_each(set, name, i, file);
		if (fchmod(c->of[i].clone, 0400) < 0)
			return error_set(err, -errno, "make '%s' read-only: %m", file);
		int rc = store_keep(store, c->of[i].clone, file, err);
		if (rc < 0)
			return rc;
		json_array_append_new(sizes, json_integer(c->of[i].size));
	}
	int rc = store_sync(store, err);
	if (rc < 0)
		return rc;
	if (clock_now_ms() > request->deadline)
		return error_set(err, -ETIMEDOUT,
				 "the snapshots took longer than the caller waits");
	moment_now(0, now);
	CLEANUP(json_decref_cleanup)
	json_t *taken = json_pack("{s:s, s:O}", "created", now, "sizes", sizes);
	store_file(file, name, ".taken");
	return store_put(store, file, taken, err);
}

static int reply(const struct store *store, const char *name, const json_t *set, json_t **ret,
		 struct error *err)
{
	char file[STORE_FILE_SIZE];
	CLEANUP(json_decref_cleanup) json_t *taken = NULL;
	CLEANUP(json_decref_cleanup) json_t *snapshots = json_array();
	const json_t *volumes = json_object_get(set, "volumes");
	store_file(file, name, ".taken");
	int rc = store_get(store, file, &taken, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; snapshot_each(set, name, i, file); i++) {
		if (!store_has(store, file))
			return error_set(err, -ESTALE, "snapshot '%s' of '%s' was deleted", file,
					 name);
		json_array_append_new(snapshots,
				      json_pack("{s:O, s:s, s:O, s:O}", "volume",
						json_object_get(json_array_get(volumes, i), "path"),
						"snapshot", file, "size",
						json_array_get(json_object_get(taken, "sizes"), i),
						"created", json_object_get(taken, "created")));
	}
	*ret = json_pack("{s:O}", "snapshots", snapshots);
	return 0;
}

static int take(const struct plug_request *request, const struct store *store, const char *name,
		const json_t *set, struct error *err)
{
	CLEANUP(clones_cleanup) struct clones *clones = NULL;
	int rc = remove_clones(store, set, name, err);
	if (rc == 0)
		rc = open_volumes(set, &clones, err);
	if (rc == 0)
		rc = clone_at_once(request, store, clones, err);
	if (rc == 0)
		rc = keep_all(request, store, name, set, clones, err);
	if (rc < 0)
		remove_clones(store, set, name, NULL);
	return rc;
}

int snapshot_commit(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *paths;
	char file[STORE_FILE_SIZE];
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *set = NULL;
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_list(request, "volumes", &paths, err);
	if (rc == 0)
		rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc < 0)
		return rc;
	struct error why = { 0 };
	rc = snapshot_find_set(&store, request, name, paths, &set, &why);
	if (rc == -ENOENT)
		return error_set(err, rc, "'%s' was not prepared", name);
	if (rc < 0)
		return error_copy(err, rc, &why);
	store_file(file, name, ".taken");
	if (!store_has(&store, file))
		rc = take(request, &store, name, set, err);
	return rc < 0 ? rc : reply(&store, name, set, ret, err);
}
