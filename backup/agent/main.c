/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main - the program lunette-agent: arguments, and what is said to people. */
#include <getopt.h>
#include <locale.h>
#include <nss.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "agent.h"
#include "lunette/streams.h"
#include "nbd.h"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static const char help[] =
	"Usage: lunette-agent --protocol 1 [--secrets-stdin]\n"
	"       lunette-agent --nbd PATH\n"
	"       lunette-agent --checksum\n"
	"Runs on a server that lunette protects: keeps its file systems still while the storage takes\n"
	"a snapshot. It is started by `lunette job run`, through ssh or directly, and speaks lines of\n"
	"JSON on its standard streams.\n"
	"\n"
	"  --protocol N      speak version N of the protocol; there is version 1\n"
	"  --secrets-stdin   the first line holds the secrets\n"
	"  --nbd PATH        serve a block device as NBD on the standard streams, read-only\n"
	"  --checksum        show the SHA-256 of this program\n"
	"  --help            show this\n"
	"  --version         show the version\n";

static const struct option options[] = {
	{ "protocol", required_argument, NULL, 'p' },
	{ "secrets-stdin", no_argument, NULL, 's' },
	{ "nbd", required_argument, NULL, 'n' },
	{ "checksum", no_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int fail(const struct error *err)
{
	fprintf(stderr, "lunette-agent: %s\n", err->msg);
	return STATUS_FAILED;
}

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

static int show_checksum(void)
{
	struct error err = { 0 };
	CLEANUP(blk_unref_cleanup) struct blk *self = NULL;
	char sha256[SIGNATURE_HEX_MAX], line[SIGNATURE_HEX_MAX + 1];
	if (blk_file_open("/proc/self/exe", &self, &err) < 0)
		return fail(&err);
	struct layout_range whole = { .length = self->size };
	if (signature_digest(self, &whole, 1, sha256, &err) < 0)
		return fail(&err);
	snprintf(line, sizeof(line), "%s\n", sha256);
	return say(line);
}

static int serve_nbd(const char *path)
{
	struct error err = { 0 };
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	if (blk_file_open(path, &blk, &err) < 0 ||
	    nbd_serve(STDIN_FILENO, STDOUT_FILENO, blk, &err) < 0)
		return fail(&err);
	return STATUS_DONE;
}

int main(int argc, char **argv)
{
	const char *protocol = NULL, *nbd = NULL;
	bool secrets_stdin = false, checksum = false;
	streams_fill();
	setlocale(LC_ALL, "C.UTF-8");
	/* Names of portals by what is in this program: modules of the system's do not fit into it.
	 */
	__nss_configure_lookup("hosts", "files dns");
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
		case 'n':
			nbd = optarg;
			break;
		case 'c':
			checksum = true;
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
	if ((protocol != NULL) + (nbd != NULL) + checksum != 1)
		return usage("one of --protocol, --nbd and --checksum is needed");
	if (nbd)
		return serve_nbd(nbd);
	if (checksum)
		return show_checksum();
	if (strcmp(protocol, "1") != 0)
		return usage("--protocol: there is version 1");
	struct error err = { 0 };
	if (agent_run(STDIN_FILENO, STDOUT_FILENO, secrets_stdin, &err) < 0)
		return fail(&err);
	return STATUS_DONE;
}
