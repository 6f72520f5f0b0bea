/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child - a program that runs beside us, in a process group of its own, on three pipes.
 *
 * It can always be ended together with everything that it started. Our ends of the pipes do not
 * block: whoever talks over them waits in poll() with a deadline.
 */
#ifndef LUNETTE_CHILD_H
#define LUNETTE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/util.h"

/**
 * struct child - a running program
 * @pid: also its process group; 0 when nothing runs
 * @in: its standard input, or -1
 * @out: its standard output
 * @log: its standard error
 */
struct child {
	pid_t pid;
	int in;
	int out;
	int log;
};

#define CHILD_NONE ((struct child){ .in = -1, .out = -1, .log = -1 })

/* What is handed over by descriptor: as much as a pipe holds, so that nobody waits for a reader. */
#define CHILD_SECRETS_MAX 65536

/**
 * child_start() - run a program
 * @argv: argv[0] is looked for in $PATH when there is no '/' in it
 * @secrets: text that it can read from the descriptor which $LUNETTE_SECRETS_FD names; NULL: none
 * @dies_with_us: it gets SIGTERM when we are killed; otherwise it sees the end of its input
 * @ret: CHILD_NONE on failure
 *
 * Return: 0; -ENOENT, -EACCES... when it cannot be run.
 */
int child_start(const char *const *argv, const char *secrets, bool dies_with_us, struct child *ret,
		struct error *err);

/**
 * child_end() - close its input and wait for it; then SIGTERM, then SIGKILL to its group
 * @grace_ms: how long it may take to end by itself, and again after SIGTERM; 0 kills at once
 *
 * Afterwards nothing of its group runs. Return: its wait status; 0 when nothing ran.
 */
int child_end(struct child *child, unsigned int grace_ms);

#endif
