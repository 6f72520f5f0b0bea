/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * volume - which image is which LUN.
 *
 * tgtd knows of those that it shows itself. For gateways that cannot be asked (ceph-iscsi, krbd
 * with LIO) the setting `volumes` says it.
 */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "ceph.h"
#include "lunette/json.h"

bool volume_name_ok(const char *image)
{
	size_t len = strlen(image);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)image[i] <= ' ' || strchr("/@,;'\"\\", image[i]))
			return false;
	return len > 0 && len <= 120 && image[0] != '-';
}

int volume_size(const struct ceph *ceph, const char *image, const char *set, json_int_t *ret,
		struct error *err)
{
	char spec[CEPH_SPEC_SIZE];
	CLEANUP(json_decref_cleanup) json_t *info = NULL;
	ceph_spec(ceph, image, set, spec);
	int rc = CEPH_RBD(ceph, &info, err, "info", spec, "--format", "json");
	if (rc < 0)
		return rc;
	json_int_t size = json_integer_value(json_object_get(info, "size"));
	if (size <= 0)
		return error_set(err, -EPROTO, "rbd info '%s' tells no size", spec);
	*ret = size;
	return 0;
}

/* "IDENTITY=IMAGE, IDENTITY=IMAGE" */
static bool find_in_setting(const char *setting, const char *identity, char *ret, size_t room)
{
	for (const char *at = setting; *at;) {
		at += strspn(at, ", \t");
		size_t len = strcspn(at, ", \t"), key = strcspn(at, "=");
		if (key < len && strlen(identity) == key && strncasecmp(at, identity, key) == 0 &&
		    len - key - 1 < room) {
			snprintf(ret, room, "%.*s", (int)(len - key - 1), at + key + 1);
			return true;
		}
		at += len;
	}
	return false;
}

/* tgtd tells the identity as it was set; what was not set, it sends as a T10 designator. */
static bool is_image(const struct ceph *ceph, const json_t *lun, const char *identity, char *ret,
		     size_t room)
{
	const char *id = json_string_value(json_object_get(lun, "id"));
	const char *path = json_string_value(json_object_get(lun, "path"));
	size_t pool = strlen(ceph->pool);
	const char *t10 = strncmp(identity, "t10.", 4) == 0 ? identity + 4 : "";
	if (!id || !path || strncmp(path, ceph->pool, pool) != 0 || path[pool] != '/' ||
	    (strcasecmp(id, identity) != 0 && strcmp(id, t10) != 0))
		return false;
	snprintf(ret, room, "%s", path + pool + 1);
	return volume_name_ok(ret);
}

static bool find_in_tgtd(const struct ceph *ceph, const json_t *targets, const char *identity,
			 char *ret, size_t room)
{
	size_t i, k;
	json_t *target, *lun;
	json_array_foreach(targets, i, target)
		json_array_foreach(json_object_get(target, "luns"), k,
				   lun) if (is_image(ceph, lun, identity, ret, room)) return true;
	return false;
}

static int resolve_one(const struct ceph *ceph, const json_t *targets, const char *setting,
		       const json_t *wanted, json_t *volumes, struct error *err)
{
	const char *identity = json_string_value(json_object_get(wanted, "identity"));
	char image[128];
	json_int_t size;
	if (!identity)
		return error_set(err, -EINVAL, "parameter 'luns': one has no identity");
	if (!find_in_setting(setting, identity, image, sizeof(image)) &&
	    !find_in_tgtd(ceph, targets, identity, image, sizeof(image)))
		return error_set(err, -ENOENT, "no image of pool '%s' has the identity '%s'",
				 ceph->pool, identity);
	int rc = volume_size(ceph, image, NULL, &size, err);
	if (rc < 0)
		return error_wrap(err, rc, "LUN '%s'", identity);
	json_array_append_new(volumes, json_pack("{s:s, s:s, s:I}", "identity", identity, "volume",
						 image, "size", size));
	return 0;
}

int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err)
{
	const json_t *luns;
	const char *setting;
	size_t i;
	json_t *lun;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *volumes = json_array();
	struct tgt tgt;
	int rc = plug_list(request, "luns", &luns, err);
	if (rc == 0)
		rc = plug_config(request, "volumes", "", &setting, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_READ, &ceph, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc == 0)
		rc = tgt_targets(&tgt, &targets, err);
	if (rc < 0)
		return rc;
	json_array_foreach(luns, i, lun)
	{
		rc = resolve_one(&ceph, targets, setting, lun, volumes, err);
		if (rc < 0)
			return rc;
	}
	*ret = json_pack("{s:O}", "volumes", volumes);
	return 0;
}

int volume_probe(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *portals = NULL;
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	struct tgt tgt;
	int rc = ceph_open(request, CEPH_CHANGE, &ceph, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc == 0)
		rc = tgt_has_backing(&tgt, "rbd", err);
	if (rc == 0)
		rc = tgt_targets(&tgt, &targets, err);
	if (rc == 0)
		rc = tgt_portals(&tgt, &portals, err);
	if (rc == 0)
		*ret = json_pack("{s:s, s:s, s:s}", "vendor", "Ceph", "product", "RBD", "id",
				 ceph.pool);
	return rc;
}
