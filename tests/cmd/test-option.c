/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/util.h"
#include "option.h"
#include "say.h"

/* ---- a command's arguments, one of every kind --------------------------------------------------
 */

struct inner {
	const char *text;
	struct option_text env;
	int freed;
};

struct outer {
	bool flag;
	const char *name;
	struct option_list list;
	unsigned int number;
	uint64_t large;
	uint64_t size;
	const char *word;
	int called;
	struct inner inner;
};

static int take_call(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	if (arg && strcmp(arg, "bad") == 0)
		return error_set(err, -EIO, "--%s is bad", row->name);
	*(int *)to = arg ? (int)strlen(arg) : row->value;
	return 0;
}

static void free_inner(void *to)
{
	((struct inner *)to)->freed++;
}

static const char *const words[] = { "red", "green", NULL };

static const struct option_row inner_rows[] = {
	OPTION_HEADING("Inside:"),
	{ "text", "TEXT", "of the group", OPTION_TEXT(struct inner, text) },
	{ "env", "PLACE", "else $LUNETTE_TEST", OPTION_ENV(struct inner, env, "LUNETTE_TEST") },
	{ 0 },
};
static const struct option_group group = { .rows = inner_rows, .free = free_inner };

static const struct option_row rows[] = {
	{ "flag", NULL, "a flag", OPTION_FLAG(struct outer, flag), .letter = 'f' },
	{ "name", "NAME",
	  "it is needed, and what is said of it is so long that it takes more than one "
	  "line, with `what is quoted kept` together wherever `it may be that it stands`",
	  OPTION_TEXT(struct outer, name), .needed = true, .letter = 'n' },
	{ "list", "ITEM", "a list", OPTION_LIST(struct outer, list) },
	{ "number", "N", "a number", OPTION_NUMBER(struct outer, number, 3, 4000000000) },
	{ "large", "N", "a large one", OPTION_NUMBER(struct outer, large, 0, UINT64_MAX) },
	{ "size", "SIZE", "a size", OPTION_SIZE(struct outer, size) },
	{ "word", "WORD", "a word", OPTION_WORD(struct outer, word, words) },
	{ "call", "X|Y", "what it likes", OPTION_CALL(struct outer, called, int, take_call),
	  .optional = true, .value = 77 },
	OPTION_GROUP(struct outer, inner, struct inner, &group),
	{ 0 },
};

/* Takes a command line of words that a space parts. */
struct taken {
	struct outer args;
	struct error err;
	int rc;
	int n_rest;
	char *rest[8];
	char line[512];
};

static struct taken *take_into(struct taken *t, const char *line)
{
	char *argv[32] = { (char *)"command" };
	int argc = 1, first = 0;
	*t = (struct taken){ 0 };
	snprintf(t->line, sizeof(t->line), "%s", line);
	for (char *next = t->line, *word; (word = strsep(&next, " "));)
		if (*word)
			argv[argc++] = word;
	t->rc = option_parse(rows, false, argc, argv, &t->args, &first, &t->err);
	for (int i = first; t->rc == 0 && i < argc; i++)
		t->rest[t->n_rest++] = argv[i];
	return t;
}

#define take(line) take_into(&(struct taken){ 0 }, line)

static int setup(void **state)
{
	(void)state;
	return unsetenv("LUNETTE_TEST");
}

static void every_kind_goes_where_its_row_says(void **state)
{
	(void)state;
	struct taken *t =
		take("--flag one --name N --list a --list=b --number 4000000000 two "
		     "--large 18446744073709551615 --size 3M --word green --call=four --text T "
		     "--env E");
	assert_int_equal(t->rc, 0);
	assert_true(t->args.flag);
	assert_string_equal(t->args.name, "N");
	assert_int_equal(t->args.list.n, 2);
	assert_string_equal(t->args.list.items[0], "a");
	assert_string_equal(t->args.list.items[1], "b");
	assert_int_equal(t->args.number, 4000000000);
	assert_true(t->args.large == UINT64_MAX);
	assert_int_equal(t->args.size, 3 << 20);
	assert_string_equal(t->args.word, "green");
	assert_int_equal(t->args.called, 4);
	assert_string_equal(t->args.inner.text, "T");
	assert_string_equal(t->args.inner.env.text, "E");
	assert_false(t->args.inner.env.from_env);
	assert_int_equal(t->n_rest, 2);
	assert_string_equal(t->rest[0], "one");
	assert_string_equal(t->rest[1], "two");
	option_free(rows, &t->args);
	assert_int_equal(t->args.inner.freed, 1);
}

static void letters_and_beginnings_do_too(void **state)
{
	(void)state;
	struct taken *t = take("-fnN --num 5 --call -- --flag");
	assert_int_equal(t->rc, 0);
	assert_true(t->args.flag);
	assert_string_equal(t->args.name, "N");
	assert_int_equal(t->args.number, 5);
	assert_int_equal(t->args.called, 77);
	assert_int_equal(t->n_rest, 1);
	assert_string_equal(t->rest[0], "--flag");
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
		int rc;
	} cases[] = {
		{ "--name N --nothing", "--nothing: there is no such option", STATUS_USAGE },
		{ "--name N -fx", "-x: there is no such option", STATUS_USAGE },
		{ "--name N --flag=yes", "--flag=yes: it takes no argument", STATUS_USAGE },
		{ "--name", "--name: an argument is missing", STATUS_USAGE },
		{ "-n", "-n: an argument is missing", STATUS_USAGE },
		{ "--flag", "--name NAME is needed", STATUS_USAGE },
		{ "--number 2", "--number '2': a number from 3 to 4000000000", STATUS_USAGE },
		{ "--number 4000000001", "--number '4000000001': a number from", STATUS_USAGE },
		{ "--number -5", "--number '-5': a number from", STATUS_USAGE },
		{ "--number 5x", "--number '5x': a number from", STATUS_USAGE },
		{ "--large 18446744073709551616", "a number from 0 to", STATUS_USAGE },
		{ "--size 0", "--size '0': a number of bytes, such as 64M", STATUS_USAGE },
		{ "--size 1KB", "--size '1KB': a number of bytes", STATUS_USAGE },
		{ "--size 16777216T", "--size '16777216T': a number of bytes", STATUS_USAGE },
		{ "--word blue", "--word: there is no 'blue' among red green", STATUS_USAGE },
		{ "--call=bad", "--call is bad", -EIO },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct taken *t = take(cases[i].line);
		assert_int_equal(t->rc, cases[i].rc);
		if (strncmp(t->err.msg, cases[i].says, strlen(cases[i].says)) != 0 &&
		    !strstr(t->err.msg, cases[i].says))
			fail_msg("'%s' says: %s", cases[i].line, t->err.msg);
		option_free(rows, &t->args);
	}
}

static void the_environment_stands_for_an_option_that_is_not_given(void **state)
{
	(void)state;
	setenv("LUNETTE_TEST", "there", 1);
	struct taken *t = take("--name N");
	assert_string_equal(t->args.inner.env.text, "there");
	assert_true(t->args.inner.env.from_env);
	t = take("--name N --env here");
	assert_string_equal(t->args.inner.env.text, "here");
	assert_false(t->args.inner.env.from_env);
	setenv("LUNETTE_TEST", "", 1);
	t = take("--name N");
	assert_null(t->args.inner.env.text);
}

static bool asks_help(const char *a, const char *b)
{
	char *argv[] = { (char *)"command", (char *)a, (char *)b, NULL };
	return option_asks(rows, OPTION_ASKS_HELP, 3, argv);
}

static void help_is_asked_for_by_an_option_and_not_by_an_argument(void **state)
{
	(void)state;
	assert_true(asks_help("word", "--help"));
	assert_true(asks_help("word", "-h"));
	assert_true(asks_help("--nothing", "-h"));
	assert_true(asks_help("-fh", "word"));
	assert_true(asks_help("-hf", "word"));
	assert_false(asks_help("-dash", "word"));
	assert_false(asks_help("word", "-host"));
	assert_false(asks_help("--name", "-h"));
	assert_false(asks_help("--name", "--help"));
	assert_false(asks_help("--", "--help"));
	char *argv[] = { (char *)"command", (char *)"--help", NULL };
	assert_true(option_asks(NULL, OPTION_ASKS_HELP, 2, argv));
}

static bool asks_json(const struct option_row *of, const char *a, const char *b)
{
	char *argv[] = { (char *)"command", (char *)a, (char *)b, NULL };
	return option_asks(of, OPTION_ASKS_JSON, 3, argv);
}

static void json_is_asked_for_also_of_who_does_not_take_it(void **state)
{
	(void)state;
	static const struct option_row own[] = {
		{ "json", NULL, "a document", OPTION_FLAG(struct outer, flag) },
		{ 0 },
	};
	assert_true(asks_json(rows, "word", "--json"));
	assert_true(asks_json(rows, "--nothing", "--json"));
	assert_true(asks_json(own, "--nothing", "--json"));
	assert_true(asks_json(own, "word", "--js"));
	assert_true(asks_json(NULL, "word", "--json"));
	assert_false(asks_json(rows, "--name", "--json"));
	assert_false(asks_json(own, "--", "--json"));
	assert_false(asks_json(own, "word", "-h"));
}

static void the_help_is_made_of_the_rows(void **state)
{
	(void)state;
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	option_help(rows, NULL, out);
	fclose(out);
	assert_string_equal(
		text,
		"\nOptions:\n"
		"  -f, --flag       a flag\n"
		"  -n, --name NAME  it is needed, and what is said of it is so long that it takes more than "
		"one\n"
		"                   line, with `what is quoted kept` together wherever\n"
		"                   `it may be that it stands`\n"
		"  --list ITEM      a list\n"
		"  --number N       a number\n"
		"  --large N        a large one\n"
		"  --size SIZE      a size\n"
		"  --word WORD      a word\n"
		"  --call[=X|Y]     what it likes\n"
		"\nInside:\n"
		"  --text TEXT      of the group\n"
		"  --env PLACE      else $LUNETTE_TEST\n");
	assert_true(option_has_argument(rows, "PLACE"));
	assert_false(option_has_argument(rows, "NOTHING"));
}

static void a_text_keeps_its_own_lines(void **state)
{
	(void)state;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	option_put_text(out, "one\n\n  two   columns\nthree", 0);
	fclose(out);
	assert_string_equal(text, "one\n\n  two   columns\nthree\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_kind_goes_where_its_row_says, setup),
		cmocka_unit_test_setup(letters_and_beginnings_do_too, setup),
		cmocka_unit_test_setup(what_is_wrong_is_said, setup),
		cmocka_unit_test(the_environment_stands_for_an_option_that_is_not_given),
		cmocka_unit_test_setup(help_is_asked_for_by_an_option_and_not_by_an_argument,
				       setup),
		cmocka_unit_test(json_is_asked_for_also_of_who_does_not_take_it),
		cmocka_unit_test(the_help_is_made_of_the_rows),
		cmocka_unit_test(a_text_keeps_its_own_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
