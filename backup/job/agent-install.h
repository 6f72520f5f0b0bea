/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-install - brings lunette-agent to a server through ssh, and takes it away.
 *
 * What belongs there is the agent that was built with us: it is known by its SHA-256, not by its
 * version. It is a file and nothing else, so that installing is copying, proving, renaming.
 */
#ifndef JOB_AGENT_INSTALL_H
#define JOB_AGENT_INSTALL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lunette/error.h"

/* Longest path of an agent. */
#define AGENT_PATH_MAX 256

/* Where it is put when the job file does not say: as root, and as anybody else below $HOME. */
#define AGENT_PATH_ROOT "/usr/local/sbin/lunette-agent"
#define AGENT_PATH_USER ".local/sbin/lunette-agent"

/**
 * struct agent_install - what is to be where
 * @host: "[USER@]HOST", as ssh takes it
 * @path: on the server, absolute; NULL: where it is put
 * @binary: the agent of this machine that belongs there
 * @limit_ms: of each connection
 * @stop: when it becomes true, a connection is ended; may be NULL
 * @look_only: do not copy anything, say what would be done
 * @say: told what is done
 */
struct agent_install {
	const char *host;
	const char *path;
	const char *binary;
	unsigned int limit_ms;
	const atomic_bool *stop;
	bool look_only;
	void (*say)(void *ctx, const char *line);
	void *ctx;
};

/**
 * agent_install() - see to it that the server has this agent
 * @ret: its path there
 *
 * One that is there is left alone when it is the same, else it is replaced. The new one has run
 * once, and has told its own checksum, before it takes the place of the old one.
 *
 * Return: 0; -ENOPKG when there is none, and @look_only keeps it from being brought there; -ENOEXEC
 * when the server is of another architecture, or lacks libraries; -ECONNREFUSED when ssh does not
 * come through; -EACCES when it cannot be written; ...
 */
int agent_install(const struct agent_install *install, char ret[AGENT_PATH_MAX], struct error *err);

/**
 * agent_uninstall() - take it away; success when there is none
 *
 * Return: 0; as above.
 */
int agent_uninstall(const struct agent_install *install, struct error *err);

#endif
