/* SPDX-License-Identifier: GPL-3.0-or-later */
/* logical - see logical.h. Source: lvs(8), lvcreate(8), lvmreport(7). */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "channel.h"
#include "command.h"
#include "logical.h"

#define LIMIT_MS 60000
#define TAG      "lunette"

/* A thick snapshot has room for this part of its origin to change, if there is as much; and less
 * than this is not worth beginning with. */
#define ROOM_PART 5
#define ROOM_MIN  (UINT64_C(16) << 20)

static int report(const char *select, const char *device, json_t **ret, struct error *err)
{
	/* clang-format off */
	const char *const argv[] = { "lvs", "--reportformat", "json", "--units", "b", "--nosuffix",
				     "-o", "vg_name,lv_name,lv_size,vg_free,segtype",
				     select ? "--select" : device, select, NULL };
	/* clang-format on */
	CLEANUP(free_cleanup) char *text = NULL;
	int rc = command_run(argv, LIMIT_MS, &text, err);
	if (rc < 0)
		return rc;
	CLEANUP(json_cleanup) json_t *json = json_loads(text, 0, NULL);
	json_t *lvs = json_object_get(json_array_get(json_object_get(json, "report"), 0), "lv");
	if (!json_is_array(lvs))
		return error_set(err, -EPROTO, "lvs answered in an unknown way");
	*ret = json_incref(lvs);
	return 0;
}

static const char *text_of(const json_t *lv, const char *name)
{
	const char *text = json_string_value(json_object_get(lv, name));
	return text ? text : "";
}

int logical_find(const char *device, struct logical_volume *ret, struct error *err)
{
	CLEANUP(json_cleanup) json_t *lvs = NULL;
	struct error why = { 0 };
	int rc = report(NULL, device, &lvs, &why);
	if (rc == -ETIMEDOUT)
		return error_copy(err, rc, &why);
	if (rc < 0 || json_array_size(lvs) == 0)
		return error_set(err, -ENOTSUP, "'%s' is no logical volume of LVM", device);
	const json_t *lv = json_array_get(lvs, 0);
	*ret = (struct logical_volume){ .size = strtoull(text_of(lv, "lv_size"), NULL, 10),
					.free = strtoull(text_of(lv, "vg_free"), NULL, 10),
					.thin = strcmp(text_of(lv, "segtype"), "thin") == 0 };
	snprintf(ret->group, sizeof(ret->group), "%s", text_of(lv, "vg_name"));
	snprintf(ret->name, sizeof(ret->name), "%s", text_of(lv, "lv_name"));
	return 0;
}

int logical_snapshot(const struct logical_volume *v, const char *session, unsigned int number,
		     char *ret_path, struct error *err)
{
	char name[128], origin[260], room[32];
	uint64_t wanted = MAX(v->size / ROOM_PART, ROOM_MIN);
	uint64_t bytes = MIN(wanted, v->free) & ~UINT64_C(511);
	snprintf(name, sizeof(name), "lunette-%s-%u", session, number);
	snprintf(origin, sizeof(origin), "%s/%s", v->group, v->name);
	snprintf(room, sizeof(room), "%" PRIu64 "b", bytes);
	if (!v->thin && bytes < ROOM_MIN)
		return error_set(err, -ENOSPC,
				 "volume group '%s' has no room for a snapshot of '%s': %" PRIu64
				 " bytes are free",
				 v->group, v->name, v->free);
	/* clang-format off */
	const char *const argv[] = { "lvcreate", "--yes", "--snapshot", "--permission", "r",
				     "--setactivationskip", "n", "--addtag", TAG, "--name", name,
				     origin, v->thin ? NULL : "--size", room, NULL };
	/* clang-format on */
	int rc = command_run(argv, LIMIT_MS, NULL, err);
	if (rc == 0)
		snprintf(ret_path, 300, "/dev/%s/%s", v->group, name);
	return rc;
}

static bool is_of(const char *name, const char *session)
{
	size_t n = strlen(session);
	if (strncmp(name, "lunette-", 8) != 0 || strncmp(name + 8, session, n) != 0 ||
	    name[8 + n] != '-')
		return false;
	const char *number = name + 8 + n + 1;
	return *number && strspn(number, "0123456789") == strlen(number);
}

int logical_remove(const char *session, struct error *err)
{
	CLEANUP(json_cleanup) json_t *lvs = NULL;
	int rc = report("lv_tags=" TAG, NULL, &lvs, err);
	if (rc == -ENOENT)
		return 0; /* without LVM there are no snapshots */
	size_t i;
	json_t *lv;
	int failed = rc;
	json_array_foreach(lvs, i, lv)
	{
		char path[260];
		const char *const argv[] = { "lvremove", "--yes", path, NULL };
		snprintf(path, sizeof(path), "%.128s/%.128s", text_of(lv, "vg_name"),
			 text_of(lv, "lv_name"));
		if (!is_of(text_of(lv, "lv_name"), session))
			continue;
		rc = command_run(argv, LIMIT_MS, NULL, err);
		failed = rc < 0 ? rc : failed;
	}
	return failed;
}
