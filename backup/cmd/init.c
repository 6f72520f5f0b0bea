/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init - makes a repository. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"

static const char help[] =
	"Usage: lunette init [OPTIONS] REPO\n"
	"Makes a repository in the directory REPO, which does not exist yet or is empty.\n"
	"\n"
	"Options:\n"
	"  --chunk-size N  size of the pieces that are stored, a power of two from 64K to 4M\n"
	"                  (default 256K); it cannot be changed later\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int run(int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "chunk-size", required_argument, NULL, 'c' },
		{ 0 },
	};
	uint64_t chunk_size = REPO_CHUNK_DEFAULT;
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt != 'c')
			return cmd_no_option(opt, argv[optind - 1], err);
		if (!cmd_parse_size(optarg, &chunk_size) || !is_power_of_2(chunk_size) ||
		    chunk_size < REPO_CHUNK_MIN || chunk_size > REPO_CHUNK_MAX)
			return cmd_usage(err, "--chunk-size '%s': a power of two from 64K to 4M",
					 optarg);
	}
	if (argc - optind != 1)
		return cmd_usage(err, "one REPO is needed");
	int rc = repo_init(argv[optind], (uint32_t)chunk_size, err);
	if (rc < 0)
		return rc;
	char text[512];
	snprintf(text, sizeof(text), "The repository '%.300s' is ready.\n", argv[optind]);
	rc = cmd_print(text, err);
	return rc < 0 ? rc : STATUS_DONE;
}

const struct command cmd_init = {
	.name = "init",
	.summary = "make a repository",
	.help = help,
	.run = run,
};
