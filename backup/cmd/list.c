/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list - the restore points of a repository, oldest first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "old.h"

static const char help[] =
	"Usage: lunette list [OPTIONS] [NAME]\n"
	"Lists the restore points of a repository, or those called NAME.\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP "  --json       as a JSON document\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged.\n";

/**
 * struct listing - what has been listed so far
 * @text: lines are written here, unless there is @json
 * @json: an array, or NULL
 * @damaged: some could not be read
 */
struct listing {
	struct repo *repo;
	FILE *text;
	json_t *json;
	bool damaged;
};

static int list_point(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	struct listing *list = ctx;
	const json_t *stats = json_object_get(point, "stats");
	uint64_t size = cmd_json_size(stats, "size");
	uint64_t stored = cmd_json_size(stats, "stored");
	bool pinned;
	int rc = repo_is_pinned(list->repo, id, &pinned, err);
	if (rc < 0)
		return rc;
	if (list->json) {
		json_t *entry =
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "id", id, "name",
				  repo_point_name(point), "time", repo_point_time(point), "size",
				  (json_int_t)size, "stored", (json_int_t)stored, "pinned", pinned);
		if (json_array_append_new(list->json, entry) < 0)
			return error_set(err, -ENOMEM, "list: %m");
		return 0;
	}
	char a[CMD_SIZE_MAX], b[CMD_SIZE_MAX];
	fprintf(list->text, "%.12s  %-20s  %8s  %8s  ", id, repo_point_time(point),
		cmd_size(size, a), cmd_size(stored, b));
	cmd_put(list->text, repo_point_name(point), 0);
	fputs(pinned ? "  (pinned)\n" : "\n", list->text);
	return 0;
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct listing *)ctx)->damaged = true;
	cmd_warn("%s", why->msg);
}

static int list_text(struct repo *repo, const char *name, struct listing *list, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	list->text = open_memstream(&text, &size);
	if (!list->text)
		return error_set(err, -ENOMEM, "list: %m");
	fprintf(list->text, "%-12s  %-20s  %8s  %8s  %s\n", "ID", "TIME", "SIZE", "STORED", "NAME");
	int rc = repo_points(repo, name, list_point, list, warn_damaged, err);
	if (fclose(list->text) != 0 && rc == 0)
		rc = error_set(err, -ENOMEM, "list: %m");
	return rc < 0 ? rc : cmd_print(text, err);
}

static int list_json(struct repo *repo, const char *name, struct listing *list, struct error *err)
{
	list->json = json_array();
	int rc = repo_points(repo, name, list_point, list, warn_damaged, err);
	json_t *doc = json_pack("{s:o}", "points", list->json);
	if (rc == 0)
		return cmd_print_json(doc, err);
	json_decref(doc);
	return rc;
}

static int run(int argc, char **argv, struct error *err)
{
	struct old_repo which = { 0 };
	bool json = false;
	int rc = old_repo_options(argc, argv, &which, &json, err);
	if (rc)
		return rc;
	if (argc - optind > 1)
		return cmd_usage(err, "one NAME at most");
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&which, &repo, err);
	if (rc)
		return rc;
	struct listing list = { .repo = repo };
	rc = (json ? list_json : list_text)(repo, argv[optind], &list, err);
	if (rc < 0)
		return rc;
	return list.damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list restore points",
	.help = help,
	.main = run,
};
