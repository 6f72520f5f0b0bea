/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main - finds the command, runs it, and is the one place that reports an error and sets the
 * status. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "complete.h"
#include "lunette/streams.h"
#include "lunette/util.h"
#include "say.h"

#define ROW(name) &cmd_##name,
static const struct command *const commands[] = { COMMANDS(ROW) };

static void print_help(FILE *out)
{
	fputs("Usage: lunette COMMAND [OPTIONS] ARGUMENTS\n"
	      "Backup from storage snapshots: reads LUNs, shows their volumes as files, stores them\n"
	      "deduplicated, and shows finished backups in the same way.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "`lunette help COMMAND` says more, and so does the manual page lunette(8).\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done with warnings, 10 there is no such\n"
	      "repository or restore point, 11 wrong password, 12 busy.\n",
	      out);
}

static bool is_either(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static const struct command *find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(word, commands[i]->name) == 0)
			return commands[i];
	return NULL;
}

static int no_command(const char *word, struct error *err)
{
	return cmd_usage(err, "there is no command '%s'; 'lunette --help' lists them", word);
}

/* `lunette help`, and `lunette help COMMAND [VERB]`, which is `lunette COMMAND [VERB] --help`. */
static int help(const char *word, const char *verb, struct error *err)
{
	if (!word) {
		print_help(stdout);
		return cmd_print("", err);
	}
	const struct command *command = find(word);
	char *words[] = { (char *)word, (char *)"--help", (char *)verb, NULL };
	return command ? command_call(command, verb ? 3 : 2, words, err) : no_command(word, err);
}

static int run(int argc, char **argv, struct error *err)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (is_either(word, "--help", "-h"))
		return help(NULL, NULL, err);
	if (strcmp(word, "help") == 0)
		return help(argv[2], argc > 3 ? argv[3] : NULL, err);
	if (is_either(word, "--version", "-V") || strcmp(word, "version") == 0)
		return cmd_print("lunette " LUNETTE_VERSION "\n", err);
	if (strcmp(word, "complete") == 0) { /* for shells, not for people */
		complete(commands, ARRAY_SIZE(commands), argv + 2, (size_t)argc - 2);
		return cmd_print("", err);
	}
	const struct command *command = find(word);
	if (command)
		return command_call(command, argc - 1, argv + 1, err);
	return no_command(word, err);
}

/* Also of what is no command. */
static bool wants_json(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	return argc > 1 &&
	       option_asks(command ? command->options : NULL, OPTION_ASKS_JSON, argc - 1, argv + 1);
}

/* For people, and for the program that asked. */
static void report_failure(int rc, const struct error *err, int argc, char **argv)
{
	cmd_say("", err->msg);
	if (rc == STATUS_USAGE && find(argv[1]))
		fprintf(stderr, "Try 'lunette %s --help'.\n", argv[1]);
	if (wants_json(argc, argv) && !cmd_has_printed_json())
		cmd_print_json(json_pack("{s:o}", "error", cmd_failure_json(rc, err)), NULL);
}

int main(int argc, char **argv)
{
	streams_fill();
	umask(umask(0) & 077);            /* what we make is ours at least, whatever the umask */
	setvbuf(stderr, NULL, _IOLBF, 0); /* one write a line: in a log, two programs do not mix */
	setlocale(LC_ALL, "C.UTF-8");     /* file names are UTF-8 whatever the caller's locale is */
	signal(SIGPIPE, SIG_IGN);         /* a broken pipe is an error like any other */
	signal(SIGXFSZ, SIG_IGN);         /* and so is a file that may not grow */

	struct error err = { 0 };
	int rc = run(argc, argv, &err);
	if (rc == STATUS_DONE && cmd_has_warned())
		rc = STATUS_WARNINGS;
	if (err.code && (rc < 0 || rc == STATUS_USAGE))
		report_failure(rc, &err, argc, argv);
	return cmd_status(rc, &err);
}
