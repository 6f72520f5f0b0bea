/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clock - the one clock of limits, deadlines and measurements: it only runs forwards, also while
 * the machine sleeps.
 *
 * What time of day it is, it does not know. It may be asked between fork() and exec().
 */
#ifndef LUNETTE_CLOCK_H
#define LUNETTE_CLOCK_H

#include <stdint.h>

/* Milliseconds; signed, so that what is left until a deadline may be negative. */
int64_t clock_now_ms(void);

/* Nanoseconds of the same clock. */
uint64_t clock_now_ns(void);

#endif
