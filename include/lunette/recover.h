/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover - finishes what dead runs left. */
#ifndef LUNETTE_RECOVER_H
#define LUNETTE_RECOVER_H

#include <jansson.h>
#include <stdatomic.h>

#include "lunette/error.h"
#include "lunette/story.h"

/**
 * struct recover - whose runs, and what became of them
 * @own_job, @own_run: whose lock the caller holds himself, and the run that is not dead; may be
 * NULL
 * @only: this job only; NULL: all
 * @dry_run: only tell what would be done
 * @runs: dead runs that were found
 * @unfinished: of them, those that are still not finished: the next one tries again
 * @aside: of them, those whose journals could not be read, and were set aside: what they left on
 * the storage is found by the next run of their job
 * @left: objects that are left on storage
 * @kept: of recover_remove(): the base that the job kept, or NULL; to be decref'd
 */
struct recover {
	const char *state;
	struct story *story;
	const atomic_bool *stop;
	const char *own_job;
	const char *own_run;
	const char *only;
	bool dry_run;
	size_t runs;
	size_t unfinished;
	size_t aside;
	size_t left;
	json_t *kept;
};

/**
 * recover_run() - look for journals of runs that are dead and not finished, and finish them
 *
 * Return: 0, also when something could not be finished: see @unfinished; -EINTR; what keeps it from
 * looking at all.
 */
int recover_run(struct recover *recover, struct error *err);

/**
 * recover_remove() - give back all that the job @only left and keeps on its storage, and forget it
 *
 * Return: 0; -ENOENT when there is no such job; -EBUSY when it runs, or when not all could be
 * removed, and then it is not forgotten; ...
 */
int recover_remove(struct recover *recover, struct error *err);

#endif
