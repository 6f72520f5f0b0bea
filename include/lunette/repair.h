/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repair - saves what can be saved of a damaged repository, from what a check has found.
 *
 * Nothing is mended in place, since objects never change. What is well is written anew, and only
 * when that is on stable storage is a damaged object removed. A pack that is gone is the mark of
 * what is lost: no writer takes its chunks for known, so that the next backup that meets them
 * stores them again, and restore points that refer to them are whole again.
 */
#ifndef LUNETTE_REPAIR_H
#define LUNETTE_REPAIR_H

#include "lunette/check.h"

/**
 * struct repair_keys - objects of one kind, sorted
 */
struct repair_keys {
	size_t n;
	char (*keys)[80];
};

/**
 * struct repair_plan - what is to be done
 * @indexes: that are damaged: to be removed, after what they knew is in others
 * @packs: that are damaged: to be removed, after what is well in them is in others
 * @points: that are damaged: nothing can be done for them but to remove them
 * @notes: leases and marks that are damaged, and so hold nobody back: to be removed
 * @reindex: packs are looked for that hold what no index knows
 * @others: problems that are none of these: what hurts, and what was not understood
 */
struct repair_plan {
	struct repair_keys indexes;
	struct repair_keys packs;
	struct repair_keys points;
	struct repair_keys notes;
	bool reindex;
	uint64_t others;
};

/**
 * repair_plan_make() - what can be done about what a check has found
 * @found: not needed afterwards
 * @ret: to be freed with repair_plan_free(), also on failure
 */
int repair_plan_make(const struct check_result *found, struct repair_plan *ret, struct error *err);
void repair_plan_free(struct repair_plan *plan); /* fits CLEANUP() */

/**
 * struct repair_options
 * @drop_points: also remove damaged restore points
 * @stop: when it becomes true the repair ends with -EINTR: the next one goes on
 */
struct repair_options {
	bool drop_points;
	const atomic_bool *stop;
};

/**
 * struct repair_result - what was done
 * @saved: chunks that were written to new packs
 * @lost: chunks of damaged packs that could not be read, and lie nowhere else
 * @indexed: chunks that are in an index again
 * @removed: damaged objects
 */
struct repair_result {
	uint64_t saved;
	uint64_t lost;
	uint64_t indexed;
	uint64_t removed;
};

/**
 * repair_run() - do it
 * @repo: is to be opened anew afterwards
 *
 * Return: 0; -EINTR when it was stopped; -EIO when a damaged pack cannot be read to its end: it is
 * left where it is; what the store said.
 */
int repair_run(struct repo *repo, const struct repair_plan *plan, const struct repair_options *opts,
	       struct repair_result *ret, struct error *err);

#endif
