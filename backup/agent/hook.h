/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hook - runs a program of the administrator's, for a limited time. */
#ifndef AGENT_HOOK_H
#define AGENT_HOOK_H

#include "channel.h"

/**
 * struct hook - what to run, and how
 * @path: absolute; run without arguments, with an environment of PATH, LANG and what follows
 * @phase: LUNETTE_PHASE: "pre-freeze" or "post-thaw"
 * @session: LUNETTE_SESSION
 * @limit_ms: after this long it is killed, with its process group
 * @stop: when it becomes true, or the job is gone, the same; NULL: it runs to its end
 */
struct hook {
	const char *path;
	const char *phase;
	const char *session;
	int limit_ms;
	const bool *stop;
};

/**
 * hook_check() - can it be run?
 *
 * Return: 0; -ENOENT; -EINVAL for what is no program, or not only the administrator's.
 */
int hook_check(const char *path, struct error *err);

/**
 * hook_run() - run it to its end; requests come in meanwhile
 * @ch: what it writes becomes lines of the log
 *
 * Return: 0 when it ended with status 0; -ETIMEDOUT; -ECANCELED; -ECHILD when it failed.
 */
int hook_run(const struct hook *hook, struct channel *ch, struct error *err);

#endif
