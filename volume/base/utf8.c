/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * utf8 - see include/lunette/utf8.h.
 * Source: The Unicode Standard, section 3.9: table 3-6 (how characters are spelt), table 3-7 (which
 * sequences are well-formed).
 */
#include <stdint.h>
#include <string.h>

#include "lunette/util.h"
#include "lunette/utf8.h"

#define REPLACEMENT 0xFFFDu

/* Appends one character at *@used. Returns false when it does not fit. */
static bool append(uint32_t c, char *buf, size_t size, size_t *used)
{
	uint8_t out[4];
	size_t n;
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		n = 1;
	} else if (c < 0x800) {
		out[0] = (uint8_t)(0xC0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		out[0] = (uint8_t)(0xE0 | c >> 12);
		n = 3;
	} else {
		out[0] = (uint8_t)(0xF0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		out[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3F));
	if (n >= size - *used)
		return false;
	memcpy(buf + *used, out, n);
	*used += n;
	return true;
}

void utf8_from_utf16le(const void *src, size_t units, char *buf, size_t size)
{
	const uint8_t *p = src;
	size_t used = 0;
	for (size_t i = 0; i < units; i++) {
		uint32_t c = p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
		if (c == 0)
			break;
		if (c >= 0xD800 && c < 0xE000) {
			uint32_t low = 0;
			if (c < 0xDC00 && i + 1 < units)
				low = p[2 * i + 2] | (uint32_t)p[2 * i + 3] << 8;
			if (low >= 0xDC00 && low < 0xE000) {
				c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				i++;
			} else {
				c = REPLACEMENT;
			}
		}
		if (!append(c, buf, size, &used))
			break;
	}
	buf[used] = '\0';
}

/* The character at @p, of @len bytes that are there, and in @n how many it takes. */
static uint32_t decode(const uint8_t *p, size_t len, size_t *n)
{
	*n = 1;
	if (p[0] < 0x80)
		return p[0];
	size_t want = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return REPLACEMENT;
	uint32_t c = p[0] & (0xFFu >> (want + 1));
	for (size_t i = 1; i < want; i++) {
		if (i >= len || (p[i] & 0xC0) != 0x80)
			return REPLACEMENT;
		c = c << 6 | (p[i] & 0x3F);
	}
	static const uint32_t least[] = { [2] = 0x80, [3] = 0x800, [4] = 0x10000 };
	if (c < least[want] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
		return REPLACEMENT;
	*n = want;
	return c;
}

void utf8_clean(const void *src, size_t len, char *buf, size_t size)
{
	const uint8_t *p = src;
	size_t used = 0, n;
	for (size_t i = 0; i < len && p[i]; i += n)
		if (!append(decode(p + i, len - i, &n), buf, size, &used))
			break;
	buf[used] = '\0';
}
