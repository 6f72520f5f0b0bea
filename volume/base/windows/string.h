/* SPDX-License-Identifier: GPL-3.0-or-later */
/* string - what Windows' C library lacks. */
#ifndef WINDOWS_STRING_H
#define WINDOWS_STRING_H

#include_next <string.h>

static inline void explicit_bzero(void *p, size_t len)
{
	memset(p, 0, len);
	__asm__ volatile("" : : "r"(p) : "memory");
}

#endif
