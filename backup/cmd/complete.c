/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complete - see complete.h: what is wanted at the cursor, by the tables that say what each command
 * takes. */
#include <stdlib.h>
#include <string.h>

#include "complete.h"
#include "lunette/util.h"

/* ---- options ---- */

/* @word: as "-q", "--quiet" or "--repo=/srv". */
static bool is_named(const struct option_row *row, const char *word)
{
	size_t len = strcspn(word, "=");
	if (word[1] != '-')
		return row->letter && word[1] == row->letter && !word[2];
	return row->name && strlen(row->name) == len - 2 &&
	       strncmp(row->name, word + 2, len - 2) == 0;
}

/* The option that @word, which begins with a dash, names; NULL: there is none. */
static const struct option_row *find_option(const struct option_row *row, const char *word)
{
	for (; row && row->kind != OPTION_KIND_NONE; row++) {
		const struct option_row *found = is_named(row, word) ? row : NULL;
		if (row->kind == OPTION_KIND_GROUP)
			found = find_option(row->group->rows, word);
		if (found)
			return found;
	}
	return NULL;
}

/* "the repository" of "the repository; else $LUNETTE_REPO". */
static void offer_option(const struct completion *c, const struct option_row *row)
{
	char text[64], means[100];
	snprintf(text, sizeof(text), "--%s", row->name);
	snprintf(means, sizeof(means), "%.*s", (int)strcspn(row->help, ";("), row->help);
	complete_offer(c, text, means);
}

static void offer_options(const struct completion *c, const struct option_row *row)
{
	for (; row && row->kind != OPTION_KIND_NONE; row++)
		if (row->kind == OPTION_KIND_GROUP)
			offer_options(c, row->group->rows);
		else if (row->name)
			offer_option(c, row);
}

static void offer_argument(struct completion *c, const struct option_row *row)
{
	if (row->kind == OPTION_KIND_WORD)
		for (size_t i = 0; row->words[i]; i++)
			complete_offer(c, row->words[i], NULL);
	else
		complete_named(c, row->arg);
}

/* Keeps what says where to look. */
static void note_argument(struct completion *c, const struct option_row *row, const char *arg)
{
	if (strcmp(row->name, "repo") == 0)
		c->which.path.text = arg;
	else if (strcmp(row->name, "password-file") == 0)
		c->which.password.file.text = arg;
	else if (strcmp(row->name, "key-file") == 0)
		c->which.key_file = arg;
	else if (strcmp(row->name, "state") == 0)
		c->state = arg;
}

/* ---- words ---- */

/**
 * offer_place() - offer what can be word @place of a line of a command's usage
 * @line: @len bytes, as "--to REPO [NAME | POINT]... DIR"
 */
static void offer_place(struct completion *c, const char *line, size_t len, size_t place)
{
	char text[256], *rest;
	struct {
		const char *word;
		size_t place;
	} words[16];
	size_t n = 0, places = 0;
	bool repeats = false, either = false;
	snprintf(text, sizeof(text), "%.*s", (int)len, line);
	for (char *t = strtok_r(text, " []", &rest); t && n < ARRAY_SIZE(words);
	     t = strtok_r(NULL, " []", &rest)) {
		if (strncmp(t, "--", 2) == 0) {
			strtok_r(NULL, " []", &rest); /* its argument */
			continue;
		}
		char *dots = strstr(t, "...");
		repeats |= dots != NULL;
		if (strcmp(t, "|") == 0) {
			either = true;
		} else if (dots != t) {
			t[strcspn(t, ".:")] = '\0';
			places += either ? 0 : 1;
			either = false;
			words[n].word = t;
			words[n++].place = places - 1;
		}
	}
	if (repeats && places > 0)
		place = MIN(place, places - 1);
	for (size_t i = 0; i < n; i++)
		if (words[i].place == place)
			complete_named(c, words[i].word);
}

static void offer_word(struct completion *c, const struct command_words *takes, size_t place)
{
	for (const char *line = takes->text; line && place < takes->most;) {
		size_t len = strcspn(line, "\n");
		offer_place(c, line, len, place);
		line = line[len] ? line + len + 1 : NULL;
	}
}

/* What a command takes once its first word is said; NULL: the verb is unknown. */
static const struct command_words *takes_of(const struct command *command, const char *verb)
{
	if (!command->verbs)
		return &command->words;
	for (const struct command_verb *v = command->verbs; v->name; v++)
		if (verb && strcmp(v->name, verb) == 0)
			return &v->words;
	return NULL;
}

static void offer_behind(struct completion *c, const struct command *command, const char *verb,
			 size_t place)
{
	if (command->verbs && place == 0) {
		for (const struct command_verb *v = command->verbs; v->name; v++)
			complete_offer(c, v->name, NULL);
		return;
	}
	const struct command_words *takes = takes_of(command, verb);
	if (takes)
		offer_word(c, takes, place - (command->verbs ? 1 : 0));
}

/* Of "--repo=/srv", it is the argument that is wanted. Return: is @last such a word? */
static bool offer_behind_equals(struct completion *c, const struct command *command,
				const char *last)
{
	const char *arg = strchr(last, '=');
	const struct option_row *row = arg ? find_option(command->options, last) : NULL;
	if (!row || !row->arg)
		return false;
	snprintf(c->before, sizeof(c->before), "%.*s", (int)(arg + 1 - last), last);
	c->begun = arg + 1;
	offer_argument(c, row);
	return true;
}

static void complete_command(struct completion *c, const struct command *command, char **words,
			     size_t n)
{
	const char *first = NULL;
	size_t place = 0;
	bool options = true;
	for (size_t i = 0; i + 1 < n; i++) {
		const char *word = words[i];
		if (!options || word[0] != '-' || !word[1]) {
			first = first ? first : word;
			c->point = first;
			place++;
			continue;
		}
		options = strcmp(word, "--") != 0;
		const struct option_row *row = find_option(command->options, word);
		if (!row || !row->arg)
			continue;
		const char *arg = strchr(word, '=');
		if (!arg && row->optional)
			continue;
		if (!arg && i + 2 == n) {
			offer_argument(c, row);
			return;
		}
		note_argument(c, row, arg ? arg + 1 : words[++i]);
	}
	if (!options || c->begun[0] != '-') {
		offer_behind(c, command, first, place);
	} else if (!offer_behind_equals(c, command, words[n - 1])) {
		offer_options(c, command->options);
		complete_offer(c, "--help", "what the command does");
	}
}

/* ---- the command itself ---- */

static void offer_commands(const struct completion *c, const struct command *const *commands,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		complete_offer(c, commands[i]->name, commands[i]->summary);
}

void complete(const struct command *const *commands, size_t n, char **words, size_t n_words)
{
	struct completion c = { .begun = n_words ? words[n_words - 1] : "" };
	c.forgotten = n_words > 0 && strcmp(words[0], cmd_undelete.name) == 0;
	c.which.unattended = true;
	c.which.path.text = getenv("LUNETTE_REPO");
	c.which.password.file.text = getenv("LUNETTE_PASSWORD_FILE");
	c.which.password.file.from_env = true;
	if (n_words < 2) {
		offer_commands(&c, commands, n);
		complete_offer(&c, "help", "what a command does");
		complete_offer(&c, "version", "which version this is");
		if (c.begun[0] == '-') {
			complete_offer(&c, "--help", "what the commands are");
			complete_offer(&c, "--version", "which version this is");
		}
		return;
	}
	if (strcmp(words[0], "help") == 0 && n_words == 2)
		offer_commands(&c, commands, n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[0], commands[i]->name) == 0)
			complete_command(&c, commands[i], words + 1, n_words - 1);
	cmd_close_repo(&c.which);
}
