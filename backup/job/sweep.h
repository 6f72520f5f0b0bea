/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sweep - removes from the storage all that carries the owner of a job and should not be there. */
#ifndef JOB_SWEEP_H
#define JOB_SWEEP_H

#include <jansson.h>

#include "plugin.h"
#include "lunette/story.h"

/**
 * struct sweep - what is to be swept
 * @base: what is kept for the next delta, as in base.json; NULL: nothing
 * @dry_run: only tell
 * @limit_ms: of each call
 */
struct sweep {
	struct plugin *plugin;
	struct story *story;
	const json_t *base;
	bool dry_run;
	unsigned int limit_ms;
};

/**
 * sweep_run() - ask the storage what there is, and remove it: mappings, LUNs, snapshots, the rest
 * @ret_left: how many are left; with @dry_run, how many there are. Set on failure too, as far as
 *            it is known
 *
 * Return: 0 also when something is left: @err says then why, with a code of 0 for "not why"; what
 * the plug-in said when it could not be asked.
 */
int sweep_run(const struct sweep *sweep, size_t *ret_left, struct error *err);

#endif
