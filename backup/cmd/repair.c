/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repair - saves what can be saved of a damaged repository: says what it will do, asks, does it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "old.h"
#include "lunette/repair.h"

static const char help[] =
	"Usage: lunette repair [OPTIONS]\n"
	"Checks the repository, says what can be done about the damage, asks, and does it: makes\n"
	"indexes again from packs, and moves chunks that are well out of damaged packs. What is\n"
	"lost is stored again by the next backup that meets it.\n"
	"\n"
	"Options:\n"
	"  --read-data        read all data, too, to find damaged chunks; takes long\n"
	"  --dry-run          only say what would be done\n"
	"  --yes              do not ask\n"
	"  --drop-points      also remove restore points whose manifest is damaged: they cannot be\n"
	"                     repaired, only put back from a copy of the repository\n"
	"  --progress[=json]  show how far reading is; the default on a terminal\n"
	"  --progress=none    do not\n" OLD_REPO_OPTIONS_HELP "\n"
	"Exit status: 0 the repository is whole, 1 failed, or not all that is damaged can be\n"
	"repaired, 2 wrong usage, 3 repaired, but restore points lack what is lost ('lunette check'\n"
	"names it); or, with --dry-run, there is something to do.\n";

struct arguments {
	struct old_repo repo;
	bool read_data;
	bool dry_run;
	bool yes;
	bool drop_points;
	struct cmd_progress progress;
};

static int parse(int argc, char **argv, struct arguments *ret, struct error *err)
{
	static const struct option options[] = {
		OLD_REPO_OPTIONS,
		{ "read-data", no_argument, NULL, 'd' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "yes", no_argument, NULL, 'y' },
		{ "drop-points", no_argument, NULL, 'x' },
		{ "progress", optional_argument, NULL, 'p' },
		{ 0 },
	};
	int rc = 0;
	for (int opt; rc == 0 && (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == 'd')
			ret->read_data = true;
		else if (opt == 'n')
			ret->dry_run = true;
		else if (opt == 'y')
			ret->yes = true;
		else if (opt == 'x')
			ret->drop_points = true;
		else if (opt == 'p')
			rc = old_progress_option(&ret->progress, optarg, err);
		else if (old_repo_option(&ret->repo, opt, optarg))
			rc = old_no_option(opt, argv[optind - 1], err);
	}
	if (rc == 0 && optind < argc)
		rc = cmd_usage(err, "'%s': there is nothing to name; the repository is --repo",
			       argv[optind]);
	return rc;
}

/* ---- saying what will be done ------------------------------------------------------------------
 */

static void list_keys(const struct repair_keys *keys, const char *will)
{
	for (size_t i = 0; i < keys->n; i++) {
		cmd_put(stdout, keys->keys[i], 0);
		printf(" is damaged: %s\n", will);
	}
}

/* Return: whether there is anything to do. */
static bool say_plan(const struct repair_plan *plan, bool drop_points)
{
	list_keys(&plan->indexes, "what packs hold is put into a new index, and this one removed");
	list_keys(&plan->packs, "its chunks that are well go into a new pack, and this one is "
				"removed; the others are lost until a backup stores them again");
	list_keys(&plan->notes, "it will be removed; whoever wrote it notices");
	list_keys(&plan->points, drop_points ? "it will be removed"
					     : "it cannot be repaired; put it back from a copy of "
					       "the repository, or remove it with --drop-points");
	if (plan->reindex && plan->indexes.n == 0)
		puts("chunks are in no index: packs are looked through for them");
	return plan->indexes.n > 0 || plan->packs.n > 0 || plan->notes.n > 0 || plan->reindex ||
	       (plan->points.n > 0 && drop_points);
}

static int ask(const struct arguments *args, bool *ret, struct error *err)
{
	*ret = args->yes;
	if (args->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return cmd_usage(err, "there is no terminal to ask on: say --yes to have it done");
	char answer[16] = "";
	printf("Do this? [y/N] ");
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin))
		*ret = answer[0] == 'y' || answer[0] == 'Y';
	return 0;
}

/* ---- doing it ----------------------------------------------------------------------------------
 */

/* @repo: is opened here, so that nothing is remembered of what was there before. */
static int look(struct arguments *args, bool read_data, const atomic_bool *stop, struct repo **repo,
		struct check_result *ret, struct error *err)
{
	int rc = old_open_repo(&args->repo, repo, err);
	if (rc)
		return rc;
	const struct check_options opts = {
		.threads = cmd_threads(),
		.percent = read_data ? 100 : 0,
		.stop = stop,
		.progress = cmd_progress_of,
		.ctx = &args->progress,
	};
	cmd_progress_begin(&args->progress);
	rc = check_run(*repo, &opts, ret, err);
	cmd_progress_end(&args->progress);
	return rc;
}

/* Return: a STATUS_...; or what failed. */
static int look_again(struct arguments *args, const atomic_bool *stop, struct error *err)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	CLEANUP(check_result_free) struct check_result after = { 0 };
	int rc = look(args, false, stop, &repo, &after, err);
	if (rc)
		return rc;
	if (after.n_problems == 0) {
		rc = cmd_print("the repository is whole\n", err);
		return rc < 0 ? rc : STATUS_DONE;
	}
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
	if (after.n_hurt > 0)
		printf("%" PRIu64 " restore points lack what is lost; 'lunette check' names the "
		       "files, and the next backup of these disks stores again what it meets\n",
		       after.n_hurt);
	rc = cmd_print("", err);
	return rc < 0 ? rc : hurt_only ? STATUS_WARNINGS : STATUS_FAILED;
}

static int carry_out(struct arguments *args, struct repo *repo, const struct repair_plan *plan,
		     const atomic_bool *stop, struct error *err)
{
	struct repair_result result;
	const struct repair_options opts = { .drop_points = args->drop_points, .stop = stop };
	int rc = repair_run(repo, plan, &opts, &result, err);
	printf("%" PRIu64 " chunks saved, %" PRIu64 " lost, %" PRIu64 " in an index again; %" PRIu64
	       " damaged objects removed\n",
	       result.saved, result.lost, result.indexed, result.removed);
	return rc < 0 ? rc : look_again(args, stop, err);
}

static int run(int argc, char **argv, struct error *err)
{
	struct arguments args = { 0 };
	int rc = parse(argc, argv, &args, err);
	if (rc)
		return rc;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	CLEANUP(check_result_free) struct check_result found = { 0 };
	CLEANUP(repair_plan_free) struct repair_plan plan = { 0 };
	const atomic_bool *stop = cmd_stop_on_signals();
	rc = look(&args, args.read_data, stop, &repo, &found, err);
	if (rc)
		return rc;
	rc = repair_plan_make(&found, &plan, err);
	if (rc < 0)
		return rc;
	if (found.n_problems == 0) {
		rc = cmd_print("no damage was found\n", err);
		return rc < 0 ? rc : STATUS_DONE;
	}
	if (!say_plan(&plan, args.drop_points)) {
		rc = cmd_print("nothing can be done about the damage that was found; 'lunette "
			       "check' shows it\n",
			       err);
		return rc < 0 ? rc : STATUS_FAILED;
	}
	bool agreed = false;
	if (args.dry_run)
		return cmd_print("", err) < 0 ? STATUS_FAILED : STATUS_WARNINGS;
	rc = ask(&args, &agreed, err);
	if (rc)
		return rc;
	if (!agreed)
		return error_set(err, -ECANCELED, "nothing was done");
	return carry_out(&args, repo, &plan, stop, err);
}

const struct command cmd_repair = {
	.name = "repair",
	.summary = "save what can be saved of a damaged repository",
	.help = help,
	.main = run,
};
