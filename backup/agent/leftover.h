/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * leftover - what is still frozen because whoever should thaw cannot.
 *
 * Before it freezes, an agent writes down what, for which session and until when, in a file that it
 * and its watchdog hold locked. The next agent thaws when nobody holds it any more, and when those
 * who do cannot: stopped, killed in the middle of a freeze, or late.
 */
#ifndef AGENT_LEFTOVER_H
#define AGENT_LEFTOVER_H

#include "channel.h"

/**
 * leftover_begin() - write down what will be frozen
 * @session: its name
 * @until: when the watchdog thaws, as clock_now_ms()
 * @text: a line "MOUNT-ID MAJOR:MINOR PATH" for each file system
 * @ret: the locked file, to be kept open by whoever thaws, and by the watchdog, which notes in it
 *       that it has done so; -1 where there is no place for it, which is no error
 */
void leftover_begin(const char *session, int64_t until, const char *text, int *ret);

/* Who is the watchdog. @fd may be -1. */
void leftover_watchdog(int fd, pid_t pid);

/* Nothing is frozen any more: removes and closes the file. @fd may be -1. */
void leftover_end(int fd);

/* Thaws what agents have left frozen that cannot thaw it themselves, and says so. */
void leftover_thaw(struct channel *log);

/**
 * leftover_abort() - see that nothing stays frozen of a session of another agent
 *
 * Waits for an agent that can still thaw it: it is about to.
 *
 * Return: 0; -EBUSY when some may be frozen still.
 */
int leftover_abort(const char *session, struct channel *log, struct error *err);

#endif
