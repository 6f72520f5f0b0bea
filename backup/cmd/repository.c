/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repository - which repository the user means, and what is said about restore points. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

#define EXCLUDED_SHOWN 20 /* of a list for people */

static const struct option_row rows[] = {
	{ "repo", "REPO", "the repository; else $LUNETTE_REPO",
	  OPTION_ENV(struct cmd_repo, path, "LUNETTE_REPO") },
	CMD_PASSWORD_OPTIONS(struct cmd_repo, password),
	{ "key-file", "FILE", "open it with its exported key",
	  OPTION_TEXT(struct cmd_repo, key_file) },
	{ 0 },
};

void cmd_close_repo(void *to)
{
	struct cmd_repo *which = to;
	repo_close(steal(&which->repo));
}

const struct option_group cmd_repo_options = { .rows = rows, .free = cmd_close_repo };

/* What the user says opens it, of which the environment says less than an option. */
static int find_secret(const struct cmd_repo *which, char **ret, struct error *err)
{
	const struct option_text *file = &which->password.file;
	const struct option_text *command = &which->password.command;
	if (which->key_file && file->text && !file->from_env)
		return cmd_usage(err, "--password-file and --key-file exclude each other");
	if (which->key_file && command->text && !command->from_env)
		return cmd_usage(err, "--password-command and --key-file exclude each other");
	if (which->key_file)
		return cmd_secret_text(which->key_file, "key file", ret, err);
	return cmd_password_find(&which->password, ret, err);
}

int cmd_open_repo(struct cmd_repo *which, struct error *err)
{
	const char *path = which->path.text;
	CLEANUP(secret_free_cleanup) char *secret = NULL;
	if (!path || !*path)
		return cmd_usage(err, "which repository? Say --repo REPO, or set LUNETTE_REPO");
	int rc = find_secret(which, &secret, err);
	if (rc)
		return rc;
	cmd_close_repo(which);
	char cache[PATH_MAX];
	struct repo_open_options options = {
		.cache = repo_cache_folder(cache) ? cache : NULL,
		.password = which->key_file ? NULL : secret,
		.exported = which->key_file ? secret : NULL,
	};
	rc = repo_open(path, &options, &which->repo, err);
	if (rc != -ENOKEY || which->unattended)
		return rc;
	rc = cmd_password_ask(path, which->ways ? which->ways : CMD_PASSWORD_WAYS, &secret, err);
	if (rc < 0)
		return error_mark(err, error_wrap(err, rc, "repository '%s' is encrypted", path),
				  ERROR_KIND_PASSWORD);
	options.password = secret;
	return repo_open(path, &options, &which->repo, err);
}

void cmd_warn_future(const struct repo_point_search *search)
{
	bool taken = strcmp(search->future, search->id) == 0;
	cmd_warn(
		"restore point %.12s is of the future, so that a clock was wrong: it is %s for '%s'",
		search->future, taken ? "all there is, and taken" : "not taken", search->spec);
}

int cmd_find_point(const struct cmd_repo *which, const char *spec, enum repo_point_use use,
		   char ret_id[65], json_t **ret, struct error *err)
{
	struct repo_point_search search = { .spec = spec, .use = use };
	int rc = repo_point_search(which->repo, &search, err);
	if (rc < 0)
		return rc == -EINVAL ? STATUS_USAGE : rc;
	if (search.future[0])
		cmd_warn_future(&search);
	memcpy(ret_id, search.id, sizeof(search.id));
	*ret = search.point;
	return 0;
}

int cmd_open_point(struct cmd_repo *which, const char *spec, char ret_id[65], json_t **ret,
		   struct error *err)
{
	int rc = cmd_open_repo(which, err);
	return rc ? rc : cmd_find_point(which, spec, REPO_POINT_READ, ret_id, ret, err);
}

void cmd_put_point(FILE *out, const char *id, const json_t *point)
{
	cmd_put(out, repo_point_name(point), 0);
	fprintf(out, "@%s, id %.12s", repo_point_time(point), id);
}

int cmd_take_level(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	char *end;
	long n = strtol(arg, &end, 10);
	if (end == arg || *end || !repo_level_ok(n))
		return cmd_usage(err, "--%s '%s': a number from 1 to %d, or from -1 to %d",
				 row->name, arg, REPO_LEVEL_MAX, REPO_LEVEL_MIN);
	*(int *)to = (int)n;
	return 0;
}

uint64_t cmd_json_size(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

const char *cmd_json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

void cmd_put_excluded(const json_t *excluded)
{
	char size[CMD_SIZE_MAX];
	uint64_t n = cmd_json_size(excluded, "files"), more = cmd_json_size(excluded, "more");
	size_t i;
	json_t *entry;
	if (n == 0)
		return;
	printf("Left out, and zero in the backup: %s of %" PRIu64 " file%s\n",
	       cmd_size(cmd_json_size(excluded, "bytes"), size), n, cmd_plural(n));
	json_array_foreach(json_object_get(excluded, "list"), i, entry)
	{
		if (i == EXCLUDED_SHOWN)
			break;
		printf("  %10s  ", cmd_size(cmd_json_size(entry, "bytes"), size));
		cmd_put(stdout, cmd_json_text(entry, "volume"), 0);
		cmd_put(stdout, cmd_json_text(entry, "path"), 0);
		putchar('\n');
	}
	more += json_array_size(json_object_get(excluded, "list")) - i;
	if (more)
		printf("  and %" PRIu64 " more\n", more);
}
