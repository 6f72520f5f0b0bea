/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main - the program lunette-agent: arguments, and what is said to people. */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "agent.h"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static const char help[] =
	"Usage: lunette-agent --protocol 1 [--secrets-stdin]\n"
	"Runs on a server that lunette protects: keeps its file systems still while the storage takes\n"
	"a snapshot. It is started by `lunette job run`, through ssh or directly, and speaks lines of\n"
	"JSON on its standard streams.\n"
	"\n"
	"  --protocol N      speak version N of the protocol; there is version 1\n"
	"  --secrets-stdin   the first line holds the secrets\n"
	"  --help            show this\n"
	"  --version         show the version\n";

static const struct option options[] = {
	{ "protocol", required_argument, NULL, 'p' },
	{ "secrets-stdin", no_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int say(const char *text)
{
	fputs(text, stdout);
	return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int usage(const char *why)
{
	fprintf(stderr, "lunette-agent: %s\nTry 'lunette-agent --help'.\n", why);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const char *protocol = NULL;
	bool secrets_stdin = false;
	setlocale(LC_ALL, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0); /* secrets must not get into core files */
	for (int opt; (opt = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (opt) {
		case 'p':
			protocol = optarg;
			break;
		case 's':
			secrets_stdin = true;
			break;
		case 'h':
			return say(help);
		case 'V':
			return say("lunette-agent " LUNETTE_VERSION "\n");
		default:
			return usage("these arguments are not understood");
		}
	}
	if (optind < argc)
		return usage("there are arguments too many");
	if (!protocol)
		return usage("--protocol is missing");
	if (strcmp(protocol, "1") != 0)
		return usage("--protocol: there is version 1");
	struct error err = { 0 };
	if (agent_run(STDIN_FILENO, STDOUT_FILENO, secrets_stdin, &err) < 0) {
		fprintf(stderr, "lunette-agent: %s\n", err.msg);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}
