/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job - one run from its beginning to its end: recover, hooks, the steps, the outcome. */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "settings.h"
#include "steps.h"

/**
 * struct job_request - a run that is wanted
 * @echo: tell the story on standard error too
 * @kill: where it is to be killed; for trying out one's set-up
 */
struct job_request {
	const struct settings *settings;
	const char *state;
	const atomic_bool *stop;
	unsigned int threads;
	bool echo;
	struct steps_stop kill;
};

/**
 * job_run() - do it
 * @ret: the outcome document, a new reference; set once the run has begun, also when it failed
 * @ret_warnings: all was done, but somebody should look
 *
 * Return: 0 when there is a restore point; what failed.
 */
int job_run(const struct job_request *request, json_t **ret, bool *ret_warnings, struct error *err);

/**
 * job_check() - ask agent, plug-in and repository whether they answer
 * @say: called with a sentence for each that does
 *
 * Return: 0; -EINVAL... of the first that does not; the others are asked all the same, and @say is
 * told.
 */
int job_check(const struct job_request *request, void (*say)(void *ctx, bool ok, const char *what),
	      void *ctx, struct error *err);

#endif
