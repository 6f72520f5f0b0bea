/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * channel - the lines of JSON between the job and the agent.
 *
 * Its one idea: there is one thread. Whoever waits for something (a hook, the storage) waits here,
 * so that requests come in meanwhile: those that cannot wait are handed to a function at once, the
 * others queue up behind what is being done.
 */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/error.h"
#include "lunette/line.h"
#include "lunette/request.h"
#include "lunette/util.h"

static inline void json_cleanup(json_t **p)
{
	json_decref(*p);
}

/**
 * struct channel - to the job; its streams are borrowed
 * @urgent: looks at each request as soon as it is there; true: it has dealt with it
 * @ended: the job has closed its end, or reads no more
 * @holding: what is said is kept back: the other end may lie on a frozen file system
 */
struct channel {
	struct line_reader in;
	int out;
	bool (*urgent)(void *ctx, struct request *request);
	void *ctx;
	bool ended;
	bool holding;
	json_t *held;
	struct request *first;
	struct request **last;
};

/* Sets up; -ENOMEM. */
int channel_init(struct channel *ch, int in, int out, struct error *err);
void channel_clear(struct channel *ch);

/**
 * channel_wait() - let requests come in until something has happened
 * @more: @n other descriptors to wait for, at most CHANNEL_MORE_MAX; their revents are set
 * @until: as clock_now_ms(); -1: no limit
 *
 * Returns when a descriptor is ready, a request came in, or the time is over; after a line that is
 * too long or the end of the stream @ended is set, and it waits for @more and the time only.
 *
 * Return: 0 or negative errno.
 */
#define CHANNEL_MORE_MAX 4
int channel_wait(struct channel *ch, struct pollfd *more, size_t n, int64_t until,
		 struct error *err);

/**
 * channel_take() - the next request that has come in
 *
 * Return: to be freed with request_free(), or NULL.
 */
struct request *channel_take(struct channel *ch);

/* Answers; @result is taken over, NULL is an empty object. */
void channel_reply(struct channel *ch, const json_t *id, json_t *result);

/* Answers with what went wrong; the protocol's code is that of the errno. */
void channel_refuse(struct channel *ch, const json_t *id, const struct error *why);

/* Says something that nobody asked; taken over. */
void channel_event(struct channel *ch, json_t *event);

/* The event "log". */
void channel_log(struct channel *ch, bool warning, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Keeps back "log" events from now on. */
void channel_hold(struct channel *ch);

/* Says what was kept back, and keeps back no more. */
void channel_release(struct channel *ch);

/**
 * channel_first_line() - the line before the first request
 * @ret: to be wiped by the caller, borrowed until the next call; without its end
 *
 * Return: 0; -EPROTO when there is none.
 */
int channel_first_line(struct channel *ch, char **ret, struct error *err);

#endif
