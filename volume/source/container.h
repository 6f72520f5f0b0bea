/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * container - files that hold a disk, and are none: qcow2, VHDX, VMDK and the like.
 *
 * Taken for disks they would show nothing, or the first few sectors of the disk in them.
 */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "lunette/blk.h"

/**
 * container_refuse() - is it a file of one of these formats?
 * @path: of it; a device is none
 *
 * Return: 0 when it is not, as far as can be told; -EINVAL, with what it is and what opens it.
 */
int container_refuse(struct blk *blk, const char *path, struct error *err);

#endif
