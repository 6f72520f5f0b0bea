/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job - runs snapshot jobs, and says how they are. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "old.h"
#include "job-command.h"
#include "lunette/job.h"
#include "lunette/recover.h"
#include "lunette/state.h"
#include "lunette/json.h"

#define CANCEL_SECONDS 600

static const char help[] =
	"Usage: lunette job run [OPTIONS] FILE\n"
	"       lunette job check [OPTIONS] FILE\n"
	"       lunette job status [OPTIONS] [JOB]\n"
	"       lunette job recover [OPTIONS] [JOB]\n"
	"       lunette job cancel [OPTIONS] JOB\n"
	"A job freezes a server for a moment, has its storage take a snapshot, backs up the LUNs that\n"
	"show it, and removes them again: always. FILE says which server, storage and repository.\n"
	"\n"
	"  run      one run; what dead runs left is removed first\n"
	"  check    is FILE right, and do agent, plug-in and repository answer? Nothing is changed\n"
	"  status   the runs that go on and those of the past, and what each waits for\n"
	"  recover  remove what dead runs left\n"
	"  cancel   stop a run and wait until it has removed what it made\n"
	"\n"
	"Options:\n"
	"  --state DIR        where jobs keep their journals; else $LUNETTE_STATE, else\n"
	"                     /var/lib/lunette\n"
	"  --json             report as a JSON document\n"
	"  --quiet            run: do not tell the story on standard error too\n"
	"  --kill-at STEP:before|after\n"
	"                     run: kill this run there, as a power cut would, to try out what becomes\n"
	"                     of it; 'before' is once the step is in the journal. Steps:\n"
	"                     repository agent storage disks reserve snapshot luns server map software\n"
	"                     connect backup complete\n"
	"  --dry-run          recover: only say what is left\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 done with warnings.\n";

enum {
	OPT_STATE = 1,
	OPT_JSON,
	OPT_QUIET,
	OPT_KILL_AT,
	OPT_DRY_RUN,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "kill-at", required_argument, NULL, OPT_KILL_AT },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ 0 },
};

struct arguments {
	const char *state;
	bool json, quiet, dry_run;
	struct steps_stop kill;
};

static void tell_mistake(void *ctx, const char *mistake)
{
	(void)ctx;
	cmd_say("", mistake);
}

/* ---- run and check ----------------------------------------------------------------------------
 */

static int run_job(const struct arguments *args, const char *file, struct error *err)
{
	CLEANUP(settings_free_cleanup) struct settings *settings = NULL;
	CLEANUP(json_decref_cleanup) json_t *outcome = NULL;
	int rc = settings_read(file, tell_mistake, NULL, &settings, err);
	if (rc < 0)
		return rc;
	const struct job_request request = {
		.settings = settings,
		.state = args->state,
		.stop = cmd_stop_on_signals(),
		.threads = cmd_threads(),
		.echo = !args->quiet,
		.kill = args->kill,
	};
	bool warnings = false;
	rc = job_run(&request, &outcome, &warnings, err);
	if (args->json && outcome) {
		struct error why;
		if (cmd_print_json(json_incref(outcome), &why) < 0 && rc == 0) {
			*err = why;
			return why.code;
		}
	}
	if (rc < 0)
		return rc;
	return warnings ? STATUS_WARNINGS : STATUS_DONE;
}

static void tell_answer(void *ctx, bool ok, const char *what)
{
	json_t *answers = ctx;
	json_array_append_new(answers, json_pack("{s:b, s:s}", "ok", ok, "what", what));
}

static int check_job(const struct arguments *args, const char *file, struct error *err)
{
	CLEANUP(settings_free_cleanup) struct settings *settings = NULL;
	int rc = settings_read(file, tell_mistake, NULL, &settings, err);
	if (rc < 0)
		return rc;
	const struct job_request request = {
		.settings = settings,
		.state = args->state,
		.stop = cmd_stop_on_signals(),
	};
	CLEANUP(json_decref_cleanup) json_t *answers = json_array();
	struct error first = { 0 };
	rc = job_check(&request, tell_answer, answers, &first);
	int printed = 0;
	if (args->json) {
		printed = cmd_print_json(json_pack("{s:s, s:b, s:O}", "job", settings->name, "ok",
						   rc == 0, "answers", answers),
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
	if (rc < 0)
		*err = first;
	return rc;
}

/* ---- recover and cancel -----------------------------------------------------------------------
 */

static int recover_jobs(const struct arguments *args, const char *job, struct error *err)
{
	CLEANUP(story_close_cleanup) struct story *story = NULL;
	int rc = story_open(NULL, true, &story, err);
	if (rc < 0)
		return rc;
	struct recover recover = {
		.state = args->state,
		.story = story,
		.stop = cmd_stop_on_signals(),
		.only = job,
		.dry_run = args->dry_run,
	};
	rc = recover_run(&recover, err);
	if (rc < 0)
		return rc;
	if (args->json)
		rc = cmd_print_json(json_pack("{s:I, s:I, s:I, s:b}", "dead_runs",
					      (json_int_t)recover.runs, "unfinished",
					      (json_int_t)recover.unfinished, "left",
					      (json_int_t)recover.left, "dry_run", args->dry_run),
				    err);
	if (rc < 0)
		return rc;
	if (recover.unfinished && !args->dry_run)
		return error_set(
			err, -EBUSY,
			"%zu of %zu dead runs are not cleaned up; nothing is lost by trying "
			"again",
			recover.unfinished, recover.runs);
	return STATUS_DONE;
}

static int cancel_job(const struct arguments *args, const char *job, struct error *err)
{
	pid_t pid = state_job_runner(args->state, job);
	if (pid <= 0)
		return error_set(err, -ESRCH, "job '%s' does not run", job);
	if (kill(pid, SIGTERM) < 0)
		return error_set(err, -errno, "job '%s', process %d: %m", job, (int)pid);
	double until = cmd_seconds() + CANCEL_SECONDS;
	while (state_job_runner(args->state, job) == pid) {
		if (cmd_seconds() > until)
			return error_set(err, -ETIMEDOUT,
					 "job '%s', process %d, has not ended in %d s", job,
					 (int)pid, CANCEL_SECONDS);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	return STATUS_DONE;
}

/* ---- the command line -------------------------------------------------------------------------
 */

static int parse(struct arguments *args, int argc, char **argv, struct error *err)
{
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == OPT_STATE)
			args->state = optarg;
		else if (opt == OPT_JSON)
			args->json = true;
		else if (opt == OPT_QUIET)
			args->quiet = true;
		else if (opt == OPT_DRY_RUN)
			args->dry_run = true;
		else if (opt != OPT_KILL_AT)
			return old_no_option(opt, argv[optind - 1], err);
		else if (steps_parse_stop(optarg, &args->kill, err) < 0)
			return STATUS_USAGE;
	}
	args->state = state_path(args->state);
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	static const struct {
		const char *verb;
		int least, most;
		int (*run)(const struct arguments *args, const char *what, struct error *err);
	} verbs[] = {
		{ "run", 1, 1, run_job },
		{ "check", 1, 1, check_job },
		{ "recover", 0, 1, recover_jobs },
		{ "cancel", 1, 1, cancel_job },
	};
	struct arguments args = { 0 };
	int rc = parse(&args, argc, argv, err);
	if (rc)
		return rc;
	if (optind == argc)
		return cmd_usage(err, "do what? run, check, status, recover or cancel");
	const char *verb = argv[optind++];
	const char *what = argv[optind];
	int n = argc - optind;
	if (strcmp(verb, "status") == 0 && n <= 1)
		return job_command_status(args.state, what, args.json, err);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return n < verbs[i].least || n > verbs[i].most
				       ? cmd_usage(err, "'job %s' takes %s", verb,
						   verbs[i].least ? "one argument"
								  : "one argument at most")
				       : verbs[i].run(&args, what, err);
	return cmd_usage(err, "'job %s': there is run, check, status, recover and cancel", verb);
}

const struct command cmd_job = {
	.name = "job",
	.summary = "run snapshot jobs: freeze, snapshot, back up, clean up",
	.help = help,
	.main = run,
};
