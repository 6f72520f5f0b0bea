/* SPDX-License-Identifier: GPL-3.0-or-later */
/* line - see line.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/line.h"
#include "wait-private.h"

/* Of one read. The buffer has room for the longest line, its end and one of these. */
#define PIECE 65536
#define SIZE  (LINE_MAX_BYTES + PIECE + 1)

/* ---- in ---- */

void line_reader_clear(struct line_reader *r)
{
	free(steal(&r->buf));
}

int line_fill(struct line_reader *r, struct error *err)
{
	/* Only what is written to takes memory. */
	if (!r->buf && !(r->buf = malloc(SIZE)))
		return error_set(err, -ENOMEM, "a line: %m");
	if (r->begin > 0) {
		memmove(r->buf, r->buf + r->begin, r->len - r->begin);
		r->len -= r->begin;
		r->seen -= r->begin;
		r->begin = 0;
	}
	if (r->len > LINE_MAX_BYTES)
		return 0; /* line_next() says so */
	ssize_t n = read(r->fd, r->buf + r->len, PIECE);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : error_set(err, -errno, "read: %m");
	r->len += (size_t)n;
	r->ended = n == 0;
	return 0;
}

static int take(struct line_reader *r, size_t end, char **ret, size_t *ret_len)
{
	r->buf[end] = '\0';
	*ret = r->buf + r->begin;
	*ret_len = end - r->begin;
	r->begin = r->seen = MIN(end + 1, r->len);
	return 1;
}

int line_next(struct line_reader *r, char **ret, size_t *ret_len, struct error *err)
{
	char *nl = r->seen < r->len ? memchr(r->buf + r->seen, '\n', r->len - r->seen) : NULL;
	size_t end = nl ? (size_t)(nl - r->buf) : r->len;
	if (end - r->begin > LINE_MAX_BYTES)
		return error_set(err, -EMSGSIZE, "a line is longer than 4 MiB");
	r->seen = end;
	return nl || (r->ended && end > r->begin) ? take(r, end, ret, ret_len) : 0;
}

int line_read(struct line_reader *r, char **ret, size_t *ret_len, struct error *err)
{
	for (;;) {
		int rc = line_next(r, ret, ret_len, err);
		if (rc != 0 || r->ended)
			return rc;
		rc = line_fill(r, err);
		if (rc < 0)
			return rc;
	}
}

/* ---- out ---- */

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking. */
static int push(int fd, const char **text, size_t *len, struct error *err)
{
	ssize_t n = write(fd, *text, MIN(*len, (size_t)PIPE_BUF));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_set(err, -errno, "write: %m");
	*text += MAX(n, (ssize_t)0);
	*len -= (size_t)MAX(n, (ssize_t)0);
	return 0;
}

static int write_all(int fd, const char *text, size_t len, int64_t until,
		     int (*wait)(void *, struct pollfd *, int64_t, struct error *), void *ctx,
		     struct error *err)
{
	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int rc = wait ? wait(ctx, &p, until, err) : wait_by_poll(&p, 1, until, err);
		if (rc == 0 && p.revents)
			rc = push(fd, &text, &len, err);
		if (rc < 0)
			return rc;
		if (!p.revents && clock_now_ms() >= until)
			return error_set(err, -ETIMEDOUT, "a line was not taken in time");
	}
	return 0;
}

int line_write(int fd, const json_t *object, int64_t until,
	       int (*wait)(void *, struct pollfd *, int64_t, struct error *), void *ctx,
	       struct error *err)
{
	char *text = json_dumps(object, JSON_COMPACT);
	if (!text)
		return error_set(err, -ENOMEM, "a line: %m");
	size_t len = strlen(text);
	text[len] = '\n'; /* in the place of the final 0 */
	int rc = len > LINE_MAX_BYTES
			 ? error_set(err, -EMSGSIZE, "a line would be longer than 4 MiB")
			 : write_all(fd, text, len + 1, until, wait, ctx, err);
	explicit_bzero(text, len + 1);
	free(text);
	return rc;
}
