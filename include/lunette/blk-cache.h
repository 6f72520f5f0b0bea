/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-cache - a layer that remembers the blocks read last, for readers of scattered metadata.
 *
 * File-system libraries read a kilobyte here and four there, over and over. Over a network each of
 * these costs a round trip; through the cache they cost one read of a whole block now and then.
 */
#ifndef LUNETTE_BLK_CACHE_H
#define LUNETTE_BLK_CACHE_H

#include <stddef.h>

#include "lunette/blk.h"
#include "lunette/error.h"

/**
 * blk_cache_new() - put a cache in front of a blk
 * @below: the cache takes its own reference
 * @memory: bytes it may keep; less than one block means one
 *
 * Any thread may read. A block is fetched under the cache's lock: meant for metadata, which has one
 * reader at a time, not for bulk data.
 *
 * Return: 0 or -ENOMEM.
 */
int blk_cache_new(struct blk *below, size_t memory, struct blk **ret, struct error *err);

#endif
