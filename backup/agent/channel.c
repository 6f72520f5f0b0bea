/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel - see channel.h. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "lunette/clock.h"
#include "lunette/json.h"

/* How long the job may leave a line unread before it counts as gone. */
#define WRITE_MS 30000

int channel_init(struct channel *ch, int in, int out, struct error *err)
{
	*ch = (struct channel){ .in = { .fd = in }, .out = out };
	ch->last = &ch->first;
	ch->held = json_array();
	if (!ch->held)
		return error_set(err, -ENOMEM, "the channel: %m");
	return 0;
}

void channel_clear(struct channel *ch)
{
	for (struct request *r = channel_take(ch); r; r = channel_take(ch))
		request_free(r);
	json_decref(ch->held);
	line_reader_clear(&ch->in);
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

/* Takes the whole lines of what has come. */
static int accept_lines(struct channel *ch, struct error *err)
{
	char *line;
	size_t len;
	int rc;
	while ((rc = line_next(&ch->in, &line, &len, err)) > 0) {
		rc = accept_line(ch, line, len, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_lines(struct channel *ch, struct error *err)
{
	struct error why = { 0 };
	int rc = line_fill(&ch->in, &why);
	if (rc == 0)
		rc = accept_lines(ch, &why);
	if (rc == -EMSGSIZE)
		channel_log(ch, true, "what comes is no request: %s: this is the end", why.msg);
	if (rc == -EMSGSIZE || ch->in.ended)
		ch->ended = true;
	return rc == 0 || rc == -EMSGSIZE ? 0 : error_set(err, rc, "requests: %s", why.msg);
}

int channel_wait(struct channel *ch, struct pollfd *more, size_t n, int64_t until,
		 struct error *err)
{
	struct pollfd fds[CHANNEL_MORE_MAX + 1];
	for (size_t i = 0; i < n; i++)
		fds[i + 1] = more[i];
	fds[0] = (struct pollfd){ .fd = ch->ended ? -1 : ch->in.fd, .events = POLLIN };
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
	size_t len;
	int rc = line_read(&ch->in, ret, &len, err);
	if (rc <= 0)
		return error_set(err, -EPROTO, "the line with the secrets is missing");
	return accept_lines(ch, err); /* requests may have come with it */
}

/* ---- out ---- */

static void send_line(struct channel *ch, json_t *json)
{
	CLEANUP(json_cleanup) json_t *line = json;
	if (ch->ended)
		return;
	/* Without memory there is no answer that could be given. */
	if (!line || line_write(ch->out, line, clock_now_ms() + WRITE_MS, NULL, NULL, NULL) < 0)
		ch->ended = true;
}

void channel_reply(struct channel *ch, const json_t *id, json_t *result)
{
	send_line(ch, request_reply(id, result));
}

void channel_refuse(struct channel *ch, const json_t *id, const struct error *why)
{
	send_line(ch, request_refusal(id, why));
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
	json_t *event = json_pack("{s:s, s:s, s:o}", "event", "log", "level",
				  warning ? "warning" : "info", "message", json_text(text));
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
