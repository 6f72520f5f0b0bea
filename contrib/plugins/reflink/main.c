/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunette-reflink - the plug-in for LUNs that are files on XFS or Btrfs, served by tgtd. */
#include "reflink.h"

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
	{ "prepare", snapshot_prepare },
	{ "commit", snapshot_commit },
	{ "abort", snapshot_abort },
	{ "lun-create", lun_create },
	{ "map", lun_map },
	{ "unmap", lun_unmap },
	{ "lun-delete", lun_delete },
	{ "snap-delete", snapshot_delete },
	{ "list", list_objects },
	{ "allocated", extents_allocated },
	{ "delta", extents_delta },
	{ NULL, NULL },
};

static const struct plug_setting settings[] = {
	{ "directory", true, false,
	  "where the snapshots go: an absolute path on the file system of the LUNs' files" },
	TGT_SETTINGS,
	{ NULL, false, false, NULL },
};

int main(int argc, char **argv)
{
	static const struct plug plug = {
		.name = "lunette-reflink",
		.description = "LUNs that are files on XFS or Btrfs, served by tgtd",
		.verbs = verbs,
		.settings = settings,
	};
	return plug_main(&plug, argc, argv);
}
