/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * child - programs that run beside us: plug-ins, agents, hooks, tools of the system's.
 *
 * Each has its own process group, so that it can be ended together with all that it started, its
 * signals as they are by default, and of our descriptors only those that it is given. So it is with
 * our environment, in which there are secrets: see child_options.env. What it is told and what it
 * says goes through pipes; our ends never block: wait with poll() and a deadline.
 *
 * A program that is spoken with is started and ended; one that does one thing is run to its end by
 * child_run().
 */
#ifndef LUNETTE_CHILD_H
#define LUNETTE_CHILD_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/util.h"

/* Where the system's programs are, for an environment. */
#define CHILD_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * struct child_options - how a program is started; what is left out is 0
 * @argv: argv[0] is looked for in $PATH when there is no '/' in it
 * @env: its environment, also the $PATH in which it is looked for; NULL: of ours, what says where
 *       programs are and who we are, and nothing else; see child.c
 * @secrets: text that it can read from the descriptor which SECRET_ENV names
 * @dies_with_us: the signal that it gets when we die; 0: it sees the end of its input
 * @out: a file for its standard output, instead of a pipe to us
 * @log: a file for its standard error
 * @log_to_out: its standard error goes where its standard output goes
 * @keep: a descriptor that it holds, too, whatever its number is there
 */
struct child_options {
	const char *const *argv;
	const char *const *env;
	const char *secrets;
	int dies_with_us;
	int out;
	int log;
	bool log_to_out;
	int keep;
};

/**
 * struct child - a running program
 * @pid: also its process group; 0 when nothing runs
 * @in: its standard input, or -1
 * @out: its standard output, or -1
 * @log: its standard error, or -1
 */
struct child {
	pid_t pid;
	int in;
	int out;
	int log;
};

#define CHILD_NONE ((struct child){ .in = -1, .out = -1, .log = -1 })

/**
 * child_start() - run a program
 * @ret: CHILD_NONE on failure
 *
 * Return: 0; -ENOENT, -EACCES... when it cannot be run.
 */
int child_start(const struct child_options *options, struct child *ret, struct error *err);

/* Has it ended? Its number stays its own until child_reap() or child_end(). */
bool child_has_ended(const struct child *child);

/**
 * child_reap() - wait for it, however long that takes, and close its streams
 *
 * Return: its wait status; 0 when nothing ran; -1 when nobody knows it, which WIFEXITED() and
 * WIFSIGNALED() both deny.
 */
int child_reap(struct child *child);

/**
 * child_end() - close its input and wait for it; then SIGTERM, then SIGKILL to its group
 * @grace_ms: how long it may take to end by itself, and again after SIGTERM; 0 kills at once
 *
 * Afterwards nothing of its group runs. Return: as child_reap().
 */
int child_end(struct child *child, unsigned int grace_ms);

/* ---- child-run.c ---- */

/* Longest line of output that is told in one piece. */
#define CHILD_LINE_MAX 1000

/* What is kept of its complaints. */
#define CHILD_SAID_SIZE 400

enum child_kill {
	CHILD_KILL_GROUP, /* nothing of its process group runs when child_run() returns */
	CHILD_KILL_LATE,  /* what it has left running when it ended in time runs on */
	CHILD_KILL_NEVER, /* it comes to its end, though we do not wait for that any more */
};

/**
 * struct child_run - a program that is run to its end, and what became of it
 * @how: how it is started
 * @name: for messages: "hook '/etc/x'"; NULL: argv[0]
 * @in: @in_len bytes for its standard input
 * @limit_ms: how long it may take
 * @kill: what is killed
 * @stop: when it becomes true, it is ended; may be NULL
 * @out_max: most bytes that it may write to its standard output; 0: they are of no interest
 * @line: told of each line of its standard output instead, without its end; may be NULL. The line
 *        is not made harmless
 * @wait: waits as poll() does, until a descriptor is ready or a time of clock_now_ms(), for those
 *        who must serve others meanwhile; an error ends the program. NULL: poll()
 * @ctx: for @line and @wait
 * @status: its wait status, see child_reap()
 * @out: what it wrote to its standard output, and a 0 behind it
 * @out_len: bytes of it
 * @said: what it wrote to its standard error, but for warnings: the beginning, on one line
 */
struct child_run {
	struct child_options how;
	const char *name;
	const void *in;
	size_t in_len;
	int64_t limit_ms;
	enum child_kill kill;
	const atomic_bool *stop;
	size_t out_max;
	void (*line)(void *ctx, const char *line);
	int (*wait)(void *ctx, struct pollfd *fds, size_t n, int64_t until, struct error *err);
	void *ctx;
	int status;
	char *out;
	size_t out_len;
	char said[CHILD_SAID_SIZE];
};

/* Most descriptors that child_run.wait() is given. */
#define CHILD_WAIT_MAX 4

/**
 * child_run() - run a program to its end
 * @run: to be given to child_run_clear(), whatever came of it
 *
 * The program itself is waited for, not those to whom it has left its streams.
 *
 * Return: 0 when it ended with status 0; -ECHILD when it ended otherwise, and @run says how;
 * -ETIMEDOUT; -EINTR when told to stop; -EMSGSIZE when it says more than @out_max; what waiting, or
 * child_start(), said.
 */
int child_run(struct child_run *run, struct error *err);

/* Frees what was read. */
void child_run_clear(struct child_run *run);

#endif
