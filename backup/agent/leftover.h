/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * leftover - what is still frozen because both the agent and its watchdog were killed.
 *
 * Before it freezes, an agent writes down what, in a file that it and its watchdog hold locked. One
 * that nobody holds any more tells the next agent what to thaw.
 */
#ifndef AGENT_LEFTOVER_H
#define AGENT_LEFTOVER_H

#include "channel.h"

/**
 * leftover_begin() - write down what will be frozen
 * @text: a line "MOUNT-ID PATH" for each file system
 * @ret: the locked file, to be kept open by whoever thaws; -1 where there is no place for it, which
 *       is no error
 */
void leftover_begin(const char *text, int *ret);

/* Nothing is frozen any more: removes and closes the file. @fd may be -1. */
void leftover_end(int fd);

/* Thaws what dead agents have left frozen, and says so. */
void leftover_thaw(struct channel *log);

#endif
