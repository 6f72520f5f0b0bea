/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun - a snapshot of a snapshot, which can be written to, shown as a LUN.
 *
 * LIO makes its identity of a serial number, which is in a tag: it is the same however often it is
 * mapped.
 */
#include <errno.h>

#include "lunette/json.h"
#include "lvm-thin.h"

static const json_t *find_lun(const struct vg *vg, const char *name)
{
	const json_t *lv;
	size_t i = 0;
	while ((lv = vg_each(vg, "lun", &i)))
		if (strcmp(lv_tag(lv, "name"), name) == 0)
			return lv;
	return NULL;
}

static int make_lun(const struct vg *vg, const char *name, const char *id, char *ret_serial,
		    json_int_t *ret_size, struct error *err)
{
	struct lv_new new;
	const json_t *snapshot;
	int rc = snapshot_find(vg, id, &snapshot, err);
	if (rc == 0)
		rc = lio_new_serial(ret_serial, err);
	if (rc < 0)
		return rc;
	lv_new_begin(&new, "lun", name, 0);
	lv_new_tag(&new, "snapshot", "%s", id);
	lv_new_tag(&new, "serial", "%s", ret_serial);
	lv_new_arg(&new, "-ay");
	lv_new_arg(&new, "-K");
	lv_new_arg(&new, "-s");
	lv_new_arg(&new, "%s/%s", vg->name, lv_text(snapshot, "lv_name"));
	*ret_size = lv_number(snapshot, "lv_size");
	return lv_new_make(&new, vg, err);
}

int lun_create(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *name, *id;
	char serial[LIO_SERIAL_SIZE], identity[LIO_IDENTITY_SIZE];
	json_int_t size;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	int rc = plug_name(request, "name", &name, err);
	if (rc == 0)
		rc = plug_text(request, "snapshot", &id, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	if (rc < 0)
		return rc;
	const json_t *lun = find_lun(&vg, name);
	if (lun && lv_check_owner(lun, request, NULL) < 0)
		return error_set(err, -EEXIST, "the name '%s' is taken by another job", name);
	if (lun && strcmp(lv_tag(lun, "snapshot"), id) != 0)
		return error_set(err, -EEXIST, "LUN '%s' shows another snapshot, '%s'", name,
				 lv_tag(lun, "snapshot"));
	if (lun) {
		snprintf(serial, sizeof(serial), "%s", lv_tag(lun, "serial"));
		size = lv_number(lun, "lv_size");
	} else {
		rc = make_lun(&vg, name, id, serial, &size, err);
	}
	if (rc < 0)
		return rc;
	lio_identity(serial, identity);
	*ret = json_pack("{s:s, s:I, s:s}", "lun", name, "size", size, "identity", identity);
	return 0;
}

/* What map, unmap and lun-delete begin with. -ENOENT when there is no such LUN. */
static int open_lun(const struct plug_request *request, struct vg *vg, const json_t **ret,
		    struct error *err)
{
	const char *name;
	int rc = plug_text(request, "lun", &name, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, vg, err);
	if (rc < 0)
		return rc;
	*ret = find_lun(vg, name);
	if (!*ret)
		return error_set(err, -ENOENT, "there is no LUN '%s'", name);
	return lv_check_owner(*ret, request, err);
}

/* After the machine was started anew, it is not: LVM is told to leave such volumes alone. */
static int activate(const struct vg *vg, const json_t *lun, struct error *err)
{
	static const char *const options[] = { "lvchange", "-ay", "-K", NULL };
	CLEANUP(json_decref_cleanup) json_t *lvs = json_array();
	json_array_append(lvs, json_object_get(lun, "lv_name"));
	return lv_number(lun, "lv_kernel_major") >= 0 ? 0 : vg_change(vg, options, lvs, err);
}

int lun_map(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *initiator, *portals;
	const json_t *lun = NULL;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = plug_config(request, "portal", NULL, &portals, err);
	if (rc == 0)
		rc = open_lun(request, &vg, &lun, err);
	if (rc == 0)
		rc = activate(&vg, lun, err);
	if (rc == 0)
		rc = lio_map(lv_tag(lun, "serial"), lv_text(lun, "lv_path"), portals, initiator,
			     ret, err);
	return rc;
}

int lun_unmap(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *initiator;
	const json_t *lun = NULL;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	int rc = plug_initiator(request, &initiator, err);
	if (rc == 0)
		rc = open_lun(request, &vg, &lun, err);
	if (rc == 0)
		rc = lio_unmap(lv_tag(lun, "serial"), initiator, err);
	if (rc < 0 && !(rc == -ENOENT && !lun))
		return rc;
	*ret = json_object();
	return 0;
}

int lun_delete(const struct plug_request *request, json_t **ret, struct error *err)
{
	const json_t *lun = NULL;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *lvs = json_array();
	int rc = open_lun(request, &vg, &lun, err);
	if (rc == 0)
		rc = lio_withdraw(lv_tag(lun, "serial"), err);
	if (rc == 0) {
		json_array_append(lvs, json_object_get(lun, "lv_name"));
		rc = vg_remove(&vg, lvs, err);
	}
	if (rc < 0 && !(rc == -ENOENT && !lun))
		return rc;
	*ret = json_object();
	return 0;
}
