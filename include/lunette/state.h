/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * state - what jobs leave on the proxy's disk from one run to the next, and their locks.
 *
 *   STATE/JOB/lock              held (flock) by the run that goes on; says its pid
 *   STATE/JOB/base.json         the snapshot that is kept for the next delta
 *   STATE/JOB/runs/RUN.journal  one a run; RUN begins with the time, so that names sort
 *   STATE/JOB/runs/RUN.log      the same as a story
 *   STATE/JOB/runs/RUN.unreadable  a journal that was set aside
 *   STATE/arrays/HASH/lock      held while somebody counts an array's snapshots
 *   STATE/arrays/HASH/NAME      a snapshot that is going to be made: see reservation.h
 *
 * A lock is gone with whoever held it. A journal without a last record "clean" belongs to a run
 * that goes on, or to one that died.
 */
#ifndef LUNETTE_STATE_H
#define LUNETTE_STATE_H

#include <jansson.h>
#include <stdbool.h>

#include "lunette/error.h"
#include "lunette/util.h"

#define STATE_DEFAULT "/var/lib/lunette"

/* @path: or NULL for $LUNETTE_STATE, or STATE_DEFAULT. @ret: what counts; borrowed. */
const char *state_path(const char *path);

/* Makes the folders of a job. */
int state_make(const char *state, const char *job, struct error *err);

/* Could it be made, or is it there? Nothing is changed. */
int state_check(const char *state, struct error *err);

/**
 * state_lock_job() - become the one run of a job, or who cleans up after its dead runs
 * @recovers: the latter
 * @ret_fd: to be closed when it is over
 *
 * A run waits for who cleans up after the runs before it.
 *
 * Return: 0; -EBUSY when there is another one, and @err says which; ...
 */
int state_lock_job(const char *state, const char *job, bool recovers, int *ret_fd,
		   struct error *err);

/* The pid of the run that goes on; 0 when there is none. */
int state_job_runner(const char *state, const char *job);

/**
 * state_tell_once() - should the run be told to end? A second signal would end it on the spot
 * @runner: of state_job_runner()
 *
 * Return: true for who asks first, and notes it; false when somebody has told it already.
 */
bool state_tell_once(const char *state, const char *job, pid_t runner);

/* Are there runs of it, or what they left? */
bool state_has_job(const char *state, const char *job);

/* Forgets a job, whose lock the caller holds: all its files. */
int state_remove_job(const char *state, const char *job, struct error *err);

/* Names, sorted: of jobs, and of the runs of one. @ret: an array of texts, a new reference. */
int state_jobs(const char *state, json_t **ret, struct error *err);
int state_runs(const char *state, const char *job, json_t **ret, struct error *err);

/* STATE/JOB/runs/RUN.SUFFIX, to be freed with free(). NULL: no memory. */
char *state_run_file(const char *state, const char *job, const char *run, const char *suffix);

/* A journal that cannot be read becomes RUN.unreadable, and its run is none any more. */
int state_set_aside(const char *state, const char *job, const char *run, struct error *err);

/* Removes files of old runs that left nothing behind, so that @keep remain. */
int state_trim(const char *state, const char *job, size_t keep, struct error *err);

/* @ret: a new reference, or NULL when no base is kept. */
int state_base_read(const char *state, const char *job, json_t **ret, struct error *err);
/* @base: may be NULL: none is kept any more. On stable storage when it returns. */
int state_base_write(const char *state, const char *job, const json_t *base, struct error *err);

/* Writes a file so that readers see the old or the new one, never half of it. */
int state_replace_file(const char *path, const char *text, int mode, struct error *err);

#endif
