/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-command - the parts of `lunette job` that are in files of their own. */
#ifndef JOB_COMMAND_H
#define JOB_COMMAND_H

#include <stdbool.h>

#include "lunette/error.h"

/* @job: or NULL for all. Return: a STATUS_..., or a negative errno. */
int job_command_status(const char *state, const char *job, bool json, struct error *err);

#endif
