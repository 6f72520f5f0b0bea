/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * option - the options of a command as a table.
 *
 * A row says what an option is called, what is said about it, what its argument is, and where in
 * the command's arguments it goes. From the rows come parsing, what is said of wrong usage, the
 * environment variables that stand for options, and the help. Options that several commands take
 * are a group: a table and a struct of their own, which is a member of the command's arguments.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lunette/error.h"

enum option_kind {
	OPTION_KIND_NONE, /* of the row that ends a table */
	OPTION_KIND_HEADING,
	OPTION_KIND_GROUP,
	OPTION_KIND_FLAG,
	OPTION_KIND_TEXT,
	OPTION_KIND_ENV,
	OPTION_KIND_LIST,
	OPTION_KIND_NUMBER,
	OPTION_KIND_SIZE,
	OPTION_KIND_WORD,
	OPTION_KIND_CALL,
};

/* A text that the environment may stand for; NULL when nobody said it. */
struct option_text {
	const char *text;
	bool from_env;
};

/* The arguments of an option that may be repeated; they belong to argv. */
struct option_list {
	size_t n;
	const char **items;
};

struct option_row;

/**
 * typedef option_take - what takes an argument that no kind fits
 * @to: the member that the row names
 * @arg: NULL for one that was left out
 *
 * Return: 0; STATUS_USAGE or a negative errno, with @err set.
 */
typedef int option_take(const struct option_row *row, void *to, const char *arg, struct error *err);

/**
 * struct option_group - options that several commands take
 * @rows: whose members are those of the group's own struct
 * @free: frees what they have put there, and whatever else the struct came to hold; may be NULL
 */
struct option_group {
	const struct option_row *rows;
	void (*free)(void *to);
};

/**
 * struct option_row - one option. The last fields are set by the macros below
 * @name: without the dashes
 * @arg: what its argument is called; NULL: it takes none
 * @verbs: of a command that has several: the only ones for which it is, as "recover, remove"; NULL:
 * all
 * @help: one sentence or more, of which lines are made when it is shown
 * @letter: that stands for it too, as in "-f"; or 0
 * @optional: the argument may be left out
 * @needed: it is wrong usage to leave the option out
 * @value: for @take
 * @at: byte offset in the arguments
 * @width: bytes, of a number
 * @env: variable that stands for the option when it is not given, and is not empty; or NULL
 * @words: that are possible, NULL behind the last
 */
struct option_row {
	const char *name;
	const char *arg;
	const char *help;
	const char *verbs;
	char letter;
	bool optional;
	bool needed;
	int value;
	enum option_kind kind;
	size_t at;
	size_t width;
	uint64_t min, max;
	const char *env;
	const char *const *words;
	option_take *take;
	const struct option_group *group;
};

/* Where a member is; does not compile when it is of another type than @wanted. */
#define OPTION_AT(type, member, wanted) \
	_Generic(&((type *)NULL)->member, wanted * : offsetof(type, member))

/* @type: of the command's arguments, of which @member takes the option: */
#define OPTION_FLAG(type, member) .kind = OPTION_KIND_FLAG, .at = OPTION_AT(type, member, bool)
#define OPTION_TEXT(type, member) \
	.kind = OPTION_KIND_TEXT, .at = OPTION_AT(type, member, const char *)
#define OPTION_ENV(type, member, variable)                                          \
	.kind = OPTION_KIND_ENV, .at = OPTION_AT(type, member, struct option_text), \
	.env = (variable)
#define OPTION_LIST(type, member) \
	.kind = OPTION_KIND_LIST, .at = OPTION_AT(type, member, struct option_list)
/* An unsigned int or a uint64_t. */
#define OPTION_NUMBER(type, member, low, high) \
	.kind = OPTION_KIND_NUMBER, .min = (low), .max = (high),                    \
	.width = sizeof(((type *)NULL)->member),                                    \
	.at = _Generic(&((type *)NULL)->member, unsigned int *: offsetof(type, member), \
		       uint64_t *: offsetof(type, member))
/* Bytes, more than none: "64M". */
#define OPTION_SIZE(type, member) .kind = OPTION_KIND_SIZE, .at = OPTION_AT(type, member, uint64_t)
/* One of @list, in which the member then points. */
#define OPTION_WORD(type, member, list) \
	.kind = OPTION_KIND_WORD, .at = OPTION_AT(type, member, const char *), .words = (list)
#define OPTION_CALL(type, member, wanted, function) \
	.kind = OPTION_KIND_CALL, .at = OPTION_AT(type, member, wanted), .take = (function)
/* A row of its own: the group's options. */
#define OPTION_GROUP(type, member, wanted, table)                                                  \
	{                                                                                          \
		.kind = OPTION_KIND_GROUP, .at = OPTION_AT(type, member, wanted), .group = (table) \
	}
/* A row of its own: in the help, the rows behind it come under these words. */
#define OPTION_HEADING(text)                                \
	{                                                   \
		.kind = OPTION_KIND_HEADING, .help = (text) \
	}

/* What may be asked of every command. */
enum option_common {
	OPTION_ASKS_HELP, /* --help, -h */
	OPTION_ASKS_JSON, /* --json, also of one that does not take it */
};

/**
 * option_asks() - is this among the options, whatever is wrong with others?
 * @rows: may be NULL
 * @argv: the command's name and all behind it; is put into another order
 */
bool option_asks(const struct option_row *rows, enum option_common what, int argc, char **argv);

/**
 * option_parse() - take the options
 * @verbs: the first word that is no option is a verb, for which the options must be
 * @args: what the rows' offsets are counted from; to be freed with option_free(), also when this
 *        fails
 * @ret_first: of @argv, the first word that is no option; all behind it are none, either
 *
 * Return: 0; STATUS_USAGE or a negative errno, with @err set.
 */
int option_parse(const struct option_row *rows, bool verbs, int argc, char **argv, void *args,
		 int *ret_first, struct error *err);

void option_free(const struct option_row *rows, void *args);

/* Is the option for the verb? @verb: NULL for a command without, or for all. */
bool option_is_for(const struct option_row *row, const char *verb);

/* Says what the options are, those of a verb unless it is NULL. Nothing if there are none. */
void option_help(const struct option_row *rows, const char *verb, FILE *out);

/**
 * option_put_text() - print a text in lines that fit
 * @indent: columns, of all lines but the first, which the caller has begun
 *
 * What is in backquotes stays on one line, and so does a line of @text that begins with a space.
 */
void option_put_text(FILE *out, const char *text, int indent);

/* Is @word an argument of one of the options? */
bool option_has_argument(const struct option_row *rows, const char *word);

#endif
