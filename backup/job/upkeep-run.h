/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep-run - what a job does for its repository behind a run that made a restore point. */
#ifndef JOB_UPKEEP_RUN_H
#define JOB_UPKEEP_RUN_H

#include "run.h"

/* Does the job file say that anything is to be done, ever? */
bool upkeep_is_wanted(const struct settings *settings);

/**
 * upkeep_run() - prune and check the repository, as far as it is due
 *
 * Nothing in here makes the run fail: there is a restore point. What somebody else is doing just
 * now is left to him, and is no reason for a warning.
 */
void upkeep_run(struct run *run);

#endif
