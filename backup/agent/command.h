/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - runs a program of the system's and takes what it prints. */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include "lunette/error.h"

/**
 * command_run() - run a program to its end
 * @argv: argv[0] is looked for in the system's folders, whatever our PATH is
 * @limit_ms: after this long it is killed, with its process group
 * @ret: what it printed, to be freed; NULL: nobody wants it
 *
 * Return: 0 when it ended with status 0; -ENOENT when there is no such program; -ETIMEDOUT; -EIO
 * with the last line that it complained with.
 */
int command_run(const char *const *argv, int limit_ms, char **ret, struct error *err);

#endif
