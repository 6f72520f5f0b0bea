/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upkeep-metrics - what a note says, for Prometheus. */
#include <string.h>

#include "lunette/moment.h"
#include "lunette/shape.h"
#include "lunette/upkeep.h"
#include "lunette/util.h"
#include "upkeep-metrics.h"

/* How a value is found in a task's document. */
enum value {
	TIME,    /* seconds since 1970; 0: never */
	SECONDS, /* a duration */
	SIZE,    /* a number, of the object @in when there is one */
	IS_OK,   /* 1 or 0 */
};

#define NAME(rest) UPKEEP_METRICS_PREFIX rest

static const struct {
	const char *name, *help;
	enum upkeep_task task;
	enum value value;
	const char *in, *key;
} table[] = {
	{ NAME("prune_last_run_timestamp_seconds"), "When a prune of the repository ended last.",
	  UPKEEP_PRUNE, TIME, NULL, "time" },
	{ NAME("prune_last_success_timestamp_seconds"), "When a prune last ended well.",
	  UPKEEP_PRUNE, TIME, NULL, "success" },
	{ NAME("prune_success"), "Whether the last prune ended well.", UPKEEP_PRUNE, IS_OK, NULL,
	  NULL },
	{ NAME("prune_duration_seconds"), "How long the last prune took.", UPKEEP_PRUNE, SECONDS,
	  NULL, "seconds" },
	{ NAME("prune_removed_bytes"), "Bytes that the last prune removed.", UPKEEP_PRUNE, SIZE,
	  "removed", "bytes" },
	{ NAME("check_last_run_timestamp_seconds"), "When a check of the repository ended last.",
	  UPKEEP_CHECK, TIME, NULL, "time" },
	{ NAME("check_last_success_timestamp_seconds"), "When a check last found no damage.",
	  UPKEEP_CHECK, TIME, NULL, "success" },
	{ NAME("check_success"), "Whether the last check found no damage.", UPKEEP_CHECK, IS_OK,
	  NULL, NULL },
	{ NAME("check_duration_seconds"), "How long the last check took.", UPKEEP_CHECK, SECONDS,
	  NULL, "seconds" },
	{ NAME("check_problems"), "Problems that the last check found.", UPKEEP_CHECK, SIZE, NULL,
	  "problems" },
	{ NAME("check_hurt_points"), "Restore points that the last check found to be damaged.",
	  UPKEEP_CHECK, SIZE, NULL, "hurt" },
	{ NAME("check_read_bytes"), "Bytes of data that the last check read and proved.",
	  UPKEEP_CHECK, SIZE, NULL, "data_read" },
	{ NAME("packs_bytes"), "Bytes of all packs, as the last check saw them.", UPKEEP_CHECK,
	  SIZE, NULL, "bytes" },
};

static double value_of(const json_t *doc, size_t row)
{
	const json_t *in = table[row].in ? json_object_get(doc, table[row].in) : doc;
	const char *key = table[row].key;
	int64_t time = 0;
	switch (table[row].value) {
	case TIME:
		moment_parse(shape_text(in, key), &time);
		return (double)time;
	case SECONDS:
		return json_number_value(json_object_get(in, key));
	case SIZE:
		return (double)shape_size(in, key);
	case IS_OK:
		return strcmp(shape_text(in, "status"), "ok") == 0;
	}
	return 0;
}

void upkeep_add_metrics(struct metrics *metrics, const json_t *note)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const json_t *doc = json_object_get(note, upkeep_name(table[i].task));
		if (doc)
			metrics_add(metrics, table[i].name, "gauge", table[i].help,
				    value_of(doc, i));
	}
}

int upkeep_metrics(const char *path, const char *repository, const json_t *note, struct error *err)
{
	CLEANUP(metrics_close) struct metrics metrics;
	int rc = metrics_open(&metrics, err);
	if (rc < 0)
		return rc;
	metrics.labels[metrics.n_labels++] = (struct metrics_label){ "repository", repository };
	upkeep_add_metrics(&metrics, note);
	return metrics_write(&metrics, path, err);
}
