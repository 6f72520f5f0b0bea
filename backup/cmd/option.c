/* SPDX-License-Identifier: GPL-3.0-or-later */
/* option - see option.h: taking options, by getopt_long(), which is given the rows as it wants
 * them. */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/size.h"
#include "lunette/util.h"
#include "option.h"
#include "say.h"

#define OPTIONS_MAX 64
#define FIRST_VALUE 256 /* behind all letters */

/**
 * struct option_parser - the rows of a command, those of its groups among them
 * @to: where each goes
 * @letters, @names: what getopt_long() wants
 */
struct option_parser {
	size_t n;
	const struct option_row *rows[OPTIONS_MAX];
	char *to[OPTIONS_MAX];
	bool given[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 3];
	struct option names[OPTIONS_MAX + 3]; /* with --help and --json, and the end */
};

static void add_rows(struct option_parser *p, const struct option_row *row, char *args)
{
	for (; row && row->kind != OPTION_KIND_NONE; row++) {
		if (row->kind == OPTION_KIND_GROUP)
			add_rows(p, row->group->rows, args + row->at);
		if (!row->name)
			continue;
		assert(p->n < OPTIONS_MAX);
		p->rows[p->n] = row;
		p->to[p->n++] = args + row->at;
	}
}

static void begin(struct option_parser *p, const struct option_row *rows, void *args)
{
	*p = (struct option_parser){ .letters = ":h" };
	add_rows(p, rows, args);
	char *letter = p->letters + strlen(p->letters);
	for (size_t i = 0; i < p->n; i++) {
		const struct option_row *row = p->rows[i];
		int has = !row->arg       ? no_argument
			  : row->optional ? optional_argument
					  : required_argument;
		p->names[i] = (struct option){ row->name, has, NULL, FIRST_VALUE + (int)i };
		if (!row->letter)
			continue;
		*letter++ = row->letter;
		if (row->arg)
			*letter++ = ':';
	}
	p->names[p->n] = (struct option){ "help", no_argument, NULL, 'h' };
	optind = 0; /* begin anew */
}

static int next(struct option_parser *p, int argc, char **argv)
{
	return getopt_long(argc, argv, p->letters, p->names, NULL);
}

/*
 * Is the word that -h was found in made of options? A name such as -host or -dash is none, and who
 * is given the help and status 0 for it takes that for an answer.
 */
static bool is_of_options(const struct option_parser *p, char **argv)
{
	const char *word = argv[optind - 1];
	if (strncmp(word, "--", 2) == 0)
		return true;
	if (*word != '-' || word[strlen(word) - 1] != 'h')
		word = argv[optind]; /* there is more behind the h */
	for (const char *letter = word + 1; *letter; letter++)
		if (!strchr(p->letters + 1, *letter))
			return false;
	return true;
}

/* --json is the command's own row, or one that is added for those that have none. */
#define ASKS_JSON (FIRST_VALUE - 1)

bool option_asks(const struct option_row *rows, enum option_common what, int argc, char **argv)
{
	struct option_parser p;
	begin(&p, rows, NULL);
	int wanted = what == OPTION_ASKS_HELP ? 'h' : ASKS_JSON;
	size_t json = 0;
	while (json < p.n && strcmp(p.names[json].name, "json") != 0)
		json++;
	if (json == p.n)
		p.names[json = p.n + 1] = (struct option){ "json", no_argument, NULL, 0 };
	p.names[json].val = ASKS_JSON;
	for (int opt; (opt = next(&p, argc, argv)) != -1;)
		if (opt == wanted && (opt != 'h' || is_of_options(&p, argv)))
			return true;
	return false;
}

/* ---- one option -------------------------------------------------------------------------------
 */

static int take_list(struct option_list *to, const char *arg, struct error *err)
{
	const char **grown = reallocarray(to->items, to->n + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, -ENOMEM, "arguments: %m");
	to->items = grown;
	to->items[to->n++] = arg;
	return 0;
}

static int take_number(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || errno || n < row->min || n > row->max)
		return cmd_usage(err, "--%s '%s': a number from %" PRIu64 " to %" PRIu64, row->name,
				 arg, row->min, row->max);
	if (row->width == sizeof(uint64_t))
		*(uint64_t *)to = n;
	else
		*(unsigned int *)to = (unsigned int)n;
	return 0;
}

static int take_size(const struct option_row *row, uint64_t *to, const char *arg, struct error *err)
{
	if (!size_parse(arg, to) || *to == 0)
		return cmd_usage(err, "--%s '%s': a number of bytes, such as 64M", row->name, arg);
	return 0;
}

static int take_word(const struct option_row *row, const char **to, const char *arg,
		     struct error *err)
{
	for (size_t i = 0; row->words[i]; i++)
		if (strcmp(arg, row->words[i]) == 0) {
			*to = row->words[i];
			return 0;
		}
	char all[128] = "";
	for (size_t i = 0, n = 0; row->words[i] && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, " %s", row->words[i]);
	return cmd_usage(err, "--%s: there is no '%.64s' among%s", row->name, arg, all);
}

static int take(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	switch (row->kind) {
	case OPTION_KIND_FLAG:
		*(bool *)to = true;
		return 0;
	case OPTION_KIND_TEXT:
		*(const char **)to = arg;
		return 0;
	case OPTION_KIND_ENV:
		*(struct option_text *)to = (struct option_text){ .text = arg };
		return 0;
	case OPTION_KIND_LIST:
		return take_list(to, arg, err);
	case OPTION_KIND_NUMBER:
		return take_number(row, to, arg, err);
	case OPTION_KIND_SIZE:
		return take_size(row, to, arg, err);
	case OPTION_KIND_WORD:
		return take_word(row, to, arg, err);
	case OPTION_KIND_CALL:
		return row->take(row, to, arg, err);
	case OPTION_KIND_NONE:
	case OPTION_KIND_HEADING:
	case OPTION_KIND_GROUP:
		break;
	}
	assert(false && "a row that is no option");
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static size_t find(const struct option_parser *p, int opt)
{
	if (opt >= FIRST_VALUE)
		return (size_t)(opt - FIRST_VALUE);
	size_t i = 0;
	while (i < p->n && p->rows[i]->letter != opt)
		i++;
	assert(i < p->n);
	return i;
}

/* What getopt_long() could not take, @opt being what it returned. */
static int refuse(int opt, char **argv, struct error *err)
{
	char letter[] = { '-', (char)optopt, '\0' };
	const char *word = optopt > 0 && optopt < FIRST_VALUE ? letter : argv[optind - 1];
	if (opt == ':')
		return cmd_usage(err, "%s: an argument is missing", word);
	if (optopt >= FIRST_VALUE || strncmp(argv[optind - 1], "--help=", 7) == 0)
		return cmd_usage(err, "%s: it takes no argument", argv[optind - 1]);
	return cmd_usage(err, "%s: there is no such option", word);
}

/* What the environment says, and what nobody has said. */
static int finish(struct option_parser *p, struct error *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct option_row *row = p->rows[i];
		const char *value = row->env && !p->given[i] ? getenv(row->env) : NULL;
		if (value && *value)
			*(struct option_text *)(void *)p->to[i] =
				(struct option_text){ .text = value, .from_env = true };
		else if (row->needed && !p->given[i])
			return cmd_usage(err, "--%s %s is needed", row->name, row->arg);
	}
	return 0;
}

/* What is ignored may have been meant in earnest. */
static int check_verb(const struct option_parser *p, const char *verb, struct error *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->given[i] && !option_is_for(p->rows[i], verb))
			return cmd_usage(err, "--%s is of '%s' only, and not of '%s'",
					 p->rows[i]->name, p->rows[i]->verbs, verb);
	return 0;
}

int option_parse(const struct option_row *rows, bool verbs, int argc, char **argv, void *args,
		 int *ret_first, struct error *err)
{
	struct option_parser p;
	begin(&p, rows, args);
	for (int opt; (opt = next(&p, argc, argv)) != -1;) {
		if (opt == ':' || opt == '?')
			return refuse(opt, argv, err);
		if (opt == 'h')
			return cmd_usage(err, "what begins with '-h' and is no option stands "
					      "behind --");
		size_t i = find(&p, opt);
		p.given[i] = true;
		int rc = take(p.rows[i], p.to[i], optarg, err);
		if (rc)
			return rc;
	}
	*ret_first = optind;
	int rc = verbs && optind < argc ? check_verb(&p, argv[optind], err) : 0;
	return rc ? rc : finish(&p, err);
}

void option_free(const struct option_row *rows, void *args)
{
	for (const struct option_row *row = rows; row && row->kind != OPTION_KIND_NONE; row++) {
		void *to = (char *)args + row->at;
		if (row->kind == OPTION_KIND_LIST)
			free(((struct option_list *)to)->items);
		if (row->kind != OPTION_KIND_GROUP)
			continue;
		option_free(row->group->rows, to);
		if (row->group->free)
			row->group->free(to);
	}
}
