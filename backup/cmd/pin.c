/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pin - keeps restore points whatever `forget` is told, and lets them go again. */
#include <stdio.h>

#include "cmd.h"
#include "lunette/json.h"

struct pin_args {
	struct cmd_repo which;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct pin_args, which),
	{ 0 },
};

typedef int pin_fn(struct repo *repo, const char *id, struct error *err);

static int change(const struct pin_args *args, const char *spec, pin_fn *fn, const char *done,
		  struct error *err)
{
	char id[65];
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = cmd_find_point(&args->which, spec, REPO_POINT_MARK, id, &point, err);
	if (rc == 0)
		rc = fn(args->which.repo, id, err);
	if (rc)
		return rc;
	printf("%s ", done);
	cmd_put_point(stdout, id, point);
	putchar('\n');
	return 0;
}

static int change_all(struct pin_args *args, char **specs, size_t n, pin_fn *fn, const char *done,
		      struct error *err)
{
	int rc = cmd_open_repo(&args->which, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = change(args, specs[i], fn, done, err);
	if (rc)
		return rc;
	cmd_done();
	return cmd_print("", err);
}

static int pin(void *args, char **words, size_t n, struct error *err)
{
	return change_all(args, words, n, repo_pin, "pinned", err);
}

static int unpin(void *args, char **words, size_t n, struct error *err)
{
	return change_all(args, words, n, repo_unpin, "unpinned", err);
}

const struct command cmd_pin = {
	.name = "pin",
	.summary = "keep restore points whatever forget is told",
	.words = { "POINT...", 1, COMMAND_ANY },
	.help = "Keeps restore points, whatever 'lunette forget' is told.",
	.options = options,
	.args_size = sizeof(struct pin_args),
	.run = pin,
};

const struct command cmd_unpin = {
	.name = "unpin",
	.summary = "let pinned restore points go again",
	.words = { "POINT...", 1, COMMAND_ANY },
	.help = "Lets restore points go that were pinned.",
	.options = options,
	.args_size = sizeof(struct pin_args),
	.run = unpin,
};
