/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel - see channel.h. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "lunette/clock.h"
#include "lunette/code.h"

/* How long the job may leave a line unread before it counts as gone. */
#define WRITE_MS 30000

int channel_init(struct channel *ch, int in, int out, struct error *err)
{
	*ch = (struct channel){ .in = in, .out = out };
	ch->last = &ch->first;
	ch->buf = malloc(CHANNEL_LINE_MAX + 1);
	ch->held = json_array();
	if (!ch->buf || !ch->held)
		return error_set(err, -ENOMEM, "the channel: %m");
	return 0;
}

void channel_clear(struct channel *ch)
{
	for (struct request *r = channel_take(ch); r; r = channel_take(ch))
		request_free(r);
	json_decref(ch->held);
	free(ch->buf);
}

/* ---- in ---- */

struct request *channel_take(struct channel *ch)
{
	struct request *request = ch->first;
	if (request) {
		ch->first = request->next;
		if (!ch->first)
			ch->last = &ch->first;
		request->next = NULL;
	}
	return request;
}

static int accept_line(struct channel *ch, const char *line, size_t len, struct error *err)
{
	struct request *request;
	int rc = request_parse(line, len, &request, err);
	if (rc < 0)
		return rc;
	if (ch->urgent && ch->urgent(ch->ctx, request)) {
		request_free(request);
		return 0;
	}
	*ch->last = request;
	ch->last = &request->next;
	return 0;
}

/* Takes the whole lines out of the buffer. */
static int accept_lines(struct channel *ch, struct error *err)
{
	size_t from = 0;
	int rc = 0;
	for (char *end; rc == 0 && (end = memchr(ch->buf + from, '\n', ch->len - from));) {
		size_t len = (size_t)(end - (ch->buf + from));
		rc = accept_line(ch, ch->buf + from, len, err);
		from += len + 1;
	}
	ch->len -= from;
	memmove(ch->buf, ch->buf + from, ch->len);
	return rc;
}

/* Reads what is there. Return: 0 or negative errno; ended is set when there is nothing to come. */
static int fill(struct channel *ch, struct error *err)
{
	ssize_t n = read(ch->in, ch->buf + ch->len, CHANNEL_LINE_MAX + 1 - ch->len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return error_set(err, -errno, "read requests: %m");
	ch->len += (size_t)n;
	ch->ended = n == 0;
	return 0;
}

static int read_lines(struct channel *ch, struct error *err)
{
	int rc = fill(ch, err);
	if (rc == 0)
		rc = accept_lines(ch, err);
	if (rc == 0 && ch->len > CHANNEL_LINE_MAX) {
		ch->ended = true;
		channel_log(ch, true, "a line of more than %u bytes is no request: this is the end",
			    CHANNEL_LINE_MAX);
	}
	return rc;
}

int channel_wait(struct channel *ch, struct pollfd *more, size_t n, int64_t until,
		 struct error *err)
{
	struct pollfd fds[CHANNEL_MORE_MAX + 1];
	for (size_t i = 0; i < n; i++)
		fds[i + 1] = more[i];
	fds[0] = (struct pollfd){ .fd = ch->ended ? -1 : ch->in, .events = POLLIN };
	int64_t left = until < 0 ? -1 : MAX(until - clock_now_ms(), (int64_t)0);
	int ready = poll(fds, n + 1, (int)MIN(left, (int64_t)INT_MAX));
	if (ready < 0 && errno != EINTR)
		return error_set(err, -errno, "wait for requests: %m");
	for (size_t i = 0; i < n; i++)
		more[i].revents = ready > 0 ? fds[i + 1].revents : 0;
	return ready > 0 && fds[0].revents ? read_lines(ch, err) : 0;
}

int channel_first_line(struct channel *ch, char **ret, struct error *err)
{
	while (!ch->ended && ch->len <= CHANNEL_LINE_MAX) {
		char *end = memchr(ch->buf, '\n', ch->len);
		if (!end) {
			int rc = fill(ch, err);
			if (rc < 0)
				return rc;
			continue;
		}
		size_t len = (size_t)(end - ch->buf);
		*ret = strndup(ch->buf, len);
		ch->len -= len + 1;
		memmove(ch->buf, end + 1, ch->len);
		explicit_bzero(ch->buf + ch->len, len + 1);
		if (!*ret)
			return error_set(err, -ENOMEM, "the first line: %m");
		return accept_lines(ch, err); /* requests may have come with it */
	}
	return error_set(err, -EPROTO, "the line with the secrets is missing");
}

/* ---- out ---- */

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking. */
static void send_bytes(struct channel *ch, const char *p, size_t len)
{
	int64_t until = clock_now_ms() + WRITE_MS;
	while (len && !ch->ended) {
		struct pollfd fd = { .fd = ch->out, .events = POLLOUT };
		int64_t left = until - clock_now_ms();
		int ready = left > 0 ? poll(&fd, 1, (int)left) : 0;
		ssize_t n = ready > 0 ? write(ch->out, p, MIN(len, (size_t)PIPE_BUF)) : -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (ready == 0 || (errno != EINTR && errno != EAGAIN)) {
			ch->ended = true;
		}
	}
}

static void send_line(struct channel *ch, json_t *json)
{
	CLEANUP(json_cleanup) json_t *line = json;
	CLEANUP(free_cleanup) char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	if (!text) {
		ch->ended = true; /* without memory there is no answer that could be given */
		return;
	}
	size_t len = strlen(text);
	text[len] = '\n'; /* in the place of the final 0 */
	send_bytes(ch, text, len + 1);
}

void channel_reply(struct channel *ch, const json_t *id, json_t *result)
{
	send_line(ch, json_pack("{s:O, s:b, s:o}", "id", id, "ok", 1, "result",
				result ? result : json_object()));
}

void channel_refuse(struct channel *ch, const json_t *id, const struct error *why)
{
	bool retry;
	const char *code = code_of(why->code, &retry);
	send_line(ch, json_pack("{s:O, s:b, s:{s:s, s:b, s:s}}", "id", id, "ok", 0, "error", "code",
				code, "retry", retry, "message", why->msg));
}

void channel_event(struct channel *ch, json_t *event)
{
	send_line(ch, event);
}

void channel_log(struct channel *ch, bool warning, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_t *event = json_pack("{s:s, s:s, s:s}", "event", "log", "level",
				  warning ? "warning" : "info", "message", text);
	if (ch->holding && event)
		json_array_append_new(ch->held, event);
	else
		send_line(ch, event);
}

void channel_hold(struct channel *ch)
{
	ch->holding = true;
}

void channel_release(struct channel *ch)
{
	ch->holding = false;
	size_t i;
	json_t *event;
	json_array_foreach(ch->held, i, event) send_line(ch, json_incref(event));
	json_array_clear(ch->held);
}
