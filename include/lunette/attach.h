/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * attach - volumes as kernel block devices, through device-mapper, read-only.
 *
 * For those who want a kernel device; lunette itself never needs one. A device is fed from the same
 * map that the process reads through, so the disks must be block devices of this machine.
 */
#ifndef LUNETTE_ATTACH_H
#define LUNETTE_ATTACH_H

#include "lunette/error.h"
#include "lunette/layout.h"

#define ATTACH_NAME_MAX 128

/**
 * attach_volume() - make a volume a kernel block device
 * @ret_name: the device is /dev/mapper/NAME. It begins with "lunette-" and the number of the
 *            volume's first disk, so that clones of one server never clash
 *
 * Return: 0; -ENOTBLK when a disk is not a block device; -ENODEV when the kernel has no
 * device-mapper; -EEXIST when the volume is attached; -ENOTSUP when device-mapper cannot show it.
 * On failure nothing is left behind.
 */
int attach_volume(const struct layout *layout, const struct layout_volume *volume,
		  char ret_name[ATTACH_NAME_MAX], struct error *err);

/**
 * attach_detach() - remove the devices of attached volumes
 * @disk: path of a block device: all volumes whose first disk it is
 * @volume: only the one of this name; NULL for all
 * @ret: how many volumes were removed
 *
 * Return: 0, also when there were none; -EBUSY when one is in use; -ENOTBLK; -ENODEV.
 */
int attach_detach(const char *disk, const char *volume, unsigned int *ret, struct error *err);

#endif
