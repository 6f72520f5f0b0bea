/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list - the restore points of a repository, oldest first. */
#include <errno.h>
#include <stdio.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/verdicts.h"

/**
 * struct list_args - what the user wants, and what has been found so far
 * @verdicts: what checks have found
 * @points: as --json has them
 * @damaged: some could not be read
 */
struct list_args {
	struct cmd_repo which;
	bool json;
	json_t *verdicts;
	json_t *points;
	bool damaged;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct list_args, which),
	CMD_JSON_OPTION(struct list_args, json),
	{ 0 },
};

static int add_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	struct list_args *args = ctx;
	const json_t *stats = json_object_get(point, "stats");
	bool pinned;
	int rc = repo_is_pinned(args->which.repo, id, &pinned, err);
	if (rc < 0)
		return rc;
	json_t *entry = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "id", id, "name",
				  repo_point_name(point), "time", repo_point_time(point), "size",
				  (json_int_t)cmd_json_size(stats, "size"), "stored",
				  (json_int_t)cmd_json_size(stats, "stored"), "unreadable",
				  (json_int_t)cmd_json_size(stats, "unreadable"), "pinned", pinned);
	CLEANUP(json_decref_cleanup) json_t *holds = cmd_point_holds(id, point, args->verdicts);
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

static int print_json(json_t *points, const json_t *done, struct error *err)
{
	json_t *doc = json_pack("{s:O}", "points", points);
	if (doc && done)
		json_object_set(doc, "upkeep", (json_t *)done);
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

static int print_text(json_t *points, const json_t *done, struct error *err)
{
	char size[CMD_SIZE_MAX], stored[CMD_SIZE_MAX], checked[CMD_CHECKED_MAX];
	size_t i;
	const json_t *point;
	printf("%-12s  %-20s  %8s  %8s  %5s  %7s  %-11s  %-18s  %s\n", "ID", "TIME", "SIZE",
	       "STORED", "DISKS", "VOLUMES", "CONSISTENCY", "CHECKED", "NAME");
	json_array_foreach(points, i, point)
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
	(void)n;
	struct list_args *args = ctx;
	int rc = cmd_open_repo(&args->which, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *points = json_array();
	args->points = points;
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	rc = verdicts_read(args->which.repo, &verdicts, err);
	args->verdicts = verdicts;
	if (rc == 0)
		rc = repo_points(args->which.repo, words[0], add_point, args, warn_damaged, err);
	if (rc == 0 && words[0] && json_array_size(points) == 0 && !args->damaged) {
		rc = error_set(err, -ENOENT, "there is no restore point called '%s'", words[0]);
		return error_mark(err, rc, ERROR_KIND_NOT_FOUND);
	}
	/* What somebody did for all of it does not belong to those of one NAME. */
	CLEANUP(json_decref_cleanup)
	json_t *done = words[0] ? NULL : cmd_upkeep_done(args->which.repo);
	if (rc == 0)
		rc = (args->json ? print_json : print_text)(points, done, err);
	return rc < 0 ? rc : args->damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list restore points",
	.words = { "[NAME]", 0, 1 },
	.help = "Lists the restore points of a repository, or those called NAME.",
	.status =
		"0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged" CMD_REPO_STATUS
		".",
	.options = options,
	.args_size = sizeof(struct list_args),
	.run = run,
};
