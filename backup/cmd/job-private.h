/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-private - the parts of `lunette job` that are in files of their own. */
#ifndef JOB_PRIVATE_H
#define JOB_PRIVATE_H

#include <stdbool.h>

#include "lunette/error.h"

/* @job: or NULL for all. Return: a STATUS_..., or a negative errno. */
int job_status(const char *state, const char *job, bool json, struct error *err);

#endif
