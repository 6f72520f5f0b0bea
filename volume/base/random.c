/* SPDX-License-Identifier: GPL-3.0-or-later */
/* random - see include/lunette/random.h. */
#ifdef _WIN32
#define _CRT_RAND_S
#endif
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/random.h"
#include "lunette/util.h"

#ifdef _WIN32
/* As many as one call gives; a negative errno. */
static int some(void *ret, size_t len)
{
	unsigned int bytes;
	if (rand_s(&bytes))
		return -EIO;
	size_t n = MIN(len, sizeof(bytes));
	memcpy(ret, &bytes, n);
	return (int)n;
}
#else
#include <sys/random.h>

static int some(void *ret, size_t len)
{
	ssize_t n = getrandom(ret, MIN(len, (size_t)256), 0);
	return n < 0 ? -errno : (int)n;
}
#endif

int random_bytes(void *ret, size_t len, struct error *err)
{
	uint8_t *p = ret;
	while (len > 0) {
		int n = some(p, len);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return error_set(err, n, "the system has no random numbers: %m");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
