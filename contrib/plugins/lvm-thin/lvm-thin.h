/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-thin - snapshots of LUNs that are thin volumes of LVM, shown by the kernel's target, LIO.
 *
 * Its one idea: `prepare` lets LVM make an empty thin volume for each snapshot, which nothing uses;
 * `commit` fills it by two messages to the pool ("delete ID", "create_snap ID ORIGIN"), with all
 * volumes of the set suspended. So nothing that takes long or can fail is left for the moment in
 * which a server is frozen, a set is of one moment, and LVM never touches a volume in use.
 *
 * What is known is in tags of the logical volumes that were made: `lunette`, and `lunette.KEY=TEXT`
 * with the keys
 *
 *   kind       snapshot or lun
 *   owner      as it was given
 *   name       of the set, or of the LUN
 *   created
 *
 *   number     of a snapshot: which of the set's,
 *   of         and of how many
 *   volume     the logical volume that it is to show
 *   taken      when it was filled; if one of a set has it, all were filled
 *
 *   snapshot   of a LUN: what it shows, NAME:NUMBER
 *   serial     LIO's unit serial number
 *
 * They come into being with the volume, in one commit of LVM's metadata. Who may reach a LUN is
 * known to LIO alone.
 */
#ifndef LUNETTE_LVM_THIN_H
#define LUNETTE_LVM_THIN_H

#include <jansson.h>
#include <stdio.h>

#include "plug.h"

/* ---- run.c ---- */

enum run_kind {
	RUN_READS,   /* may be killed at any time, and dies with us */
	RUN_CHANGES, /* comes to its end, also when we are killed or do not wait any longer */
};

/**
 * run_program() - run one and wait for it
 * @lock: a descriptor that it holds, too, as long as it runs; -1: none
 * @ret: what it prints, from the beginning; may be NULL
 *
 * Return: 0 when it ended with status 0; -ETIMEDOUT; -EIO with what it says.
 */
int run_program(enum run_kind kind, const char *const *argv, int lock, int64_t deadline, FILE **ret,
		struct error *err);

static inline void file_cleanup(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* ---- vg.c: the volume group and its logical volumes ---- */

/**
 * struct vg - the volume group of the settings, as it was at one moment
 * @volumes: array of objects as lvs prints them, with "tags": {KEY: TEXT}, those of ours
 * @lock: held by us and by every program that we start; -1 for those who only read
 */
struct vg {
	const struct plug_request *request;
	const char *name;
	json_t *volumes;
	int lock;
};

enum vg_access { VG_READ, VG_CHANGE };

/**
 * vg_open() - read what there is; who wants to change something waits until all other calls of the
 * same HOST/JOB have come to their end, also those whose plug-in was killed
 */
int vg_open(const struct plug_request *request, enum vg_access access, struct vg *ret,
	    struct error *err);
void vg_close(struct vg *vg);

/* Waits for and takes the lock with this name, until @ret is closed. */
int vg_lock(const struct plug_request *request, const char *name, size_t len, int *ret,
	    struct error *err);

/* Walks over what we made of this kind; *@i begins with 0; NULL at the end. */
const json_t *vg_each(const struct vg *vg, const char *kind, size_t *i);

/* A logical volume by its name; NULL. */
const json_t *vg_find(const struct vg *vg, const char *name);

/* A field of lvs, "" when it is not there; and the same as a number, -1 when it is none. */
const char *lv_text(const json_t *lv, const char *field);
int64_t lv_number(const json_t *lv, const char *field);

/* One of our tags, "" when it is not there. */
const char *lv_tag(const json_t *lv, const char *key);

/* -EACCES when another HOST/JOB made it. */
int lv_check_owner(const json_t *lv, const struct plug_request *request, struct error *err);

/**
 * struct lv_new - arguments of lvcreate: first what it is to be, then its tags
 */
#define LV_ARGS 32
struct lv_new {
	const char *argv[LV_ARGS];
	size_t n;
	char text[LV_ARGS][384];
};

void lv_new_begin(struct lv_new *new, const char *kind, const char *name, size_t number);
void lv_new_arg(struct lv_new *new, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lv_new_tag(struct lv_new *new, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int lv_new_make(struct lv_new *new, const struct vg *vg, struct error *err);

/* Runs an LVM program with options on some volumes, the names of which are in @lvs. */
int vg_change(const struct vg *vg, const char *const *options, const json_t *lvs,
	      struct error *err);

/* lvremove; success when there are none. */
int vg_remove(const struct vg *vg, const json_t *lvs, struct error *err);

/* ---- thin.c: the kernel's device-mapper ---- */

/**
 * struct thin - a block device by its number
 */
struct thin {
	uint32_t major;
	uint32_t minor;
};

/* The device of a logical volume; -ESTALE when it is not active. */
int thin_of(const json_t *lv, struct thin *ret, struct error *err);

/**
 * thin_check() - make sure that a volume can have snapshots of the kind that we take
 * @id: of the thin volume in its pool
 *
 * Return: 0; -EOPNOTSUPP; -ESTALE when the kernel has another volume there than LVM.
 */
int thin_check(const struct thin *volume, int64_t id, int64_t size, struct error *err);

int thin_suspend(const struct thin *volume, struct error *err);
int thin_resume(const struct thin *volume, struct error *err);

/* Sends a message to a pool. -ENODATA, -EEXIST, -EBUSY, ... as the kernel says. */
int thin_message(const struct thin *pool, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a pool's metadata are, "/dev/dm-0", and how large its blocks are, in bytes. */
int thin_pool(const struct thin *pool, char ret_metadata[64], uint64_t *ret_block,
	      struct error *err);

/* ---- lio.c ---- */

#define LIO_SERIAL_SIZE   26
#define LIO_IDENTITY_SIZE 40

/* 25 hexadecimal digits, random. */
int lio_new_serial(char ret[LIO_SERIAL_SIZE], struct error *err);

/* "naa.6001405" and the serial, as LIO makes it. */
void lio_identity(const char *serial, char ret[LIO_IDENTITY_SIZE]);

/* The block device behind the LUN with this identity; -ENOENT. */
int lio_find(const char *identity, struct thin *ret, struct error *err);

/* Can LIO be changed by us? */
int lio_probe(struct error *err);

/**
 * lio_map() - show the block device @path, in a target of its own, to @initiator
 * @portals: "ADDRESS:PORT", several with commas
 * @ret: the result of `map`
 */
int lio_map(const char *serial, const char *path, const char *portals, const char *initiator,
	    json_t **ret, struct error *err);

/* Takes the leave back, which ends the session; and all, when it was the last one. */
int lio_unmap(const char *serial, const char *initiator, struct error *err);

/* Makes sure that it is shown nowhere; -EISCONN while it is mapped. */
int lio_withdraw(const char *serial, struct error *err);

/* Who may reach it: a new array of names. */
json_t *lio_initiators(const char *serial);

/* ---- set.c: sets of snapshots ---- */

#define SNAPSHOT_ID_SIZE (NAMES_MAX + 8)

/* What `commit` calls a snapshot: NAME:NUMBER. */
void snapshot_id(const json_t *lv, char ret[SNAPSHOT_ID_SIZE]);

/* One of a set; NULL when it is not there. */
const json_t *set_member(const struct vg *vg, const char *name, size_t number);

/* When the set was taken; NULL when it was not. */
const char *set_taken(const struct vg *vg, const char *name);

/**
 * snapshot_find() - one that is taken, and that the caller may touch
 * @id: what it is called
 *
 * Return: 0; -ENOENT; -EACCES.
 */
int snapshot_find(const struct vg *vg, const char *id, const json_t **ret, struct error *err);

/**
 * set_find() - the set of this name, if it is the caller's and for these volumes
 *
 * Return: how many of its members there are; -EEXIST when it is of another owner or for others.
 */
int set_find(const struct vg *vg, const char *name, const json_t *volumes, struct error *err);

int set_prepare(const struct plug_request *request, json_t **ret, struct error *err);
int set_abort(const struct plug_request *request, json_t **ret, struct error *err);
int set_delete_snapshot(const struct plug_request *request, json_t **ret, struct error *err);

/* ---- commit.c, lun.c, list.c, delta.c, volume.c: verbs ---- */

int commit_set(const struct plug_request *request, json_t **ret, struct error *err);

int lun_create(const struct plug_request *request, json_t **ret, struct error *err);
int lun_map(const struct plug_request *request, json_t **ret, struct error *err);
int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err);
int lun_delete(const struct plug_request *request, json_t **ret, struct error *err);

int list_objects(const struct plug_request *request, json_t **ret, struct error *err);

int delta_allocated(const struct plug_request *request, json_t **ret, struct error *err);
int delta_between(const struct plug_request *request, json_t **ret, struct error *err);

int volume_probe(const struct plug_request *request, json_t **ret, struct error *err);
int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err);

#endif
