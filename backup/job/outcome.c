/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outcome - see outcome.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lunette/child.h"
#include "outcome.h"
#include "lunette/clock.h"
#include "lunette/shape.h"

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
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s*, s:O, s:f, s:I, s:s*}", "job",
				run->settings->name, "run", run->who.id, "status", status, "why",
				why ? why->msg : NULL, "warnings", run->log.warnings, "seconds",
				seconds, "leaked", (json_int_t)run->storage.leaked, "not_cleaned",
				undone ? undone->msg : NULL);
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

/* Its output goes into the story, line by line. Return: false at the end. */
static bool take_output(struct story *story, const char *what, int fd, char *line, size_t *len)
{
	char buf[512];
	ssize_t n = read(fd, buf, sizeof(buf));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n' && *len + 1 < LINE_MAX_BYTES) {
			line[(*len)++] = buf[i];
			continue;
		}
		line[*len] = '\0';
		story_quote(story, what, line);
		*len = 0;
	}
	return true;
}

static bool serve(struct story *story, const char *what, struct child *child, const char *text)
{
	char lines[2][LINE_MAX_BYTES];
	size_t lens[2] = { 0 }, left = strlen(text);
	bool open[2] = { true, true };
	int64_t until = clock_now_ms() + COMMAND_LIMIT_MS;
	while (open[0] || open[1]) {
		struct pollfd p[] = { { .fd = open[0] ? child->out : -1, .events = POLLIN },
				      { .fd = open[1] ? child->log : -1, .events = POLLIN },
				      { .fd = child->in, .events = POLLOUT } };
		poll(p, 3, 100);
		if (clock_now_ms() >= until)
			return false;
		if (p[0].revents)
			open[0] = take_output(story, what, child->out, lines[0], &lens[0]);
		if (p[1].revents)
			open[1] = take_output(story, what, child->log, lines[1], &lens[1]);
		ssize_t n = p[2].revents && left ? write(child->in, text, left) : 0;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
		if (child->in >= 0 && (left == 0 || (n < 0 && errno != EAGAIN)))
			close(steal_fd(&child->in));
	}
	return true;
}

int outcome_run_command(struct story *story, const char *what, const char *path,
			const json_t *document, struct error *err)
{
	const char *const argv[] = { path, NULL };
	struct child child;
	CLEANUP(free_cleanup) char *text = json_dumps(document, JSON_INDENT(1));
	if (!text)
		return error_set(err, -ENOMEM, "%s: %m", what);
	int rc = child_start(argv, NULL, false, &child, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s", what);
	bool in_time = serve(story, what, &child, text);
	int status = child_end(&child, in_time ? 2000 : 0);
	if (!in_time)
		return error_set(err, -EREMOTEIO, "%s '%s' did not end in %d s and was killed",
				 what, path, COMMAND_LIMIT_MS / 1000);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, -EREMOTEIO, "%s '%s' ended with %s %d", what, path,
				 WIFEXITED(status) ? "status" : "signal",
				 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return 0;
}

/* ---- Prometheus -------------------------------------------------------------------------------
 */

/* The value of a metric in the file that is there; 0 without one. */
static double old_value(const char *path, const char *name)
{
	FILE *in = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	double value = 0;
	size_t len = strlen(name);
	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, name, len) == 0 && line[len] == '{') {
			const char *space = strrchr(line, ' ');
			value = space ? strtod(space, NULL) : 0;
		}
	if (in)
		fclose(in);
	return value;
}

int outcome_metrics(const char *path, const json_t *outcome, struct error *err)
{
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
		  point ? now : old_value(path, "lunette_job_last_success_timestamp_seconds") },
		{ "lunette_job_duration_seconds", "gauge", "How long the last run took.",
		  json_real_value(json_object_get(outcome, "seconds")) },
		{ "lunette_job_read_bytes", "gauge", "Read by the last run that made one.",
		  point ? (double)shape_size(point, "read")
			: old_value(path, "lunette_job_read_bytes") },
		{ "lunette_job_stored_bytes", "gauge", "Stored by the last run that made one.",
		  point ? (double)shape_size(point, "stored")
			: old_value(path, "lunette_job_stored_bytes") },
		{ "lunette_job_frozen_seconds", "gauge", "How long the server was frozen last.",
		  (double)shape_size(outcome, "frozen_ms") / 1000 },
		{ "lunette_job_failures_total", "counter", "Runs without a restore point.",
		  old_value(path, "lunette_job_failures_total") + (point ? 0 : 1) },
		{ "lunette_job_leaked_objects", "gauge",
		  "Snapshots, LUNs and mappings that could not be removed from the storage; -1 when "
		  "it could not be asked.",
		  json_object_get(outcome, "not_cleaned") && !shape_size(outcome, "leaked")
			  ? -1
			  : (double)shape_size(outcome, "leaked") },
	};
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(err, -ENOMEM, "metrics: %m");
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s{job=\"%s\"} %.17g\n", metrics[i].name,
			metrics[i].help, metrics[i].name, metrics[i].type, metrics[i].name,
			shape_text(outcome, "job"), metrics[i].value);
	if (fclose(out) != 0)
		return error_set(err, -ENOMEM, "metrics: %m");
	return state_replace_file(path, text, 0644, err);
}
