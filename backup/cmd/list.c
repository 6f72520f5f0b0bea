/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list - the restore points of a repository, oldest first, and whether the newest are young enough.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "freshness.h"
#include "lunette/duration.h"
#include "lunette/id-set.h"
#include "lunette/json.h"
#include "lunette/verdicts.h"

/**
 * struct list_args - what the user wants, and what has been found so far
 * @names: @n_names that were asked for, or, when none were, that there are; each once
 * @all: none were asked for
 * @forgotten: of those that can be brought back
 * @verdicts: what checks have found
 * @pins: of restore points that are pinned
 * @points: as --json has them
 * @too_old: of freshness_too_old(); NULL when nobody has asked
 * @damaged: some could not be read
 */
struct list_args {
	struct cmd_repo which;
	bool forgotten;
	bool json;
	struct freshness fresh;
	const char **names;
	size_t n_names;
	bool all;
	json_t *verdicts;
	struct id_set *pins;
	json_t *points;
	json_t *too_old;
	bool damaged;
};

static void free_args(void *args)
{
	struct list_args *list = args;
	id_set_free(list->pins);
	json_decref(list->too_old);
	json_decref(list->points);
	json_decref(list->verdicts);
	free(list->names);
}

static int take_max_age(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	struct freshness *fresh = to;
	if (!duration_parse(arg, &fresh->max_age))
		return cmd_usage(err, "--%s '%s': a time such as 26h, 90m or 7d", row->name, arg);
	fresh->text = arg;
	return 0;
}

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct list_args, which),
	{ "max-age", "TIME",
	  "fail when the newest restore point of a name is older than that, as 26h or 7d; one of the "
	  "future, or that a check found damaged, does not count",
	  OPTION_CALL(struct list_args, fresh, struct freshness, take_max_age) },
	{ "forgotten", NULL,
	  "those that were forgotten, and that 'lunette undelete' can bring back",
	  OPTION_FLAG(struct list_args, forgotten) },
	CMD_JSON_OPTION(struct list_args, json),
	{ 0 },
};

/* ---- reading ---- */

static bool is_name(const struct list_args *args, const char *name)
{
	for (size_t i = 0; i < args->n_names; i++)
		if (strcmp(args->names[i], name) == 0)
			return true;
	return false;
}

static int add_name(struct list_args *args, const char *name, struct error *err)
{
	if (is_name(args, name))
		return 0;
	const char **grown = reallocarray(args->names, args->n_names + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, -ENOMEM, "list: %m");
	args->names = grown;
	args->names[args->n_names++] = name;
	return 0;
}

static int add_point(void *ctx, const struct repo_brief *brief, struct error *err)
{
	struct list_args *args = ctx;
	struct chunk_id id;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	if (!args->all && !is_name(args, brief->name))
		return 0;
	int rc = repo_brief_members(brief, &point, err);
	if (rc < 0)
		return rc;
	const json_t *stats = json_object_get(point, "stats");
	bool pinned = chunk_id_parse(brief->id, &id) && id_set_has(args->pins, &id);
	json_t *entry = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "id", brief->id, "name",
				  brief->name, "time", brief->time, "size",
				  (json_int_t)cmd_json_size(stats, "size"), "stored",
				  (json_int_t)cmd_json_size(stats, "stored"), "unreadable",
				  (json_int_t)cmd_json_size(stats, "unreadable"), "pinned", pinned);
	CLEANUP(json_decref_cleanup)
	json_t *holds = cmd_point_holds(brief->id, point, args->verdicts);
	if (!entry || !holds || json_object_update(entry, holds) < 0) {
		json_decref(entry);
		entry = NULL;
	}
	if (json_array_append_new(args->points, entry) < 0)
		return error_set(err, -ENOMEM, "list: %m");
	return 0;
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct list_args *)ctx)->damaged = true;
	cmd_warn("%s", why->msg);
}

/* All that there are of the names that were asked for. */
static int read_points(struct list_args *args, char **words, size_t n, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_name(args, words[i], err);
	if (rc == 0)
		rc = verdicts_read(args->which.repo, &args->verdicts, err);
	if (rc == 0)
		rc = repo_pins(args->which.repo, &args->pins, err);
	if (rc == 0)
		rc = (args->forgotten ? repo_briefs_forgotten : repo_briefs)(
			args->which.repo, args->n_names == 1 ? args->names[0] : NULL, add_point,
			args, warn_damaged, err);
	size_t i;
	const json_t *point;
	json_array_foreach(args->points, i, point)
	{
		if (rc == 0 && args->all)
			rc = add_name(args, cmd_json_text(point, "name"), err);
	}
	return rc;
}

/* ---- what is missing ---- */

static bool has_point(const struct list_args *args, const char *name)
{
	size_t i;
	const json_t *point;
	json_array_foreach(args->points, i, point)
	{
		if (strcmp(cmd_json_text(point, "name"), name) == 0)
			return true;
	}
	return false;
}

/* Names that have no restore point; where some cannot be read, it may be theirs. */
static int find_missing(const struct list_args *args, struct error *err)
{
	char all[256] = "";
	size_t n = 0;
	for (size_t i = 0; i < args->n_names && !args->all && !args->damaged; i++)
		if (!has_point(args, args->names[i]) && n < sizeof(all))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s'%s'", n ? ", " : "",
					      args->names[i]);
	if (n == 0)
		return 0;
	return error_mark(err,
			  error_set(err, -ENOENT, "there is no restore point called %s%s", all,
				    args->forgotten
					    ? " to be brought back"
					    : "; 'lunette list --forgotten' shows those that "
					      "'lunette undelete' brings back"),
			  ERROR_KIND_NOT_FOUND);
}

/* Where there is nothing at all, nothing is young enough. */
static int nothing_there(const struct list_args *args, struct error *err)
{
	if (args->damaged)
		return error_set(err, -EUCLEAN, "no restore point can be read");
	return error_mark(err, error_set(err, -ENOENT, "there is no restore point"),
			  ERROR_KIND_NOT_FOUND);
}

/* A sentence for each name that is too old; that of the only one is the error. */
static int find_too_old(struct list_args *args, struct error *err)
{
	args->too_old = freshness_too_old(&args->fresh, args->points, args->names, args->n_names);
	size_t n = json_array_size(args->too_old);
	if (!args->too_old)
		return error_set(err, -ENOMEM, "list: %m");
	if (args->n_names == 0)
		return nothing_there(args, err);
	if (n == 0)
		return 0;
	size_t i;
	const json_t *entry;
	json_array_foreach(args->too_old, i, entry)
	{
		error_set(err, -ETIME, "%s", cmd_json_text(entry, "why"));
		if (n > 1)
			cmd_say("", err->msg);
	}
	if (n > 1)
		error_set(err, -ETIME,
			  "%zu of %zu names have no restore point that is young enough", n,
			  args->n_names);
	return error_mark(err, -ETIME,
			  find_missing(args, NULL) ? ERROR_KIND_NOT_FOUND : ERROR_KIND_NONE);
}

/* ---- the report ---- */

/* @why: what fails, if its code is not 0 */
static int print_json(const struct list_args *args, const json_t *done, const struct error *why,
		      struct error *err)
{
	json_t *doc = json_pack("{s:O, s:O*, s:O*}", "points", args->points, "too_old",
				args->too_old, "upkeep", done);
	if (doc && why->code)
		json_object_set_new(doc, "error", cmd_failure_json(why->code, why));
	return cmd_print_json(doc, err);
}

/* "2" volumes; "2/3" when one of them is only known. */
static void print_holds(const json_t *point, char checked[CMD_CHECKED_MAX])
{
	size_t stored = json_array_size(json_object_get(point, "volumes"));
	size_t left_out = json_array_size(json_object_get(point, "left_out"));
	const char *consistency = cmd_json_text(point, "consistency");
	char volumes[32];
	int n = snprintf(volumes, sizeof(volumes), "%zu", stored);
	if (left_out > 0)
		snprintf(volumes + n, sizeof(volumes) - (size_t)n, "/%zu", stored + left_out);
	printf("%5zu  %7s  ", json_array_size(json_object_get(point, "disks")), volumes);
	cmd_put(stdout, *consistency ? consistency : "-", 11);
	printf("  %-18s  ", cmd_checked(point, checked));
}

static int print_text(const struct list_args *args, const json_t *done, struct error *err)
{
	char size[CMD_SIZE_MAX], stored[CMD_SIZE_MAX], checked[CMD_CHECKED_MAX];
	size_t i;
	const json_t *point;
	printf("%-12s  %-20s  %8s  %8s  %5s  %7s  %-11s  %-18s  %s\n", "ID", "TIME", "SIZE",
	       "STORED", "DISKS", "VOLUMES", "CONSISTENCY", "CHECKED", "NAME");
	json_array_foreach(args->points, i, point)
	{
		printf("%.12s  %-20s  %8s  %8s  ", cmd_json_text(point, "id"),
		       cmd_json_text(point, "time"), cmd_size(cmd_json_size(point, "size"), size),
		       cmd_size(cmd_json_size(point, "stored"), stored));
		print_holds(point, checked);
		cmd_put(stdout, cmd_json_text(point, "name"), 0);
		fputs(json_is_true(json_object_get(point, "future")) ? "  (of the future)" : "",
		      stdout);
		if (cmd_json_size(point, "unreadable") > 0)
			printf("  (%s unreadable)",
			       cmd_size(cmd_json_size(point, "unreadable"), size));
		puts(json_is_true(json_object_get(point, "pinned")) ? "  (pinned)" : "");
	}
	if (done) {
		putchar('\n');
		cmd_upkeep_put(done);
	}
	return cmd_print("", err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct list_args *args = ctx;
	args->points = json_array();
	args->all = n == 0;
	args->fresh.now = time(NULL);
	if (args->forgotten && args->fresh.text)
		return cmd_usage(err, "--forgotten and --max-age exclude each other");
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = read_points(args, words, n, err);
	if (rc)
		return rc;
	struct error why = { 0 };
	if (args->fresh.text)
		find_too_old(args, &why);
	else
		find_missing(args, &why);
	/* What somebody did for all of it does not belong to those of one NAME. */
	CLEANUP(json_decref_cleanup)
	json_t *done = args->all && !args->forgotten ? cmd_upkeep_done(args->which.repo) : NULL;
	if (args->json)
		rc = print_json(args, done, &why, err);
	else if (args->all || json_array_size(args->points) > 0)
		rc = print_text(args, done, err);
	if (rc == 0 && why.code)
		rc = error_copy(err, why.code, &why);
	return rc < 0 ? rc : args->damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list restore points",
	.words = { "[NAME]...", 0, COMMAND_ANY },
	.help = "Lists the restore points of a repository, or those called NAME. With --max-age its status "
		"says whether the newest of each name is young enough.",
	.status = "0 done, 1 failed, or one is too old, 2 wrong usage, 3 some restore points "
		  "cannot be read" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct list_args),
	.run = run,
	.free = free_args,
};
