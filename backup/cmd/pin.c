/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pin - keeps restore points whatever `forget` is told, and lets them go again. */
#include <stdio.h>

#include "old.h"

#define OPTIONS_HELP "\nOptions:\n" OLD_REPO_OPTIONS_HELP "\n" OLD_REPO_HELP

static int run(int argc, char **argv, int (*change)(struct repo *, const char *, struct error *),
	       struct error *err)
{
	static const struct option options[] = { OLD_REPO_OPTIONS, { 0 } };
	struct old_repo which = { 0 };
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;)
		if (old_repo_option(&which, opt, optarg) != 0)
			return old_no_option(opt, argv[optind - 1], err);
	if (optind == argc)
		return cmd_usage(err, "which POINT?");
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	int rc = old_open_repo(&which, &repo, err);
	for (int i = optind; rc == 0 && i < argc; i++) {
		char id[65];
		json_t *point;
		rc = repo_point_find(repo, argv[i], id, &point, err);
		if (rc < 0)
			break;
		json_decref(point);
		rc = change(repo, id, err);
	}
	return rc;
}

static int pin(int argc, char **argv, struct error *err)
{
	return run(argc, argv, repo_pin, err);
}

static int unpin(int argc, char **argv, struct error *err)
{
	return run(argc, argv, repo_unpin, err);
}

const struct command cmd_pin = {
	.name = "pin",
	.summary = "keep restore points whatever forget is told",
	.help = "Usage: lunette pin [OPTIONS] POINT...\n"
		"Keeps restore points, whatever 'lunette forget' is told.\n" OPTIONS_HELP
		"\nExit status: 0 done, 1 failed, 2 wrong usage.\n",
	.main = pin,
};

const struct command cmd_unpin = {
	.name = "unpin",
	.summary = "let pinned restore points go again",
	.help = "Usage: lunette unpin [OPTIONS] POINT...\n"
		"Lets restore points go that were pinned.\n" OPTIONS_HELP
		"\nExit status: 0 done, 1 failed, 2 wrong usage.\n",
	.main = unpin,
};
