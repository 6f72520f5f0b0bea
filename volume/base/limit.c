/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limit - see limit.h. */
#include <errno.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/limit.h"
#include "lunette/util.h"

#define SECOND    1000000000ull
#define TENTH     (SECOND / 10)
#define PIECE_MIN ((size_t)4096)
#define PIECE_MAX ((size_t)4 << 20)

void limit_init(struct limit *limit, uint64_t rate)
{
	*limit = (struct limit){ .rate = rate, .lock = PTHREAD_MUTEX_INITIALIZER };
}

size_t limit_piece(const struct limit *limit)
{
	if (limit->rate == 0 || limit->rate / 10 >= PIECE_MAX)
		return PIECE_MAX;
	size_t piece = (size_t)(limit->rate / 10);
	return MAX(piece - piece % PIECE_MIN, PIECE_MIN);
}

uint64_t limit_book(struct limit *limit, uint64_t now, size_t bytes)
{
	pthread_mutex_lock(&limit->lock);
	uint64_t earliest = now > TENTH ? now - TENTH : 0;
	uint64_t begin = MAX(limit->due, earliest);
	limit->due = begin + bytes * SECOND / limit->rate;
	pthread_mutex_unlock(&limit->lock);
	return begin;
}

int limit_wait(struct limit *limit, size_t bytes, const atomic_bool *stop, struct error *err)
{
	uint64_t now = clock_now_ns();
	for (uint64_t due = limit_book(limit, now, bytes); now < due; now = clock_now_ns()) {
		if (stop && atomic_load_explicit(stop, memory_order_relaxed))
			return error_set(err, -EINTR, "interrupted");
		uint64_t rest = MIN(due - now, TENTH);
		nanosleep(&(struct timespec){ .tv_nsec = (long)rest }, NULL);
	}
	return 0;
}
