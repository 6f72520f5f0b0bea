/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts - what is mounted where, from /proc/self/mountinfo. */
#ifndef AGENT_MOUNTS_H
#define AGENT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/util.h"

/**
 * struct mount_entry - one line
 * @id: of the mount, never of two at a time
 * @dev: of the file system; Btrfs has numbers that are no devices
 * @root: what of the file system is mounted: "/" for all of it
 * @point: where
 * @type: "xfs"
 * @source: "/dev/sdb1"
 * @read_only: the file system is, not only this mount of it
 */
struct mount_entry {
	uint64_t id;
	dev_t dev;
	char *root;
	char *point;
	char *type;
	char *source;
	bool read_only;
};

struct mounts {
	size_t n;
	struct mount_entry *list;
};

/**
 * mounts_read() - read them in the kernel's order
 * @top: what is put before /proc: "", or a made-up tree
 * @ret: to be cleared with mounts_clear()
 *
 * Return: 0 or negative errno.
 */
int mounts_read(const char *top, struct mounts *ret, struct error *err);

void mounts_clear(struct mounts *mounts);

/**
 * mounts_find() - the mount that a path lies on
 * @path: absolute, without links
 *
 * Return: owned by @mounts, or NULL.
 */
const struct mount_entry *mounts_find(const struct mounts *mounts, const char *path);

#endif
