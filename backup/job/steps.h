/* SPDX-License-Identifier: GPL-3.0-or-later */
/* steps - the table of what a job does, and the walk down and up again. */
#ifndef STEPS_H
#define STEPS_H

#include "lunette/job.h"
#include "run.h"

/**
 * enum step_flags - what is special about a step
 * @STEP_SWEPT: what its undo may have left is found, and removed, when `storage` is undone
 * @STEP_STORAGE: only while the snapshot is the storage's
 * @STEP_SOFTWARE: only once it is the server's own
 * @STEP_FAILS_OVER: when it fails, the storage has failed
 */
enum step_flags {
	STEP_SWEPT = 1,
	STEP_STORAGE = 2,
	STEP_SOFTWARE = 4,
	STEP_FAILS_OVER = 8,
};

/**
 * struct step - one line of the table
 * @name: as the journal has it
 * @doing: what it waits for, for people
 * @limit: where in struct settings the limit of each of its calls is, which status tells; 0: as
 *         long as it takes
 * @flags: see enum step_flags
 * @undo: NULL when there is nothing to undo; also called when @go failed half-way, and may be
 *        called again by whoever recovers
 */
struct step {
	const char *name;
	const char *doing;
	size_t limit;
	unsigned int flags;
	int (*go)(struct run *run, struct error *err);
	int (*undo)(struct run *run, struct error *err);
};

extern const struct step steps_table[];
extern const size_t steps_n;

/**
 * steps_walk() - down the table as far as it goes, and up again
 *
 * When the storage fails and the job wants to fail over, all that was made on the storage is undone
 * first, and the way down goes on with the server's own snapshot.
 *
 * Return: 0; what stopped it on the way down. What could not be undone is in @ret_undone: the last
 * of these errors; its code is 0 when all is undone in the end.
 */
int steps_walk(struct run *run, const struct steps_stop *stop, struct error *ret_undone,
	       struct error *err);

#endif
