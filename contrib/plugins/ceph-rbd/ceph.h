/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ceph - snapshots of RBD images of a Ceph cluster, by the program `rbd`, shown by tgtd.
 *
 * In the pool, for the caller's name NAME:
 *
 *   IMAGE@lunette.NAME   the snapshot of each image of the set NAME
 *   lunette.NAME         the LUN NAME: a clone of a snapshot
 *   lunette-notes        an image whose metadata are the notes: "set/NAME" and "lun/NAME"
 *
 * Its one idea: a note is there before what it tells of, and goes after it. `rbd` sets one at once,
 * and lists all of them in one call.
 */
#ifndef LUNETTE_CEPH_H
#define LUNETTE_CEPH_H

#include <jansson.h>

#include "plug.h"
#include "tgt.h"

#define CEPH_SPEC_SIZE 512

/* ---- rbd.c: the program ---- */

/**
 * struct ceph - the pool, for one request
 * @notes: as they were when it was opened: {"set/NAME": {...}, "lun/NAME": {...}}
 * @lock: see ceph_open()
 */
struct ceph {
	const struct plug_request *request;
	const char *pool;
	const char *conf;
	const char *id;
	json_t *notes;
	int lock;
};

enum ceph_access { CEPH_READ, CEPH_CHANGE };

/**
 * ceph_open() - take the settings, and read the notes
 *
 * Who wants to change something waits for others of the same HOST/JOB on this host.
 */
int ceph_open(const struct plug_request *request, enum ceph_access access, struct ceph *ret,
	      struct error *err);
void ceph_close(struct ceph *ceph);

/**
 * ceph_rbd() - run `rbd ARGUMENT...`
 * @args: ends with NULL
 * @ret: what it prints as JSON; NULL: it is not wanted
 *
 * Return: 0; minus its exit status, which is an errno, with what it said; -ETIMEDOUT, and it was
 * killed.
 */
int ceph_rbd(const struct ceph *ceph, const char *const *args, json_t **ret, struct error *err);
#define CEPH_RBD(ceph, ret, err, ...) \
	ceph_rbd(ceph, (const char *const[]){ __VA_ARGS__, NULL }, ret, err)

/* "POOL/IMAGE" or, with @set, "POOL/IMAGE@lunette.SET". */
void ceph_spec(const struct ceph *ceph, const char *image, const char *set,
	       char ret[CEPH_SPEC_SIZE]);

/* ---- notes.c ---- */

/* @kind is "set" or "lun". Borrowed; NULL when there is none. */
json_t *note_get(const struct ceph *ceph, const char *kind, const char *name);
int note_put(struct ceph *ceph, const char *kind, const char *name, json_t *note,
	     struct error *err);
int note_remove(struct ceph *ceph, const char *kind, const char *name, struct error *err);

/* One that the caller may touch: 0 and NULL when there is none; -EACCES. */
int note_get_owned(const struct ceph *ceph, const char *kind, const char *name, json_t **ret,
		   struct error *err);

/* Reads all; called by ceph_open(). */
int notes_load(struct ceph *ceph, struct error *err);

/* ---- volume.c ---- */

int volume_probe(const struct plug_request *request, json_t **ret, struct error *err);
int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err);

/* The size of an image, or of its snapshot by a set. */
int volume_size(const struct ceph *ceph, const char *image, const char *set, json_int_t *ret,
		struct error *err);
bool volume_name_ok(const char *image);

/* ---- snapshot.c ---- */

/* Does the job say that several images are taken one after the other? */
bool snapshot_several(const struct plug_request *request);

/**
 * struct snapshot - NAME:NUMBER, found in the notes
 */
struct snapshot {
	char set[NAMES_MAX + 1];
	size_t number;
	json_t *note;      /* borrowed */
	const char *image; /* borrowed */
};

/* -ENOENT; -EACCES when another owner has it. */
int snapshot_find(const struct ceph *ceph, const char *text, struct snapshot *ret,
		  struct error *err);

int snapshot_prepare(const struct plug_request *request, json_t **ret, struct error *err);
int snapshot_commit(const struct plug_request *request, json_t **ret, struct error *err);
int snapshot_abort(const struct plug_request *request, json_t **ret, struct error *err);
int snapshot_delete(const struct plug_request *request, json_t **ret, struct error *err);

/* ---- lun.c ---- */

int lun_create(const struct plug_request *request, json_t **ret, struct error *err);
int lun_map(const struct plug_request *request, json_t **ret, struct error *err);
int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err);
int lun_delete(const struct plug_request *request, json_t **ret, struct error *err);

/* ---- list.c, diff.c ---- */

int list_objects(const struct plug_request *request, json_t **ret, struct error *err);
int diff_allocated(const struct plug_request *request, json_t **ret, struct error *err);
int diff_delta(const struct plug_request *request, json_t **ret, struct error *err);

#endif
