/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm - snapshots of logical volumes, through LVM's own programs.
 *
 * A snapshot carries its session in its name, and a tag, so that it is found again by whoever comes
 * later, and nothing else is ever removed.
 */
#ifndef AGENT_LVM_H
#define AGENT_LVM_H

#include <stdint.h>

#include "lunette/error.h"

/**
 * struct lvm_volume - a logical volume that a file system lies on
 * @thin: its snapshots take no room of their own
 * @free: bytes that its volume group has left
 */
struct lvm_volume {
	char group[128];
	char name[128];
	uint64_t size;
	uint64_t free;
	int thin;
};

/**
 * lvm_find() - the logical volume behind a device
 * @device: any path of it
 *
 * Return: 0; -ENOTSUP when it is none, or there is no LVM.
 */
int lvm_find(const char *device, struct lvm_volume *ret, struct error *err);

/**
 * lvm_snapshot() - take a snapshot; the kernel freezes the file system on it for that moment
 * @number: of those of the session
 * @ret_path: its device, 300 bytes
 *
 * Return: 0; -ENOSPC when the volume group has no room; -EIO, -ETIMEDOUT.
 */
int lvm_snapshot(const struct lvm_volume *volume, const char *session, unsigned int number,
		 char *ret_path, struct error *err);

/**
 * lvm_remove() - remove all snapshots of a session
 *
 * Return: 0, also when there are none, or no LVM.
 */
int lvm_remove(const char *session, struct error *err);

#endif
