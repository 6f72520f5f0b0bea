/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job - one run from its beginning to its end: recover, hooks, the steps, the outcome. */
#ifndef LUNETTE_JOB_H
#define LUNETTE_JOB_H

#include <jansson.h>
#include <stdatomic.h>

#include "lunette/settings.h"

/**
 * struct steps_stop - where a run is to be killed, for who tries out what becomes of it then
 * @step: name, or NULL: nowhere
 * @after: once the step is done; else once it has been announced, and before it is done
 */
struct steps_stop {
	const char *step;
	bool after;
};

/* Return: 0; -EINVAL when @text is not STEP:before or STEP:after. @text must stay. */
int steps_parse_stop(const char *text, struct steps_stop *ret, struct error *err);

/* What a step of that name does, in words for people; the name itself when there is no such step.
 */
const char *steps_doing(const char *name);

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
