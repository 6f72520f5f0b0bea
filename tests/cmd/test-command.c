/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lunette/util.h"
#include "say.h"

/* ---- how a command is called ------------------------------------------------------------------
 */

struct toy {
	bool flag;
	int preset;
};

static const struct option_row options[] = {
	{ "flag", NULL, "a flag", OPTION_FLAG(struct toy, flag) },
	{ 0 },
};

static struct {
	size_t n;
	char *first;
	struct toy args;
	int freed;
} seen;

static int run(void *args, char **words, size_t n, struct error *err)
{
	(void)err;
	seen.n = n;
	seen.first = words[0];
	seen.args = *(struct toy *)args;
	return STATUS_WARNINGS;
}

static void free_toy(void *args)
{
	(void)args;
	seen.freed++;
}

static const struct command toy = {
	.name = "toy",
	.help = "Plays.",
	.words = { "FROM... TO\n--all TO", 2, 3 },
	.options = options,
	.args_size = sizeof(struct toy),
	.defaults = &(const struct toy){ .preset = 42 },
	.free = free_toy,
	.run = run,
};

static const struct option_row of_verbs[] = {
	{ "flag", NULL, "a flag", .verbs = "start, go", OPTION_FLAG(struct toy, flag) },
	{ 0 },
};

static const struct command_verb verbs[] = {
	{ "go", { "WHERE", 1, 1 }, run, "Go there." },
	{ "stop", { NULL, 0, 0 }, run, NULL },
	{ 0 },
};

static const struct command toys = {
	.name = "toys",
	.help = "Play.",
	.verbs = verbs,
	.options = of_verbs,
	.args_size = sizeof(struct toy),
};

static int call(const struct command *command, const char *line, struct error *err)
{
	static char buf[256];
	char *argv[16] = { (char *)command->name };
	int argc = 1;
	seen.n = 99;
	*err = (struct error){ 0 };
	snprintf(buf, sizeof(buf), "%s", line);
	for (char *next = buf, *word; (word = strsep(&next, " "));)
		if (*word)
			argv[argc++] = word;
	return command_call(command, argc, argv, err);
}

static void a_command_gets_its_arguments_and_words(void **state)
{
	(void)state;
	struct error err;
	seen.freed = 0;
	assert_int_equal(call(&toy, "a --flag b", &err), STATUS_WARNINGS);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.first, "a");
	assert_true(seen.args.flag);
	assert_int_equal(seen.args.preset, 42);
	assert_int_equal(seen.freed, 1);
}

static void a_verb_gets_the_words_behind_it(void **state)
{
	(void)state;
	struct error err;
	assert_int_equal(call(&toys, "go there", &err), STATUS_WARNINGS);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.first, "there");
	assert_int_equal(call(&toys, "go --flag there", &err), STATUS_WARNINGS);
	assert_true(seen.args.flag);
	assert_int_equal(call(&toys, "stop", &err), STATUS_WARNINGS);
	assert_int_equal(seen.n, 0);
	assert_null(seen.first);
}

static void words_that_do_not_fit_are_wrong_usage(void **state)
{
	(void)state;
	static const struct {
		const struct command *command;
		const char *line, *says;
	} cases[] = {
		{ &toy, "a", "toy needs FROM... TO, or --all TO" },
		{ &toy, "a b c d", "'d' is too much: toy takes FROM... TO, or --all TO" },
		{ &toy, "--nothing a b", "--nothing: there is no such option" },
		{ &toys, "", "what is to be done? One of go, stop" },
		{ &toys, "fly", "what is to be done? One of go, stop" },
		{ &toys, "go", "toys go needs WHERE" },
		{ &toys, "stop --flag", "--flag is of 'start, go' only, and not of 'stop'" },
		{ &toys, "stop it", "'it' is too much: toys stop takes no arguments" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err;
		assert_int_equal(call(cases[i].command, cases[i].line, &err), STATUS_USAGE);
		assert_string_equal(err.msg, cases[i].says);
		assert_int_equal(seen.n, 99);
	}
}

static void the_help_shows_every_way_to_call_it(void **state)
{
	(void)state;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	command_help(&toy, NULL, out);
	command_help(&toys, NULL, out);
	fclose(out);
	assert_string_equal(text, "Usage: lunette toy [OPTIONS] FROM... TO\n"
				  "       lunette toy [OPTIONS] --all TO\n"
				  "Plays.\n"
				  "\nOptions:\n"
				  "  --flag  a flag\n"
				  "\nExit status: 0 done, 1 failed, 2 wrong usage.\n"
				  "Usage: lunette toys go [OPTIONS] WHERE\n"
				  "       lunette toys stop [OPTIONS]\n"
				  "Play.\n"
				  "\nOptions:\n"
				  "  --flag  start, go: a flag\n"
				  "\nExit status: 0 done, 1 failed, 2 wrong usage.\n");
}

static void a_verb_has_a_help_of_its_own(void **state)
{
	(void)state;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	command_help(&toys, &verbs[0], out);
	command_help(&toys, &verbs[1], out);
	fclose(out);
	assert_string_equal(text, "Usage: lunette toys go [OPTIONS] WHERE\n"
				  "Go there.\n"
				  "\nOptions:\n"
				  "  --flag  a flag\n"
				  "\nExit status: 0 done, 1 failed, 2 wrong usage.\n"
				  "Usage: lunette toys stop [OPTIONS]\n"
				  "Play.\n"
				  "\nOptions:\n"
				  "\nExit status: 0 done, 1 failed, 2 wrong usage.\n");
}

/* ---- the commands there are -------------------------------------------------------------------
 */

struct names {
	size_t n;
	const char *name[64];
	char letters[64];
};

/* All that can be wrong with a table and would be seen only when somebody uses the option. */
static void check_rows(const struct command *command, const struct option_row *row, size_t size,
		       struct names *names)
{
	static const char *const by_env[][2] = { { "repo", "LUNETTE_REPO" },
						 { "password-file", "LUNETTE_PASSWORD_FILE" },
						 { "password-command",
						   "LUNETTE_PASSWORD_COMMAND" } };
	for (; row && row->kind != OPTION_KIND_NONE; row++) {
		if (row->kind == OPTION_KIND_GROUP) {
			check_rows(command, row->group->rows, size - row->at, names);
			continue;
		}
		if (row->kind == OPTION_KIND_HEADING)
			continue;
		if (row->at >= size || !row->help || !row->arg != (row->kind == OPTION_KIND_FLAG))
			fail_msg("%s: --%s is not whole", command->name, row->name);
		for (size_t i = 0; i < names->n; i++)
			if (strcmp(names->name[i], row->name) == 0 ||
			    (row->letter && names->letters[i] == row->letter))
				fail_msg("%s: --%s is there twice", command->name, row->name);
		assert_true(names->n < ARRAY_SIZE(names->name));
		names->letters[names->n] = row->letter;
		names->name[names->n++] = row->name;
		for (size_t i = 0; i < ARRAY_SIZE(by_env); i++)
			if (strcmp(row->name, by_env[i][0]) == 0 &&
			    (!row->env || strcmp(row->env, by_env[i][1]) != 0))
				fail_msg("%s: $%s does not stand for --%s", command->name,
					 by_env[i][1], row->name);
	}
}

static void every_table_of_options_is_whole(void **state)
{
	(void)state;
#define ROW(name) &cmd_##name,
	static const struct command *const commands[] = { COMMANDS(ROW) };
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = commands[i];
		struct names names = { .n = 1, .name = { "help" }, .letters = { 'h' } };
		assert_true(c->name && c->summary && c->help && !c->verbs == !!c->run);
		check_rows(c, c->options, c->args_size, &names);
	}
}

static void who_opens_a_repository_says_how_that_fails(void **state)
{
	(void)state;
#define ROW(name) &cmd_##name,
	static const struct command *const commands[] = { COMMANDS(ROW) };
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = commands[i];
		bool opens = false;
		for (const struct option_row *row = c->options; row && row->kind; row++)
			opens |= row->group == &cmd_repo_options;
		if (opens && (!c->status || !strstr(c->status, CMD_REPO_STATUS)))
			fail_msg("%s does not say what 10 and 11 are", c->name);
	}
}

/* ---- how failures end -------------------------------------------------------------------------
 */

static void a_kind_of_failure_is_a_status_and_a_word(void **state)
{
	(void)state;
	static const struct {
		int rc;
		enum error_kind kind;
		int status;
		const char *word;
	} cases[] = {
		{ -ENOENT, ERROR_KIND_NONE, 1, "failed" },
		{ -ENOENT, ERROR_KIND_NOT_FOUND, 10, "not_found" },
		{ -ENOKEY, ERROR_KIND_PASSWORD, 11, "wrong_password" },
		{ -EBUSY, ERROR_KIND_BUSY, 12, "busy" },
		{ STATUS_USAGE, ERROR_KIND_NONE, 2, "usage" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { .code = -1, .kind = cases[i].kind, .msg = "a\xff\"" };
		assert_int_equal(cmd_status(cases[i].rc, &err), cases[i].status);
		json_t *doc = cmd_failure_json(cases[i].rc, &err);
		assert_string_equal(json_string_value(json_object_get(doc, "code")), cases[i].word);
		assert_string_equal(json_string_value(json_object_get(doc, "message")),
				    "a\xef\xbf\xbd\"");
		json_decref(doc);
	}
	assert_int_equal(cmd_status(STATUS_WARNINGS, &(struct error){ 0 }), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_arguments_and_words),
		cmocka_unit_test(a_verb_gets_the_words_behind_it),
		cmocka_unit_test(words_that_do_not_fit_are_wrong_usage),
		cmocka_unit_test(the_help_shows_every_way_to_call_it),
		cmocka_unit_test(a_verb_has_a_help_of_its_own),
		cmocka_unit_test(every_table_of_options_is_whole),
		cmocka_unit_test(who_opens_a_repository_says_how_that_fails),
		cmocka_unit_test(a_kind_of_failure_is_a_status_and_a_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
