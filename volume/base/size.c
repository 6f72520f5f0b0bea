/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size - see size.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lunette/size.h"
#include "lunette/util.h"

bool size_parse(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		return false;
	unsigned int shift = *end == 'K'   ? 10
			     : *end == 'M' ? 20
			     : *end == 'G' ? 30
			     : *end == 'T' ? 40
					   : 0;
	if (end[shift ? 1 : 0] != '\0' || n > UINT64_MAX >> shift)
		return false;
	*ret = (uint64_t)n << shift;
	return true;
}

const char *size_text(uint64_t bytes, char buf[SIZE_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double n = (double)bytes;
	size_t unit = 0;
	while (n >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		n /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, SIZE_TEXT, "%" PRIu64 " B", bytes);
	else
		snprintf(buf, SIZE_TEXT, n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return buf;
}
