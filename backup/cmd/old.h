/* SPDX-License-Identifier: GPL-3.0-or-later */
/* old - for commands that take their options by loops of their own. */
#ifndef OLD_H
#define OLD_H

#include <getopt.h>

#include "cmd.h"

int old_no_option(int opt, const char *arg, struct error *err);
#define OLD_REPO_HELP \
	"A POINT is NAME@latest, NAME@TIME as 2026-11-22T17:00:00Z, or the beginning of its id.\n"

void old_put_excluded(FILE *out, const json_t *excluded);

/**
 * struct old_repo - which repository the user means; begins as all zeros
 * @path: what --repo says, or NULL: then $LUNETTE_REPO counts
 * @password_file: or NULL: then $LUNETTE_PASSWORD_FILE counts, and then the terminal
 * @key_file: the exported key, or NULL
 * @is_second: of two; the environment speaks of the first one only
 */
struct old_repo {
	const char *path;
	const char *password_file;
	const char *key_file;
	bool is_second;
};

/* For the struct option array of a command that opens a repository. */
enum {
	OLD_OPT_REPO = 0x2000,
	OLD_OPT_PASSWORD_FILE,
	OLD_OPT_KEY_FILE,
};
#define OLD_REPO_OPTIONS                                                             \
	{ "repo", required_argument, NULL, OLD_OPT_REPO },                           \
		{ "password-file", required_argument, NULL, OLD_OPT_PASSWORD_FILE }, \
	{                                                                            \
		"key-file", required_argument, NULL, OLD_OPT_KEY_FILE                \
	}

#define OLD_REPO_OPTIONS_HELP                                                       \
	"  --repo REPO  the repository; else $LUNETTE_REPO\n"                       \
	"  --password-file FILE  its password is the first line of FILE; else of\n" \
	"               $LUNETTE_PASSWORD_FILE; else it is asked for\n"             \
	"  --key-file FILE  open it with its exported key\n"

/**
 * old_repo_option() - take one of OLD_REPO_OPTIONS
 *
 * Return: 0 when @opt was one of them; 1 when not.
 */
int old_repo_option(struct old_repo *repo, int opt, const char *arg);

/**
 * old_open_repo() - open the repository that the user means
 *
 * Return: 0; STATUS_USAGE when none is named; a negative errno.
 */
int old_open_repo(const struct old_repo *which, struct repo **ret, struct error *err);

/* "256K", "4M", "1G", "65536". Return: false if it is not a number of bytes. */
bool old_parse_size(const char *text, uint64_t *ret);

/* Takes the argument of --level. Return: 0 or STATUS_USAGE. */
int old_level_option(const char *arg, int *ret, struct error *err);

int old_threads_option(const char *arg, unsigned int *ret, struct error *err);
int old_progress_option(struct cmd_progress *progress, const char *arg, struct error *err);

/* For the struct option array of a command that takes SOURCEs. */
enum {
	OLD_OPT_INITIATOR = 0x1000,
	OLD_OPT_CHAP_SECRET_FILE,
	OLD_OPT_MUTUAL_USER,
	OLD_OPT_MUTUAL_SECRET_FILE,
	OLD_OPT_TIMEOUT,
	OLD_OPT_HEADER_DIGEST,
	OLD_OPT_DATA_DIGEST,
};
#define OLD_SOURCE_OPTIONS                                                                 \
	{ "initiator", required_argument, NULL, OLD_OPT_INITIATOR },                       \
		{ "chap-secret-file", required_argument, NULL, OLD_OPT_CHAP_SECRET_FILE }, \
		{ "chap-mutual-user", required_argument, NULL, OLD_OPT_MUTUAL_USER },      \
		{ "chap-mutual-secret-file", required_argument, NULL,                      \
		  OLD_OPT_MUTUAL_SECRET_FILE },                                            \
		{ "timeout", required_argument, NULL, OLD_OPT_TIMEOUT },                   \
		{ "header-digest", no_argument, NULL, OLD_OPT_HEADER_DIGEST },             \
	{                                                                                  \
		"data-digest", no_argument, NULL, OLD_OPT_DATA_DIGEST                      \
	}

#define OLD_SOURCE_HELP                                                                               \
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
 * old_sources_option() - take one of OLD_SOURCE_OPTIONS
 *
 * Return: 0 when @opt was one of them; 1 when not; STATUS_USAGE or a negative errno with @err set.
 */
int old_sources_option(struct cmd_sources *sources, int opt, const char *arg, struct error *err);

/**
 * old_repo_options() - the options of a command that reports on a repository: those of
 * OLD_REPO_OPTIONS, and --json
 *
 * Return: 0; STATUS_USAGE with @err set.
 */
int old_repo_options(int argc, char **argv, struct old_repo *repo, bool *json, struct error *err);

#endif
