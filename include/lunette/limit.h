/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limit - a bound on how many bytes a second pass, by all threads together: a token bucket.
 *
 * It is kept as the time at which the next bytes are due. Whoever wants some books the time that
 * they take at that rate, and waits for its beginning; time that nobody used is lost but for a
 * tenth of a second, so that a pause is not followed by a burst.
 */
#ifndef LUNETTE_LIMIT_H
#define LUNETTE_LIMIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

/**
 * struct limit - to be set up with limit_init(); nothing to free
 * @rate: bytes a second; 0: there is no limit, and nobody waits
 * @due: nanoseconds of the monotonic clock; guarded by @lock
 */
struct limit {
	uint64_t rate;
	uint64_t due;
	pthread_mutex_t lock;
};

void limit_init(struct limit *limit, uint64_t rate);

/* How many bytes to ask for at once, at most, so that it flows evenly: a multiple of 4096. */
size_t limit_piece(const struct limit *limit);

/**
 * limit_book() - book time for some bytes. Any thread.
 * @now: nanoseconds of the monotonic clock
 * @bytes: limit_piece() or fewer
 *
 * Return: when they may be read, which may have been before @now.
 */
uint64_t limit_book(struct limit *limit, uint64_t now, size_t bytes);

/**
 * limit_wait() - book time for some bytes and wait until then. Any thread.
 * @stop: ends the wait within a tenth of a second; may be NULL
 *
 * Return: 0; -EINTR.
 */
int limit_wait(struct limit *limit, size_t bytes, const atomic_bool *stop, struct error *err);

#endif
