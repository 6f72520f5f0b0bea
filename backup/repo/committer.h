/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * committer - brings objects to stable storage while the giver goes on, several at once.
 *
 * Jobs begin in the order in which they are given. One that relies on those before it, as an index
 * does on its packs, begins when all of them have ended well, and not before.
 *
 * The first error ends it: what has not begun is dropped, and every call says that error.
 */
#ifndef REPO_COMMITTER_H
#define REPO_COMMITTER_H

#include "lunette/error.h"
#include "lunette/util.h"

struct committer;

/**
 * struct committer_job - one thing to do; the head of the giver's own struct
 * @after_all: it begins when all jobs that were given before it have ended
 * @run: do it, in a thread of the committer
 * @free: free the job; @run may not have been called
 */
struct committer_job {
	bool after_all;
	int (*run)(struct committer_job *job, struct error *err);
	void (*free)(struct committer_job *job);
};

/* No more jobs than this run at once. */
#define COMMITTER_MAX 16u

/**
 * committer_new()
 * @at_once: so many jobs may run at once; at least 1
 */
int committer_new(unsigned int at_once, struct committer **ret, struct error *err);

/* Drops the jobs that have not begun, waits for those that have. @committer may be NULL. */
void committer_free(struct committer *committer);
DEFINE_CLEANUP(struct committer *, committer_free)

/**
 * committer_give() - have a job done; waits while too many are waiting already
 * @job: taken over, also on failure
 *
 * Return: 0; the error of an earlier job.
 */
int committer_give(struct committer *committer, struct committer_job *job, struct error *err);

/**
 * committer_times() - nanoseconds that have gone by
 * @ret_busy: in jobs that have ended
 * @ret_waited: in committer_give() and committer_drain()
 */
void committer_times(struct committer *committer, uint64_t *ret_busy, uint64_t *ret_waited);

/* Waits until all jobs are done. Return: 0; the error of one of them. */
int committer_drain(struct committer *committer, struct error *err);

#endif
