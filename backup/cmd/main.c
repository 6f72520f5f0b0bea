/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main - finds the command, runs it, and is the one place that reports an error and sets the
 * status. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

static const struct command *const commands[] = {
	&cmd_probe, &cmd_mount,  &cmd_umount, &cmd_attach,      &cmd_detach,
	&cmd_init,  &cmd_backup, &cmd_list,   &cmd_show,        &cmd_restore,
	&cmd_copy,  &cmd_forget, &cmd_prune,  &cmd_pin,         &cmd_unpin,
	&cmd_check, &cmd_repair, &cmd_key,    &cmd_plugin_test, &cmd_job,
};

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
	      "`lunette COMMAND --help` says more, and so does the manual page lunette(8).\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done with warnings.\n",
	      out);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8"); /* file names are UTF-8 whatever the caller's locale is */
	signal(SIGPIPE, SIG_IGN);     /* a broken pipe is an error like any other */

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		print_help(stdout);
		return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts("lunette " LUNETTE_VERSION);
		return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(word, commands[i]->name) != 0)
			continue;
		for (int a = 2; a < argc && strcmp(argv[a], "--") != 0; a++)
			if (strcmp(argv[a], "--help") == 0) {
				fputs(commands[i]->help, stdout);
				return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
			}
		struct error err = { 0 };
		int rc = commands[i]->run(argc - 1, argv + 1, &err);
		if (rc < 0 || rc == STATUS_USAGE)
			cmd_say("", err.msg);
		if (rc == STATUS_USAGE)
			fprintf(stderr, "Try 'lunette %s --help'.\n", word);
		return rc < 0 ? STATUS_FAILED : rc;
	}
	struct error err = { 0 };
	cmd_usage(&err, "there is no command '%s'; 'lunette --help' lists them", word);
	cmd_say("", err.msg);
	return STATUS_USAGE;
}
