/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lines - requests and replies, one JSON object a line, with a program that runs beside us.
 *
 * A storage plug-in and an agent are spoken with in this way (contrib/plugins/PROTOCOL.md,
 * backup/agent/PROTOCOL.md). Nothing they say is trusted: a line has a bound, a reply must answer
 * something that was asked, and what a verb's result must look like is checked by whoever asked
 * (shape.h). Whoever misses a deadline, or breaks the protocol, is killed with all that it started,
 * and every later call fails with -EPIPE: what it was doing is unknown then, and must be asked of a
 * new one.
 *
 * One thread at a time may use it.
 */
#ifndef LUNETTE_LINES_H
#define LUNETTE_LINES_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lunette/child.h"
#include "lunette/error.h"
#include "lunette/util.h"

/**
 * struct lines_options - whom to talk to, and who listens
 * @name: for messages: "plug-in 'reflink'"
 * @argv: see struct child_options
 * @secrets: object of texts, or NULL; on its descriptor, or with @secrets_on_stdin in the first
 *           line as {"secrets":{...}}
 * @dies_with_us: it gets SIGTERM when we die; otherwise it sees the end of its input
 * @log: told of each line of its standard error; may be NULL. The line is not made harmless yet
 * @event: told of each event; may be NULL
 * @stop: when it becomes true, waiting ends with -EINTR; may be NULL
 *
 * Everything belongs to the caller; only @log, @event, @ctx, @name and @stop are used after
 * lines_start() returned.
 */
struct lines_options {
	const char *name;
	const char *const *argv;
	const json_t *secrets;
	bool secrets_on_stdin;
	bool dies_with_us;
	void (*log)(void *ctx, const char *line);
	void (*event)(void *ctx, const char *event, const json_t *object);
	void *ctx;
	const atomic_bool *stop;
};

struct lines;

/**
 * lines_start() - run the program
 * @ret: to be freed with lines_free()
 */
int lines_start(const struct lines_options *options, struct lines **ret, struct error *err);

/**
 * lines_free() - end the program, waiting a little while for it to end by itself
 * @lines: may be NULL
 */
void lines_free(struct lines *lines);
DEFINE_CLEANUP(struct lines *, lines_free)

/* From now on lines_options.stop does not count: what must be cleaned up must be. */
void lines_ignore_stop(struct lines *lines);

/* Kills it at once, with its whole group. Later calls fail with -EPIPE. */
void lines_kill(struct lines *lines);

/* Is it still there to be asked? */
bool lines_alive(const struct lines *lines);

/**
 * lines_send() - ask, and do not wait
 * @params: may be NULL for {}; not stolen
 * @limit_ms: the reply's deadline, from now
 * @ret_id: for lines_reply()
 */
int lines_send(struct lines *lines, const char *verb, const json_t *params, unsigned int limit_ms,
	       unsigned int *ret_id, struct error *err);

/**
 * lines_reply() - wait for the reply to a request
 * @ret: its result, an object, a new reference; NULL for a caller that does not want it
 *
 * Return: 0; the errno of the code that it answered with (see code_errno()); -ETIMEDOUT when it
 * missed the deadline, -EPROTO when it broke the protocol, -EPIPE when it is gone; -EINTR when told
 * to stop, and then the request is still open.
 */
int lines_reply(struct lines *lines, unsigned int id, json_t **ret, struct error *err);

/**
 * lines_event() - wait for an event that comes before the reply to a request
 * @id: of the request
 * @limit_ms: from now
 *
 * Return: 0 when it came; -ENOMSG when the reply came first; -ETIMEDOUT, and it is not killed for
 * that; else as lines_reply().
 */
int lines_event(struct lines *lines, const char *event, unsigned int id, unsigned int limit_ms,
		struct error *err);

/* lines_send() and lines_reply(). */
int lines_call(struct lines *lines, const char *verb, const json_t *params, unsigned int limit_ms,
	       json_t **ret, struct error *err);

/* Did the last refusal say that the same call may succeed soon? */
bool lines_may_retry(const struct lines *lines);

#endif
