/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * line - one JSON object a line, in and out: what jobs, agents and plug-ins all read and write.
 *
 * A line has a bound, whoever sends it. Reading never waits but where the descriptor itself does;
 * writing waits with a deadline for whoever does not read.
 */
#ifndef LUNETTE_LINE_H
#define LUNETTE_LINE_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

/* The longest line, without its end. */
#define LINE_MAX_BYTES ((size_t)4 << 20)

/**
 * struct line_reader - lines from a descriptor, which is borrowed; all else is zero at first
 * @ended: there is nothing to come any more
 */
struct line_reader {
	int fd;
	bool ended;
	char *buf;
	size_t begin, seen, len;
};

/* Frees what it holds, but not the descriptor. */
void line_reader_clear(struct line_reader *reader);

/**
 * line_fill() - read once
 *
 * What line_next() returned before is gone then. Return: 0, also when there was nothing (a
 * descriptor that does not block) or nothing will be, and @ended says so; negative errno.
 */
int line_fill(struct line_reader *reader, struct error *err);

/**
 * line_next() - the next line of what was read
 * @ret: without its end, a 0 in its place; borrowed until line_fill(). The caller may wipe it
 * @ret_len: without the 0
 *
 * What comes before the end of all is a line, too. Return: 1; 0 when no line is whole; -EMSGSIZE
 * when one is too long.
 */
int line_next(struct line_reader *reader, char **ret, size_t *ret_len, struct error *err);

/* line_next(), and line_fill() until there is one. Return: 1; 0 at the end; negative errno. */
int line_read(struct line_reader *reader, char **ret, size_t *ret_len, struct error *err);

/* When nothing must end the waiting. */
#define LINE_NO_LIMIT INT64_MAX

/**
 * line_write() - write an object as a line, all of it
 * @fd: may block or not
 * @until: how long it may take, as clock_now_ms()
 * @wait: waits as poll() does until that time, for those who have something to do meanwhile; an
 *        error ends it. NULL: poll()
 *
 * Nothing of it stays in memory, which may have held secrets. Return: 0; -EMSGSIZE when it is too
 * long, and nothing was written; -ETIMEDOUT, -EPIPE, ... after a part of it.
 */
int line_write(int fd, const json_t *object, int64_t until,
	       int (*wait)(void *ctx, struct pollfd *fd, int64_t until, struct error *err),
	       void *ctx, struct error *err);

#endif
