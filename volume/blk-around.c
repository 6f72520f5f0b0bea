/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-around - see blk-around.h. */
#include <errno.h>
#include <string.h>

#include "lunette/blk-around.h"

#define PIECES 8

/* Pieces of a range that cannot be read at once: sectors, or as many as make few pieces. */
static uint64_t piece_size(const struct blk *blk, size_t len, uint64_t off)
{
	uint64_t piece = blk->sector;
	uint64_t from = off - off % blk->sector, to = off + len;
	while (to - from > PIECES * piece)
		piece *= PIECES;
	return piece;
}

static bool is_one_sector(const struct blk *blk, size_t len, uint64_t off)
{
	return off / blk->sector == (off + len - 1) / blk->sector;
}

int blk_read_around(struct blk *blk, void *buf, size_t len, uint64_t off,
		    const struct blk_around *around, struct error *err)
{
	struct error why = { 0 };
	int rc = blk_read(blk, buf, len, off, &why);
	if (rc == 0)
		return 0;
	if (rc != -EIO)
		return error_copy(err, rc, &why);
	rc = around->failed ? around->failed(around->ctx, &why, err) : 0;
	if (rc == 0 && is_one_sector(blk, len, off)) {
		memset(buf, 0, len);
		return around->bad(around->ctx, len, off, &why, err);
	}
	uint64_t piece = piece_size(blk, len, off), end = off + len;
	for (size_t n; rc == 0 && off < end; off += n, buf = (uint8_t *)buf + n) {
		n = (size_t)MIN(piece - off % piece, end - off);
		rc = blk_read_around(blk, buf, n, off, around, err);
	}
	return rc;
}
