/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target-stream - restores into a pipe, or whatever a descriptor leads to that is written from its
 * beginning to its end. Zeros are written out.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lunette/target.h"

/**
 * struct target_stream - the other end is somebody else's
 * @at: where the next byte belongs
 */
struct target_stream {
	struct target target;
	int fd;
	uint64_t at;
};

/* Somebody who shares it may have made it so that it does not wait. */
static void wait_for_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	poll(&p, 1, -1);
}

static int stream_write(struct target *target, const void *buf, size_t len, uint64_t off,
			struct error *err)
{
	struct target_stream *stream = (struct target_stream *)target;
	if (off != stream->at)
		return error_set(err, -ESPIPE, "standard output is at %" PRIu64 ", not at %" PRIu64,
				 stream->at, off);
	while (len) {
		ssize_t n = write(stream->fd, buf, len);
		if (n < 0 && errno == EAGAIN)
			wait_for_room(stream->fd);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return error_set(err, -errno,
					 errno == EPIPE ? "nobody reads standard output any more, "
							  "after %" PRIu64 " bytes"
							: "write to standard output, after %" PRIu64
							  " bytes: %m",
					 stream->at);
		buf = (const char *)buf + n;
		len -= (size_t)n;
		stream->at += (uint64_t)n;
	}
	return 0;
}

static int stream_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	static const char zeros[256 * 1024];
	for (uint64_t end = off + len; off < end;) {
		size_t n = (size_t)MIN(end - off, (uint64_t)sizeof(zeros));
		int rc = stream_write(target, zeros, n, off, err);
		if (rc < 0)
			return rc;
		off += n;
	}
	return 0;
}

/* What is behind a pipe is not ours to flush. */
static int stream_flush(struct target *target, struct error *err)
{
	const struct target_stream *stream = (const struct target_stream *)target;
	struct stat st;
	bool keeps = fstat(stream->fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
	if (keeps && fsync(stream->fd) < 0)
		return error_set(err, -errno, "flush standard output: %m");
	return 0;
}

static void stream_destroy(struct target *target)
{
	free(target);
}

static const struct target_ops stream_ops = {
	.name = "stream",
	.write = stream_write,
	.zero = stream_zero,
	.flush = stream_flush,
	.destroy = stream_destroy,
};

int target_stream_open(int fd, uint64_t size, struct target **ret, struct error *err)
{
	struct target_stream *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return error_set(err, -ENOMEM, "standard output: %m");
	stream->target = (struct target){ .ops = &stream_ops, .size = size };
	stream->fd = fd;
	*ret = &stream->target;
	return 0;
}
