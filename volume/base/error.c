/* SPDX-License-Identifier: GPL-3.0-or-later */
/* error - see include/lunette/error.h. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lunette/error.h"

int error_set(struct error *err, int code, const char *fmt, ...)
{
	assert(code < 0);
	if (!err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	int saved = errno;
	errno = -code;
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	errno = saved;
	va_end(ap);
	err->code = code;
	return code;
}

int error_wrap(struct error *err, int code, const char *fmt, ...)
{
	assert(code < 0);
	if (!err)
		return code;
	assert(err->code == code);

	char text[sizeof(err->msg)];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	/* The cause is worth more than the place: the place gives way when both do not fit. */
	size_t place = len < 0 ? 0 : (size_t)len;
	size_t cause = strlen(err->msg);
	size_t room = sizeof(text) - 1;
	if (place > room - 2)
		place = room - 2;
	if (cause + 2 + place > room)
		place = cause + 2 < room ? room - cause - 2 : 0;
	if (place == 0)
		return code;
	memmove(err->msg + place + 2, err->msg, cause + 1);
	memcpy(err->msg, text, place);
	memcpy(err->msg + place, ": ", 2);
	return code;
}
