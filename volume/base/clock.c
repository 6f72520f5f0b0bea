/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock - see clock.h. */
#include <time.h>

#include "lunette/clock.h"

/* The other one of Linux stands still while the machine sleeps; that of other systems does not. */
#ifndef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

uint64_t clock_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t clock_now_ms(void)
{
	return (int64_t)(clock_now_ns() / 1000000);
}
