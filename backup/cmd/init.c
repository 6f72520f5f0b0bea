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
	"  --level N       of compression, for backups that do not choose: 1 (fast, the default) to\n"
	"                  19 (small), or -1 to -10 (faster still)\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int chunk_size_option(const char *arg, uint32_t *ret, struct error *err)
{
	uint64_t size;
	if (!cmd_parse_size(arg, &size) || !is_power_of_2(size) || size < REPO_CHUNK_MIN ||
	    size > REPO_CHUNK_MAX)
		return cmd_usage(err, "--chunk-size '%s': a power of two from 64K to 4M", arg);
	*ret = (uint32_t)size;
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "chunk-size", required_argument, NULL, 'c' },
		{ "level", required_argument, NULL, 'l' },
		{ 0 },
	};
	struct repo_settings settings = { .chunk_size = REPO_CHUNK_DEFAULT };
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = opt == 'c'   ? chunk_size_option(optarg, &settings.chunk_size, err)
			 : opt == 'l' ? cmd_level_option(optarg, &settings.level, err)
				      : cmd_no_option(opt, argv[optind - 1], err);
		if (rc)
			return rc;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "one REPO is needed");
	int rc = repo_init(argv[optind], &settings, err);
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
