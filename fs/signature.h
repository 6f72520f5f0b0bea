/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signature - names what is on a volume, without opening it. */
#ifndef FS_SIGNATURE_H
#define FS_SIGNATURE_H

#include "lunette/filesystem.h"

/**
 * fs_signature() - type, label and UUID of what has no driver, as libblkid names it
 *
 * Return: 1 and @ret set if it is known, 0 if not, negative errno if @blk cannot be read.
 */
int fs_signature(struct blk *blk, struct fs_info *ret, struct error *err);

#endif
