/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - see command.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "lunette/util.h"
#include "say.h"

/* ---- calling ----------------------------------------------------------------------------------
 */

/* "POINT --disk DISK TARGET, or POINT --volume VOL TARGET" */
static const char *in_one_line(const char *text, char *buf, size_t size)
{
	size_t n = 0;
	buf[0] = '\0';
	for (const char *line = text; n < size; line += strcspn(line, "\n") + 1) {
		int len = (int)strcspn(line, "\n");
		n += (size_t)snprintf(buf + n, size - n, "%s%.*s", n ? ", or " : "", len, line);
		if (!line[len])
			break;
	}
	return buf;
}

/* @name: of the command, or of it and a verb. */
static int check_words(const char *name, const struct command_words *takes, char **words, size_t n,
		       struct error *err)
{
	char text[200];
	const char *line =
		takes->text ? in_one_line(takes->text, text, sizeof(text)) : "no arguments";
	if (n < takes->least)
		return cmd_usage(err, "%s needs %s", name, line);
	if (n > takes->most)
		return cmd_usage(err, "'%s' is too much: %s takes %s", words[takes->most], name,
				 line);
	return 0;
}

static int unknown_verb(const struct command *command, struct error *err)
{
	char all[128] = "";
	size_t n = 0;
	for (const struct command_verb *v = command->verbs; v->name && n < sizeof(all); v++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", v->name);
	return cmd_usage(err, "what is to be done? One of %s", all);
}

static const struct command_verb *find_verb(const struct command *command, const char *word)
{
	for (const struct command_verb *v = command->verbs; v && v->name; v++)
		if (strcmp(word, v->name) == 0)
			return v;
	return NULL;
}

/* The first word that is one; an option's argument seldom is. */
static const struct command_verb *asked_verb(const struct command *command, int argc, char **argv)
{
	const struct command_verb *verb = NULL;
	for (int i = 1; i < argc && !verb; i++)
		verb = find_verb(command, argv[i]);
	return verb;
}

static int call_verb(const struct command *command, void *args, char **words, size_t n,
		     struct error *err)
{
	const struct command_verb *verb = n > 0 ? find_verb(command, words[0]) : NULL;
	if (!verb)
		return unknown_verb(command, err);
	char name[64];
	snprintf(name, sizeof(name), "%s %s", command->name, verb->name);
	int rc = check_words(name, &verb->words, words + 1, n - 1, err);
	return rc ? rc : verb->run(args, words + 1, n - 1, err);
}

static int call(const struct command *command, int argc, char **argv, void *args, struct error *err)
{
	int first;
	int rc = option_parse(command->options, command->verbs != NULL, argc, argv, args, &first,
			      err);
	if (rc)
		return rc;
	char **words = argv + first;
	size_t n = (size_t)(argc - first);
	if (command->verbs)
		return call_verb(command, args, words, n, err);
	rc = check_words(command->name, &command->words, words, n, err);
	return rc ? rc : command->run(args, words, n, err);
}

int command_call(const struct command *command, int argc, char **argv, struct error *err)
{
	if (option_asks(command->options, OPTION_ASKS_HELP, argc, argv)) {
		command_help(command, asked_verb(command, argc, argv), stdout);
		return cmd_print("", err);
	}
	CLEANUP(free_cleanup) void *args = calloc(1, MAX(command->args_size, (size_t)1));
	if (!args)
		return error_set(err, -ENOMEM, "arguments: %m");
	if (command->defaults)
		memcpy(args, command->defaults, command->args_size);
	int rc = call(command, argc, argv, args, err);
	if (command->free)
		command->free(args);
	option_free(command->options, args);
	return rc;
}

/* ---- the help ---------------------------------------------------------------------------------
 */

/* Words that mean the same in all commands, explained where they are used. */
static const struct {
	const char *word, *meaning;
} glossary[] = {
	{ "SOURCE",
	  "A SOURCE is a path (image file or block device) or "
	  "iscsi://[USER@]HOST[:PORT]/IQN/LUN. Several SOURCEs are the disks of one server at "
	  "one moment." },
	{ "POINT",
	  "A POINT is NAME@latest, or NAME where it is only read; NAME@TIME as 2026-11-22T170000Z or "
	  "the beginning of it; or 8 digits of an id at least. What removes or overwrites wants a "
	  "whole time or an id." },
};

static bool uses(const struct command *command, const char *word)
{
	return (command->words.text && strstr(command->words.text, word)) ||
	       option_has_argument(command->options, word);
}

static void put_usage(const struct command *command, const char *verb, const char *text, bool first,
		      FILE *out)
{
	do {
		size_t n = text ? strcspn(text, "\n") : 0;
		fprintf(out, "%s lunette %s", first ? "Usage:" : "      ", command->name);
		fprintf(out, "%s%s%s", verb ? " " : "", verb ? verb : "",
			command->options ? " [OPTIONS]" : "");
		fprintf(out, "%s%.*s\n", n ? " " : "", (int)n, n ? text : "");
		text = n && text[n] ? text + n + 1 : NULL;
		first = false;
	} while (text);
}

void command_help(const struct command *command, const struct command_verb *verb, FILE *out)
{
	if (!command->verbs)
		put_usage(command, NULL, command->words.text, true, out);
	for (const struct command_verb *v = command->verbs; v && v->name; v++)
		if (!verb || verb == v)
			put_usage(command, v->name, v->words.text, verb || v == command->verbs,
				  out);
	option_put_text(out, verb && verb->help ? verb->help : command->help, 0);
	option_help(command->options, verb ? verb->name : NULL, out);
	for (size_t i = 0; i < ARRAY_SIZE(glossary); i++)
		if (uses(command, glossary[i].word)) {
			fputc('\n', out);
			option_put_text(out, glossary[i].meaning, 0);
		}
	if (command->notes) {
		fputc('\n', out);
		option_put_text(out, command->notes, 0);
	}
	fputs("\nExit status: ", out);
	option_put_text(out, command->status ? command->status : "0 done, 1 failed, 2 wrong usage.",
			0);
}
