/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines - see lines.h. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/lines.h"
#include "lunette/json.h"
#include "lunette/line.h"
#include "lunette/message.h"
#include "lunette/secret.h"

#define OPEN_MAX_REQUESTS 4
#define STDERR_LINE_MAX   1024
#define END_GRACE_MS      2000
#define STOP_SLICE_MS     100 /* how soon a stop is noticed */

/* A request that was sent, and whose reply has not been fetched yet. */
struct question {
	unsigned int id; /* 0 when free */
	char verb[24];
	int64_t deadline;     /* of clock_now_ms() */
	struct message reply; /* once it has come: its id is not 0 */
};

struct lines {
	const char *name;
	void (*log)(void *ctx, const char *line);
	void (*event)(void *ctx, const char *event, const json_t *object);
	void *ctx;
	const atomic_bool *stop;
	struct child child;
	unsigned int last_id;
	bool may_retry;
	struct question requests[OPEN_MAX_REQUESTS];
	char awaited[32];      /* event that is waited for; "" when it came or none is */
	struct line_reader in; /* from its standard output */
	size_t n_log;
	char log_line[STDERR_LINE_MAX];
};

/* ---- starting and ending ----------------------------------------------------------------------
 */

static void forget_requests(struct lines *lines)
{
	for (size_t i = 0; i < OPEN_MAX_REQUESTS; i++) {
		message_clear(&lines->requests[i].reply);
		lines->requests[i] = (struct question){ 0 };
	}
}

void lines_kill(struct lines *lines)
{
	child_end(&lines->child, 0);
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	child_end(&lines->child, END_GRACE_MS);
	forget_requests(lines);
	line_reader_clear(&lines->in);
	free(lines);
}

bool lines_alive(const struct lines *lines)
{
	return lines->child.pid > 0;
}

void lines_ignore_stop(struct lines *lines)
{
	lines->stop = NULL;
}

bool lines_may_retry(const struct lines *lines)
{
	return lines->may_retry;
}

/* It broke the protocol, missed a deadline or went away: there is no talking with it any more. */
static int give_up(struct lines *lines, int rc)
{
	lines_kill(lines);
	return rc;
}

static void take_log(struct lines *lines);

/* What it complains of must not fill its pipe meanwhile: it would wait for us, too. */
static int wait_to_write(void *ctx, struct pollfd *fd, int64_t until, struct error *err)
{
	struct lines *lines = ctx;
	struct pollfd p[] = { *fd, { .fd = lines->child.log, .events = POLLIN } };
	int64_t left = MAX(until - clock_now_ms(), (int64_t)0);
	(void)err;
	fd->revents = poll(p, 2, (int)MIN(left, (int64_t)STOP_SLICE_MS)) > 0 ? p[0].revents : 0;
	take_log(lines);
	return 0;
}

/* All of it, or it is given up; a program that does not read is given until @deadline. */
static int send_line(struct lines *lines, const json_t *object, int64_t deadline, struct error *err)
{
	struct error why = { 0 };
	int rc = line_write(lines->child.in, object, deadline, wait_to_write, lines, &why);
	if (rc == -EMSGSIZE || rc == -ENOMEM)
		return error_set(err, rc, "%s: %s", lines->name, why.msg);
	if (rc == -ETIMEDOUT)
		return give_up(lines, error_set(err, rc, "%s did not take a request in time",
						lines->name));
	if (rc < 0) {
		error_set(err, rc, "%s does not listen any more: %s", lines->name, why.msg);
		take_log(lines);
		return give_up(lines, rc);
	}
	return 0;
}

static int start_child(struct lines *lines, const struct lines_options *options, struct error *err)
{
	bool on_stdin = options->secrets && options->secrets_on_stdin;
	CLEANUP(secret_free_cleanup) char *secrets = NULL;
	if (options->secrets && !on_stdin &&
	    !(secrets = json_dumps(options->secrets, JSON_COMPACT)))
		return error_set(err, -ENOMEM, "%s: %m", options->name);
	const struct child_options how = { .argv = options->argv,
					   .secrets = secrets,
					   .dies_with_us = options->dies_with_us ? SIGTERM : 0 };
	int rc = child_start(&how, &lines->child, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s", options->name);
	lines->in.fd = lines->child.out;
	if (!on_stdin)
		return 0;
	CLEANUP(json_decref_cleanup)
	json_t *first = json_pack("{s:O}", "secrets", options->secrets);
	if (!first)
		return error_set(err, -ENOMEM, "%s: %m", options->name);
	return send_line(lines, first, clock_now_ms() + END_GRACE_MS, err);
}

int lines_start(const struct lines_options *options, struct lines **ret, struct error *err)
{
	CLEANUP(lines_free_cleanup) struct lines *lines = calloc(1, sizeof(*lines));
	if (!lines)
		return error_set(err, -ENOMEM, "%s: %m", options->name);
	lines->child = CHILD_NONE;
	lines->name = options->name;
	lines->log = options->log;
	lines->event = options->event;
	lines->ctx = options->ctx;
	lines->stop = options->stop;
	int rc = start_child(lines, options, err);
	if (rc < 0)
		return rc;
	*ret = steal(&lines);
	return 0;
}

/* ---- what comes -------------------------------------------------------------------------------
 */

static void log_byte(struct lines *lines, char c)
{
	bool end = c == '\n' || lines->n_log + 1 == sizeof(lines->log_line);
	if (c != '\n')
		lines->log_line[lines->n_log++] = c;
	if (!end)
		return;
	lines->log_line[lines->n_log] = '\0';
	if (lines->log && lines->n_log)
		lines->log(lines->ctx, lines->log_line);
	lines->n_log = 0;
}

/* What it wrote to its log so far, a bounded part of it at a time: it may never stop. */
static void take_log(struct lines *lines)
{
	char buf[4096];
	for (int i = 0; i < 16 && lines->child.log >= 0; i++) {
		ssize_t n = read(lines->child.log, buf, sizeof(buf));
		if (n == 0)
			close(steal_fd(&lines->child.log));
		if (n <= 0)
			return;
		for (ssize_t b = 0; b < n; b++)
			log_byte(lines, buf[b] ? buf[b] : '?');
	}
}

static struct question *find_request(struct lines *lines, unsigned int id)
{
	for (size_t i = 0; i < OPEN_MAX_REQUESTS; i++)
		if (lines->requests[i].id == id)
			return &lines->requests[i];
	return NULL;
}

static int broken(struct lines *lines, int rc, struct error *err)
{
	return give_up(lines, error_wrap(err, rc, "%s broke the protocol", lines->name));
}

static int take_line(struct lines *lines, const char *line, size_t len, struct error *err)
{
	CLEANUP(message_clear) struct message message = { 0 };
	int rc = message_parse(line, len, &message, err);
	if (rc < 0)
		return broken(lines, rc, err);
	if (message.event) {
		if (strcmp(message.event, lines->awaited) == 0)
			lines->awaited[0] = '\0';
		if (lines->event)
			lines->event(lines->ctx, message.event, message.object);
		return 0;
	}
	struct question *request = find_request(lines, message.id);
	if (!request || request->reply.id)
		return broken(lines,
			      error_set(err, -EPROTO, "a reply answers nothing that was asked"),
			      err);
	request->reply = message;
	message = (struct message){ 0 };
	return 0;
}

static int gone(struct lines *lines, struct error *err)
{
	take_log(lines);
	lines->log_line[lines->n_log] = '\0';
	if (lines->n_log && lines->log) /* the last line need not have ended */
		lines->log(lines->ctx, lines->log_line);
	return give_up(lines,
		       error_set(err, -EPIPE, "%s ended without being told to", lines->name));
}

static int take_input(struct lines *lines, struct error *err)
{
	char *line;
	size_t len;
	int rc = line_fill(&lines->in, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s", lines->name);
	if (lines->in.ended)
		return gone(lines, err);
	while ((rc = line_next(&lines->in, &line, &len, err)) > 0) {
		rc = take_line(lines, line, len, err);
		if (rc < 0)
			return rc;
	}
	return rc == -EMSGSIZE
		       ? broken(lines, error_set(err, -EPROTO, "a line is longer than 4 MiB"), err)
		       : rc;
}

/* Waits for something to come, until @deadline at the latest. */
static int pump(struct lines *lines, int64_t deadline, struct error *err)
{
	int64_t now = clock_now_ms();
	if (lines->stop && atomic_load_explicit(lines->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	struct pollfd p[] = { { .fd = lines->child.out, .events = POLLIN },
			      { .fd = lines->child.log, .events = POLLIN } };
	int64_t left = MAX(deadline - now, (int64_t)0);
	poll(p, 2, (int)MIN(left, (int64_t)STOP_SLICE_MS));
	if (p[1].revents)
		take_log(lines);
	return p[0].revents ? take_input(lines, err) : 0;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

int lines_send(struct lines *lines, const char *verb, const json_t *params, unsigned int limit_ms,
	       unsigned int *ret_id, struct error *err)
{
	struct question *request = find_request(lines, 0);
	if (!lines_alive(lines))
		return error_set(err, -EPIPE, "%s is gone", lines->name);
	if (!request)
		return error_set(err, -EBUSY, "%s: too many requests at once", lines->name);
	char id[16];
	snprintf(id, sizeof(id), "%u", lines->last_id + 1);
	CLEANUP(json_decref_cleanup) json_t *none = json_object();
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:s, s:s, s:I, s:O}", "id", id, "verb", verb, "deadline_ms",
				   (json_int_t)limit_ms, "params", params ? params : none);
	if (!object)
		return error_set(err, -ENOMEM, "%s: %s: %m", lines->name, verb);
	request->id = ++lines->last_id;
	snprintf(request->verb, sizeof(request->verb), "%s", verb);
	request->deadline = clock_now_ms() + limit_ms;
	*ret_id = request->id;
	int rc = send_line(lines, object, request->deadline, err);
	if (rc < 0)
		*request = (struct question){ 0 };
	return rc < 0 ? error_wrap(err, rc, "%s", verb) : 0;
}

/* Takes the request off the table, and says what became of it. */
static int judge(struct lines *lines, struct question *request, json_t **ret, struct error *err)
{
	CLEANUP(message_clear) struct message reply = request->reply;
	char verb[sizeof(request->verb)];
	memcpy(verb, request->verb, sizeof(verb));
	*request = (struct question){ 0 };
	lines->may_retry = reply.retry;
	if (reply.rc < 0)
		return error_set(err, reply.rc, "%s: %s: %.300s (%s)", lines->name, verb, reply.why,
				 reply.code);
	if (ret)
		*ret = json_incref(reply.result);
	return 0;
}

int lines_reply(struct lines *lines, unsigned int id, json_t **ret, struct error *err)
{
	struct question *request = find_request(lines, id);
	if (!request || id == 0)
		return error_set(err, -EINVAL, "%s: request %u is not open", lines->name, id);
	while (!request->reply.id) {
		if (!lines_alive(lines))
			return error_set(err, -EPIPE, "%s: %s: it is gone", lines->name,
					 request->verb);
		int rc = pump(lines, request->deadline, err);
		if (rc < 0)
			return error_wrap(err, rc, "%s", request->verb);
		if (!request->reply.id && clock_now_ms() >= request->deadline)
			return give_up(lines,
				       error_set(err, -ETIMEDOUT,
						 "%s: %s: no answer in time, so it was killed",
						 lines->name, request->verb));
	}
	return judge(lines, request, ret, err);
}

int lines_event(struct lines *lines, const char *event, unsigned int id, unsigned int limit_ms,
		struct error *err)
{
	const struct question *request = find_request(lines, id);
	int64_t deadline = clock_now_ms() + limit_ms;
	if (!request || id == 0)
		return error_set(err, -EINVAL, "%s: request %u is not open", lines->name, id);
	snprintf(lines->awaited, sizeof(lines->awaited), "%s", event);
	while (lines->awaited[0]) {
		if (request->reply.id)
			return error_set(err, -ENOMSG, "%s answered without '%s'", lines->name,
					 event);
		if (!lines_alive(lines))
			return error_set(err, -EPIPE, "%s is gone", lines->name);
		int rc = pump(lines, deadline, err);
		if (rc < 0)
			return error_wrap(err, rc, "%s", request->verb);
		if (lines->awaited[0] && clock_now_ms() >= deadline)
			return error_set(err, -ETIMEDOUT, "%s did not say '%s' in time",
					 lines->name, event);
	}
	return 0;
}

int lines_call(struct lines *lines, const char *verb, const json_t *params, unsigned int limit_ms,
	       json_t **ret, struct error *err)
{
	unsigned int id;
	int rc = lines_send(lines, verb, params, limit_ms, &id, err);
	return rc < 0 ? rc : lines_reply(lines, id, ret, err);
}
