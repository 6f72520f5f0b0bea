/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repository - which repository the user means, and what is said about restore points. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

#define EXCLUDED_SHOWN 20 /* of a list for people */

int cmd_repo_option(struct cmd_repo *repo, int opt, const char *arg)
{
	if (opt == CMD_OPT_REPO)
		repo->path = arg;
	else if (opt == CMD_OPT_PASSWORD_FILE)
		repo->password_file = arg;
	else if (opt == CMD_OPT_KEY_FILE)
		repo->key_file = arg;
	else
		return 1;
	return 0;
}

int cmd_open_repo(const struct cmd_repo *which, struct repo **ret, struct error *err)
{
	const char *path = which->path, *file = which->password_file;
	if (!path && !which->is_second)
		path = getenv("LUNETTE_REPO");
	if (!file && !which->is_second)
		file = getenv("LUNETTE_PASSWORD_FILE");
	if (!path || !*path)
		return cmd_usage(err, "which repository? Say --repo REPO, or set LUNETTE_REPO");
	if (which->password_file && which->key_file)
		return cmd_usage(err, "--password-file and --key-file exclude each other");
	CLEANUP(cmd_secret_free_cleanup) char *secret = NULL;
	int rc = 0;
	if (which->key_file)
		rc = cmd_secret_text(which->key_file, "key file", &secret, err);
	else if (file && *file)
		rc = cmd_secret_line(file, "password file", &secret, err);
	if (rc < 0)
		return rc;
	struct repo_open_options options = {
		.password = which->key_file ? NULL : secret,
		.exported = which->key_file ? secret : NULL,
	};
	rc = repo_open(path, &options, ret, err);
	if (rc != -ENOKEY)
		return rc;
	rc = cmd_password_ask(path, &secret, err);
	if (rc < 0)
		return error_wrap(err, rc, "repository '%s' is encrypted", path);
	options.password = secret;
	return repo_open(path, &options, ret, err);
}

bool cmd_parse_size(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		return false;
	unsigned int shift = *end == 'K'   ? 10
			     : *end == 'M' ? 20
			     : *end == 'G' ? 30
			     : *end == 'T' ? 40
					   : 0;
	if (end[shift ? 1 : 0] != '\0' || n > UINT64_MAX >> shift)
		return false;
	*ret = (uint64_t)n << shift;
	return true;
}

int cmd_level_option(const char *arg, int *ret, struct error *err)
{
	char *end;
	long n = strtol(arg, &end, 10);
	if (end == arg || *end || !repo_level_ok(n))
		return cmd_usage(err, "--level '%s': a number from 1 to %d, or from -1 to %d", arg,
				 REPO_LEVEL_MAX, REPO_LEVEL_MIN);
	*ret = (int)n;
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

int cmd_repo_options(int argc, char **argv, struct cmd_repo *repo, bool *json, struct error *err)
{
	static const struct option options[] = {
		CMD_REPO_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == 'j')
			*json = true;
		else if (cmd_repo_option(repo, opt, optarg))
			return cmd_no_option(opt, argv[optind - 1], err);
	}
	return 0;
}

void cmd_put_excluded(FILE *out, const json_t *excluded)
{
	char size[CMD_SIZE_MAX];
	uint64_t n = cmd_json_size(excluded, "files"), more = cmd_json_size(excluded, "more");
	size_t i;
	json_t *entry;
	if (n == 0)
		return;
	fprintf(out, "Left out, and zero in the backup: %s of %" PRIu64 " files\n",
		cmd_size(cmd_json_size(excluded, "bytes"), size), n);
	json_array_foreach(json_object_get(excluded, "list"), i, entry)
	{
		if (i == EXCLUDED_SHOWN)
			break;
		fprintf(out, "  %10s  ", cmd_size(cmd_json_size(entry, "bytes"), size));
		cmd_put(out, cmd_json_text(entry, "volume"), 0);
		cmd_put(out, cmd_json_text(entry, "path"), 0);
		fputc('\n', out);
	}
	more += json_array_size(json_object_get(excluded, "list")) - i;
	if (more)
		fprintf(out, "  and %" PRIu64 " more\n", more);
}
