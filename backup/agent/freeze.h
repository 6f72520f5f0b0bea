/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * freeze - keeps file systems still for the moment of a snapshot.
 *
 * Its one idea: whether they were still all the time is asked of the kernel, when they are thawed:
 * one that is not frozen any more was thawed by somebody else, and the moment is lost.
 */
#ifndef AGENT_FREEZE_H
#define AGENT_FREEZE_H

#include "channel.h"
#include "watchdog.h"

/**
 * struct freeze_fs - a file system that is to be frozen
 * @point: where it is mounted; the caller's
 * @mount: the id of the mount that is expected there
 * @fd: that directory
 * @frozen: by us
 */
struct freeze_fs {
	const char *point;
	uint64_t mount;
	int fd;
	bool frozen;
};

/**
 * struct freeze - file systems in the order in which they are frozen
 * @leftover: the file that tells the next agent what is frozen, or -1
 * @began: when the first one was frozen, as clock_now_ms()
 * @until: when the watchdog thaws
 */
struct freeze {
	const char *session;
	size_t n;
	struct freeze_fs *list;
	struct watchdog dog;
	int leftover;
	int64_t began;
	int64_t until;
};

/**
 * freeze_new() - open them; nothing is frozen
 * @session: for which this is done; borrowed
 * @list: @n file systems: point and mount are set; copied
 *
 * Return: 0; -ESTALE when another file system is mounted there by now; negative errno.
 */
int freeze_new(const char *session, const struct freeze_fs *list, size_t n, struct freeze **ret,
	       struct error *err);

/**
 * freeze_begin() - write out what is dirty, start the watchdog, freeze
 * @log: is told what was frozen and what could not be; holds what it says while they are frozen
 * @warn: called for each that could not be frozen, with the reason
 *
 * Return: how many are frozen; negative errno when there is no watchdog, then nothing is.
 */
int freeze_begin(struct freeze *freeze, int limit_ms, struct channel *log,
		 void (*warn)(void *ctx, const char *sentence), void *ctx, struct error *err);

/**
 * freeze_end() - thaw
 *
 * Return: whether all that were frozen had been so until now.
 */
bool freeze_end(struct freeze *freeze, struct channel *log);

/**
 * freeze_free() - thaw what is still frozen, and forget
 * @freeze: may be NULL
 */
void freeze_free(struct freeze *freeze);
DEFINE_CLEANUP(struct freeze *, freeze_free)

#endif
