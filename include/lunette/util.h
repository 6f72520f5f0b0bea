/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * util - ownership and arithmetic that every file uses.
 *
 * One owner for everything: a local variable with CLEANUP() frees what it points to on every path
 * out of its block; steal() hands it over. Destructors accept NULL.
 */
#ifndef LUNETTE_UTIL_H
#define LUNETTE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines fn_cleanup for CLEANUP() from a destructor that takes the pointer itself. */
#define DEFINE_CLEANUP(type, fn)                 \
	static inline void fn##_cleanup(type *p) \
	{                                        \
		fn(*p);                          \
	}

static inline void free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void close_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands over what a CLEANUP() variable owns; the variable is left empty. */
#define steal(p)                                 \
	({                                       \
		__typeof__(*(p)) stolen_ = *(p); \
		*(p) = NULL;                     \
		stolen_;                         \
	})

static inline int steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_;      \
	})

#define MAX(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_;      \
	})

static inline bool is_power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* True when all bytes are zero, also when there are none. */
static inline bool is_all_zero(const void *buf, size_t len)
{
	const unsigned char *bytes = buf;
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* True when [off, off + len) lies inside [0, size), without overflow. */
static inline bool range_inside(uint64_t len, uint64_t off, uint64_t size)
{
	return off <= size && len <= size - off;
}

#endif
