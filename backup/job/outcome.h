/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outcome - what became of a run, for people and machines: a JSON document for the notification,
 * a file for Prometheus. */
#ifndef JOB_OUTCOME_H
#define JOB_OUTCOME_H

#include <jansson.h>

#include "run.h"

/**
 * outcome_json() - the document
 * @why: what failed; NULL: there is a restore point
 * @undone: what could not be cleaned up; NULL: all is clean
 * @seconds: that the run took
 */
json_t *outcome_json(const struct run *run, const struct error *why, const struct error *undone,
		     double seconds);

/**
 * outcome_run_command() - run a program with a document on its standard input
 * @what: of it, for messages
 *
 * Return: 0 when it ended with status 0 within its time; -EREMOTEIO.
 */
int outcome_run_command(struct story *story, const char *what, const char *path,
			const json_t *document, struct error *err);

/**
 * outcome_metrics() - write the Prometheus text file of a job
 *
 * What a failed run does not know (last success, bytes, the repository) is taken over from the file
 * that is there.
 */
int outcome_metrics(const struct run *run, const json_t *outcome, struct error *err);

#endif
