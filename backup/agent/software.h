/* SPDX-License-Identifier: GPL-3.0-or-later */
/* software - the failover: snapshots by the server's own means, where the storage has failed. */
#ifndef AGENT_SOFTWARE_H
#define AGENT_SOFTWARE_H

#include "session.h"

/**
 * software_snapshot() - hooks, a snapshot of each volume, hooks
 * @ret: the result of the verb
 *
 * Asked again, it gives the same answer. All or nothing: on failure none of its snapshots is left.
 *
 * Return: 0; -ENOTSUP and why for a volume of which no snapshot can be taken; -ENOSPC; ...
 */
int software_snapshot(struct session *session, struct channel *ch, json_t **ret, struct error *err);

#endif
