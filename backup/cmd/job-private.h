/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-private - the parts of `lunette job` that are in files of their own. */
#ifndef JOB_PRIVATE_H
#define JOB_PRIVATE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "lunette/error.h"

/* Where jobs are looked for by name: $LUNETTE_JOBS, or this. */
#define JOB_FOLDER "/etc/lunette/jobs"
const char *job_folder(void);

/* The file that @word names: itself, or the one of a job of that name. -ENOENT: neither is there.
 */
int job_file(const char *word, char ret[PATH_MAX], struct error *err);

/* The name of the job that @word means: one that has run, or that of a job file. @ret: to be freed
 * with free(). */
int job_name(const char *state, const char *word, char **ret, struct error *err);

/* For settings_read(). */
void job_tell_mistake(void *ctx, const char *mistake);

/* @job: or NULL for all. Return: a STATUS_..., or a negative errno. */
int job_status(const char *state, const char *job, bool json, struct error *err);

/* Has the run that was process @runner, and has ended, left something to be cleaned up after? */
bool job_left_something(const char *state, const char *job, pid_t runner);

/* What a job keeps on its storage for the next delta, for people and scripts; @base of its state,
 * to be decref'd. NULL when there is none. */
json_t *job_kept(const char *job, const json_t *base);

/* The same on standard output. */
void job_print_kept(const json_t *kept);

#endif
