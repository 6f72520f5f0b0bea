/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - runs a program of the system's and takes what it prints. */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include "lunette/child.h"
#include "lunette/error.h"

/* The environment of programs that the agent runs. */
#define COMMAND_PATH CHILD_PATH
#define COMMAND_LANG "LANG=C.UTF-8"

/**
 * command_run() - run a program to its end
 * @argv: argv[0] is looked for in the system's folders, whatever our PATH is
 * @limit_ms: after this long it is killed, with its process group
 * @ret: what it printed, to be freed; NULL: nobody wants it
 *
 * Return: 0 when it ended with status 0; -ENOENT when there is no such program; -ETIMEDOUT; -ECHILD
 * with what it complained of; ...
 */
int command_run(const char *const *argv, int limit_ms, char **ret, struct error *err);

#endif
