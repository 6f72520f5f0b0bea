/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd - what the commands share. Commands parse arguments and print; main() reports their errors.
 */
#ifndef CMD_H
#define CMD_H

#include <getopt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lunette/error.h"
#include "lunette/layout.h"
#include "lunette/repo.h"
#include "lunette/source.h"
#include "say.h"

/**
 * struct command - one word of the command line
 * @summary: one line for `lunette --help`
 * @help: what `lunette NAME --help` prints
 * @run: argv[0] is the command's name. Returns a STATUS_..., or a negative errno with @err set,
 *       which main() prints and turns into STATUS_FAILED; STATUS_USAGE comes with @err set too
 */
struct command {
	const char *name;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv, struct error *err);
};

extern const struct command cmd_probe, cmd_mount, cmd_umount, cmd_init, cmd_backup, cmd_list,
	cmd_show, cmd_restore, cmd_key, cmd_copy, cmd_forget, cmd_prune, cmd_pin, cmd_unpin,
	cmd_attach, cmd_detach, cmd_check, cmd_repair, cmd_plugin_test, cmd_job;

/* ---- the repository (repository.c) ---- */

#define CMD_REPO_HELP \
	"A POINT is NAME@latest, NAME@TIME as 2026-11-22T17:00:00Z, or the beginning of its id.\n"

/* A number of bytes, or a text, of a manifest; 0 or "" where there is none. */
uint64_t cmd_json_size(const json_t *object, const char *key);
const char *cmd_json_text(const json_t *object, const char *key);

/* Says for people what a manifest's "excluded" says; nothing when that is nothing, or NULL. */
void cmd_put_excluded(FILE *out, const json_t *excluded);

/**
 * struct cmd_repo - which repository the user means; begins as all zeros
 * @path: what --repo says, or NULL: then $LUNETTE_REPO counts
 * @password_file: or NULL: then $LUNETTE_PASSWORD_FILE counts, and then the terminal
 * @key_file: the exported key, or NULL
 * @is_second: of two; the environment speaks of the first one only
 */
struct cmd_repo {
	const char *path;
	const char *password_file;
	const char *key_file;
	bool is_second;
};

/* For the struct option array of a command that opens a repository. */
enum {
	CMD_OPT_REPO = 0x2000,
	CMD_OPT_PASSWORD_FILE,
	CMD_OPT_KEY_FILE,
};
#define CMD_REPO_OPTIONS                                                             \
	{ "repo", required_argument, NULL, CMD_OPT_REPO },                           \
		{ "password-file", required_argument, NULL, CMD_OPT_PASSWORD_FILE }, \
	{                                                                            \
		"key-file", required_argument, NULL, CMD_OPT_KEY_FILE                \
	}

#define CMD_REPO_OPTIONS_HELP                                                       \
	"  --repo REPO  the repository; else $LUNETTE_REPO\n"                       \
	"  --password-file FILE  its password is the first line of FILE; else of\n" \
	"               $LUNETTE_PASSWORD_FILE; else it is asked for\n"             \
	"  --key-file FILE  open it with its exported key\n"

/**
 * cmd_repo_option() - take one of CMD_REPO_OPTIONS
 *
 * Return: 0 when @opt was one of them; 1 when not.
 */
int cmd_repo_option(struct cmd_repo *repo, int opt, const char *arg);

/**
 * cmd_open_repo() - open the repository that the user means
 *
 * Return: 0; STATUS_USAGE when none is named; a negative errno.
 */
int cmd_open_repo(const struct cmd_repo *which, struct repo **ret, struct error *err);

/* ---- secrets (password.c) ---- */

/* Wipes and frees; @secret may be NULL. */
void cmd_secret_free(char *secret);
DEFINE_CLEANUP(char *, cmd_secret_free)

/**
 * cmd_secret_line() - a secret that is the first line of a file
 * @what: "password file", for messages
 * @ret: to be freed with cmd_secret_free()
 */
int cmd_secret_line(const char *path, const char *what, char **ret, struct error *err);

/* The same of all the file. */
int cmd_secret_text(const char *path, const char *what, char **ret, struct error *err);

/* Asks for the password of @what on the terminal. Return: 0; -ENOTTY when there is none; ... */
int cmd_password_ask(const char *what, char **ret, struct error *err);

/* A new password: from a file, or, when @path is NULL, asked for twice. */
int cmd_password_new(const char *path, char **ret, struct error *err);

/* "256K", "4M", "1G", "65536". Return: false if it is not a number of bytes. */
bool cmd_parse_size(const char *text, uint64_t *ret);

/* Takes the argument of --level. Return: 0 or STATUS_USAGE. */
int cmd_level_option(const char *arg, int *ret, struct error *err);

/* ---- long work (work.c) ---- */

/**
 * cmd_stop_on_signals() - let SIGINT and SIGTERM end the work in an orderly way
 *
 * Return: what they set. A second signal ends the program at once.
 */
const atomic_bool *cmd_stop_on_signals(void);

/* How many processors there are for us. */
unsigned int cmd_cpus(void);

/* How many threads for work that reads and computes. */
unsigned int cmd_threads(void);

/* Takes the argument of --threads. Return: 0 or STATUS_USAGE. */
int cmd_threads_option(const char *arg, unsigned int *ret, struct error *err);

double cmd_seconds(void); /* of a clock that only runs forwards */

/**
 * struct cmd_progress - how far work has come, shown on standard error
 * @mode: CMD_PROGRESS_AUTO becomes one of the others when it begins
 * @total: bytes there are; set after cmd_progress_begin()
 */
struct cmd_progress {
	enum cmd_progress_mode {
		CMD_PROGRESS_AUTO, /* a line on a terminal, nothing elsewhere */
		CMD_PROGRESS_NONE,
		CMD_PROGRESS_LINE,
		CMD_PROGRESS_JSON,
	} mode;
	uint64_t total;
	uint64_t stored; /* what it has become, for the ratio; 0: that is not known */
	uint64_t done;   /* what was said last, shown or not */
	double start;
	double shown;        /* when it was shown last */
	uint64_t shown_done; /* and how far it was */
	double rate;         /* bytes a second */
};

/* Takes the argument of --progress[=json|none], which may be NULL. Return: 0 or STATUS_USAGE. */
int cmd_progress_option(struct cmd_progress *progress, const char *arg, struct error *err);

/* Return: whether progress is shown, so that the total is worth finding out. */
bool cmd_progress_begin(struct cmd_progress *progress);

/* Shows it, if it is time. */
void cmd_progress_show(struct cmd_progress *progress, uint64_t done);

/* The same, for work that finds out by itself how much there is. @progress: a struct cmd_progress.
 */
void cmd_progress_of(void *progress, uint64_t done, uint64_t total);

/* Takes the line away again, or says the last word in JSON; needed on every path. */
void cmd_progress_end(struct cmd_progress *progress);

/* ---- SOURCE arguments and the options that go with them (sources.c) ---- */

struct cmd_sources {
	size_t n;
	struct source **sources;
	struct source_options options;
	char *chap_secret;
	char *mutual_secret;
};

/* For the struct option array of a command that takes SOURCEs. */
enum {
	CMD_OPT_INITIATOR = 0x1000,
	CMD_OPT_CHAP_SECRET_FILE,
	CMD_OPT_MUTUAL_USER,
	CMD_OPT_MUTUAL_SECRET_FILE,
	CMD_OPT_TIMEOUT,
	CMD_OPT_HEADER_DIGEST,
	CMD_OPT_DATA_DIGEST,
};
#define CMD_SOURCE_OPTIONS                                                                 \
	{ "initiator", required_argument, NULL, CMD_OPT_INITIATOR },                       \
		{ "chap-secret-file", required_argument, NULL, CMD_OPT_CHAP_SECRET_FILE }, \
		{ "chap-mutual-user", required_argument, NULL, CMD_OPT_MUTUAL_USER },      \
		{ "chap-mutual-secret-file", required_argument, NULL,                      \
		  CMD_OPT_MUTUAL_SECRET_FILE },                                            \
		{ "timeout", required_argument, NULL, CMD_OPT_TIMEOUT },                   \
		{ "header-digest", no_argument, NULL, CMD_OPT_HEADER_DIGEST },             \
	{                                                                                  \
		"data-digest", no_argument, NULL, CMD_OPT_DATA_DIGEST                      \
	}

#define CMD_SOURCE_HELP                                                                               \
	"A SOURCE is a path (image file or block device) or iscsi://[USER@]HOST[:PORT]/IQN/LUN.\n"    \
	"Several SOURCEs are the disks of one server at one moment.\n"                                \
	"\n"                                                                                          \
	"Options for LUNs:\n"                                                                         \
	"  --chap-secret-file FILE         CHAP secret of USER: the first line of FILE; else\n"       \
	"                                  $LUNETTE_CHAP_SECRET\n"                                    \
	"  --chap-mutual-user NAME         the target must prove itself too, as NAME\n"               \
	"  --chap-mutual-secret-file FILE  with this secret; else $LUNETTE_CHAP_MUTUAL_SECRET\n"      \
	"  --initiator IQN                 our name; default: that of this host\n"                    \
	"  --timeout SECONDS               how long a LUN may be away (default 30)\n"                 \
	"  --header-digest                 ask for CRCs of headers; a target that insists has them\n" \
	"  --data-digest                   not possible with this libiscsi: refused\n"

/**
 * cmd_sources_option() - take one of CMD_SOURCE_OPTIONS
 *
 * Return: 0 when @opt was one of them; 1 when not; STATUS_USAGE or a negative errno with @err set.
 */
int cmd_sources_option(struct cmd_sources *sources, int opt, const char *arg, struct error *err);

/**
 * cmd_sources_open() - open the SOURCEs and find out what is on them, file systems included
 * @ret: to be freed with layout_free(), before cmd_sources_free()
 */
int cmd_sources_open(struct cmd_sources *sources, char **specs, size_t n, struct layout **ret,
		     struct error *err);

void cmd_sources_free(struct cmd_sources *sources);

/* Prints each of a layout's warnings. Returns whether there were any. */
bool cmd_warn_layout(const struct layout *layout);

/**
 * cmd_repo_options() - the options of a command that reports on a repository: those of
 * CMD_REPO_OPTIONS, and --json
 *
 * Return: 0; STATUS_USAGE with @err set.
 */
int cmd_repo_options(int argc, char **argv, struct cmd_repo *repo, bool *json, struct error *err);

#endif
