/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdings - see holdings.h. A manifest's layout is foreign: what is not as expected is not there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "holdings.h"
#include "lunette/json.h"
#include "lunette/point-open.h"

#define KEY_MAX 1024

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* The one in @list that is called @name; NULL when there is none. */
static const json_t *named(const json_t *list, const char *name)
{
	size_t i;
	json_t *entry;
	json_array_foreach(list, i,
			   entry) if (strcmp(text_of(entry, "name"), name) == 0) return entry;
	return NULL;
}

/* ", to the end at N" of a partition that ends where its disk does, which may be too early. */
static void add_end(const json_t *disk, const json_t *segment, const json_t *leg, char key[KEY_MAX])
{
	json_int_t size = json_integer_value(json_object_get(disk, "size"));
	json_int_t start = json_integer_value(json_object_get(leg, "start"));
	json_int_t len = json_integer_value(json_object_get(segment, "length"));
	size_t n = strlen(key);
	if (start >= 0 && len > 0 && size - start == len)
		snprintf(key + n, KEY_MAX - n, ", to the end at %" JSON_INTEGER_FORMAT, size);
}

static void volume_key(const json_t *layout, const json_t *volume, char ret[KEY_MAX])
{
	const char *name = text_of(volume, "name"), *uuid = text_of(volume, "uuid");
	const char *group =
		text_of(named(json_object_get(layout, "groups"), text_of(volume, "group")), "id");
	const json_t *segment = json_array_get(json_object_get(volume, "segments"), 0);
	const json_t *leg = json_array_get(json_object_get(segment, "legs"), 0);
	const json_t *disk = named(json_object_get(layout, "disks"), text_of(leg, "disk"));
	const char *table = text_of(disk, "id");
	bool basic = strcmp(text_of(volume, "type"), "basic") == 0;
	const char *what = *text_of(volume, "filesystem") ? "volume" : "unknown";
	if (*group) {
		snprintf(ret, KEY_MAX, "%s %.200s of %.200s", what, name, group);
	} else if (basic && *table) {
		snprintf(ret, KEY_MAX, "%s at %" JSON_INTEGER_FORMAT " of %.200s", what,
			 json_integer_value(json_object_get(leg, "start")), table);
		add_end(disk, segment, leg, ret);
	} else {
		snprintf(ret, KEY_MAX, "volume %.200s", *uuid ? uuid : name);
	}
}

/* The server's own disk, where a job has noted it. */
static const char *disk_identity(const json_t *point, size_t i)
{
	const json_t *luns = json_object_get(json_object_get(point, "storage"), "luns");
	const json_t *found = json_object_get(json_object_get(point, "layout"), "disks");
	const char *table = text_of(json_array_get(found, i), "id");
	return *table ? table : text_of(json_array_get(luns, i), "identity");
}

static int hold(json_t *held, const char *key, struct error *err)
{
	return json_object_set_new_nocheck(held, key, json_true()) < 0
		       ? error_set(err, -ENOMEM, "what a restore point holds: %m")
		       : 0;
}

static int hold_disks(const json_t *point, json_t *held, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < repo_point_disks(point); i++) {
		char key[KEY_MAX];
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		const char *identity = disk_identity(point, i);
		snprintf(key, sizeof(key), "disk %.200s", *identity ? identity : disk.name);
		rc = hold(held, key, err);
	}
	return rc;
}

/* @ret_all: no volume that could be read is missing */
static int hold_volumes(const json_t *point, json_t *held, bool *ret_all, struct error *err)
{
	const json_t *layout = json_object_get(point, "layout");
	bool all_blocks = json_is_true(json_object_get(point, "all_blocks"));
	size_t i;
	json_t *volume;
	int rc = 0;
	*ret_all = true;
	json_array_foreach(json_object_get(layout, "volumes"), i, volume)
	{
		char key[KEY_MAX];
		volume_key(layout, volume, key);
		const char *state = text_of(volume, "state");
		bool readable = strcmp(state, "ok") == 0 || strcmp(state, "degraded") == 0;
		if (all_blocks || point_stores(point, text_of(volume, "name")))
			rc = hold(held, key, err);
		else if (readable)
			*ret_all = false;
		if (rc < 0)
			break;
	}
	return rc;
}

int holdings_of(const json_t *point, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *held = json_object();
	bool all = false;
	if (!held)
		return error_set(err, -ENOMEM, "what a restore point holds: %m");
	int rc = hold_volumes(point, held, &all, err);
	if (rc == 0 && (all || json_object_size(held) == 0))
		rc = hold_disks(point, held, err);
	if (rc == 0)
		*ret = steal(&held);
	return rc;
}
