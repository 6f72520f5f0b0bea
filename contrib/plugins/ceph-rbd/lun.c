/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lun - a clone of a snapshot, shown by tgtd's rbd backing store. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "ceph.h"
#include "lunette/clock.h"
#include "lunette/json.h"
#include "lunette/moment.h"

static void image_name(const char *name, char ret[CEPH_SPEC_SIZE])
{
	snprintf(ret, CEPH_SPEC_SIZE, "lunette.%s", name);
}

static int make_note(struct ceph *ceph, const char *name, const char *text,
		     const struct snapshot *s, struct error *err)
{
	char now[MOMENT_TEXT], identity[TGT_IDENTITY_SIZE];
	int rc = tgt_new_identity(identity, err);
	if (rc < 0)
		return rc;
	moment_now(0, now);
	CLEANUP(json_decref_cleanup)
	json_t *note = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "owner", ceph->request->owner,
				 "created", now, "snapshot", text, "volume", s->image, "identity",
				 identity, "size",
				 json_array_get(json_object_get(s->note, "sizes"), s->number));
	return note_put(ceph, "lun", name, note, err);
}

/* Version 2 of clones needs no protected snapshot. */
static int make_clone(const struct ceph *ceph, const char *name, const struct snapshot *s,
		      struct error *err)
{
	char from[CEPH_SPEC_SIZE], image[CEPH_SPEC_SIZE], to[CEPH_SPEC_SIZE];
	struct error why = { 0 };
	ceph_spec(ceph, s->image, s->set, from);
	image_name(name, image);
	ceph_spec(ceph, image, NULL, to);
	int rc = CEPH_RBD(ceph, NULL, &why, "clone", "--rbd-default-clone-format", "2", from, to);
	return rc == 0 || rc == -EEXIST ? 0 : error_copy(err, rc, &why);
}

int lun_create(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *text;
	struct snapshot s;
	json_t *note;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_text(request, "snapshot", &text, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_CHANGE, &ceph, err);
	if (rc < 0)
		return rc;
	if (note_get_owned(&ceph, "lun", name, &note, NULL) < 0)
		return error_set(err, -EEXIST, "the name '%s' is taken by another job", name);
	const char *of = json_string_value(json_object_get(note, "snapshot"));
	if (note && (!of || strcmp(of, text) != 0))
		return error_set(err, -EEXIST, "LUN '%s' shows another snapshot", name);
	rc = snapshot_find(&ceph, text, &s, err);
	if (rc == 0 && !note)
		rc = make_note(&ceph, name, text, &s, err);
	if (rc == 0)
		rc = make_clone(&ceph, name, &s, err);
	if (rc < 0)
		return rc;
	note = note_get(&ceph, "lun", name);
	*ret = json_pack("{s:s, s:O, s:O}", "lun", name, "size", json_object_get(note, "size"),
			 "identity", json_object_get(note, "identity"));
	return *ret ? 0 : error_set(err, -EBADMSG, "the note of '%s' is damaged", name);
}

/* What map, unmap and lun-delete begin with. @ret is NULL when there is no such LUN. */
static int open_lun(const struct plug_request *request, struct ceph *ceph, struct tgt *tgt,
		    json_t **ret, const char **ret_name, struct error *err)
{
	int rc = plug_text(request, "lun", ret_name, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_CHANGE, ceph, err);
	if (rc == 0)
		rc = tgt_open(request, tgt, err);
	*ret = NULL;
	if (rc == 0 && names_ok(*ret_name))
		rc = note_get_owned(ceph, "lun", *ret_name, ret, err);
	return rc;
}

static const char *identity_of(const json_t *note)
{
	const char *identity = json_string_value(json_object_get(note, "identity"));
	return identity && strlen(identity) == 36 ? identity : "naa.damaged";
}

int lun_map(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *initiator;
	char image[CEPH_SPEC_SIZE], spec[CEPH_SPEC_SIZE], options[1024];
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	struct tgt tgt;
	json_t *note;
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = open_lun(request, &ceph, &tgt, &note, &name, err);
	if (rc < 0)
		return rc;
	if (!note)
		return error_set(err, -ENOENT, "there is no LUN '%.100s'", name);
	image_name(name, image);
	ceph_spec(&ceph, image, NULL, spec);
	snprintf(options, sizeof(options), "conf=%.500s;id=%.100s", ceph.conf, ceph.id);
	struct tgt_export lun = {
		.identity = identity_of(note),
		.backing = "rbd",
		.path = spec,
		.options = options,
		.product = "CEPH RBD",
		.sector = 512,
	};
	return tgt_map(&tgt, &lun, initiator, ret, err);
}

int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *initiator;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	struct tgt tgt;
	json_t *note;
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = open_lun(request, &ceph, &tgt, &note, &name, err);
	if (rc == 0 && note)
		rc = tgt_unmap(&tgt, identity_of(note), initiator, err);
	if (rc == 0)
		*ret = json_object();
	return rc;
}

/* tgtd may need a moment until it has closed the image. */
static int remove_clone(const struct ceph *ceph, const char *name, struct error *err)
{
	char image[CEPH_SPEC_SIZE], spec[CEPH_SPEC_SIZE];
	image_name(name, image);
	ceph_spec(ceph, image, NULL, spec);
	for (;;) {
		struct error why = { 0 };
		int rc = CEPH_RBD(ceph, NULL, &why, "rm", spec, "--no-progress");
		if (rc == 0 || rc == -ENOENT)
			return 0;
		if (rc != -EBUSY || clock_now_ms() + 1000 > ceph->request->deadline)
			return error_copy(err, rc, &why);
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	}
}

int lun_delete(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	struct tgt tgt;
	json_t *note;
	int rc = open_lun(request, &ceph, &tgt, &note, &name, err);
	if (rc == 0 && note) {
		rc = tgt_withdraw(&tgt, identity_of(note), err);
		if (rc == 0)
			rc = remove_clone(&ceph, name, err);
		if (rc == 0)
			rc = note_remove(&ceph, "lun", name, err);
	}
	if (rc == 0)
		*ret = json_object();
	return rc;
}
