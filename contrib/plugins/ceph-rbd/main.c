/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunette-ceph-rbd - the plug-in for RBD images of a Ceph cluster, shown by tgtd. */
#include "ceph.h"

static int capabilities(const struct plug_request *request, json_t **ret, struct error *err)
{
	(void)err;
	*ret = json_pack("{s:b, s:b, s:b, s:b, s:b, s:i}", "group", snapshot_several(request),
			 "delta", true, "allocated", true, "chap", true, "initiators", true,
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
	{ "allocated", diff_allocated },
	{ "delta", diff_delta },
	{ NULL, NULL },
};

static const struct plug_setting settings[] = {
	{ "pool", true, false, "the pool with the images" },
	{ "conf", false, false, "the cluster's configuration; /etc/ceph/ceph.conf unless given" },
	{ "client", false, false, "the Ceph user without 'client.'; admin unless given" },
	{ "volumes", false, false,
	  "IDENTITY=IMAGE, several with commas: LUNs that tgtd does not show itself" },
	{ "several", false, false,
	  "one-after-another: take sets of several images so, because the server is frozen" },
	TGT_SETTINGS,
	{ NULL, false, false, NULL },
};

int main(int argc, char **argv)
{
	static const struct plug plug = {
		.name = "lunette-ceph-rbd",
		.description = "RBD images of a Ceph cluster, shown by tgtd",
		.verbs = verbs,
		.settings = settings,
	};
	return plug_main(&plug, argc, argv);
}
