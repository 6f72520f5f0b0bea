/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init - makes a repository. */
#include <stdio.h>

#include "cmd.h"
#include "lunette/size.h"
#include "lunette/json.h"

struct init_args {
	struct repo_settings settings;
	bool encrypt;
	struct cmd_password password;
	bool json, quiet;
};

static int take_chunk_size(const struct option_row *row, void *to, const char *arg,
			   struct error *err)
{
	uint64_t size;
	if (!size_parse(arg, &size) || !is_power_of_2(size) || size < REPO_CHUNK_MIN ||
	    size > REPO_CHUNK_MAX)
		return cmd_usage(err, "--%s '%s': a power of two from 64K to 4M", row->name, arg);
	*(uint32_t *)to = (uint32_t)size;
	return 0;
}

static const struct option_row options[] = {
	{ "chunk-size", "N",
	  "size of the pieces that are stored, a power of two from 64K to 4M (default 256K); it cannot "
	  "be changed later",
	  OPTION_CALL(struct init_args, settings.chunk_size, uint32_t, take_chunk_size) },
	{ "level", "N",
	  "of compression, for backups that do not choose: 1 (fast, the default) to 19 (small), or -1 "
	  "to -10 (faster still)",
	  OPTION_CALL(struct init_args, settings.level, int, cmd_take_level) },
	{ "encrypt", NULL, "nothing of it can be read without a password, which is asked for twice",
	  OPTION_FLAG(struct init_args, encrypt) },
	CMD_PASSWORD_OPTIONS(struct init_args, password),
	CMD_JSON_OPTION(struct init_args, json),
	CMD_QUIET_OPTION(struct init_args, quiet),
	{ 0 },
};

/* It is opened for that, which shows that its password does. */
static int report_json(const struct init_args *args, const char *path, struct error *err)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	const struct repo_open_options how = { .password = args->settings.password };
	int rc = repo_open(path, &how, &repo, err);
	if (rc < 0)
		return rc;
	return cmd_print_json(json_pack("{s:o, s:s, s:I, s:i, s:b}", "repository", json_text(path),
					"id", repo_id(repo), "chunk_size",
					(json_int_t)repo_chunk_size(repo), "level",
					repo_level(repo), "encrypted", args->encrypt),
			      err);
}

static int report_text(const struct init_args *args, const char *path, struct error *err)
{
	char text[1024];
	snprintf(text, sizeof(text), "The repository '%.300s' is ready.\n%s", path,
		 args->encrypt ? "Without its password nobody can read it: 'lunette key export' "
				 "prints a key for the safe.\n"
			       : "");
	return cmd_print(text, err);
}

static int find_password(const struct cmd_password *from, char **ret, struct error *err)
{
	int rc = cmd_password_find(from, ret, err);
	return rc || *ret ? rc : cmd_password_new(NULL, CMD_PASSWORD_WAYS, ret, err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	struct init_args *args = ctx;
	const struct cmd_password *from = &args->password;
	CLEANUP(secret_free_cleanup) char *password = NULL;
	if (!args->encrypt && from->file.text && !from->file.from_env)
		return cmd_usage(err, "--password-file is for --encrypt");
	if (!args->encrypt && from->command.text && !from->command.from_env)
		return cmd_usage(err, "--password-command is for --encrypt");
	int rc = args->encrypt ? find_password(from, &password, err) : 0;
	args->settings.password = password;
	if (rc == 0)
		rc = repo_init(words[0], &args->settings, err);
	if (rc)
		return rc;
	cmd_done();
	if (args->quiet && !args->json)
		return 0;
	return (args->json ? report_json : report_text)(args, words[0], err);
}

const struct command cmd_init = {
	.name = "init",
	.summary = "make a repository",
	.words = { "REPO", 1, 1 },
	.help = "Makes a repository in the directory REPO, which does not exist yet or is empty.",
	.notes =
		"There is no way to the backups of an encrypted repository without a password: export "
		"its key with `lunette key export`, and keep it in a safe.",
	.options = options,
	.args_size = sizeof(struct init_args),
	.defaults = &(const struct init_args){ .settings.chunk_size = REPO_CHUNK_DEFAULT },
	.run = run,
};
