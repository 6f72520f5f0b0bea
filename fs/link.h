/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * link - where a symbolic link leads in a tree that stands somewhere else.
 *
 * On its own system a link's target began at the root of that system. Here, an absolute target
 * would be looked for on the machine that shows the tree, and so would one that climbs out: both
 * are led to where they meant, below the root of the file system that the link is on.
 */
#ifndef FS_LINK_H
#define FS_LINK_H

#include <stddef.h>

#include "lunette/filesystem.h"

/**
 * link_inside() - a target that leads to the same place, and never out of the file system
 * @target: as it is on the volume
 * @depth: how many directories there are between the root and the link
 *
 * It is as it was where it needs nothing; else it is relative. Above the root is the root.
 * "NAME/.." is nothing, even if NAME is a link itself, as Windows has it: only so can be told
 * without asking that what follows does not climb out.
 *
 * Return: its length; 0 if @size is too small, or @target is empty.
 */
size_t link_inside(const char *target, unsigned int depth, char *buf, size_t size);

/**
 * link_read() - the target of a link, led into its file system
 * @buf: of @size bytes, NUL-terminated on return
 *
 * A link that has names at several depths is led from the highest.
 *
 * Return: 0; -EINVAL when it is no link; -EOPNOTSUPP when the target would need it, but the driver
 * cannot tell where the link is; ...
 */
int link_read(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err);

#endif
