/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * logical - snapshots of logical volumes, through LVM's own programs.
 *
 * A snapshot carries its session in its name, and a tag, so that it is found again by whoever comes
 * later, and nothing else is ever removed.
 */
#ifndef AGENT_LOGICAL_H
#define AGENT_LOGICAL_H

#include <stdint.h>

#include "lunette/error.h"

/**
 * struct logical_volume - a logical volume that a file system lies on
 * @thin: its snapshots take no room of their own
 * @free: bytes that its volume group has left
 */
struct logical_volume {
	char group[128];
	char name[128];
	uint64_t size;
	uint64_t free;
	int thin;
};

/**
 * logical_find() - the logical volume behind a device
 * @device: any path of it
 *
 * Return: 0; -ENOTSUP when it is none, or there is no LVM.
 */
int logical_find(const char *device, struct logical_volume *ret, struct error *err);

/**
 * logical_snapshot() - take a snapshot; the kernel freezes the file system on it for that moment
 * @number: of those of the session
 * @ret_path: its device, 300 bytes
 *
 * Return: 0; -ENOSPC when the volume group has no room; -EIO, -ETIMEDOUT.
 */
int logical_snapshot(const struct logical_volume *volume, const char *session, unsigned int number,
		     char *ret_path, struct error *err);

/**
 * logical_remove() - remove all snapshots of a session
 *
 * Return: 0, also when there are none, or no LVM.
 */
int logical_remove(const char *session, struct error *err);

#endif
