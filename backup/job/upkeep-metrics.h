/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep-metrics - what a note says, for Prometheus: among the metrics of a job. */
#ifndef JOB_UPKEEP_METRICS_H
#define JOB_UPKEEP_METRICS_H

#include <jansson.h>

#include "metrics.h"

/* All of them begin so. */
#define UPKEEP_METRICS_PREFIX "lunette_repository_"

/* Those of each task that the note knows of. */
void upkeep_add_metrics(struct metrics *metrics, const json_t *note);

#endif
