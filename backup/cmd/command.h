/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * command - what a command is, and how one is run.
 *
 * A new command is a file that holds its options, its run() and one struct command, and a word in
 * the list of commands.h. Its struct of arguments is made, filled and freed here: run() finds
 * options in it, and the words behind them beside it.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "option.h"

/**
 * typedef command_run - does what the command is for
 * @args: the command's own struct
 * @words: as many as the command says that it takes, and NULL behind them
 *
 * Return: a STATUS_...; or a negative errno with @err set, which main() prints and turns into
 * STATUS_FAILED. STATUS_USAGE comes with @err set too.
 */
typedef int command_run(void *args, char **words, size_t n, struct error *err);

/* Of command_words: any number. */
#define COMMAND_ANY SIZE_MAX

/**
 * struct command_words - what stands behind the options
 * @text: as in "SOURCE... DIR"; each line is another way to call the command; NULL for nothing
 * @least, @most: how many words
 */
struct command_words {
	const char *text;
	size_t least, most;
};

/**
 * struct command_verb - of a command that has several, the word behind its name
 * @help: what it does, for its own help; NULL: that of the command says it
 */
struct command_verb {
	const char *name;
	struct command_words words;
	command_run *run;
	const char *help;
};

/**
 * struct command - one word of the command line
 * @summary: one line for `lunette --help`
 * @help: what it does; see option_put_text() for the text
 * @notes: what is to be said after the options; or NULL
 * @status: what `Exit status:` is followed by; NULL: 0, 1 and 2, as everywhere
 * @options: NULL for none
 * @args_size: of the command's struct of arguments
 * @defaults: what is in it before the options are taken; NULL: zeros
 * @free: frees what run() left in the arguments, beside what option_free() does; may be NULL
 * @verbs: ended by one without a name; NULL: there are none, and @words and @run count
 */
struct command {
	const char *name;
	const char *summary;
	const char *help;
	const char *notes;
	const char *status;
	const struct option_row *options;
	size_t args_size;
	const void *defaults;
	void (*free)(void *args);
	const struct command_verb *verbs;
	struct command_words words;
	command_run *run;
};

/* Prints what `lunette NAME --help` says; @verb: or `lunette NAME VERB --help`; NULL: of all. */
void command_help(const struct command *command, const struct command_verb *verb, FILE *out);

/**
 * command_call() - take the options, check the words, run
 * @argv: begins with the command's name
 *
 * Return: as command_run.
 */
int command_call(const struct command *command, int argc, char **argv, struct error *err);

#endif
