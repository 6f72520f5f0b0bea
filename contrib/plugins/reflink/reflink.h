/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reflink - snapshots of LUNs that are files, by sharing their blocks.
 *
 * In the folder that the setting `directory` names:
 *
 *   NAME.set      what `prepare` was asked for: owner, volumes
 *   NAME:0 ...    the snapshot of each volume, in their order
 *   NAME.taken    written when all of them are there: this makes them a set of snapshots
 *   NAME.lun      a LUN: owner, of which snapshot, its identity
 *   NAME:lun      what is written to and read from it
 *   .lock         locked while something is changed; see store_open()
 *
 * Its one idea: each of these files appears at once, complete and durable (O_TMPFILE and linkat),
 * what is wanted before what is made of it, and they go in the opposite order. So there is nothing
 * half made, and `list` reads the folder.
 */
#ifndef LUNETTE_REFLINK_H
#define LUNETTE_REFLINK_H

#include <jansson.h>
#include <sys/stat.h>

#include "plug.h"
#include "tgt.h"

/* The longest file name: a name of 63, and ":4095" or ".taken". */
#define STORE_FILE_SIZE 80

/* ---- store.c: the folder ---- */

/**
 * struct store - the folder, for one request
 * @path: absolute, without links
 * @lock: held while it is open; -1 for those who only read
 */
struct store {
	int dir;
	int lock;
	dev_t device;
	char path[3072];
};

enum store_access { STORE_READ, STORE_CHANGE };

/**
 * store_open() - open the folder; who wants to change something waits for others of the same
 * HOST/JOB to be done with it
 */
int store_open(const struct plug_request *request, enum store_access access, struct store *ret,
	       struct error *err);
void store_close(struct store *store);

/* NAME and an ending like ".set" or ":lun"; both are checked names or ours. */
void store_file(char ret[STORE_FILE_SIZE], const char *name, const char *ending);

bool store_has(const struct store *store, const char *file);

/* Reads a note: -ENOENT when it is not there. */
int store_get(const struct store *store, const char *file, json_t **ret, struct error *err);

/* Writes a note that was not there: -EEXIST when it is. Durable when it returns. */
int store_put(const struct store *store, const char *file, const json_t *note, struct error *err);

/* A file without a name yet: how everything here begins. */
int store_new(const struct store *store, int *ret, struct error *err);

/* Makes it durable, and gives it its name. */
int store_keep(const struct store *store, int fd, const char *file, struct error *err);

/* Success when it was not there. */
int store_remove(const struct store *store, const char *file, struct error *err);

/* Makes what was kept or removed durable. */
int store_sync(const struct store *store, struct error *err);

/**
 * store_get_owned() - read a note that the caller may touch
 *
 * Return: as store_get(); -EACCES when another HOST/JOB made it.
 */
int store_get_owned(const struct store *store, const struct plug_request *request, const char *file,
		    json_t **ret, struct error *err);

/* ---- snapshot.c ---- */

/**
 * struct snapshot - where one is, by what `commit` called it: NAME:NUMBER
 */
struct snapshot {
	char name[NAMES_MAX + 1];
	char file[STORE_FILE_SIZE];
	size_t number;
};

/* -ENOENT for what is none. */
int snapshot_parse(const char *text, struct snapshot *ret, struct error *err);

/**
 * snapshot_open() - open one that the caller may touch
 * @param: that names it
 * @ret_volume: {"path","sector"}
 * @ret_size: whole sectors: what is behind them is no part of the LUN
 *
 * Return: 0; -ENOENT; -EACCES; ...
 */
int snapshot_open(const struct store *store, const struct plug_request *request, const char *param,
		  int *ret_fd, json_t **ret_volume, uint64_t *ret_size, struct error *err);

/* The note of a prepared set; -ENOENT; -EEXIST when it is of another owner or other volumes. */
int snapshot_find_set(const struct store *store, const struct plug_request *request,
		      const char *name, const json_t *paths, json_t **ret, struct error *err);

int snapshot_prepare(const struct plug_request *request, json_t **ret, struct error *err);
int snapshot_abort(const struct plug_request *request, json_t **ret, struct error *err);
int snapshot_delete(const struct plug_request *request, json_t **ret, struct error *err);

/* What all of the set's files are called; false at the end. */
bool snapshot_each(const json_t *set, const char *name, size_t i, char ret[STORE_FILE_SIZE]);

/* ---- commit.c ---- */

int snapshot_commit(const struct plug_request *request, json_t **ret, struct error *err);

/* ---- volume.c: the originals ---- */

int volume_probe(const struct plug_request *request, json_t **ret, struct error *err);
int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err);

/* The LUN of tgtd whose file is @path; {"number","id","sector","path"} in @targets, or NULL. */
const json_t *volume_find(const json_t *targets, const char *path);

int volume_open(const char *path, int *ret, struct stat *ret_st, struct error *err);

/* A file without a name in the folder that has all of the volume's blocks, at one moment. */
int volume_clone(const struct store *store, const char *path, int volume, int *ret,
		 struct error *err);

/* ---- pause.c ---- */

/* tgtd's process while it stands still. */
struct pause;

/**
 * pause_begin() - let tgtd stand still, for at most PAUSE_MS
 *
 * Whatever happens to this process, tgtd goes on.
 */
#define PAUSE_MS 2000
int pause_begin(const struct tgt *tgt, struct pause **ret, struct error *err);

/* Lets it go on. -EBUSY when it went on before. */
int pause_end(struct pause *pause, struct error *err);

/* ---- lun.c ---- */

int lun_create(const struct plug_request *request, json_t **ret, struct error *err);
int lun_map(const struct plug_request *request, json_t **ret, struct error *err);
int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err);
int lun_delete(const struct plug_request *request, json_t **ret, struct error *err);

/* A LUN of this set (@number -1) or snapshot: its name, or "" when there is none. */
int lun_of_snapshot(const struct store *store, const char *set, long number,
		    char ret[NAMES_MAX + 1], struct error *err);

/* ---- list.c ---- */

int list_objects(const struct plug_request *request, json_t **ret, struct error *err);

/* ---- allocated.c, delta.c ---- */

int extents_allocated(const struct plug_request *request, json_t **ret, struct error *err);
int extents_delta(const struct plug_request *request, json_t **ret, struct error *err);

#endif
