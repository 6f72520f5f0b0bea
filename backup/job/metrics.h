/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics - a file for the text file collector of Prometheus' node exporter: metrics in memory,
 * then the file at once.
 */
#ifndef JOB_METRICS_H
#define JOB_METRICS_H

#include <stdio.h>

#include "lunette/error.h"

#define METRICS_LABELS_MAX 2

/* Borrowed; @value may be anything that people call a folder. */
struct metrics_label {
	const char *name, *value;
};

/**
 * struct metrics - those of one file
 * @labels: that all that are added from now on have; set by the caller
 */
struct metrics {
	FILE *out;
	char *text;
	size_t size;
	size_t n_labels;
	struct metrics_label labels[METRICS_LABELS_MAX];
};

int metrics_open(struct metrics *metrics, struct error *err);
void metrics_close(struct metrics *metrics); /* fits CLEANUP() */

/* @type: "gauge" or "counter"; @help: one sentence, the same wherever @name is used. */
void metrics_add(struct metrics *metrics, const char *name, const char *type, const char *help,
		 double value);

/* Adds all lines of the file @path, if there is one, that are about metrics of that @prefix. */
void metrics_take_over(struct metrics *metrics, const char *path, const char *prefix);

/* Puts the file there. Readers see the old or the new one, never half of it. */
int metrics_write(struct metrics *metrics, const char *path, struct error *err);

#endif
