/* SPDX-License-Identifier: GPL-3.0-or-later */
/* error - see include/lunette/error.h. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lunette/error.h"

#undef error_set /* as the analyzer sees them */
#undef error_copy
#undef error_wrap

#ifdef _WIN32
/* Windows' printf has no %m: puts the text of errno in its place. */
static const char *with_reason(const char *fmt, char *buf, size_t size)
{
	size_t len = 0;
	for (const char *p = fmt; *p && len + 3 < size; p++) {
		if (p[0] == '%' && p[1] == 'm') {
			snprintf(buf + len, size - len, "%s", strerror(errno));
			len += strlen(buf + len);
			p++;
			continue;
		}
		buf[len++] = *p;
		if (p[0] == '%' && p[1] == '%')
			buf[len++] = *++p;
	}
	buf[len] = '\0';
	return buf;
}
#define WITH_REASON(fmt) with_reason(fmt, (char[512]){ 0 }, 512)
#else
#define WITH_REASON(fmt) (fmt)
#endif

int error_set(struct error *err, int code, const char *fmt, ...)
{
	assert(code < 0);
	if (!err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	int saved = errno;
	errno = -code;
	vsnprintf(err->msg, sizeof(err->msg), WITH_REASON(fmt), ap);
	errno = saved;
	va_end(ap);
	err->code = code;
	err->kind = ERROR_KIND_NONE;
	return code;
}

int error_copy(struct error *err, int code, const struct error *why)
{
	if (!why)
		return error_set(err, code, "%m");
	assert(code < 0 && why->code == code);
	if (err)
		*err = *why;
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
	int len = vsnprintf(text, sizeof(text), WITH_REASON(fmt), ap);
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
