/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outcome - see outcome.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/child.h"
#include "lunette/json.h"
#include "outcome.h"
#include "lunette/shape.h"
#include "upkeep-metrics.h"

#define COMMAND_LIMIT_MS 300000
#define LINE_MAX_BYTES   1024

json_t *outcome_json(const struct run *run, const struct error *why, const struct error *undone,
		     double seconds)
{
	const struct writer_stats *stats = &run->point.result.stats;
	bool warnings = json_array_size(run->log.warnings) > 0 || undone;
	const char *status = why        ? why->code == -EINTR ? "interrupted" : "failed"
			     : warnings ? "warnings"
					: "ok";
	json_t *doc = json_pack("{s:s, s:s, s:s, s:o*, s:O, s:f, s:I, s:o*}", "job",
				run->settings->name, "run", run->who.id, "status", status, "why",
				why ? json_text(why->msg) : NULL, "warnings", run->log.warnings,
				"seconds", seconds, "leaked", (json_int_t)run->storage.leaked,
				"not_cleaned", undone ? json_text(undone->msg) : NULL);
	if (doc && (run->server.frozen || run->server.software))
		json_object_set_new(doc, "consistency", json_string(run_consistency(run)));
	if (doc)
		json_object_set_new(doc, "software_snapshot", json_boolean(run->server.software));
	if (doc && run->server.frozen) {
		json_object_set_new(
			doc, "frozen_ms",
			json_integer((json_int_t)shape_size(run->server.frozen, "frozen_ms")));
		json_object_set_new(
			doc, "window_exceeded",
			json_boolean(!run->server.software &&
				     shape_flag(run->server.frozen, "window_exceeded")));
	}
	if (doc && run->upkeep.done)
		json_object_set(doc, "upkeep", run->upkeep.done);
	if (doc && run->point.stored)
		json_object_set_new(
			doc, "point",
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", run->point.result.id,
				  "name", run->settings->point_name, "time", run->point.result.time,
				  "used", (json_int_t)stats->used, "read", (json_int_t)stats->read,
				  "new", (json_int_t)stats->added, "stored",
				  (json_int_t)stats->stored));
	return doc;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

/**
 * struct quote - whose output goes into the story
 */
struct quote {
	struct story *story;
	const char *what;
};

static void on_line(void *ctx, const char *line)
{
	struct quote *quote = ctx;
	story_quote(quote->story, quote->what, line);
}

int outcome_run_command(struct story *story, const char *what, const char *path,
			const json_t *document, struct error *err)
{
	char name[300];
	struct quote quote = { story, what };
	struct error why = { 0 };
	CLEANUP(free_cleanup) char *text = json_dumps(document, JSON_INDENT(1));
	if (!text)
		return error_set(err, -ENOMEM, "%s: %m", what);
	snprintf(name, sizeof(name), "%s '%.250s'", what, path);
	struct child_run run = { .how = { .argv = (const char *const[]){ path, NULL },
					  .log_to_out = true },
				 .name = name,
				 .in = text,
				 .in_len = strlen(text),
				 .limit_ms = COMMAND_LIMIT_MS,
				 .line = on_line,
				 .ctx = &quote };
	int rc = child_run(&run, &why);
	child_run_clear(&run);
	return rc < 0 ? error_set(err, -EREMOTEIO, "%s", why.msg) : 0;
}

/* ---- Prometheus -------------------------------------------------------------------------------
 */

/* The value of a metric of the job in the file that is there; 0 without one. */
static double old_value(const char *path, const char *job, const char *name)
{
	FILE *in = fopen(path, "re");
	char line[LINE_MAX_BYTES], begin[256];
	double value = 0;
	int len = snprintf(begin, sizeof(begin), "%s{job=\"%s\"} ", name, job);
	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, begin, (size_t)len) == 0)
			value = strtod(line + len, NULL);
	if (in)
		fclose(in);
	return value;
}

/* A run that did not come so far knows nothing of the repository. */
static void add_repository(struct metrics *out, const struct run *run, const char *path)
{
	if (!run->upkeep.note) {
		metrics_take_over(out, path, UPKEEP_METRICS_PREFIX);
		return;
	}
	out->labels[out->n_labels++] =
		(struct metrics_label){ "repository", run->settings->repository };
	upkeep_add_metrics(out, run->upkeep.note);
}

int outcome_metrics(const struct run *run, const json_t *outcome, struct error *err)
{
	const char *path = run->settings->prometheus_file, *job = run->settings->name;
	const json_t *point = json_object_get(outcome, "point");
	double now = (double)time(NULL);
	const struct {
		const char *name, *type, *help;
		double value;
	} metrics[] = {
		{ "lunette_job_last_run_timestamp_seconds", "gauge", "When the job ran last.",
		  now },
		{ "lunette_job_last_success_timestamp_seconds", "gauge",
		  "When it last made a restore point.",
		  point ? now
			: old_value(path, job, "lunette_job_last_success_timestamp_seconds") },
		{ "lunette_job_duration_seconds", "gauge", "How long the last run took.",
		  json_real_value(json_object_get(outcome, "seconds")) },
		{ "lunette_job_read_bytes", "gauge", "Read by the last run that made one.",
		  point ? (double)shape_size(point, "read")
			: old_value(path, job, "lunette_job_read_bytes") },
		{ "lunette_job_stored_bytes", "gauge", "Stored by the last run that made one.",
		  point ? (double)shape_size(point, "stored")
			: old_value(path, job, "lunette_job_stored_bytes") },
		{ "lunette_job_frozen_seconds", "gauge", "How long the server was frozen last.",
		  (double)shape_size(outcome, "frozen_ms") / 1000 },
		{ "lunette_job_failures_total", "counter", "Runs without a restore point.",
		  old_value(path, job, "lunette_job_failures_total") + (point ? 0 : 1) },
		{ "lunette_job_warnings", "gauge", "Warnings of the last run, failed or not.",
		  (double)json_array_size(json_object_get(outcome, "warnings")) },
		{ "lunette_job_leaked_objects", "gauge",
		  "Snapshots, LUNs and mappings that could not be removed from the storage; -1 when "
		  "it could not be asked.",
		  json_object_get(outcome, "not_cleaned") && !shape_size(outcome, "leaked")
			  ? -1
			  : (double)shape_size(outcome, "leaked") },
	};
	CLEANUP(metrics_close) struct metrics out;
	int rc = metrics_open(&out, err);
	if (rc < 0)
		return rc;
	out.labels[out.n_labels++] = (struct metrics_label){ "job", job };
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		metrics_add(&out, metrics[i].name, metrics[i].type, metrics[i].help,
			    metrics[i].value);
	add_repository(&out, run, path);
	return metrics_write(&out, path, err);
}
