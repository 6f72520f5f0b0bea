/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * volume - the original LUNs.
 *
 * Its one idea: a volume is found by the number of the block device that LIO has open, not by a
 * path that somebody wrote down.
 */
#include <errno.h>

#include "lunette/json.h"
#include "lvm-thin.h"

static int resolve_one(const struct vg *vg, const json_t *wanted, json_t *volumes,
		       struct error *err)
{
	const char *identity = json_string_value(json_object_get(wanted, "identity"));
	struct thin device;
	if (!identity)
		return error_set(err, -EINVAL, "parameter 'luns': one has no identity");
	int rc = lio_find(identity, &device, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < json_array_size(vg->volumes); i++) {
		const json_t *lv = json_array_get(vg->volumes, i);
		if (lv_number(lv, "lv_kernel_major") != device.major ||
		    lv_number(lv, "lv_kernel_minor") != device.minor ||
		    lv_number(lv, "thin_id") < 0)
			continue;
		json_array_append_new(volumes, json_pack("{s:s, s:s, s:I}", "identity", identity,
							 "volume", lv_text(lv, "lv_name"), "size",
							 (json_int_t)lv_number(lv, "lv_size")));
		return 0;
	}
	return error_set(err, -ENOENT,
			 "the LUN '%s' is block device %u:%u, which is no thin volume of '%s'",
			 identity, device.major, device.minor, vg->name);
}

int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err)
{
	const json_t *luns;
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *volumes = json_array();
	int rc = plug_list(request, "luns", &luns, err);
	if (rc == 0)
		rc = vg_open(request, VG_READ, &vg, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(luns); i++)
		rc = resolve_one(&vg, json_array_get(luns, i), volumes, err);
	if (rc == 0)
		*ret = json_pack("{s:O}", "volumes", volumes);
	return rc;
}

/* Everything that a verb will need: LVM, LIO, and the tool that reads a pool's metadata. */
int volume_probe(const struct plug_request *request, json_t **ret, struct error *err)
{
	static const char *const tool[] = { "thin_delta", "--version", NULL };
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	const char *portal;
	int rc = plug_config(request, "portal", NULL, &portal, err);
	if (rc == 0)
		rc = vg_open(request, VG_CHANGE, &vg, err);
	if (rc == 0)
		rc = lio_probe(err);
	if (rc == 0)
		rc = run_program(RUN_READS, tool, -1, request->deadline, NULL, err);
	if (rc == 0)
		*ret = json_pack("{s:s, s:s, s:s}", "vendor", "LIO", "product",
				 "thin volumes of LVM", "id", vg.name);
	return rc;
}
