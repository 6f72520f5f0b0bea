/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-private - the parts of `lunette job` that are in files of their own. */
#ifndef JOB_PRIVATE_H
#define JOB_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>

#include "lunette/error.h"

/* @job: or NULL for all. Return: a STATUS_..., or a negative errno. */
int job_status(const char *state, const char *job, bool json, struct error *err);

/* What a job keeps on its storage for the next delta, for people and scripts; @base of its state,
 * to be decref'd. NULL when there is none. */
json_t *job_kept(const char *job, const json_t *base);

/* The same on standard output. */
void job_print_kept(const json_t *kept);

#endif
