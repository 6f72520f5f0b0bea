/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repair - saves what can be saved of a damaged repository: says what it will do, asks, does it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/repair.h"
#include "lunette/verdicts.h"

/**
 * struct repair_args - what the user wants
 * @report: what was found and done, for --json
 */
struct repair_args {
	struct cmd_repo which;
	bool read_data;
	bool dry_run;
	bool yes;
	bool drop_points;
	bool json;
	json_t *report;
	struct cmd_progress progress;
};

static const struct option_row options[] = {
	{ "read-data", NULL, "read all data, too, to find damaged chunks; takes long",
	  OPTION_FLAG(struct repair_args, read_data) },
	{ "dry-run", NULL, "only say what would be done",
	  OPTION_FLAG(struct repair_args, dry_run) },
	{ "yes", NULL, "do not ask", OPTION_FLAG(struct repair_args, yes) },
	{ "drop-points", NULL,
	  "also remove restore points whose manifest is damaged: they cannot be repaired, only put back "
	  "from a copy of the repository",
	  OPTION_FLAG(struct repair_args, drop_points) },
	CMD_JSON_OPTION(struct repair_args, json),
	CMD_PROGRESS_OPTIONS(struct repair_args, progress),
	CMD_REPO_OPTIONS(struct repair_args, which),
	{ 0 },
};

/* ---- saying what will be done ------------------------------------------------------------------
 */

static void list_keys(const struct repair_keys *keys, const char *will)
{
	for (size_t i = 0; i < keys->n; i++) {
		cmd_put(stdout, keys->keys[i], 0);
		printf(" is damaged: %s\n", will);
	}
}

static void say_plan(const struct repair_plan *plan, bool drop_points)
{
	list_keys(&plan->indexes, "what packs hold is put into a new index, and this one removed");
	list_keys(&plan->packs, "its chunks that are well go into a new pack, and this one is "
				"removed; the others are lost until a backup stores them again");
	list_keys(&plan->notes, "it will be removed; whoever wrote it notices");
	list_keys(&plan->points, drop_points ? "it will be removed"
					     : "it cannot be repaired; put it back from a copy of "
					       "the repository, or remove it with --drop-points");
	if (plan->reindex && plan->indexes.n == 0)
		puts("chunks are in no pack that is there, as far as indexes know: all packs are "
		     "looked through for them, and those that are in none stay lost");
}

static json_t *keys_json(const struct repair_keys *keys)
{
	json_t *list = json_array();
	for (size_t i = 0; i < keys->n; i++)
		json_array_append_new(list, json_text(keys->keys[i]));
	return list;
}

static json_t *plan_json(const struct repair_args *args, const struct repair_plan *plan)
{
	return json_pack("{s:b, s:{s:o, s:o, s:o, s:o}, s:b}", "dry_run", args->dry_run, "damaged",
			 "indexes", keys_json(&plan->indexes), "packs", keys_json(&plan->packs),
			 "notes", keys_json(&plan->notes), "points", keys_json(&plan->points),
			 "reindex", plan->reindex);
}

static bool is_anything_to_do(const struct repair_plan *plan, bool drop_points)
{
	return plan->indexes.n > 0 || plan->packs.n > 0 || plan->notes.n > 0 || plan->reindex ||
	       (plan->points.n > 0 && drop_points);
}

static int ask(const struct repair_args *args, bool *ret, struct error *err)
{
	*ret = args->yes;
	if (args->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return cmd_usage(err, "there is no terminal to ask on: say --yes to have it done");
	char answer[16] = "";
	printf("Do this? [y/N] ");
	fflush(stdout);
	signal(SIGINT, SIG_DFL); /* nothing is being done now */
	if (fgets(answer, sizeof(answer), stdin))
		*ret = answer[0] == 'y' || answer[0] == 'Y';
	cmd_stop_on_signals();
	return 0;
}

/* ---- doing it ----------------------------------------------------------------------------------
 */

/* The repository is opened anew, so that nothing is remembered of what was there before. */
static int look(struct repair_args *args, bool read_data, const atomic_bool *stop,
		struct check_result *ret, struct error *err)
{
	int rc = cmd_open_repo(&args->which, err);
	if (rc)
		return rc;
	const struct check_options opts = {
		.threads = cmd_threads(),
		.portion = { .percent = read_data ? 100 : 0 },
		.unnoted = args->dry_run,
		.stop = stop,
		.progress = cmd_progress_of,
		.ctx = &args->progress,
	};
	cmd_progress_begin(&args->progress);
	rc = check_run(args->which.repo, &opts, ret, err);
	cmd_progress_end(&args->progress);
	return rc;
}

/* Nobody is asked, and what goes well is of no interest. */
static bool is_quiet(const struct repair_args *args)
{
	return args->json || (args->yes && args->progress.quiet);
}

/* Return: @status; or that it cannot be said. */
static int end(const struct repair_args *args, bool whole, const char *sentence, int status,
	       struct error *err)
{
	json_object_set_new(args->report, "whole", json_boolean(whole));
	int rc = 0;
	if (args->json)
		rc = cmd_print_json(json_incref(args->report), err);
	else if (!args->progress.quiet)
		rc = cmd_print(sentence, err);
	return rc < 0 ? rc : status;
}

/* The same where it failed. */
static int end_failed(const struct repair_args *args, const struct error *why, struct error *err)
{
	json_object_set_new(args->report, "error", cmd_failure_json(why->code, why));
	int rc = end(args, false, "", 0, err);
	return rc < 0 ? rc : error_copy(err, why->code, why);
}

static int end_damaged(const struct repair_args *args, const char *sentence, struct error *err)
{
	struct error why = { 0 };
	error_set(&why, -EUCLEAN, "%s; 'lunette check' shows it", sentence);
	return end_failed(args, &why, err);
}

/* Return: a STATUS_...; or what failed. */
static int look_again(struct repair_args *args, const atomic_bool *stop, struct error *err)
{
	CLEANUP(check_result_free) struct check_result after = { 0 };
	int rc = look(args, false, stop, &after, err);
	if (rc)
		return rc;
	json_object_set(args->report, "problems", after.problems);
	json_object_set_new(args->report, "hurt_count", json_integer((json_int_t)after.n_hurt));
	if (after.n_problems == 0)
		return end(args, !cmd_warn_remembered(&after), "no damage is left\n", STATUS_DONE,
			   err);
	size_t i;
	json_t *problem;
	bool hurt_only = true;
	json_array_foreach(after.problems, i, problem)
	{
		const char *object = cmd_json_text(problem, "object");
		hurt_only &= !strchr(object, '/') || strchr(object, '@');
		if (i < 20)
			cmd_warn("%s: %s", object, cmd_json_text(problem, "what"));
	}
	char text[256] = "";
	if (after.n_hurt > 0)
		snprintf(text, sizeof(text),
			 "%" PRIu64 " restore point%s what is lost; 'lunette check' names the "
			 "files, and the next backup of these disks stores again what it meets\n",
			 after.n_hurt, after.n_hurt == 1 ? " lacks" : "s lack");
	return hurt_only ? end(args, false, text, STATUS_WARNINGS, err)
			 : end_damaged(args, "there is damage that could not be repaired", err);
}

static void say_result(const struct repair_args *args, const struct repair_result *result)
{
	json_object_set_new(args->report, "saved", json_integer((json_int_t)result->saved));
	json_object_set_new(args->report, "lost", json_integer((json_int_t)result->lost));
	json_object_set_new(args->report, "indexed", json_integer((json_int_t)result->indexed));
	json_object_set_new(args->report, "removed", json_integer((json_int_t)result->removed));
	if (!is_quiet(args))
		printf("%" PRIu64 " chunk%s saved, %" PRIu64 " lost, %" PRIu64
		       " in an index again; %" PRIu64 " damaged object%s removed\n",
		       result->saved, cmd_plural(result->saved), result->lost, result->indexed,
		       result->removed, cmd_plural(result->removed));
}

static int carry_out(struct repair_args *args, const struct repair_plan *plan,
		     const atomic_bool *stop, struct error *err)
{
	struct repair_result result;
	const struct repair_options opts = { .drop_points = args->drop_points, .stop = stop };
	int rc = repair_run(args->which.repo, plan, &opts, &result, err);
	say_result(args, &result);
	if (rc < 0)
		return rc;
	cmd_done();
	/* What was lost is seen by every check from now on, without reading data. */
	if (args->read_data)
		rc = verdicts_clear(args->which.repo, err);
	return rc < 0 ? rc : look_again(args, stop, err);
}

static int repair(struct repair_args *args, const struct repair_plan *plan, const atomic_bool *stop,
		  struct error *err)
{
	bool agreed = false;
	if (!is_quiet(args))
		say_plan(plan, args->drop_points);
	if (!is_anything_to_do(plan, args->drop_points))
		return end_damaged(args, "nothing can be done about the damage that was found",
				   err);
	if (args->dry_run)
		return end(args, false, "", STATUS_WARNINGS, err);
	int rc = ask(args, &agreed, err);
	if (rc)
		return rc;
	return agreed ? carry_out(args, plan, stop, err)
		      : error_set(err, -ECANCELED, "nothing was done");
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)words, (void)n;
	struct repair_args *args = ctx;
	CLEANUP(check_result_free) struct check_result found = { 0 };
	CLEANUP(repair_plan_free) struct repair_plan plan = { 0 };
	const atomic_bool *stop = cmd_stop_on_signals();
	if (args->json && !args->yes && !args->dry_run)
		return cmd_usage(err, "--json asks nobody: it needs --yes, or --dry-run");
	int rc = look(args, args->read_data, stop, &found, err);
	if (rc)
		return rc;
	rc = repair_plan_make(&found, &plan, err);
	if (rc < 0)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *report = plan_json(args, &plan);
	args->report = report;
	struct error why = { 0 };
	rc = check_judge(&found, args->read_data, &why);
	if (rc == 0)
		return end(args, !cmd_warn_remembered(&found), "no damage was found\n", STATUS_DONE,
			   err);
	return rc == -EIO ? end_failed(args, &why, err) : repair(args, &plan, stop, err);
}

const struct command cmd_repair = {
	.name = "repair",
	.summary = "save what can be saved of a damaged repository",
	.help = "Checks the repository, says what can be done about the damage, asks, and does it: makes "
		"indexes again from packs, and moves chunks that are well out of damaged packs. What is "
		"lost is stored again by the next backup that meets it.",
	.status =
		"0 the repository is whole, 1 failed, or not all that is damaged can be repaired, 2 "
		"wrong usage, 3 repaired, but restore points lack what is lost ('lunette check' names "
		"it), or this one read no data, and a check had found some damaged; or, with --dry-run, "
		"there is something to do" CMD_REPO_STATUS
		", 12 a prune or another repair is at work.",
	.options = options,
	.args_size = sizeof(struct repair_args),
	.run = run,
};
