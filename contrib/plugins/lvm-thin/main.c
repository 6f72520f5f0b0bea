/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunette-lvm-thin - the plug-in for LUNs that are thin volumes of LVM, shown by LIO. */
#include "lvm-thin.h"

static int capabilities(const struct plug_request *request, json_t **ret, struct error *err)
{
	(void)request;
	(void)err;
	*ret = json_pack("{s:b, s:b, s:b, s:b, s:b, s:i}", "group", true, "delta", true,
			 "allocated", true, "chap", true, "initiators", true,
			 "snapshots_per_volume", 0);
	return 0;
}

static const struct plug_verb verbs[] = {
	{ "capabilities", capabilities },
	{ "probe", volume_probe },
	{ "resolve", volume_resolve },
	{ "prepare", set_prepare },
	{ "commit", commit_set },
	{ "abort", set_abort },
	{ "lun-create", lun_create },
	{ "map", lun_map },
	{ "unmap", lun_unmap },
	{ "lun-delete", lun_delete },
	{ "snap-delete", set_delete_snapshot },
	{ "list", list_objects },
	{ "allocated", delta_allocated },
	{ "delta", delta_between },
	{ NULL, NULL },
};

static const struct plug_setting settings[] = {
	{ "volume-group", true, false, "the volume group with the LUNs' thin volumes" },
	{ "portal", true, false,
	  "ADDRESS:PORT, several with commas, under which LIO is to show the LUNs" },
	{ NULL, false, false, NULL },
};

int main(int argc, char **argv)
{
	static const struct plug plug = {
		.name = "lunette-lvm-thin",
		.description = "LUNs that are thin volumes of LVM, shown by LIO on this machine",
		.verbs = verbs,
		.settings = settings,
	};
	return plug_main(&plug, argc, argv);
}
