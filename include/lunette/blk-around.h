/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-around - reads all of a range but the sectors that cannot be read.
 */
#ifndef LUNETTE_BLK_AROUND_H
#define LUNETTE_BLK_AROUND_H

#include "lunette/blk.h"

/**
 * struct blk_around - who is told of what cannot be read; any function ends it with a negative
 * errno, recorded in @err
 * @failed: each read that fails with -EIO, before smaller ones are tried; may be NULL
 * @bad: each range that cannot be read by itself: a sector, or what of it was asked for. In
 *       ascending order; neighbours are told one by one
 */
struct blk_around {
	int (*failed)(void *ctx, const struct error *why, struct error *err);
	int (*bad)(void *ctx, uint64_t length, uint64_t off, const struct error *why,
		   struct error *err);
	void *ctx;
};

/**
 * blk_read_around() - read bytes, and in place of those that cannot be read, zeros
 * @len: bytes; not 0
 *
 * What cannot be read at once is read in some eight pieces, and each of those that cannot in turn,
 * down to single sectors: one bad sector in a MiB costs five reads that fail, and many in a row
 * cost little more than one each.
 *
 * Return: 0; any error of the blk but -EIO; what a function of @around returned.
 */
int blk_read_around(struct blk *blk, void *buf, size_t len, uint64_t off,
		    const struct blk_around *around, struct error *err);

#endif
