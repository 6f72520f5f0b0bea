/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines - see lines.h. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lunette/clock.h"
#include "lunette/lines.h"
#include "lunette/json.h"
#include "lunette/message.h"

#define OPEN_MAX_REQUESTS 4
#define STDERR_LINE_MAX   1024
#define END_GRACE_MS      2000
#define STOP_SLICE_MS     100 /* how soon a stop is noticed */
#define READ_CHUNK        65536

/* A request that has not been asked for its reply yet. */
struct request {
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
	struct request requests[OPEN_MAX_REQUESTS];
	char awaited[32]; /* event that is waited for; "" when it came or none is */
	/* What came and is not a whole line yet. */
	size_t n_in, in_size;
	char *in;
	size_t n_log;
	char log_line[STDERR_LINE_MAX];
};

/* ---- starting and ending ----------------------------------------------------------------------
 */

static void forget_requests(struct lines *lines)
{
	for (size_t i = 0; i < OPEN_MAX_REQUESTS; i++) {
		message_clear(&lines->requests[i].reply);
		lines->requests[i] = (struct request){ 0 };
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
	free(lines->in);
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

/* All of it, or not at all; a program that does not read is given @deadline. */
static int write_all(struct lines *lines, const char *text, size_t len, int64_t deadline,
		     struct error *err)
{
	while (len > 0) {
		ssize_t n = write(lines->child.in, text, len);
		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			int rc = error_set(err, errno == EPIPE ? -EPIPE : -errno,
					   "%s does not listen any more: %m", lines->name);
			take_log(lines);
			return give_up(lines, rc);
		}
		if (clock_now_ms() >= deadline)
			return give_up(lines,
				       error_set(err, -ETIMEDOUT,
						 "%s did not take a request in time", lines->name));
		struct pollfd p[] = { { .fd = lines->child.in, .events = POLLOUT },
				      { .fd = lines->child.log, .events = POLLIN } };
		poll(p, 2, STOP_SLICE_MS);
		take_log(lines);
	}
	return 0;
}

static int start_child(struct lines *lines, const struct lines_options *options, struct error *err)
{
	CLEANUP(free_cleanup) char *secrets = NULL;
	if (options->secrets && !(secrets = json_dumps(options->secrets, JSON_COMPACT)))
		return error_set(err, -ENOMEM, "%s: %m", options->name);
	const struct child_options how = { .argv = options->argv,
					   .secrets = options->secrets_on_stdin ? NULL : secrets,
					   .dies_with_us = options->dies_with_us ? SIGTERM : 0 };
	int rc = child_start(&how, &lines->child, err);
	if (rc < 0)
		rc = error_wrap(err, rc, "%s", options->name);
	if (rc == 0 && secrets && options->secrets_on_stdin) {
		int64_t deadline = clock_now_ms() + END_GRACE_MS;
		rc = write_all(lines, "{\"secrets\":", 11, deadline, err);
		if (rc == 0)
			rc = write_all(lines, secrets, strlen(secrets), deadline, err);
		if (rc == 0)
			rc = write_all(lines, "}\n", 2, deadline, err);
	}
	if (secrets)
		OPENSSL_cleanse(secrets, strlen(secrets));
	return rc;
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

static struct request *find_request(struct lines *lines, unsigned int id)
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
	struct request *request = find_request(lines, message.id);
	if (!request || request->reply.id)
		return broken(lines,
			      error_set(err, -EPROTO, "a reply answers nothing that was asked"),
			      err);
	request->reply = message;
	message = (struct message){ 0 };
	return 0;
}

/* Hands whole lines on; keeps the rest. */
static int take_lines(struct lines *lines, size_t seen, struct error *err)
{
	size_t begin = 0;
	for (;;) {
		char *end = memchr(lines->in + seen, '\n', lines->n_in - seen);
		if (!end)
			break;
		size_t len = (size_t)(end - lines->in) - begin;
		int rc = take_line(lines, lines->in + begin, len, err);
		if (rc < 0)
			return rc;
		begin = seen = (size_t)(end - lines->in) + 1;
	}
	memmove(lines->in, lines->in + begin, lines->n_in - begin);
	lines->n_in -= begin;
	if (lines->n_in > LINES_MAX)
		return broken(lines, error_set(err, -EPROTO, "a line is longer than 4 MiB"), err);
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
	if (lines->in_size - lines->n_in < READ_CHUNK) {
		size_t size = lines->in_size ? lines->in_size * 2 : READ_CHUNK * 2;
		char *in = realloc(lines->in, size);
		if (!in)
			return error_set(err, -ENOMEM, "%s: %m", lines->name);
		lines->in = in;
		lines->in_size = size;
	}
	size_t seen = lines->n_in;
	ssize_t n = read(lines->child.out, lines->in + seen, READ_CHUNK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : error_set(err, -errno, "read from %s: %m", lines->name);
	if (n == 0)
		return gone(lines, err);
	lines->n_in += (size_t)n;
	return take_lines(lines, seen, err);
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
	struct request *request = find_request(lines, 0);
	if (!lines_alive(lines))
		return error_set(err, -EPIPE, "%s is gone", lines->name);
	if (!request)
		return error_set(err, -EBUSY, "%s: too many requests at once", lines->name);
	char id[16];
	snprintf(id, sizeof(id), "%u", lines->last_id + 1);
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:s, s:s, s:I, s:o}", "id", id, "verb", verb, "deadline_ms",
				   (json_int_t)limit_ms, "params",
				   params ? json_deep_copy(params) : json_object());
	CLEANUP(free_cleanup) char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (!text)
		return error_set(err, -ENOMEM, "%s: %s: %m", lines->name, verb);
	if (strlen(text) >= LINES_MAX)
		return error_set(err, -E2BIG, "%s: %s: the request is longer than 4 MiB",
				 lines->name, verb);
	request->id = ++lines->last_id;
	snprintf(request->verb, sizeof(request->verb), "%s", verb);
	request->deadline = clock_now_ms() + limit_ms;
	*ret_id = request->id;
	int rc = write_all(lines, text, strlen(text), request->deadline, err);
	if (rc == 0)
		rc = write_all(lines, "\n", 1, request->deadline, err);
	if (rc < 0)
		*request = (struct request){ 0 };
	return rc < 0 ? error_wrap(err, rc, "%s", verb) : 0;
}

/* Takes the request off the table, and says what became of it. */
static int judge(struct lines *lines, struct request *request, json_t **ret, struct error *err)
{
	CLEANUP(message_clear) struct message reply = request->reply;
	char verb[sizeof(request->verb)];
	memcpy(verb, request->verb, sizeof(verb));
	*request = (struct request){ 0 };
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
	struct request *request = find_request(lines, id);
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
	const struct request *request = find_request(lines, id);
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
