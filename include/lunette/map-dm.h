/* SPDX-License-Identifier: GPL-3.0-or-later */
/* map-dm - a map as device-mapper has it. */
#ifndef LUNETTE_MAP_DM_H
#define LUNETTE_MAP_DM_H

#include "lunette/map.h"

/**
 * typedef map_device_fn - how device-mapper is to call a leg
 * @length: bytes that the segment takes on the leg
 * @whole: the target cannot be given an offset: the device must be just this range
 * @buf: set to "MAJOR:MINOR", or a path; @size bytes of room
 * @ret_start: set to the byte offset of the leg on that device; 0 when @whole
 *
 * Return: 0 or a negative errno, recorded in @err.
 */
typedef int map_device_fn(void *ctx, const struct map_leg *leg, uint64_t length, bool whole,
			  char *buf, size_t size, uint64_t *ret_start, struct error *err);

/**
 * map_dm_table() - the map as a device-mapper table, for reading only
 * @ret: lines "START LENGTH TARGET ARGUMENTS\n" in sectors of 512 bytes, to be freed with free()
 *
 * Return: 0; -ENOTSUP when device-mapper has no target for a segment; -ENODEV when a missing member
 * leaves bytes that cannot be read; -EINVAL when a border is not on a sector; what @device
 * returned.
 */
int map_dm_table(const struct map *map, map_device_fn *device, void *ctx, char **ret,
		 struct error *err);

#endif
