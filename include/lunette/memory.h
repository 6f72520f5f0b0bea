/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memory - bytes that are nowhere else, as a blk and a target at once. Sparse: what was never
 * written is zero and takes no room.
 */
#ifndef LUNETTE_MEMORY_H
#define LUNETTE_MEMORY_H

#include "lunette/blk.h"
#include "lunette/target.h"

/**
 * memory_new() - @size bytes of zeros
 * @ret_target: keeps the bytes alive, to be freed with target_free()
 *
 * Any thread may read and write. A write for which there is no memory fails with -ENOMEM, and what
 * comes before the place that it came to is written.
 *
 * Return: 0 or -ENOMEM.
 */
int memory_new(uint64_t size, uint32_t sector, struct blk **ret_blk, struct target **ret_target,
	       struct error *err);

#endif
