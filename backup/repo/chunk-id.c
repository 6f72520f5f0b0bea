/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk-id - ids as text. See repo.h. */
#include "lunette/hex.h"
#include "lunette/repo.h"

void chunk_id_hex(const struct chunk_id *id, char ret[65])
{
	hex_text(id->bytes, sizeof(id->bytes), ret);
}

bool chunk_id_parse(const char *hex, struct chunk_id *ret)
{
	return hex_parse(hex, ret->bytes, sizeof(ret->bytes));
}
