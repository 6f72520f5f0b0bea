/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cmd - what the commands share, and the options that go with it. Commands print; command.c takes
 * their options, main() reports their errors.
 */
#ifndef CMD_H
#define CMD_H

#include <stdatomic.h>

#include "commands.h"
#include "lunette/layout.h"
#include "lunette/portal.h"
#include "lunette/repo.h"
#include "lunette/source.h"
#include "lunette/secret.h"
#include "lunette/upkeep.h"
#include "say.h"

/* Row of a command that reports. */
#define CMD_JSON_OPTION(type, member)                                                \
	{                                                                            \
		"json", NULL, "report as a JSON document", OPTION_FLAG(type, member) \
	}

/* Row of a command that says what it has done, and shows no progress: that one has it already. */
#define CMD_QUIET_OPTION(type, member)                                                           \
	{                                                                                        \
		"quiet", NULL, "say nothing but warnings and errors", OPTION_FLAG(type, member), \
			.letter = 'q'                                                            \
	}

/* ---- the repository (repository.c) ---- */

/* What the status of a command that opens one ends with. */
#define CMD_REPO_STATUS ", 10 there is no such repository or restore point, 11 wrong password"

/**
 * struct cmd_password - where a password is that nobody has to be asked for
 * @file: its first line
 * @command: the first line of what it prints; it is run by sh
 */
struct cmd_password {
	struct option_text file;
	struct option_text command;
};

extern const struct option_group cmd_password_options;
#define CMD_PASSWORD_OPTIONS(type, member) \
	OPTION_GROUP(type, member, struct cmd_password, &cmd_password_options)

/**
 * struct cmd_repo - which repository the user means, and, once it is open, the repository
 * @key_file: the exported key, or NULL
 * @ways: the options that say its password, for messages; NULL: CMD_PASSWORD_WAYS
 * @unattended: nobody is asked for a password
 */
struct cmd_repo {
	struct option_text path;
	struct cmd_password password;
	const char *key_file;
	const char *ways;
	bool unattended;
	struct repo *repo;
};

extern const struct option_group cmd_repo_options;
#define CMD_REPO_OPTIONS(type, member) \
	OPTION_GROUP(type, member, struct cmd_repo, &cmd_repo_options)

/**
 * cmd_open_repo() - open the repository that the user means, or open it again
 *
 * It is closed when the command has returned.
 *
 * Return: 0; STATUS_USAGE when none is named; a negative errno.
 */
int cmd_open_repo(struct cmd_repo *which, struct error *err);

/* @which: a struct cmd_repo; for an option_group that has one. */
void cmd_close_repo(void *which);

/**
 * cmd_open_point() - the same, and find a restore point in it that is only read
 * @spec: a POINT
 * @ret: its manifest: a reference of the caller's
 */
int cmd_open_point(struct cmd_repo *which, const char *spec, char ret_id[65], json_t **ret,
		   struct error *err);

/**
 * cmd_find_point() - find a restore point in the repository, which is open
 * @use: what it is wanted for
 *
 * Warns when one of the future was passed over, or taken.
 *
 * Return: 0; STATUS_USAGE when @spec is not exact enough for @use; as repo_point_search().
 */
int cmd_find_point(const struct cmd_repo *which, const char *spec, enum repo_point_use use,
		   char ret_id[65], json_t **ret, struct error *err);

/* Says what cmd_find_point() warns of. */
void cmd_warn_future(const struct repo_point_search *search);

/* Prints NAME@TIME, and the id. */
void cmd_put_point(FILE *out, const char *id, const json_t *point);

/**
 * cmd_point_holds() - what a restore point holds, how consistent it is, and what a check has found
 * @point: its manifest, or what repo_brief_members() gave of it
 * @verdicts: see verdicts_read()
 *
 * Return: an object, as `list --json` has it; NULL when there is no memory.
 */
json_t *cmd_point_holds(const char *id, const json_t *point, const json_t *verdicts);

/* Of such an object, in a few letters: "whole 2026-11-22", "damaged 2026-11-22", or "-". */
#define CMD_CHECKED_MAX 32
const char *cmd_checked(const json_t *holds, char buf[CMD_CHECKED_MAX]);

/* Takes the argument of --level. @to: an int. */
option_take cmd_take_level;

/* A number of bytes, or a text, of a manifest; 0 or "" where there is none. */
uint64_t cmd_json_size(const json_t *object, const char *key);
const char *cmd_json_text(const json_t *object, const char *key);

/* Says for people what a manifest's "excluded" says; nothing when that is nothing, or NULL. */
void cmd_put_excluded(const json_t *excluded);

/* ---- damage that was found before (remembered.c) ---- */

struct check_result;

/* Warns of damage that an earlier check has found in data which this one has not read. Return: is
 * there some? */
bool cmd_warn_remembered(const struct check_result *result);

/* ---- secrets (password.c) ---- */

/**
 * cmd_secret_line() - a secret that is the first line of a file
 * @what: "password file", for messages
 * @ret: to be freed with secret_free()
 */
int cmd_secret_line(const char *path, const char *what, char **ret, struct error *err);

/* The same of all the file. */
int cmd_secret_text(const char *path, const char *what, char **ret, struct error *err);

/* The first line of what @command prints. Return: 0; -ECHILD when it ends otherwise than well; ...
 */
int cmd_password_run(const char *command, char **ret, struct error *err);

/**
 * cmd_password_find() - the password that the options name, or, where they name none, the
 * environment: a file goes before a command
 * @ret: NULL when nothing does
 *
 * Return: 0; STATUS_USAGE when the options name both; a negative errno.
 */
int cmd_password_find(const struct cmd_password *from, char **ret, struct error *err);

/* The options that say a password. */
#define CMD_PASSWORD_WAYS "--password-file, LUNETTE_PASSWORD_FILE or --password-command"

/* Asks for the password of @what on the terminal. @ways: else to say it. Return: 0; -ENOTTY when
 * there is none; ... */
int cmd_password_ask(const char *what, const char *ways, char **ret, struct error *err);

/* A new password: from a file, or, when @path is NULL, asked for twice. */
int cmd_password_new(const char *path, const char *ways, char **ret, struct error *err);

/* ---- long work (work.c) ---- */

/**
 * cmd_stop_on_signals() - let SIGINT, SIGTERM and SIGHUP end the work in an orderly way
 *
 * A SIGHUP that is ignored, as nohup has it, stays so.
 *
 * Return: what they set. A second signal, one second later or more, ends the program at once.
 */
const atomic_bool *cmd_stop_on_signals(void);

#define CMD_THREADS_MAX 64u

/* How many processors there are for us. */
unsigned int cmd_cpus(void);

/* How many threads for work that reads and computes. */
unsigned int cmd_threads(void);

double cmd_seconds(void); /* of a clock that only runs forwards */

/**
 * struct cmd_progress - how far work has come, shown on standard error
 * @mode: CMD_PROGRESS_AUTO becomes one of the others when it begins
 * @quiet: nothing but warnings and errors is wanted, so no report of what was done either; a
 *         progress that was asked for by name is shown all the same
 * @total: bytes there are; set after cmd_progress_begin()
 */
struct cmd_progress {
	enum cmd_progress_mode {
		CMD_PROGRESS_AUTO, /* a line on a terminal, nothing elsewhere */
		CMD_PROGRESS_NONE,
		CMD_PROGRESS_LINE,
		CMD_PROGRESS_JSON,
	} mode;
	bool quiet;
	uint64_t total;
	uint64_t stored; /* what it has become, for the ratio; 0: that is not known */
	uint64_t done;   /* what was said last, shown or not */
	double start;
	double shown;        /* when it was shown last */
	uint64_t shown_done; /* and how far it was */
	double rate;         /* bytes a second */
};

extern const struct option_group cmd_progress_options;
#define CMD_PROGRESS_OPTIONS(type, member) \
	OPTION_GROUP(type, member, struct cmd_progress, &cmd_progress_options)

/* Return: whether progress is shown, so that the total is worth finding out. */
bool cmd_progress_begin(struct cmd_progress *progress);

/* Shows it, if it is time. */
void cmd_progress_show(struct cmd_progress *progress, uint64_t done);

/* The same, for work that finds out by itself how much there is. @progress: a struct cmd_progress.
 */
void cmd_progress_of(void *progress, uint64_t done, uint64_t total);

/* Takes the line away again, or says the last word in JSON. When the command has returned, that has
 * been done. */
void cmd_progress_end(struct cmd_progress *progress);

/* ---- what was done for a repository (upkeep.c) ---- */

/* Where that is noted, and told. */
struct cmd_upkeep {
	struct option_text state;
	struct option_text prometheus_file;
};

extern const struct option_group cmd_upkeep_options;
#define CMD_UPKEEP_OPTIONS(type, member) \
	OPTION_GROUP(type, member, struct cmd_upkeep, &cmd_upkeep_options)

/* As upkeep_choose(), when the next part is meant. */
int cmd_upkeep_choose(const struct cmd_upkeep *upkeep, const struct repo *repo,
		      struct check_portion *portion, struct error *err);

/**
 * cmd_upkeep_note() - note what was done, and tell Prometheus
 * @document: of upkeep_prune_document() or upkeep_check_document(), stolen
 *
 * What cannot be noted is a warning: what was done is done.
 */
void cmd_upkeep_note(const struct cmd_upkeep *upkeep, const struct repo *repo,
		     enum upkeep_task task, json_t *document);

/* The documents of what this machine has done for @repo, by name. NULL: it has noted nothing. To be
 * decref'd. */
json_t *cmd_upkeep_done(const struct repo *repo);

/* Says that for people. @done may be NULL. */
void cmd_upkeep_put(const json_t *done);

/* ---- SOURCE arguments and the options that go with them (sources.c) ---- */

/**
 * struct cmd_sources - how LUNs are reached, and the sources, once they are open
 */
struct cmd_sources {
	size_t n;
	struct source **sources;
	struct source_options options;
	char *chap_secret;
	char *mutual_secret;
};

/* They have a heading of their own: to be the last in a table. */
extern const struct option_group cmd_source_options;
#define CMD_SOURCE_OPTIONS(type, member) \
	OPTION_GROUP(type, member, struct cmd_sources, &cmd_source_options)

/**
 * cmd_sources_open() - open the SOURCEs and find out what is on them, file systems included
 * @ret: to be freed with layout_free(), before cmd_sources_free()
 */
int cmd_sources_open(struct cmd_sources *sources, char **specs, size_t n, struct layout **ret,
		     struct error *err);

/* What an iSCSI portal has, as portal_list(). Return: 0; STATUS_USAGE; a negative errno. */
int cmd_sources_list(struct cmd_sources *sources, const char *spec, struct portal **ret,
		     struct error *err);

/* Closes them. Those of options are closed when the command has returned. */
void cmd_sources_free(struct cmd_sources *sources);

/* Prints each of a layout's warnings. Returns whether there were any. */
bool cmd_warn_layout(const struct layout *layout);

#endif
