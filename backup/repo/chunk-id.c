/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk-id - ids as text. See repo.h. */
#include <string.h>

#include "lunette/digest.h"
#include "lunette/repo.h"

void chunk_id_hex(const struct chunk_id *id, char ret[65])
{
	digest_hex(id->bytes, sizeof(id->bytes), ret);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool chunk_id_parse(const char *hex, struct chunk_id *ret)
{
	struct chunk_id id;
	if (strlen(hex) != 2 * sizeof(id.bytes))
		return false;
	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = id;
	return true;
}
