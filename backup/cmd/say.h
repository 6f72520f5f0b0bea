/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say - what the commands say, on standard error and on standard output, and how they end. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "lunette/error.h"
#include "lunette/size.h"

/*
 * Exit status of the program: a promise to scripts. A command returns one of the first four, or
 * what failed; the others are made of the kind of error that is recorded with it (failure.c).
 */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_WARNINGS = 3,
	STATUS_NOT_FOUND = 10, /* there is no such repository or restore point */
	STATUS_PASSWORD = 11,  /* it does not open the repository, or there was none */
	STATUS_BUSY = 12,      /* somebody else is at work */
};

/* ---- failures, for scripts (failure.c) ---- */

/* @rc: what a command returned: a STATUS_..., or a negative errno with @err set. */
int cmd_status(int rc, const struct error *err);

/**
 * cmd_failure_json() - {"code", "message"}, the member "error" of what --json prints
 * @rc: as above, of a command that failed
 *
 * Return: a new reference; NULL without memory.
 */
json_t *cmd_failure_json(int rc, const struct error *err);

/* ---- what is said (say.c) ---- */

/**
 * cmd_usage() - the user called it wrongly
 *
 * Return: STATUS_USAGE, with @err set.
 */
int cmd_usage(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * cmd_say() - print "lunette: ", @kind and a sentence on standard error, in one piece
 *
 * The sentence may quote what a disk, a target or a repository said: it passes through cmd_put().
 */
void cmd_say(const char *kind, const char *sentence);

/* Says "warning: ...". What ends with STATUS_DONE then ends with STATUS_WARNINGS. */
void cmd_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Has there been one? */
bool cmd_has_warned(void);

/* "3.7 GiB", "512 B"; @buf has CMD_SIZE_MAX bytes. Returns @buf. */
#define CMD_SIZE_MAX SIZE_TEXT
const char *cmd_size(uint64_t bytes, char *buf);

/* What makes "pack" one or many: "", or "s". */
static inline const char *cmd_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/**
 * cmd_put() - print text that somebody else chose, so that it can do nothing to the terminal
 * @width: columns, as people see them, that are filled with spaces
 */
void cmd_put(FILE *out, const char *text, int width);

/**
 * cmd_done() - what the command is for has been done
 *
 * From here on a report that cannot be printed is a warning, not a failure: whoever tries again
 * would do it twice.
 */
void cmd_done(void);

/**
 * cmd_report_to_stderr() - what the command is for goes to standard output
 *
 * From here on reports go to standard error, and so does the document of a failure.
 */
void cmd_report_to_stderr(void);

/* Writes @text to standard output and makes sure that it got there, with all that came before. */
int cmd_print(const char *text, struct error *err);

/* Prints @doc, indented. Steals it; it may be NULL when there was no memory for it. */
int cmd_print_json(json_t *doc, struct error *err);

/* Has a document been printed? There is one document a run, and who fails after it has said so in
 * it. */
bool cmd_has_printed_json(void);

#endif
