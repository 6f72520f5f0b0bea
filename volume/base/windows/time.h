/* SPDX-License-Identifier: GPL-3.0-or-later */
/* time - what Windows' C library has by another name. */
#ifndef WINDOWS_TIME_H
#define WINDOWS_TIME_H

#include_next <time.h>

#define timegm _mkgmtime

#ifndef _POSIX_THREAD_SAFE_FUNCTIONS
static inline struct tm *gmtime_r(const time_t *when, struct tm *ret)
{
	return gmtime_s(ret, when) ? NULL : ret;
}
#endif

#endif
