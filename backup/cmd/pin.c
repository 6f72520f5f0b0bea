/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pin - keeps restore points whatever `forget` is told, and lets them go again. */
#include <stdio.h>

#include "cmd.h"
#include "lunette/json.h"

struct pin_args {
	struct cmd_repo which;
	bool json, quiet;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct pin_args, which),
	CMD_JSON_OPTION(struct pin_args, json),
	CMD_QUIET_OPTION(struct pin_args, quiet),
	{ 0 },
};

/**
 * struct pin_change - pinning, or the opposite
 * @change: does it to one
 * @pinned: what it makes of it
 * @done: the same in words
 */
struct pin_change {
	int (*change)(struct repo *repo, const char *id, struct error *err);
	bool pinned;
	const char *done;
};

/* All that are named, or none: a name that is wrong must not leave half of it done. */
static int find_all(struct pin_args *args, char **specs, size_t n, const struct pin_change *how,
		    json_t *report, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		char id[65];
		CLEANUP(json_decref_cleanup) json_t *point = NULL;
		int rc = cmd_find_point(&args->which, specs[i], REPO_POINT_MARK, id, &point, err);
		if (rc) {
			error_wrap(err, err->code, "nothing is %s", how->done);
			return rc;
		}
		json_array_append_new(report,
				      json_pack("{s:s, s:s, s:s, s:b}", "id", id, "name",
						repo_point_name(point), "time",
						repo_point_time(point), "pinned", how->pinned));
	}
	return 0;
}

static int change_all(struct pin_args *args, char **specs, size_t n, const struct pin_change *how,
		      struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *report = json_array();
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = find_all(args, specs, n, how, report, err);
	size_t i;
	json_t *point;
	json_array_foreach(report, i, point)
	{
		const char *id = json_string_value(json_object_get(point, "id"));
		if (rc == 0)
			rc = how->change(args->which.repo, id, err);
		if (rc || args->json || args->quiet)
			continue;
		printf("%s ", how->done);
		cmd_put_point(stdout, id, point);
		putchar('\n');
	}
	if (rc)
		return rc;
	cmd_done();
	return args->json ? cmd_print_json(json_pack("{s:O}", "points", report), err)
			  : cmd_print("", err);
}

static int pin(void *args, char **words, size_t n, struct error *err)
{
	return change_all(args, words, n, &(const struct pin_change){ repo_pin, true, "pinned" },
			  err);
}

static int unpin(void *args, char **words, size_t n, struct error *err)
{
	return change_all(args, words, n,
			  &(const struct pin_change){ repo_unpin, false, "unpinned" }, err);
}

const struct command cmd_pin = {
	.name = "pin",
	.summary = "keep restore points whatever forget is told",
	.words = { "POINT...", 1, COMMAND_ANY },
	.help = "Keeps restore points, whatever 'lunette forget' is told.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 done with warnings" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct pin_args),
	.run = pin,
};

const struct command cmd_unpin = {
	.name = "unpin",
	.summary = "let pinned restore points go again",
	.words = { "POINT...", 1, COMMAND_ANY },
	.help = "Lets restore points go that were pinned.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 done with warnings" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct pin_args),
	.run = unpin,
};
