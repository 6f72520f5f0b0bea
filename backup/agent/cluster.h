/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster - whether this machine is a member of a failover cluster. */
#ifndef AGENT_CLUSTER_H
#define AGENT_CLUSTER_H

#include "mounts.h"

/**
 * cluster_kind() - what makes this machine a member
 * @top: what is put before /etc and /var: "", or a made-up tree
 *
 * A machine that is set up for a cluster counts as a member also while the cluster is not running:
 * to be wrong in this direction costs nothing but a shorter limit.
 *
 * Return: "pacemaker", "corosync", "ocfs2", "gfs2" or "".
 */
const char *cluster_kind(const char *top, const struct mounts *mounts);

#endif
