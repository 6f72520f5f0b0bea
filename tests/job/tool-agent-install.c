/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-agent-install - brings an agent to a server, or takes it away, as a job would.
 *
 *   tool-agent-install install|uninstall HOST BINARY [PATH]
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent-install.h"

static void say(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	struct agent_install install = {
		.host = argv[2], .binary = argv[3], .path = argv[4], .limit_ms = 60000, .say = say
	};
	struct error err = { 0 };
	char path[AGENT_PATH_MAX] = "";
	int rc = strcmp(argv[1], "install") == 0 ? agent_install(&install, path, &err)
						 : agent_uninstall(&install, &err);
	puts(rc < 0 ? err.msg : path);
	return rc < 0;
}
