/* SPDX-License-Identifier: GPL-3.0-or-later */
/* duration - see duration.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/duration.h"
#include "lunette/util.h"

static const struct {
	const char *name;
	uint64_t ms;
} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

bool duration_parse(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(units[i].name, end) == 0 && n <= UINT64_MAX / units[i].ms) {
			*ret = (uint64_t)n * units[i].ms;
			return true;
		}
	return false;
}

const char *duration_text(uint64_t ms, char buf[DURATION_TEXT])
{
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(units) && ms < 2 * units[i].ms)
		i++;
	snprintf(buf, DURATION_TEXT, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
	return buf;
}
