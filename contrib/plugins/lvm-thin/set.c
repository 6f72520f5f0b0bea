/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * set - sets of snapshots: made room for, looked for, and removed again.
 *
 * A set is prepared when all of its members are there, and taken when one of them says so.
 */
#include <errno.h>

#include "lunette/json.h"
#include "lvm-thin.h"

#define SNAPSHOT "snapshot"

/* A pool that is fuller than this is not to be burdened any more. */
#define POOL_FULL 98.0

void snapshot_id(const json_t *lv, char ret[SNAPSHOT_ID_SIZE])
{
	snprintf(ret, SNAPSHOT_ID_SIZE, "%.63s:%.4s", lv_tag(lv, "name"), lv_tag(lv, "number"));
}

/* The members of a set, in any order. */
static const json_t *each_member(const struct vg *vg, const char *name, size_t *i)
{
	const json_t *lv;
	while ((lv = vg_each(vg, SNAPSHOT, i)))
		if (strcmp(lv_tag(lv, "name"), name) == 0)
			return lv;
	return NULL;
}

const json_t *set_member(const struct vg *vg, const char *name, size_t number)
{
	const json_t *lv;
	char text[24];
	size_t i = 0;
	snprintf(text, sizeof(text), "%zu", number);
	while ((lv = each_member(vg, name, &i)))
		if (strcmp(lv_tag(lv, "number"), text) == 0)
			return lv;
	return NULL;
}

const char *set_taken(const struct vg *vg, const char *name)
{
	const json_t *lv;
	size_t i = 0;
	while ((lv = each_member(vg, name, &i)))
		if (*lv_tag(lv, "taken"))
			return lv_tag(lv, "taken");
	return NULL;
}

int snapshot_find(const struct vg *vg, const char *id, const json_t **ret, struct error *err)
{
	const json_t *lv;
	char has[SNAPSHOT_ID_SIZE];
	size_t i = 0;
	while ((lv = vg_each(vg, SNAPSHOT, &i))) {
		snapshot_id(lv, has);
		if (strcmp(has, id) != 0 || !set_taken(vg, lv_tag(lv, "name")))
			continue;
		*ret = lv;
		return lv_check_owner(lv, vg->request, err);
	}
	return error_set(err, -ENOENT, "there is no snapshot '%s'", id);
}

static int64_t tag_number(const json_t *lv, const char *key)
{
	return lv_number(json_object_get(lv, "tags"), key);
}

int set_find(const struct vg *vg, const char *name, const json_t *volumes, struct error *err)
{
	const json_t *lv;
	size_t i = 0;
	int n = 0;
	for (; (lv = each_member(vg, name, &i)); n++) {
		if (lv_check_owner(lv, vg->request, NULL) < 0)
			return error_set(err, -EEXIST, "the name '%s' is taken by another job",
					 name);
		const char *text = json_string_value(
			json_array_get(volumes, (size_t)tag_number(lv, "number")));
		if (!text || strcmp(text, lv_tag(lv, "volume")) != 0 ||
		    tag_number(lv, "of") != (int64_t)json_array_size(volumes))
			return error_set(err, -EEXIST, "'%s' was prepared for other volumes", name);
	}
	return n;
}

/* ---- prepare ---- */

static int check_pool(const struct vg *vg, const char *name, struct error *err)
{
	const json_t *pool = vg_find(vg, name);
	const char *health = lv_text(pool, "lv_health_status");
	double data = strtod(lv_text(pool, "data_percent"), NULL);
	double metadata = strtod(lv_text(pool, "metadata_percent"), NULL);
	if (!pool)
		return error_set(err, -ESTALE, "there is no pool '%s'", name);
	if (*health)
		return error_set(err, strstr(health, "data") ? -ENOSPC : -EIO,
				 "pool '%s' is ill: %s", name, health);
	if (data > POOL_FULL || metadata > POOL_FULL)
		return error_set(
			err, -ENOSPC, "pool '%s' is full: %s %% of its data, %s %% of its metadata",
			name, lv_text(pool, "data_percent"), lv_text(pool, "metadata_percent"));
	return 0;
}

/* All that `commit` needs, but for the moment. */
static int check_volume(const struct vg *vg, const json_t *volumes, size_t i, struct error *err)
{
	struct thin device;
	const char *name = json_string_value(json_array_get(volumes, i));
	if (!name)
		return error_set(err, -EINVAL, "parameter 'volumes': one is not a text");
	for (size_t k = 0; k < i; k++)
		if (json_equal(json_array_get(volumes, k), json_array_get(volumes, i)))
			return error_set(err, -EINVAL, "parameter 'volumes': '%s' is there twice",
					 name);
	const json_t *lv = vg_find(vg, name);
	if (!lv || *lv_tag(lv, "kind"))
		return error_set(err, -ENOENT, "volume group '%s' has no LUN '%s'", vg->name, name);
	if (lv_number(lv, "thin_id") < 0 || !*lv_text(lv, "pool_lv"))
		return error_set(err, -EOPNOTSUPP, "volume '%s' is not thin", name);
	int rc = thin_of(lv, &device, err);
	if (rc == 0)
		rc = thin_check(&device, lv_number(lv, "thin_id"), lv_number(lv, "lv_size"), err);
	if (rc == 0)
		rc = check_pool(vg, lv_text(lv, "pool_lv"), err);
	return rc < 0 ? error_wrap(err, rc, "volume '%s'", name) : 0;
}

/* Inactive and empty: only LVM's metadata and the pool's know of it. */
static int make_member(const struct vg *vg, const char *name, const json_t *volumes, size_t i,
		       struct error *err)
{
	struct lv_new new;
	const json_t *lv = vg_find(vg, json_string_value(json_array_get(volumes, i)));
	lv_new_begin(&new, SNAPSHOT, name, i);
	lv_new_tag(&new, "number", "%zu", i);
	lv_new_tag(&new, "of", "%zu", json_array_size(volumes));
	lv_new_tag(&new, "volume", "%s", lv_text(lv, "lv_name"));
	lv_new_arg(&new, "-an");
	lv_new_arg(&new, "-Wn");
	lv_new_arg(&new, "-V");
	lv_new_arg(&new, "%lldb", (long long)lv_number(lv, "lv_size"));
	lv_new_arg(&new, "-T");
	lv_new_arg(&new, "%s/%s", vg->name, lv_text(lv, "pool_lv"));
	return lv_new_make(&new, vg, err);
}

int set_prepare(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *volumes;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_list(request, "volumes", &volumes, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	if (rc == 0)
		rc = set_find(&vg, name, volumes, err);
	bool done = rc == (int)json_array_size(volumes) || set_taken(&vg, name);
	for (size_t i = 0; rc >= 0 && !done && i < json_array_size(volumes); i++)
		rc = check_volume(&vg, volumes, i, err);
	for (size_t i = 0; rc >= 0 && !done && i < json_array_size(volumes); i++)
		if (!set_member(&vg, name, i))
			rc = make_member(&vg, name, volumes, i, err);
	if (rc < 0)
		return rc;
	*ret = json_object();
	return 0;
}

/* ---- abort, snap-delete ---- */

static int no_luns(const struct vg *vg, const json_t *snapshot, struct error *err)
{
	const json_t *lun;
	char id[SNAPSHOT_ID_SIZE];
	size_t i = 0;
	snapshot_id(snapshot, id);
	while ((lun = vg_each(vg, "lun", &i)))
		if (strcmp(lv_tag(lun, "snapshot"), id) == 0)
			return error_set(err, -ENOTEMPTY, "LUN '%s' shows it", lv_tag(lun, "name"));
	return 0;
}

int set_abort(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name;
	const json_t *lv;
	size_t i = 0;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *members = json_array();
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	while (rc == 0 && (lv = each_member(&vg, name, &i))) {
		rc = lv_check_owner(lv, request, err);
		if (rc == 0)
			rc = no_luns(&vg, lv, err);
		json_array_append(members, json_object_get(lv, "lv_name"));
	}
	if (rc == 0)
		rc = vg_remove(&vg, members, err);
	if (rc == 0)
		*ret = json_object();
	return rc;
}

int set_delete_snapshot(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *id;
	const json_t *lv = NULL;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *members = json_array();
	int rc = plug_text(request, "snapshot", &id, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	if (rc < 0)
		return rc;
	rc = snapshot_find(&vg, id, &lv, err);
	if (rc == 0)
		rc = no_luns(&vg, lv, err);
	if (rc == 0) {
		json_array_append(members, json_object_get(lv, "lv_name"));
		rc = vg_remove(&vg, members, err);
	}
	if (rc < 0 && !(rc == -ENOENT && !lv))
		return rc;
	*ret = json_object();
	return 0;
}
