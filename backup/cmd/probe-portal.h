/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe-portal - `lunette probe iscsi://HOST`: targets and LUNs, for people and as a document. */
#ifndef PROBE_PORTAL_H
#define PROBE_PORTAL_H

#include "cmd.h"

/* Return: a STATUS_... or a negative errno. */
int probe_portal(struct cmd_sources *sources, const char *spec, bool json, struct error *err);

#endif
