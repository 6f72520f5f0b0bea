/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wait - how line and child-run wait for descriptors, where nobody does it in their place. */
#ifndef WAIT_PRIVATE_H
#define WAIT_PRIVATE_H

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "lunette/clock.h"
#include "lunette/error.h"
#include "lunette/util.h"

/*
 * Until one of them has something, or @until, a moment of clock_now_ms(), has come; a signal ends
 * it earlier. Return: 0, whatever was the reason; what poll() said.
 */
static inline int wait_by_poll(struct pollfd *fds, size_t n, int64_t until, struct error *err)
{
	int64_t left = MAX(until - clock_now_ms(), (int64_t)0);
	if (poll(fds, n, (int)MIN(left, (int64_t)INT_MAX)) >= 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		fds[i].revents = 0;
	return errno == EINTR ? 0 : error_set(err, -errno, "poll: %m");
}

#endif
