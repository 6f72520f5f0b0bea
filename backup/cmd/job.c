/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job - runs snapshot jobs, and says how they are. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cmd.h"
#include "job-private.h"
#include "lunette/job.h"
#include "lunette/recover.h"
#include "lunette/state.h"
#include "lunette/json.h"

#define CANCEL_SECONDS 600

struct job_args {
	struct option_text state;
	bool json, quiet, dry_run;
	struct steps_stop kill;
};

static int take_kill(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	(void)row;
	return steps_parse_stop(arg, to, err) < 0 ? STATUS_USAGE : 0;
}

static const struct option_row options[] = {
	{ "state", "DIR",
	  "where jobs keep their journals; else $LUNETTE_STATE, else /var/lib/lunette",
	  OPTION_ENV(struct job_args, state, "LUNETTE_STATE") },
	CMD_JSON_OPTION(struct job_args, json),
	{ "quiet", NULL, "do not tell the story on standard error too", .letter = 'q',
	  .verbs = "run", OPTION_FLAG(struct job_args, quiet) },
	{ "kill-at", "STEP:before|after",
	  "kill this run there, as a power cut would, to try out what becomes of it; 'before' is "
	  "once the step is in the journal. Steps: repository agent storage disks reserve snapshot luns "
	  "server map software connect backup complete",
	  .verbs = "run", OPTION_CALL(struct job_args, kill, struct steps_stop, take_kill) },
	{ "dry-run", NULL, "only say what is left or kept", .verbs = "recover, remove",
	  OPTION_FLAG(struct job_args, dry_run) },
	{ 0 },
};

static const char *state_of(const struct job_args *args)
{
	return state_path(args->state.text);
}

static int read_settings(const char *word, struct settings **ret, struct error *err)
{
	char file[PATH_MAX];
	int rc = job_file(word, file, err);
	return rc < 0 ? rc : settings_read(file, job_tell_mistake, NULL, ret, err);
}

/* ---- run and check ----------------------------------------------------------------------------
 */

static int run_job(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(settings_free_cleanup) struct settings *settings = NULL;
	CLEANUP(json_decref_cleanup) json_t *outcome = NULL;
	int rc = read_settings(words[0], &settings, err);
	if (rc < 0)
		return rc;
	const struct job_request request = {
		.settings = settings,
		.state = state_of(args),
		.stop = cmd_stop_on_signals(),
		.threads = cmd_threads(),
		.echo = !args->quiet,
		.kill = args->kill,
	};
	bool warnings = false;
	rc = job_run(&request, &outcome, &warnings, err);
	if (rc == 0)
		cmd_done();
	if (args->json && outcome) {
		struct error why;
		if (rc < 0)
			json_object_set_new(outcome, "error", cmd_failure_json(rc, err));
		int printed = cmd_print_json(json_incref(outcome), &why);
		if (printed < 0 && rc == 0)
			return error_copy(err, printed, &why);
	}
	if (rc < 0)
		return rc;
	return warnings ? STATUS_WARNINGS : STATUS_DONE;
}

static void tell_answer(void *ctx, bool ok, const char *what)
{
	json_t *answers = ctx;
	json_array_append_new(answers, json_pack("{s:b, s:o}", "ok", ok, "what", json_text(what)));
}

static int check_job(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(settings_free_cleanup) struct settings *settings = NULL;
	int rc = read_settings(words[0], &settings, err);
	if (rc < 0)
		return rc;
	const struct job_request request = {
		.settings = settings,
		.state = state_of(args),
		.stop = cmd_stop_on_signals(),
	};
	CLEANUP(json_decref_cleanup) json_t *answers = json_array();
	struct error first = { 0 };
	rc = job_check(&request, tell_answer, answers, &first);
	int printed = 0;
	if (args->json) {
		json_t *failure = rc < 0 ? cmd_failure_json(rc, &first) : NULL;
		printed = cmd_print_json(json_pack("{s:s, s:b, s:O, s:o*}", "job", settings->name,
						   "ok", rc == 0, "answers", answers, "error",
						   failure),
					 err);
	} else {
		for (size_t i = 0; i < json_array_size(answers); i++) {
			const json_t *a = json_array_get(answers, i);
			fputs(json_is_true(json_object_get(a, "ok")) ? "ok      " : "FAILED  ",
			      stdout);
			cmd_put(stdout, cmd_json_text(a, "what"), 0);
			putchar('\n');
		}
		printed = cmd_print("", err);
	}
	if (printed < 0)
		return printed;
	return rc < 0 ? error_copy(err, rc, &first) : 0;
}

/* ---- recover and cancel -----------------------------------------------------------------------
 */

/**
 * struct recovering - what `recover` and `remove` work with
 * @job: NULL: all of them
 */
struct recovering {
	struct story *story;
	char *job;
	struct recover recover;
};

static void recovering_clear(struct recovering *r)
{
	story_close(r->story);
	free(r->job);
	json_decref(r->recover.kept);
}

/* @word: the job's name, or its file; or NULL. */
static int recovering_begin(const struct job_args *args, const char *word, struct recovering *r,
			    struct error *err)
{
	int rc = word ? job_name(state_of(args), word, &r->job, err) : 0;
	if (rc == 0)
		rc = story_open(NULL, true, &r->story, err);
	r->recover = (struct recover){
		.state = state_of(args),
		.story = r->story,
		.stop = cmd_stop_on_signals(),
		.only = r->job,
		.dry_run = args->dry_run,
	};
	return rc;
}

/* @rc, @failure: how it ended. */
static int report_recovery(const struct recover *recover, int rc, const struct error *failure,
			   struct error *err)
{
	return cmd_print_json(
		json_pack("{s:I, s:I, s:I, s:I, s:b, s:o*}", "dead_runs", (json_int_t)recover->runs,
			  "unfinished", (json_int_t)recover->unfinished, "set_aside",
			  (json_int_t)recover->aside, "left", (json_int_t)recover->left, "dry_run",
			  recover->dry_run, "error", rc < 0 ? cmd_failure_json(rc, failure) : NULL),
		err);
}

static int recover_jobs(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(recovering_clear) struct recovering r = { 0 };
	int rc = recovering_begin(args, words[0], &r, err);
	if (rc == 0)
		rc = recover_run(&r.recover, err);
	if (rc < 0)
		return rc;
	if (!args->dry_run)
		cmd_done();
	if (r.recover.unfinished && !args->dry_run)
		rc = error_set(err, -EBUSY,
			       "%zu of %zu dead runs are not cleaned up; nothing is lost by trying "
			       "again",
			       r.recover.unfinished, r.recover.runs);
	struct error why = { 0 };
	int printed = args->json ? report_recovery(&r.recover, rc, err, &why) : 0;
	if (rc < 0 || printed < 0)
		return rc < 0 ? rc : error_copy(err, printed, &why);
	return r.recover.aside && !args->dry_run ? STATUS_WARNINGS : STATUS_DONE;
}

static int cancel_job(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(free_cleanup) char *job = NULL;
	int rc = job_name(state_of(args), words[0], &job, err);
	if (rc < 0)
		return rc;
	pid_t pid = state_job_runner(state_of(args), job);
	if (pid <= 0)
		return error_set(err, -ESRCH, "job '%s' does not run", job);
	if (state_tell_once(state_of(args), job, pid) && kill(pid, SIGTERM) < 0)
		return error_set(err, -errno, "job '%s', process %d: %m", job, (int)pid);
	double until = cmd_seconds() + CANCEL_SECONDS;
	while (state_job_runner(state_of(args), job) == pid) {
		if (cmd_seconds() > until)
			return error_set(err, -ETIMEDOUT,
					 "job '%s', process %d, has not ended in %d s", job,
					 (int)pid, CANCEL_SECONDS);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	cmd_done();
	if (job_left_something(state_of(args), job, pid))
		return error_set(err, -EBUSY,
				 "the run of job '%s' has ended, and not all that it made is "
				 "removed: 'lunette job recover' does that",
				 job);
	return args->json ? cmd_print_json(json_pack("{s:s}", "job", job), err) : STATUS_DONE;
}

static int report_removal(const struct recover *recover, int rc, const struct error *failure,
			  struct error *err)
{
	json_t *kept = job_kept(recover->only, recover->kept);
	return cmd_print_json(json_pack("{s:s, s:o*, s:I, s:I, s:I, s:b, s:o*}", "job",
					recover->only, "kept", kept, "dead_runs",
					(json_int_t)recover->runs, "unfinished",
					(json_int_t)recover->unfinished, "left",
					(json_int_t)recover->left, "dry_run", recover->dry_run,
					"error", rc < 0 ? cmd_failure_json(rc, failure) : NULL),
			      err);
}

static int remove_job(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(recovering_clear) struct recovering r = { 0 };
	int rc = recovering_begin(args, words[0], &r, err);
	if (rc < 0)
		return rc;
	rc = recover_remove(&r.recover, err);
	if (rc == 0 && !args->dry_run)
		cmd_done();
	struct error why = { 0 };
	int printed = 0;
	if (args->json)
		printed = report_removal(&r.recover, rc, err, &why);
	else if (rc == 0 && args->dry_run) {
		CLEANUP(json_decref_cleanup) json_t *kept = job_kept(r.job, r.recover.kept);
		job_print_kept(kept);
		printed = cmd_print("", &why);
	}
	return rc == 0 && printed < 0 ? error_copy(err, printed, &why) : rc;
}

static int show_status(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	const struct job_args *args = ctx;
	CLEANUP(free_cleanup) char *job = NULL;
	int rc = words[0] ? job_name(state_of(args), words[0], &job, err) : 0;
	return rc < 0 ? rc : job_status(state_of(args), job, args->json, err);
}

#define JOB_MEANS                                                                                        \
	"\n\nJOB is the name of a job, whose file is /etc/lunette/jobs/JOB.conf, or FILE is a job file " \
	"anywhere."

static const struct command_verb verbs[] = {
	{ "run",
	  { "JOB | FILE", 1, 1 },
	  run_job,
	  "Runs a job once: its server is frozen for a moment, its storage takes a snapshot, and the LUNs "
	  "that show it are backed up and removed again. What dead runs left is removed first." JOB_MEANS },
	{ "check",
	  { "JOB | FILE", 1, 1 },
	  check_job,
	  "Is the job file right, and do agent, plug-in and repository answer? Nothing is "
	  "changed." JOB_MEANS },
	{ "status",
	  { "[JOB | FILE]", 0, 1 },
	  show_status,
	  "Tells of the runs that go on and those of the past, what each waits for, and what is kept on "
	  "storage for the next delta; of all jobs, or of one." JOB_MEANS },
	{ "recover",
	  { "[JOB | FILE]", 0, 1 },
	  recover_jobs,
	  "Removes what dead runs left, of all jobs or of one: on the storage, and on the server." JOB_MEANS },
	{ "cancel",
	  { "JOB | FILE", 1, 1 },
	  cancel_job,
	  "Stops the run of a job, and waits until it has removed what it made." JOB_MEANS },
	{ "remove",
	  { "JOB | FILE", 1, 1 },
	  remove_job,
	  "Gives back what a job keeps on its storage for the next delta, and forgets its runs. Its job "
	  "file, which may be gone, and its restore points stay." JOB_MEANS },
	{ 0 },
};

const struct command cmd_job = {
	.name = "job",
	.summary = "run snapshot jobs: freeze, snapshot, back up, clean up",
	.verbs = verbs,
	.help = "A job freezes a server for a moment, has its storage take a snapshot, backs up the LUNs "
		"that show it, and removes them again: always. JOB is the name of a job, whose file is "
		"/etc/lunette/jobs/JOB.conf, or FILE is a job file anywhere: it says which server, storage "
		"and repository.\n"
		"\n"
		"  run      one run; what dead runs left is removed first\n"
		"  check    is the file right, and do agent, plug-in and repository answer?\n"
		"  status   the runs that go on and those of the past, and what each waits for\n"
		"  recover  remove what dead runs left\n"
		"  cancel   stop a run and wait until it has removed what it made\n"
		"  remove   give back what the job keeps on its storage, and forget its runs\n"
		"\n"
		"`lunette job run --help` says what belongs to one of them.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 done with warnings" CMD_REPO_STATUS
		  ", 12 the job runs already.",
	.options = options,
	.args_size = sizeof(struct job_args),
};
