/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name - see name.h. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "name.h"

#define NUMBER_MAX 12 /* "~4294967295" */

/* How many bytes a UTF-8 character takes; 0 if it is none. */
static size_t utf8_length(const uint8_t *in)
{
	size_t len = in[0] < 0x80 ? 1 : in[0] < 0xc2 ? 0 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;
	if (in[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((in[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* C0, DEL and, as two bytes, C1. */
static bool is_control(const uint8_t *in, size_t len)
{
	return len == 1 ? in[0] < 0x20 || in[0] == 0x7f : len == 2 && in[0] == 0xc2 && in[1] < 0xa0;
}

static void clean(const char *text, char *out, size_t size)
{
	const uint8_t *in = (const uint8_t *)text;
	size_t n = 0;
	while (*in) {
		size_t len = utf8_length(in);
		bool bad = len == 0 || *in == '/' || is_control(in, len);
		size_t add = bad ? 1 : len;
		if (n + add >= size)
			break;
		memcpy(out + n, bad ? "_" : (const char *)in, add);
		n += add;
		in += len ? len : 1;
	}
	out[n] = '\0';
	if (n == 0 || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
		memset(out, '_', n ? n : 1), out[n ? n : 1] = '\0';
}

void name_safe(const char *in, char out[NAME_SAFE_MAX], bool (*taken)(void *ctx, const char *name),
	       void *ctx)
{
	char stem[NAME_SAFE_MAX - NUMBER_MAX];
	clean(in, stem, sizeof(stem));
	snprintf(out, NAME_SAFE_MAX, "%s", stem);
	for (unsigned int n = 2; taken(ctx, out); n++)
		snprintf(out, NAME_SAFE_MAX, "%s~%u", stem, n);
}
