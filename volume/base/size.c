/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size - see size.h. */
#include <errno.h>
#include <stdlib.h>

#include "lunette/size.h"

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
