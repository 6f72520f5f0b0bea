/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job-status - what the journals say of runs: which go on, what each waits for, how the others
 * ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "job-private.h"
#include "lunette/journal.h"
#include "lunette/state.h"
#include "lunette/job.h"
#include "lunette/json.h"
#include "lunette/moment.h"

#define RUNS_SHOWN 10 /* of one job, without --json */

/* One entry a step and direction, with how long it took or has taken so far. */
static json_t *steps_of(const json_t *records)
{
	json_t *steps = json_array();
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *r = json_array_get(records, i);
		const char *kind = cmd_json_text(r, "record"), *state = cmd_json_text(r, "state");
		bool undo = strcmp(kind, "undo") == 0;
		if (!undo && strcmp(kind, "step") != 0)
			continue;
		json_int_t ms = (json_int_t)cmd_json_size(r, "ms");
		if (strcmp(state, "begin") == 0) {
			json_array_append_new(
				steps, json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:O*}", "step",
						 cmd_json_text(r, "step"), "doing",
						 steps_doing(cmd_json_text(r, "step")), "undo",
						 undo, "state", "begun", "began",
						 cmd_json_text(r, "time"), "began_ms", ms,
						 "limit_ms", json_object_get(r, "limit_ms")));
			continue;
		}
		json_t *last = json_array_get(steps, json_array_size(steps) - 1);
		if (!last)
			continue;
		json_object_set_new(last, "state", json_string(state));
		json_object_set_new(last, "ms",
				    json_integer(ms - (json_int_t)cmd_json_size(last, "began_ms")));
		if (json_object_get(r, "why"))
			json_object_set(last, "why", json_object_get(r, "why"));
	}
	return steps;
}

/* Also when it has said how it ends, and cleans up. One that has not said who it is is the last
 * one. */
static bool is_running(const json_t *start, bool newest, pid_t runner)
{
	return runner > 0 && (start ? cmd_json_size(start, "pid") == (uint64_t)runner : newest);
}

/* What a run noted when it had made its restore point, which counts however the run ended; NULL
 * when it made none. An older version told of it in the end only. */
static json_t *point_of(const json_t *records, const json_t *outcome)
{
	const json_t *noted = journal_last(records, "point");
	const json_t *point = noted ? noted : json_object_get(outcome, "point");
	if (!point)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s}", "id", cmd_json_text(point, "id"), "name",
			 cmd_json_text(point, "name"), "time", cmd_json_text(point, "time"),
			 "consistency", cmd_json_text(noted ? noted : outcome, "consistency"));
}

/* "running", "dead", or how it ended; what it waits for when it has not. */
static json_t *run_status(const char *state, const char *job, const char *run, bool newest,
			  pid_t runner, struct error *err)
{
	CLEANUP(free_cleanup) char *path = state_run_file(state, job, run, "journal");
	CLEANUP(json_decref_cleanup) json_t *records = NULL;
	if (!path)
		return NULL;
	int rc = journal_read(path, &records, err);
	if (rc == -EUCLEAN) { /* which is no reason to hide the others */
		json_t *unreadable = json_pack("{s:s, s:s, s:s, s:s, s:b, s:[], s:o}", "job", job,
					       "run", run, "began", "", "status", "unreadable",
					       "clean", false, "steps", "why", json_text(err->msg));
		*err = (struct error){ 0 };
		return unreadable;
	}
	if (rc < 0)
		return NULL;
	const json_t *outcome = journal_last(records, "outcome");
	bool clean = journal_last(records, "clean") != NULL;
	bool runs = !clean && is_running(journal_last(records, "start"), newest, runner);
	const char *status = runs ? "running" : outcome ? cmd_json_text(outcome, "status") : "dead";
	json_t *steps = steps_of(records);
	const json_t *last = json_array_get(steps, json_array_size(steps) - 1);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "job", job, "run", run, "began",
				cmd_json_text(journal_last(records, "start"), "time"), "status",
				status, "clean", clean, "steps", steps);
	if (doc && strcmp(status, "running") == 0 && last) {
		char text[256];
		uint64_t limit = cmd_json_size(last, "limit_ms");
		int n = snprintf(text, sizeof(text), "%s%s",
				 json_is_true(json_object_get(last, "undo")) ? "to undo: " : "",
				 cmd_json_text(last, "doing"));
		if (limit)
			snprintf(text + n, sizeof(text) - (size_t)n, " (%.1f s a call at most)",
				 (double)limit / 1000);
		json_object_set_new(doc, "waits_for", json_string(text));
	}
	CLEANUP(free_cleanup) char *log = state_run_file(state, job, run, "log");
	if (doc && log)
		json_object_set_new(doc, "log", json_text(log));
	if (doc && outcome)
		json_object_set(doc, "outcome", (json_t *)outcome);
	json_t *point = point_of(records, outcome);
	if (doc && point)
		json_object_set(doc, "point", point);
	json_decref(point);
	if (!doc)
		error_set(err, -ENOMEM, "status: %m");
	return doc;
}

bool job_left_something(const char *state, const char *job, pid_t runner)
{
	CLEANUP(json_decref_cleanup) json_t *runs = NULL;
	size_t n = state_runs(state, job, &runs, NULL) < 0 ? 0 : json_array_size(runs);
	while (n-- > 0) {
		CLEANUP(free_cleanup)
		char *path = state_run_file(state, job, json_string_value(json_array_get(runs, n)),
					    "journal");
		CLEANUP(json_decref_cleanup) json_t *records = NULL;
		if (!path || journal_read(path, &records, NULL) < 0)
			continue;
		if (cmd_json_size(journal_last(records, "start"), "pid") == (uint64_t)runner)
			return !journal_last(records, "clean");
	}
	return false;
}

static int add_job(const char *state, const char *job, json_t *to, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *runs = NULL;
	int rc = state_runs(state, job, &runs, err);
	pid_t runner = state_job_runner(state, job);
	size_t n = json_array_size(runs);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *run = json_string_value(json_array_get(runs, i));
		json_t *doc = run_status(state, job, run, i + 1 == n, runner, err);
		if (!doc)
			return err->code;
		json_array_append_new(to, doc);
	}
	return rc;
}

static void print_below(const char *what, const char *text)
{
	if (!*text)
		return;
	printf("    %s", what);
	cmd_put(stdout, text, 0);
	putchar('\n');
}

/* What the run did for its repository. */
static void print_upkeep(const json_t *done)
{
	for (enum upkeep_task task = 0; task < UPKEEP_TASKS; task++) {
		char what[32], text[UPKEEP_TEXT];
		const json_t *document = json_object_get(done, upkeep_name(task));
		if (!document)
			continue;
		snprintf(what, sizeof(what), "%s: ", upkeep_name(task));
		upkeep_text(task, document, text);
		print_below(what, text);
	}
}

static void print_run(const json_t *run)
{
	const json_t *outcome = json_object_get(run, "outcome");
	const json_t *point = json_object_get(run, "point");
	bool clean = json_is_true(json_object_get(run, "clean"));
	const char *status = cmd_json_text(run, "status");
	printf("%-16s %-22s %-11s", cmd_json_text(run, "job"), cmd_json_text(run, "run"), status);
	if (outcome)
		printf(" %7.1f s", json_real_value(json_object_get(outcome, "seconds")));
	if (point)
		printf("  %.12s, %s", cmd_json_text(point, "id"),
		       cmd_json_text(point, "consistency"));
	if (json_object_get(run, "waits_for")) {
		fputs("  waits for: ", stdout);
		cmd_put(stdout, cmd_json_text(run, "waits_for"), 0);
	} else if (!clean && strcmp(status, "running") != 0) {
		fputs("  NOT cleaned up: 'lunette job recover'", stdout);
	} else if (clean && !outcome) {
		fputs("  and cleaned up", stdout);
	}
	putchar('\n');
	print_below("", cmd_json_text(run, "why"));
	print_below("", cmd_json_text(outcome, "why"));
	print_upkeep(json_object_get(outcome, "upkeep"));
	size_t i;
	const json_t *warning;
	json_array_foreach(json_object_get(outcome, "warnings"), i, warning)
		print_below("warning: ", json_string_value(warning));
	if (strcmp(status, "ok") != 0 && strcmp(status, "running") != 0)
		print_below("log: ", cmd_json_text(run, "log"));
}

/* ---- what is kept for the next delta ---------------------------------------------------------
 */

/* Of an older version, which did not note it: the time is in the name of the run. */
static void time_of_run(const char *run, char ret[MOMENT_TEXT])
{
	int y, mo, d, h, mi, s;
	ret[0] = '\0';
	if (sscanf(run, "%4d%2d%2dT%2d%2d%2dZ", &y, &mo, &d, &h, &mi, &s) == 6)
		snprintf(ret, MOMENT_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", y, mo, d, h, mi, s);
}

json_t *job_kept(const char *job, const json_t *base)
{
	if (!base)
		return NULL;
	char time[MOMENT_TEXT];
	snprintf(time, sizeof(time), "%.*s", (int)sizeof(time) - 1, cmd_json_text(base, "time"));
	if (!time[0])
		time_of_run(cmd_json_text(base, "run"), time);
	json_t *snapshots = json_object_get(base, "snapshots");
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s*, s:o}", "job", job, "run", cmd_json_text(base, "run"),
		"since", time, "point", cmd_json_text(base, "point"), "plugin",
		json_string_value(json_object_get(json_object_get(base, "start"), "plugin")),
		"snapshots", snapshots ? json_incref(snapshots) : json_array());
}

void job_print_kept(const json_t *kept)
{
	size_t i;
	const json_t *snapshot;
	json_array_foreach(json_object_get(kept, "snapshots"), i, snapshot)
	{
		cmd_put(stdout, cmd_json_text(kept, "job"), 0);
		fputs(" keeps on its storage, for the next delta: snapshot '", stdout);
		cmd_put(stdout, cmd_json_text(snapshot, "snapshot"), 0);
		fputs("' of volume '", stdout);
		cmd_put(stdout, cmd_json_text(snapshot, "volume"), 0);
		fputs("', since ", stdout);
		cmd_put(stdout, cmd_json_text(kept, "since"), 0);
		putchar('\n');
	}
}

static int add_kept(const char *state, const char *job, json_t *to, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *base = NULL;
	struct error why = { 0 };
	int rc = state_base_read(state, job, &base, &why);
	if (rc == -EUCLEAN) /* which is no reason to hide the others, and the next run says so */
		return 0;
	if (rc < 0)
		return error_copy(err, rc, &why);
	json_t *kept = job_kept(job, base);
	if (kept)
		json_array_append_new(to, kept);
	return 0;
}

int job_status(const char *state, const char *job, bool json, struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *jobs = NULL, *runs = json_array(), *kept = json_array();
	int rc = state_jobs(state, &jobs, err);
	bool found = !job;
	for (size_t i = 0; rc == 0 && i < json_array_size(jobs); i++) {
		const char *name = json_string_value(json_array_get(jobs, i));
		if (job && strcmp(job, name) != 0)
			continue;
		found = true;
		size_t before = json_array_size(runs);
		rc = add_job(state, name, runs, err);
		size_t after = json_array_size(runs);
		if (rc == 0 && !json)
			for (size_t k = MAX(before, after > RUNS_SHOWN ? after - RUNS_SHOWN : 0);
			     k < after; k++)
				print_run(json_array_get(runs, k));
		if (rc == 0)
			rc = add_kept(state, name, kept, err);
	}
	if (rc == 0 && !found)
		rc = error_set(err, -ENOENT, "there is no job '%s' in '%s'", job, state);
	if (rc < 0)
		return rc;
	if (json)
		return cmd_print_json(json_pack("{s:O, s:O}", "runs", runs, "kept", kept), err);
	for (size_t i = 0; i < json_array_size(kept); i++)
		job_print_kept(json_array_get(kept, i));
	return cmd_print("", err);
}
