/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * holder - a process that said that it will thaw: can it still?
 *
 * A number alone tells nothing, because numbers are given again. So only who has the file open in
 * which it wrote its number down is taken for it.
 */
#ifndef AGENT_HOLDER_H
#define AGENT_HOLDER_H

#include <stdint.h>
#include <sys/types.h>

/* HOLDER_STUCK: it is stopped, or was killed and is still in the kernel. */
enum holder_state {
	HOLDER_GONE,
	HOLDER_STUCK,
	HOLDER_WELL,
};

/* @file: a descriptor of the file. */
enum holder_state holder_look(pid_t pid, int file);

/* Kills it, if it is there, and waits for its end, until @until of clock_now_ms() at the latest. */
void holder_end(pid_t pid, int file, int64_t until);

#endif
