/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job - see job.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "lunette/clock.h"
#include "lunette/job.h"
#include "lunette/json.h"
#include "outcome.h"
#include "lunette/recover.h"
#include "lunette/shape.h"
#include "steps.h"
#include "upkeep-run.h"

#define RUNS_KEPT 100 /* journals and logs of runs that left nothing behind */

/* What dead runs left may be what is in the way of this one; else it does not keep it from going
 * on.
 */
static int recover_others(struct run *run, struct error *err)
{
	struct recover recover = {
		.state = run->state,
		.story = run->log.story,
		.stop = run->stop,
		.own_job = run->settings->name,
		.own_run = run->who.id,
	};
	int rc = recover_run(&recover, err);
	if (rc == 0 && recover.aside)
		run_warn(run,
			 "%zu journals of dead runs cannot be read, and are set aside: see the log",
			 recover.aside);
	if (rc == 0 && recover.unfinished)
		run_warn(run,
			 "%zu dead runs could not be cleaned up, %zu objects are left on storage",
			 recover.unfinished, recover.left);
	return rc;
}

static int run_before(struct run *run, struct error *err)
{
	if (!run->settings->before)
		return 0;
	CLEANUP(json_decref_cleanup)
	json_t *doc = json_pack("{s:s, s:s}", "job", run->settings->name, "run", run->who.id);
	return outcome_run_command(run->log.story, "hook before", run->settings->before, doc, err);
}

static int walk(struct run *run, const struct job_request *request, struct error *ret_undone,
		struct error *err)
{
	int rc = run_before(run, err);
	if (rc < 0)
		return rc;
	return steps_walk(run, &request->kill, ret_undone, err);
}

static void tell(struct run *run, const json_t *outcome)
{
	const struct settings *s = run->settings;
	struct error err;
	bool failed = strcmp(shape_text(outcome, "status"), "ok") != 0;
	if (s->prometheus_file && outcome_metrics(run, outcome, &err) < 0)
		run_warn(run, "%s", err.msg);
	if (s->after &&
	    outcome_run_command(run->log.story, "hook after", s->after, outcome, &err) < 0)
		run_warn(run, "%s", err.msg);
	if (s->notify && (failed || s->notify_always) &&
	    outcome_run_command(run->log.story, "notification", s->notify, outcome, &err) < 0)
		run_warn(run, "%s", err.msg);
}

static void last_words(struct run *run, int rc, const struct error *err, const struct error *undone)
{
	if (undone->code)
		run_warn(run,
			 "NOT all is cleaned up: %s; the next run, or 'lunette job recover', "
			 "tries again",
			 undone->msg);
	if (rc == -EINTR)
		story_say(run->log.story, "interrupted: there is no restore point");
	else if (rc < 0 && !run->log.failed)
		story_say(run->log.story, "FAILED: %s", err->msg);
}

/* It may take hours: nothing is left on the storage by now, and who dies over it has noted that
 * there is a restore point. */
static void keep_up(struct run *run)
{
	if (run->point.stored && upkeep_is_wanted(run->settings) &&
	    !atomic_load_explicit(run->stop, memory_order_relaxed))
		upkeep_run(run);
}

static void warn_of_log(struct run *run)
{
	errno = -story_problem(run->log.story);
	if (errno)
		run_warn(run, "the log of the run is not whole: %m");
}

static void note_outcome(struct run *run, json_t *outcome)
{
	struct error err;
	if (journal_note(run->log.journal, "outcome", json_incref(outcome), &err) < 0)
		run_warn(run, "'lunette job status' cannot tell how this run ended: %s", err.msg);
}

/* Who is to be told of the outcome may fail at it, and that is a part of the outcome. */
static void tell_and_note(struct run *run, json_t *outcome)
{
	size_t known = json_array_size(run->log.warnings);
	tell(run, outcome);
	if (json_array_size(run->log.warnings) == known)
		return;
	if (strcmp(shape_text(outcome, "status"), "ok") == 0)
		json_object_set_new(outcome, "status", json_string("warnings"));
	note_outcome(run, outcome);
}

static int do_run(struct run *run, const struct job_request *request, json_t **ret,
		  struct error *err)
{
	struct error undone = { 0 };
	int64_t begin = clock_now_ms();
	story_say(run->log.story, "job '%s', run %s", run->settings->name, run->who.id);
	int rc = recover_others(run, err);
	if (rc == 0)
		rc = walk(run, request, &undone, err);
	if (rc < 0 && run->point.stored) {
		run_warn(run, "the backup is done, but not all that belongs to it: %s", err->msg);
		rc = 0;
	}
	last_words(run, rc, err, &undone);
	double seconds = (double)(clock_now_ms() - begin) / 1000;
	keep_up(run);
	warn_of_log(run);
	json_t *outcome =
		outcome_json(run, rc < 0 ? err : NULL, undone.code ? &undone : NULL, seconds);
	if (!outcome)
		return error_set(err, -ENOMEM, "%m");
	*ret = outcome;
	note_outcome(run, outcome);
	if (!undone.code)
		journal_note(run->log.journal, "clean", json_object(), NULL);
	tell_and_note(run, outcome);
	story_say(run->log.story, "the job ends after %.1f s: %s",
		  (double)(clock_now_ms() - begin) / 1000, shape_text(outcome, "status"));
	return rc;
}

/* As the end of one is told of, for nobody else will. */
static void tell_of_no_run(struct run *run, bool echo, const struct error *err)
{
	if (!run->log.story && story_open(NULL, echo, &run->log.story, NULL) < 0)
		return;
	if (!run->log.warnings)
		run->log.warnings = json_array();
	CLEANUP(json_decref_cleanup) json_t *outcome = outcome_json(run, err, NULL, 0);
	if (outcome)
		tell(run, outcome);
}

int job_run(const struct job_request *request, json_t **ret, bool *ret_warnings, struct error *err)
{
	CLEANUP(run_end)
	struct run run = {
		.settings = request->settings,
		.state = request->state,
		.stop = request->stop,
		.threads = request->threads,
		.storage.reservation = -1,
	};
	CLEANUP(close_cleanup) int lock = -1;
	const char *job = request->settings->name;
	prctl(PR_SET_DUMPABLE, 0); /* there are secrets in memory */
	int rc = state_make(request->state, job, err);
	if (rc == 0)
		rc = state_lock_job(request->state, job, false, &lock, err);
	if (rc == 0)
		rc = run_begin(&run, request->echo, err);
	if (rc < 0 && rc != -EBUSY) /* the one that runs already tells of itself */
		tell_of_no_run(&run, request->echo, err);
	if (rc < 0)
		return rc;
	rc = do_run(&run, request, ret, err);
	*ret_warnings = json_array_size(run.log.warnings) > 0;
	state_trim(request->state, job, RUNS_KEPT, NULL);
	return rc;
}

/* The steps that change nothing, down and up again. */
int job_check(const struct job_request *request, void (*say)(void *ctx, bool ok, const char *what),
	      void *ctx, struct error *err)
{
	CLEANUP(run_end)
	struct run run = {
		.settings = request->settings,
		.state = request->state,
		.stop = request->stop,
		.storage.reservation = -1,
	};
	struct error noted = { 0 };
	bool can = state_check(request->state, &noted) == 0;
	say(ctx, can, can ? "the folder for what jobs do" : noted.msg);
	if (!can)
		error_copy(err, noted.code, &noted);
	int first = run_begin_check(&run, err);
	size_t n = 0;
	bool answered = true; /* those who are asked for the disks */
	for (; first == 0 && n < steps_n && strcmp(steps_table[n].name, "reserve") != 0; n++) {
		struct error why = { 0 };
		const struct step *step = &steps_table[n];
		if (step->go == step_disks && !answered)
			break;
		int rc = step->go(&run, &why);
		bool ok = rc == 0 || rc == -ENOPKG; /* an agent that a run will bring */
		say(ctx, ok, rc == 0 ? step->doing : why.msg);
		if (rc < 0 && step->go != step_repository)
			answered = false;
		if (!ok && !err->code)
			error_copy(err, rc, &why);
	}
	run.storage.asked = false; /* nothing was made, so that nothing is swept */
	while (n-- > 0)
		if (steps_table[n].undo)
			steps_table[n].undo(&run, NULL);
	return first < 0 ? first : err->code;
}
