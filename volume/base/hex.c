/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hex - see include/lunette/hex.h. */
#include <string.h>

#include "lunette/hex.h"

static const char digits[] = "0123456789abcdef";

void hex_text(const void *bytes, size_t len, char *ret)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * len] = '\0';
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(const char *text, void *ret, size_t len)
{
	uint8_t *p = ret;
	if (strlen(text) != 2 * len || strspn(text, digits) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(16 * hex_digit(text[2 * i]) + hex_digit(text[2 * i + 1]));
	return true;
}

void hex_uuid(const uint8_t bytes[16], char ret[HEX_UUID])
{
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*ret++ = '-';
		hex_text(bytes + i, 1, ret);
		ret += 2;
	}
}
