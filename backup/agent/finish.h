/* SPDX-License-Identifier: GPL-3.0-or-later */
/* finish - looks at the snapshot LUNs from the server whose disks they show. */
#ifndef AGENT_FINISH_H
#define AGENT_FINISH_H

#include "agent.h"

/**
 * finish_luns() - connect to each, and compare it with the disk that it must show
 * @params: of the verb
 * @ret: its result
 *
 * Return: 0, also when a LUN is not what it should be: the result says so; -EINVAL.
 */
int finish_luns(const struct agent *agent, const json_t *params, json_t **ret, struct error *err);

#endif
