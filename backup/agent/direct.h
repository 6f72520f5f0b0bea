/* SPDX-License-Identifier: GPL-3.0-or-later */
/* direct - a block device as a blk, read past all caches: what the storage has, not the kernel. */
#ifndef AGENT_DIRECT_H
#define AGENT_DIRECT_H

#include "lunette/blk.h"

/**
 * direct_open() - open a block device or file with O_DIRECT, or without where that is not possible
 *
 * Return: 0 or negative errno.
 */
int direct_open(const char *path, struct blk **ret, struct error *err);

#endif
