/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-ends - a layer that has both ends of a blk in memory: where formats have what marks them. */
#ifndef BLK_ENDS_H
#define BLK_ENDS_H

#include "lunette/blk.h"

/**
 * blk_ends_new() - read both ends of a blk
 * @below: the layer takes its own reference
 *
 * Two reads instead of one for each place that somebody may look at. An end that cannot be read as
 * a whole is left to be read piece by piece.
 *
 * Return: 0 or -ENOMEM.
 */
int blk_ends_new(struct blk *below, struct blk **ret, struct error *err);

#endif
