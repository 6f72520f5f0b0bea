/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init - makes a repository. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "old.h"

static const char help[] =
	"Usage: lunette init [OPTIONS] REPO\n"
	"Makes a repository in the directory REPO, which does not exist yet or is empty.\n"
	"\n"
	"Options:\n"
	"  --chunk-size N  size of the pieces that are stored, a power of two from 64K to 4M\n"
	"                  (default 256K); it cannot be changed later\n"
	"  --level N       of compression, for backups that do not choose: 1 (fast, the default) to\n"
	"                  19 (small), or -1 to -10 (faster still)\n"
	"  --encrypt       nothing of it can be read without a password, which is asked for twice\n"
	"  --password-file FILE  the password is the first line of FILE; else of\n"
	"                  $LUNETTE_PASSWORD_FILE\n"
	"\n"
	"There is no way to the backups of an encrypted repository without a password: export its\n"
	"key with `lunette key export`, and keep it in a safe.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int chunk_size_option(const char *arg, uint32_t *ret, struct error *err)
{
	uint64_t size;
	if (!old_parse_size(arg, &size) || !is_power_of_2(size) || size < REPO_CHUNK_MIN ||
	    size > REPO_CHUNK_MAX)
		return cmd_usage(err, "--chunk-size '%s': a power of two from 64K to 4M", arg);
	*ret = (uint32_t)size;
	return 0;
}

/**
 * struct arguments - what the user asked for
 * @password_file: NULL: $LUNETTE_PASSWORD_FILE, or the terminal
 */
struct arguments {
	struct repo_settings settings;
	bool encrypt;
	const char *password_file;
};

static int take_option(struct arguments *args, int opt, char **argv, struct error *err)
{
	switch (opt) {
	case 'c':
		return chunk_size_option(optarg, &args->settings.chunk_size, err);
	case 'l':
		return old_level_option(optarg, &args->settings.level, err);
	case 'e':
		args->encrypt = true;
		return 0;
	case 'p':
		args->password_file = optarg;
		return 0;
	default:
		return old_no_option(opt, argv[optind - 1], err);
	}
}

static int parse(int argc, char **argv, struct arguments *args, struct error *err)
{
	static const struct option options[] = {
		{ "chunk-size", required_argument, NULL, 'c' },
		{ "level", required_argument, NULL, 'l' },
		{ "encrypt", no_argument, NULL, 'e' },
		{ "password-file", required_argument, NULL, 'p' },
		{ 0 },
	};
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = take_option(args, opt, argv, err);
		if (rc)
			return rc;
	}
	if (argc - optind != 1)
		return cmd_usage(err, "one REPO is needed");
	if (args->password_file && !args->encrypt)
		return cmd_usage(err, "--password-file is for --encrypt");
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	struct arguments args = { .settings = { .chunk_size = REPO_CHUNK_DEFAULT } };
	CLEANUP(cmd_secret_free_cleanup) char *password = NULL;
	int rc = parse(argc, argv, &args, err);
	if (rc)
		return rc;
	if (!args.password_file)
		args.password_file = getenv("LUNETTE_PASSWORD_FILE");
	if (args.encrypt)
		rc = cmd_password_new(args.password_file, &password, err);
	args.settings.password = password;
	if (rc == 0)
		rc = repo_init(argv[optind], &args.settings, err);
	if (rc < 0)
		return rc;
	char text[1024];
	snprintf(text, sizeof(text), "The repository '%.300s' is ready.\n%s", argv[optind],
		 args.encrypt ? "Without its password nobody can read it: 'lunette key export' "
				"prints a key for the safe.\n"
			      : "");
	rc = cmd_print(text, err);
	return rc < 0 ? rc : STATUS_DONE;
}

const struct command cmd_init = {
	.name = "init",
	.summary = "make a repository",
	.help = help,
	.main = run,
};
