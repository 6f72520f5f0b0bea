/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key - the passwords of an encrypted repository, and its key on paper. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "old.h"
#include "lunette/repo-keys.h"
#include "lunette/sync.h"

static const char help[] =
	"Usage: lunette key list [OPTIONS]\n"
	"       lunette key add [OPTIONS] [--label TEXT] [--new-password-file FILE]\n"
	"       lunette key remove [OPTIONS] ID [--last]\n"
	"       lunette key passwd [OPTIONS] [--new-password-file FILE]\n"
	"       lunette key export [OPTIONS] [FILE]\n"
	"Several passwords may open an encrypted repository; each is a key, with an id and a label.\n"
	"`passwd` replaces the password that the repository is opened with. `export` writes what\n"
	"opens the repository when all passwords are lost, as a text to print and keep in a safe.\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP
	"  --new-password-file FILE  the new password is the first line of FILE; else it is asked for\n"
	"  --label TEXT              what the new password is for, or whose it is\n"
	"  --last                    remove the key although it is the last one: from then on only\n"
	"                            an exported key opens the repository\n"
	"  --json                    report as a JSON document\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 some keys are damaged.\n";

/**
 * struct arguments - what the user asked for
 * @arg: the word after the verb, or NULL
 */
struct arguments {
	struct old_repo which;
	const char *new_password_file;
	const char *label;
	bool last;
	bool json;
	const char *arg;
};

/* ---- list ---- */

struct row {
	char id[65];
	char *label;
	char *created;
	bool in_use;
};

struct listing {
	size_t n;
	struct row *rows;
	bool damaged;
};

static void listing_cleanup(struct listing *listing)
{
	for (size_t i = 0; i < listing->n; i++) {
		free(listing->rows[i].label);
		free(listing->rows[i].created);
	}
	free(listing->rows);
}

static int add_row(void *ctx, const struct repo_key *key, struct error *err)
{
	struct listing *listing = ctx;
	struct row *grown = reallocarray(listing->rows, listing->n + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, -ENOMEM, "list the keys: %m");
	listing->rows = grown;
	struct row *row = &grown[listing->n++];
	*row = (struct row){ .label = strdup(key->label),
			     .created = strdup(key->created),
			     .in_use = key->in_use };
	snprintf(row->id, sizeof(row->id), "%s", key->id);
	return row->label && row->created ? 0 : error_set(err, -ENOMEM, "list the keys: %m");
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct listing *)ctx)->damaged = true;
	cmd_warn("%s", why->msg);
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->created, y->created);
	return order ? order : strcmp(x->id, y->id);
}

static int list_json(const struct listing *listing, struct error *err)
{
	json_t *keys = json_array();
	for (size_t i = 0; i < listing->n; i++) {
		const struct row *row = &listing->rows[i];
		json_array_append_new(keys, json_pack("{s:s, s:s, s:s, s:b}", "id", row->id,
						      "label", row->label, "created", row->created,
						      "in_use", row->in_use));
	}
	return cmd_print_json(json_pack("{s:o}", "keys", keys), err);
}

static int list_text(const struct listing *listing, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(err, -ENOMEM, "list the keys: %m");
	fprintf(out, "  %-12s  %-20s  %s\n", "ID", "CREATED", "LABEL");
	for (size_t i = 0; i < listing->n; i++) {
		const struct row *row = &listing->rows[i];
		fprintf(out, "%c %.12s  ", row->in_use ? '*' : ' ', row->id);
		cmd_put(out, row->created, 20);
		fputs("  ", out);
		cmd_put(out, row->label, 0);
		fputc('\n', out);
	}
	if (fclose(out) != 0)
		return error_set(err, -ENOMEM, "list the keys: %m");
	return cmd_print(text, err);
}

static int list(struct repo *repo, const struct arguments *args, struct error *err)
{
	CLEANUP(listing_cleanup) struct listing listing = { 0 };
	int rc = repo_keys(repo, add_row, &listing, warn_damaged, err);
	if (rc < 0)
		return rc;
	if (listing.n > 0)
		qsort(listing.rows, listing.n, sizeof(*listing.rows), by_time);
	rc = (args->json ? list_json : list_text)(&listing, err);
	return rc < 0 ? rc : listing.damaged ? STATUS_WARNINGS : STATUS_DONE;
}

/* ---- the others ---- */

static int report(const struct arguments *args, const char *what, const char id[65],
		  struct error *err)
{
	if (args->json)
		return cmd_print_json(json_pack("{s:s}", "id", id), err);
	char text[128];
	snprintf(text, sizeof(text), "Key %.12s %s.\n", id, what);
	return cmd_print(text, err);
}

static int add(struct repo *repo, const struct arguments *args, struct error *err)
{
	CLEANUP(cmd_secret_free_cleanup) char *password = NULL;
	char id[65];
	int rc = cmd_password_new(args->new_password_file, &password, err);
	if (rc == 0)
		rc = repo_key_add(repo, password, args->label ? args->label : "", id, err);
	return rc < 0 ? rc : report(args, "is added", id, err);
}

static int change(struct repo *repo, const struct arguments *args, struct error *err)
{
	CLEANUP(cmd_secret_free_cleanup) char *password = NULL;
	char id[65];
	int rc = cmd_password_new(args->new_password_file, &password, err);
	if (rc == 0)
		rc = repo_key_change(repo, password, id, err);
	return rc < 0 ? rc : report(args, "has taken the place of the old one", id, err);
}

static int drop(struct repo *repo, const struct arguments *args, struct error *err)
{
	char id[65];
	int rc = repo_key_remove(repo, args->arg, args->last, id, err);
	if (rc == -EPERM)
		error_wrap(err, rc, "key '%s' stays without --last", args->arg);
	return rc < 0 ? rc : report(args, "is removed", id, err);
}

static int write_new(const char *path, const char *text, struct error *err)
{
	CLEANUP(close_cleanup)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "'%s': %m", path);
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

static int export(struct repo *repo, const struct arguments *args, struct error *err)
{
	CLEANUP(repo_key_text_free_cleanup) char *text = NULL;
	int rc = repo_key_export(repo, &text, err);
	if (rc < 0)
		return rc;
	return args->arg ? write_new(args->arg, text, err) : cmd_print(text, err);
}

/* ---- arguments ---- */

/* @n_args: words after the verb: exactly so many, or up to as many when negative */
static const struct verb {
	const char *name;
	int (*run)(struct repo *repo, const struct arguments *args, struct error *err);
	int n_args;
} verbs[] = {
	{ "list", list, 0 },     { "add", add, 0 },        { "remove", drop, 1 },
	{ "passwd", change, 0 }, { "export", export, -1 },
};

static int parse(int argc, char **argv, struct arguments *args, struct error *err)
{
	enum { OPT_NEW = 1, OPT_LABEL, OPT_LAST, OPT_JSON };
	static const struct option options[] = {
		OLD_REPO_OPTIONS,
		{ "new-password-file", required_argument, NULL, OPT_NEW },
		{ "label", required_argument, NULL, OPT_LABEL },
		{ "last", no_argument, NULL, OPT_LAST },
		{ "json", no_argument, NULL, OPT_JSON },
		{ 0 },
	};
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == OPT_NEW)
			args->new_password_file = optarg;
		else if (opt == OPT_LABEL)
			args->label = optarg;
		else if (opt == OPT_LAST)
			args->last = true;
		else if (opt == OPT_JSON)
			args->json = true;
		else if (old_repo_option(&args->which, opt, optarg) != 0)
			return old_no_option(opt, argv[optind - 1], err);
	}
	return 0;
}

static int run(int argc, char **argv, struct error *err)
{
	struct arguments args = { 0 };
	int rc = parse(argc, argv, &args, err);
	if (rc)
		return rc;
	const char *word = argv[optind];
	const struct verb *verb = NULL;
	for (size_t i = 0; word && i < ARRAY_SIZE(verbs); i++)
		if (strcmp(word, verbs[i].name) == 0)
			verb = &verbs[i];
	if (!verb)
		return cmd_usage(err, "what is to be done? One of list, add, remove, passwd, "
				      "export");
	int n = argc - optind - 1;
	if (verb->n_args >= 0 ? n != verb->n_args : n > -verb->n_args)
		return cmd_usage(err, "%s takes %s", verb->name,
				 verb->n_args == 0   ? "no more words"
				 : verb->n_args == 1 ? "the ID of a key"
						     : "one FILE at most");
	args.arg = n > 0 ? argv[optind + 1] : NULL;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&args.which, &repo, err);
	return rc ? rc : verb->run(repo, &args, err);
}

const struct command cmd_key = {
	.name = "key",
	.summary = "passwords of an encrypted repository",
	.help = help,
	.main = run,
};
