/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * watchdog - a process that thaws file systems, whatever becomes of the agent.
 *
 * It is forked before anything is frozen, is locked in memory, opens nothing and asks for nothing:
 * the descriptors that it needs are open already. It thaws when the time is over, and when its
 * parent is gone, which it sees at a socket. It leaves the control group of its parent, because
 * those are killed as a whole: with the login by ssh, or when memory is short. While a freeze is
 * still under way in the kernel, nothing can be thawed: so it goes on trying until its parent says
 * that all is over, or is gone.
 */
#ifndef AGENT_WATCHDOG_H
#define AGENT_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"

/* What it writes into the file that it keeps when the time was over, and it has thawed. */
#define WATCHDOG_MARK "thawed\n"

/**
 * struct watchdog - as its parent sees it
 * @pid: 0 when there is none
 * @fd: becomes readable when it has thawed, and when it is gone
 * @locked: it has no page that could be swapped out
 */
struct watchdog {
	pid_t pid;
	int fd;
	bool locked;
};

/**
 * watchdog_start() - returns when it is on guard
 * @fds: @n directories of file systems, in the order in which they will be frozen
 * @keep: a file that it holds open as long as it lives, for WATCHDOG_MARK, or -1
 * @until: when it thaws, as clock_now_ms()
 *
 * Return: 0 or negative errno.
 */
int watchdog_start(const int *fds, size_t n, int keep, int64_t until, struct watchdog *ret,
		   struct error *err);

enum watchdog_state {
	WATCHDOG_ON_GUARD,
	WATCHDOG_THAWED, /* the time was over */
	WATCHDOG_GONE,   /* somebody has killed it */
};

/* What has become of it. */
enum watchdog_state watchdog_look(struct watchdog *dog);

/* Sends it home: nothing is frozen any more, and nothing will be. */
void watchdog_stop(struct watchdog *dog);

/* Thaws one file system. Return: 0; -EINVAL when it was not frozen; negative errno. */
int watchdog_thaw(int fd);

#endif
