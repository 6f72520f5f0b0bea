/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key - the passwords of an encrypted repository, and its key on paper. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lunette/repo-keys.h"
#include "lunette/sync.h"

struct key_args {
	struct cmd_repo which;
	const char *new_password_file;
	const char *label;
	bool last;
	bool json, quiet;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct key_args, which),
	{ "new-password-file", "FILE",
	  "the new password is the first line of FILE; else it is asked for",
	  OPTION_TEXT(struct key_args, new_password_file) },
	{ "label", "TEXT", "what the new password is for, or whose it is",
	  OPTION_TEXT(struct key_args, label) },
	{ "last", NULL,
	  "remove the key although it is the last one: from then on only an exported key opens the "
	  "repository",
	  OPTION_FLAG(struct key_args, last) },
	CMD_JSON_OPTION(struct key_args, json),
	CMD_QUIET_OPTION(struct key_args, quiet),
	{ 0 },
};

/* ---- list ---- */

struct key_row {
	char id[65];
	char *label;
	char *created;
	bool in_use;
};

struct key_list {
	size_t n;
	struct key_row *rows;
	bool damaged;
};

static void listing_cleanup(struct key_list *listing)
{
	for (size_t i = 0; i < listing->n; i++) {
		free(listing->rows[i].label);
		free(listing->rows[i].created);
	}
	free(listing->rows);
}

static int add_row(void *ctx, const struct repo_key *key, struct error *err)
{
	struct key_list *listing = ctx;
	struct key_row *grown = reallocarray(listing->rows, listing->n + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, -ENOMEM, "list the keys: %m");
	listing->rows = grown;
	struct key_row *row = &grown[listing->n++];
	*row = (struct key_row){ .label = strdup(key->label),
				 .created = strdup(key->created),
				 .in_use = key->in_use };
	snprintf(row->id, sizeof(row->id), "%s", key->id);
	return row->label && row->created ? 0 : error_set(err, -ENOMEM, "list the keys: %m");
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct key_list *)ctx)->damaged = true;
	cmd_warn("%s", why->msg);
}

static int by_time(const void *a, const void *b)
{
	const struct key_row *x = a, *y = b;
	int order = strcmp(x->created, y->created);
	return order ? order : strcmp(x->id, y->id);
}

static int list_json(const struct key_list *listing, struct error *err)
{
	json_t *keys = json_array();
	for (size_t i = 0; i < listing->n; i++) {
		const struct key_row *row = &listing->rows[i];
		json_array_append_new(keys, json_pack("{s:s, s:s, s:s, s:b}", "id", row->id,
						      "label", row->label, "created", row->created,
						      "in_use", row->in_use));
	}
	return cmd_print_json(json_pack("{s:o}", "keys", keys), err);
}

static int list_text(const struct key_list *listing, struct error *err)
{
	printf("  %-12s  %-20s  %s\n", "ID", "CREATED", "LABEL");
	for (size_t i = 0; i < listing->n; i++) {
		const struct key_row *row = &listing->rows[i];
		printf("%c %.12s  ", row->in_use ? '*' : ' ', row->id);
		cmd_put(stdout, row->created, 20);
		fputs("  ", stdout);
		cmd_put(stdout, row->label, 0);
		putchar('\n');
	}
	return cmd_print("", err);
}

static int list(void *ctx, char **words, size_t n, struct error *err)
{
	(void)words, (void)n;
	struct key_args *args = ctx;
	CLEANUP(listing_cleanup) struct key_list listing = { 0 };
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = repo_keys(args->which.repo, add_row, &listing, warn_damaged, err);
	if (rc)
		return rc;
	if (listing.n > 0)
		qsort(listing.rows, listing.n, sizeof(*listing.rows), by_time);
	rc = (args->json ? list_json : list_text)(&listing, err);
	return rc < 0 ? rc : listing.damaged ? STATUS_WARNINGS : STATUS_DONE;
}

/* ---- the others ---- */

static int report(const struct key_args *args, const char *what, const char id[65],
		  struct error *err)
{
	cmd_done();
	if (args->json)
		return cmd_print_json(json_pack("{s:s}", "id", id), err);
	if (args->quiet)
		return 0;
	char text[128];
	snprintf(text, sizeof(text), "Key %.12s %s.\n", id, what);
	return cmd_print(text, err);
}

/* Opens the repository, and has the user say a new password. */
static int open_and_ask(struct key_args *args, char **ret_password, struct error *err)
{
	int rc = cmd_open_repo(&args->which, err);
	return rc ? rc
		  : cmd_password_new(args->new_password_file, "--new-password-file", ret_password,
				     err);
}

static int add(void *ctx, char **words, size_t n, struct error *err)
{
	(void)words, (void)n;
	struct key_args *args = ctx;
	CLEANUP(secret_free_cleanup) char *password = NULL;
	char id[65];
	int rc = open_and_ask(args, &password, err);
	if (rc == 0)
		rc = repo_key_add(args->which.repo, password, args->label ? args->label : "", id,
				  err);
	return rc ? rc : report(args, "is added", id, err);
}

static int change(void *ctx, char **words, size_t n, struct error *err)
{
	(void)words, (void)n;
	struct key_args *args = ctx;
	CLEANUP(secret_free_cleanup) char *password = NULL;
	char id[65];
	int rc = open_and_ask(args, &password, err);
	if (rc == 0)
		rc = repo_key_change(args->which.repo, password, id, err);
	return rc ? rc : report(args, "has taken the place of the old one", id, err);
}

static int drop(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	struct key_args *args = ctx;
	char id[65];
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = repo_key_remove(args->which.repo, words[0], args->last, id, err);
	if (rc == -EPERM)
		error_wrap(err, rc, "key '%s' stays without --last", words[0]);
	return rc ? rc : report(args, "is removed", id, err);
}

static int write_text(int fd, const char *path, const char *text, struct error *err)
{
	for (size_t len = strlen(text), done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);
		if (n < 0 && errno != EINTR)
			return error_set(err, -errno, "'%s': %m", path);
		done += n > 0 ? (size_t)n : 0;
	}
	if (fsync(fd) < 0)
		return error_set(err, -errno, "'%s': %m", path);
	return sync_folder_of(path, err);
}

/* Half a key is none, and would be in the way of the next attempt. */
static int write_new(const char *path, const char *text, struct error *err)
{
	CLEANUP(close_cleanup)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "'%s': %m", path);
	int rc = write_text(fd, path, text, err);
	if (rc < 0)
		unlink(path);
	return rc;
}

static int export(void *ctx, char **words, size_t n, struct error *err)
{
	struct key_args *args = ctx;
	CLEANUP(repo_key_text_free_cleanup) char *text = NULL;
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = repo_key_export(args->which.repo, &text, err);
	if (rc)
		return rc;
	bool file = n > 0 && strcmp(words[0], "-") != 0; /* as of restore */
	return file ? write_new(words[0], text, err) : cmd_print(text, err);
}

static const struct command_verb verbs[] = {
	{ "list",
	  { NULL, 0, 0 },
	  list,
	  "Lists the keys of an encrypted repository: the passwords that open it." },
	{ "add",
	  { NULL, 0, 0 },
	  add,
	  "Adds a password, which opens the repository as the others do." },
	{ "remove",
	  { "ID", 1, 1 },
	  drop,
	  "Removes a key: its password opens the repository no more." },
	{ "passwd",
	  { NULL, 0, 0 },
	  change,
	  "Replaces the password that the repository is opened with by a new one." },
	{ "export",
	  { "[FILE]", 0, 1 },
	  export,
	  "Writes what opens the repository when all passwords are lost, as a text to print and keep in "
	  "a safe." },
	{ 0 },
};

const struct command cmd_key = {
	.name = "key",
	.summary = "passwords of an encrypted repository",
	.verbs = verbs,
	.help = "Several passwords may open an encrypted repository; each is a key, with an id and a "
		"label. `passwd` replaces the password that the repository is opened with. `export` "
		"writes what opens the repository when all passwords are lost, as a text to print and "
		"keep in a safe.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 some keys are damaged" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct key_args),
};
