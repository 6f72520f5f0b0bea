/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finish - see finish.h.
 *
 * LUNs are read by libiscsi in this process: the kernel sees no second disk with the names of the
 * first.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "finish.h"

/* How long a LUN may keep everybody waiting, in seconds. */
#define TIMEOUT_S 15

/**
 * struct finish_lun - one of the request's
 * @portals: "host:port", an array of texts
 */
struct finish_lun {
	const char *identity;
	const char *original;
	const char *target;
	const json_t *portals;
	json_int_t number;
	json_int_t size;
	bool chap;
};

static int take_lun(const json_t *json, struct finish_lun *ret, struct error *err)
{
	int rc = session_text(json, "identity", &ret->identity, err);
	if (rc == 0)
		rc = session_text(json, "original", &ret->original, err);
	if (rc == 0)
		rc = session_text(json, "target", &ret->target, err);
	if (rc < 0)
		return rc;
	ret->portals = json_object_get(json, "portals");
	ret->number = json_integer_value(json_object_get(json, "number"));
	ret->size = json_integer_value(json_object_get(json, "size"));
	ret->chap = json_is_true(json_object_get(json, "chap"));
	if (json_array_size(ret->portals) == 0)
		return error_set(err, -EINVAL, "a LUN needs 'portals', a list of texts");
	return 0;
}

static const struct session_disk *find_original(const struct session *s, const char *identity)
{
	for (size_t i = 0; i < s->n_disks; i++)
		if (strcmp(s->disks[i].device.identity, identity) == 0)
			return &s->disks[i];
	return NULL;
}

/* Through the first portal that works; the error is that of the last. */
static int connect_lun(const struct agent *agent, const char *initiator,
		       const struct finish_lun *lun, struct source **ret, struct error *err)
{
	struct source_options options = { .initiator = initiator,
					  .chap_secret = agent->chap_secret,
					  .timeout_s = TIMEOUT_S };
	if (lun->chap && (!agent->chap_user || !agent->chap_secret))
		return error_set(err, -EACCES, "it wants CHAP, and no secrets were given");
	int rc = -EINVAL;
	for (size_t i = 0; rc < 0 && i < json_array_size(lun->portals); i++) {
		const char *portal = json_string_value(json_array_get(lun->portals, i));
		char spec[1024];
		int n = snprintf(spec, sizeof(spec), "iscsi://%s%s%s/%s/%" JSON_INTEGER_FORMAT,
				 lun->chap ? agent->chap_user : "", lun->chap ? "@" : "",
				 portal ? portal : "", lun->target, lun->number);
		rc = n < 0 || (size_t)n >= sizeof(spec)
			     ? error_set(err, -EINVAL, "its address is too long")
			     : source_open(spec, &options, ret, err);
	}
	return rc;
}

static int compare(const struct finish_lun *lun, const struct session_disk *original,
		   const struct source *source, struct error *err)
{
	if (strcmp(source->id, lun->identity) != 0)
		return error_set(err, -ESTALE, "it is another LUN: it should be '%s', it is '%s'",
				 lun->identity, source->id);
	if (source->blk->size != (uint64_t)lun->size || source->blk->size != original->device.size)
		return error_set(err, -ESTALE,
				 "its size is wrong: it has %" PRIu64
				 " bytes, its original %" PRIu64
				 ", and the storage said %" JSON_INTEGER_FORMAT,
				 source->blk->size, original->device.size, lun->size);
	char sha256[SIGNATURE_HEX_MAX];
	const struct signature *s = &original->signature;
	int rc = signature_digest(source->blk, s->ranges, s->n, sha256, err);
	if (rc == 0 && strcmp(sha256, s->sha256) != 0)
		rc = error_set(err, -ESTALE,
			       "it shows another disk: partition table and identifiers are not "
			       "those of '%s'",
			       original->device.name);
	return rc;
}

/* Return: 0, or why this LUN will not do. */
static int check_lun(const struct agent *agent, const struct session *s, const char *initiator,
		     const struct finish_lun *lun, json_t *metadata, struct error *err)
{
	const struct session_disk *original = find_original(s, lun->original);
	if (!original)
		return error_set(err, -ENOENT, "its original '%s' is no disk of this session",
				 lun->original);
	CLEANUP(source_free_cleanup) struct source *source = NULL;
	int rc = connect_lun(agent, initiator, lun, &source, err);
	if (rc < 0)
		return rc;
	json_object_set_new(metadata, lun->identity,
			    json_pack("{s:s, s:s, s:s, s:s}", "disk", original->device.name,
				      "vendor", source->vendor, "product", source->product,
				      "serial", source->serial));
	return compare(lun, original, source, err);
}

int finish_luns(const struct agent *agent, const json_t *params, json_t **ret, struct error *err)
{
	const char *initiator = json_string_value(json_object_get(params, "initiator"));
	const json_t *list = json_object_get(params, "luns");
	if (!json_is_array(list))
		return error_set(err, -EINVAL, "the parameter 'luns' must be a list");
	CLEANUP(json_cleanup) json_t *luns = json_array();
	CLEANUP(json_cleanup) json_t *metadata = json_object();
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct finish_lun lun = { 0 };
		int rc = take_lun(json_array_get(list, i), &lun, err);
		if (rc < 0)
			return rc;
		struct error why = { 0 };
		rc = check_lun(agent, agent->session, initiator, &lun, metadata, &why);
		json_array_append_new(luns, json_pack("{s:s, s:s, s:b, s:s}", "identity",
						      lun.identity, "original", lun.original, "ok",
						      rc == 0, "why", why.msg));
	}
	*ret = json_pack("{s:O, s:O}", "luns", luns, "metadata", metadata);
	return *ret ? 0 : error_set(err, -ENOMEM, "finish: %m");
}
