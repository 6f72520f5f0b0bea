/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster - see cluster.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster.h"

/* What a member has, the one that takes decisions first. */
static const struct {
	const char *kind;
	const char *path;
} facts[] = {
	{ "pacemaker", "/var/lib/pacemaker/cib/cib.xml" },
	{ "corosync", "/etc/corosync/corosync.conf" },
	{ "ocfs2", "/etc/ocfs2/cluster.conf" },
};

const char *cluster_kind(const char *top, const struct mounts *mounts)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s%s", top, facts[i].path);
		if (access(path, F_OK) == 0)
			return facts[i].kind;
	}
	for (size_t i = 0; i < mounts->n; i++)
		if (strcmp(mounts->list[i].type, "gfs2") == 0 ||
		    strcmp(mounts->list[i].type, "ocfs2") == 0)
			return mounts->list[i].type[0] == 'g' ? "gfs2" : "ocfs2";
	return "";
}
