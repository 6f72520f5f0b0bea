/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ordered - work done by many threads, whose results come out in the order it was given.
 *
 * Jobs stand in a ring: job n lives in slot n % depth, which gives both the order and the bound on
 * memory without lists. The calling thread fills slots and takes results; workers only work. A
 * worker never quits: the error of a job travels in its slot, and is met when its turn comes, just
 * as if everything had been done one after the other. That is also what zero threads do: they are
 * the reference, and more threads give the same calls of next() and take() in the same order.
 */
#ifndef LUNETTE_ORDERED_H
#define LUNETTE_ORDERED_H

#include <stddef.h>

#include "lunette/error.h"

/**
 * struct ordered_ops - what the caller does with a slot, whose memory is its own
 * @next: fill @slot with the next job. Return 1; 0 when there are no more; negative errno to stop
 * @work: do it. Runs in any thread; no two at once have the same @slot or the same @worker. Return
 * 0 or a negative errno with @err set
 * @take: use the result; called in order, and not for a job that failed. Return 0 or negative errno
 *
 * @next and @take are called from the thread that called ordered_run().
 */
struct ordered_ops {
	int (*next)(void *ctx, size_t slot, struct error *err);
	int (*work)(void *ctx, size_t slot, unsigned int worker, struct error *err);
	int (*take)(void *ctx, size_t slot, struct error *err);
};

/**
 * ordered_run() - until there are no more jobs, or the first error in their order
 * @threads: workers, numbered from 0; with 0 the caller's thread does it all, as worker 0
 * @depth: slots in the ring, at least 1
 *
 * When it returns no thread of it is left, and no slot is in use.
 *
 * Return: 0; the error of the first job that failed, of next() or of take(); -EAGAIN when threads
 * cannot be started; -ENOMEM.
 */
int ordered_run(const struct ordered_ops *ops, void *ctx, unsigned int threads, size_t depth,
		struct error *err);

#endif
