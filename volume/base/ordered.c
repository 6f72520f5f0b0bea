/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordered - see ordered.h.
 *
 * Three counters only ever grow: jobs filled, begun and taken. Filled and begun, and a slot's
 * "done", change under the lock; taken belongs to the calling thread alone. A slot's own memory
 * is handed from thread to thread by those changes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "lunette/util.h"
#include "lunette/ordered.h"

struct slot {
	bool done;
	int rc;
	struct error err;
};

struct ring {
	const struct ordered_ops *ops;
	void *ctx;
	size_t depth;
	struct slot *slots;
	pthread_mutex_t lock;
	pthread_cond_t work; /* there is a job to begin, or an end to it */
	pthread_cond_t done; /* a job is done */
	uint64_t filled;
	uint64_t begun;
	bool closed; /* no more jobs: workers go home */
};

struct worker {
	struct ring *ring;
	unsigned int number;
	pthread_t thread;
};

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct ring *ring = worker->ring;

	pthread_mutex_lock(&ring->lock);
	for (;;) {
		while (ring->begun == ring->filled && !ring->closed)
			pthread_cond_wait(&ring->work, &ring->lock);
		if (ring->closed)
			break;
		size_t n = (size_t)(ring->begun++ % ring->depth);
		struct slot *slot = &ring->slots[n];
		pthread_mutex_unlock(&ring->lock);

		int rc = ring->ops->work(ring->ctx, n, worker->number, &slot->err);

		pthread_mutex_lock(&ring->lock);
		slot->rc = rc;
		slot->done = true;
		pthread_cond_signal(&ring->done);
	}
	pthread_mutex_unlock(&ring->lock);
	return NULL;
}

/* Waits for the oldest job and uses its result. */
static int take_oldest(struct ring *ring, uint64_t taken, struct error *err)
{
	size_t n = (size_t)(taken % ring->depth);
	struct slot *slot = &ring->slots[n];

	pthread_mutex_lock(&ring->lock);
	while (!slot->done)
		pthread_cond_wait(&ring->done, &ring->lock);
	pthread_mutex_unlock(&ring->lock);
	if (slot->rc < 0)
		return error_copy(err, slot->rc, &slot->err);
	return ring->ops->take(ring->ctx, n, err);
}

/* Fills the next slot, which is free, and wakes a worker for it. Return: as next(). */
static int fill_next(struct ring *ring, struct error *err)
{
	size_t n = (size_t)(ring->filled % ring->depth); /* only this thread changes it */
	int rc = ring->ops->next(ring->ctx, n, err);
	if (rc <= 0)
		return rc;
	ring->slots[n] = (struct slot){ 0 };
	pthread_mutex_lock(&ring->lock);
	ring->filled++;
	pthread_cond_signal(&ring->work);
	pthread_mutex_unlock(&ring->lock);
	return 1;
}

/*
 * The caller's part. An error of next() counts when all jobs before it are taken, since one of
 * those may have failed, and is then the first.
 */
static int drive(struct ring *ring, struct error *err)
{
	struct error next_err = { 0 };
	uint64_t taken = 0;
	int more = 1;
	for (;;) {
		while (more > 0 && ring->filled - taken < ring->depth)
			more = fill_next(ring, &next_err);
		if (taken == ring->filled)
			break;
		int rc = take_oldest(ring, taken, err);
		if (rc < 0)
			return rc;
		taken++;
	}
	return more < 0 ? error_copy(err, more, &next_err) : 0;
}

static int run_serial(const struct ordered_ops *ops, void *ctx, struct error *err)
{
	for (;;) {
		int rc = ops->next(ctx, 0, err);
		if (rc <= 0)
			return rc;
		rc = ops->work(ctx, 0, 0, err);
		if (rc < 0)
			return rc;
		rc = ops->take(ctx, 0, err);
		if (rc < 0)
			return rc;
	}
}

int ordered_run(const struct ordered_ops *ops, void *ctx, unsigned int threads, size_t depth,
		struct error *err)
{
	if (threads == 0)
		return run_serial(ops, ctx, err);

	CLEANUP(free_cleanup) struct worker *workers = calloc(threads, sizeof(*workers));
	CLEANUP(free_cleanup) struct slot *slots = calloc(depth, sizeof(*slots));
	if (!workers || !slots)
		return error_set(err, -ENOMEM, "start %u threads: %m", threads);
	struct ring ring = {
		.ops = ops,
		.ctx = ctx,
		.depth = depth,
		.slots = slots,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.work = PTHREAD_COND_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};
	unsigned int started = 0;
	int rc = 0;
	while (rc == 0 && started < threads) {
		struct worker *worker = &workers[started];
		*worker = (struct worker){ .ring = &ring, .number = started };
		rc = -pthread_create(&worker->thread, NULL, worker_main, worker);
		if (rc == 0)
			started++;
		else
			error_set(err, rc, "start thread %u of %u: %m", started + 1, threads);
	}
	if (rc == 0)
		rc = drive(&ring, err);

	pthread_mutex_lock(&ring.lock);
	ring.closed = true;
	pthread_cond_broadcast(&ring.work);
	pthread_mutex_unlock(&ring.lock);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_cond_destroy(&ring.work);
	pthread_cond_destroy(&ring.done);
	pthread_mutex_destroy(&ring.lock);
	return rc;
}
