/* SPDX-License-Identifier: GPL-3.0-or-later */
/* old - see old.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "old.h"

#define EXCLUDED_SHOWN 20 /* of a list for people */

int old_no_option(int opt, const char *arg, struct error *err)
{
	return cmd_usage(err,
			 opt == ':' ? "%s: an argument is missing" : "%s: there is no such option",
			 arg);
}

int old_repo_option(struct old_repo *repo, int opt, const char *arg)
{
	if (opt == OLD_OPT_REPO)
		repo->path = arg;
	else if (opt == OLD_OPT_PASSWORD_FILE)
		repo->password_file = arg;
	else if (opt == OLD_OPT_KEY_FILE)
		repo->key_file = arg;
	else
		return 1;
	return 0;
}

int old_open_repo(const struct old_repo *which, struct repo **ret, struct error *err)
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

bool old_parse_size(const char *text, uint64_t *ret)
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

int old_level_option(const char *arg, int *ret, struct error *err)
{
	char *end;
	long n = strtol(arg, &end, 10);
	if (end == arg || *end || !repo_level_ok(n))
		return cmd_usage(err, "--level '%s': a number from 1 to %d, or from -1 to %d", arg,
				 REPO_LEVEL_MAX, REPO_LEVEL_MIN);
	*ret = (int)n;
	return 0;
}

int old_repo_options(int argc, char **argv, struct old_repo *repo, bool *json, struct error *err)
{
	static const struct option options[] = {
		OLD_REPO_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == 'j')
			*json = true;
		else if (old_repo_option(repo, opt, optarg))
			return old_no_option(opt, argv[optind - 1], err);
	}
	return 0;
}

void old_put_excluded(FILE *out, const json_t *excluded)
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

int old_threads_option(const char *arg, unsigned int *ret, struct error *err)
{
	char *end;
	long n = strtol(arg, &end, 10);
	if (end == arg || *end || n < 1 || n > (long)CMD_THREADS_MAX)
		return cmd_usage(err, "--threads '%s': a number from 1 to %u", arg,
				 CMD_THREADS_MAX);
	*ret = (unsigned int)n;
	return 0;
}

int old_progress_option(struct cmd_progress *progress, const char *arg, struct error *err)
{
	if (!arg)
		progress->mode = CMD_PROGRESS_LINE;
	else if (strcmp(arg, "json") == 0)
		progress->mode = CMD_PROGRESS_JSON;
	else if (strcmp(arg, "none") == 0)
		progress->mode = CMD_PROGRESS_NONE;
	else
		return cmd_usage(err, "--progress '%s': json and none are possible", arg);
	return 0;
}

/* The last one that was named counts. */
static int read_secret(const char *path, char **ret, struct error *err)
{
	CLEANUP(cmd_secret_free_cleanup) char *before = *ret;
	*ret = NULL;
	return cmd_secret_line(path, "secret file", ret, err);
}

int old_sources_option(struct cmd_sources *sources, int opt, const char *arg, struct error *err)
{
	struct source_options *o = &sources->options;
	switch (opt) {
	case OLD_OPT_INITIATOR:
		o->initiator = arg;
		return 0;
	case OLD_OPT_CHAP_SECRET_FILE:
		return read_secret(arg, &sources->chap_secret, err);
	case OLD_OPT_MUTUAL_USER:
		o->mutual_user = arg;
		return 0;
	case OLD_OPT_MUTUAL_SECRET_FILE:
		return read_secret(arg, &sources->mutual_secret, err);
	case OLD_OPT_TIMEOUT: {
		char *end;
		unsigned long n = strtoul(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || n < 1 || n > 86400)
			return cmd_usage(err, "--timeout '%s': seconds, from 1 to 86400", arg);
		o->timeout_s = (unsigned int)n;
		return 0;
	}
	case OLD_OPT_HEADER_DIGEST:
		o->header_digest = true;
		return 0;
	case OLD_OPT_DATA_DIGEST:
		o->data_digest = true;
		return 0;
	default:
		return 1;
	}
}
