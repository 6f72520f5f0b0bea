/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inventory - the file systems of this machine, the disks that carry them, and which of them lie on
 * files of others.
 */
#ifndef AGENT_INVENTORY_H
#define AGENT_INVENTORY_H

#include <jansson.h>

#include "device.h"
#include "mounts.h"

/**
 * struct inventory_set - numbers of disks or file systems, each once
 */
struct inventory_set {
	size_t n;
	size_t *list;
};

/**
 * struct inventory_fs - a mounted file system that lies on block devices
 * @mount: the id of that mount
 * @point: where it is mounted
 * @device: "/dev/sdb1"
 * @kernel: the kernel's name of that device; of one of them, when there are several
 * @uuid: "" when it is not known
 * @reason: why it cannot be frozen; NULL when it can
 * @depth: 0, or one more than the deepest file system that one of its disks is a file on
 * @below: the file systems that hold such files
 */
struct inventory_fs {
	uint64_t mount;
	char *point;
	char *device;
	char *type;
	char kernel[DEVICE_NAME_MAX];
	char uuid[37];
	uint64_t size;
	bool read_only;
	const char *reason;
	unsigned int depth;
	struct inventory_set disks;
	struct inventory_set below;
};

struct inventory {
	const char *top;
	struct mounts mounts;
	size_t n_disks;
	struct device *disks;
	size_t n_filesystems;
	struct inventory_fs *filesystems;
};

/**
 * inventory_read() - look around
 * @top: what is put before /sys, /proc and /dev: "", or a made-up tree
 * @identities: of disks that cannot tell, by their names; may be NULL. A loop device that is named
 *              there is a disk, others are a layer over their file
 * @ret: to be freed with inventory_free()
 *
 * Return: 0 or negative errno.
 */
int inventory_read(const char *top, const json_t *identities, struct inventory **ret,
		   struct error *err);

/**
 * inventory_free() - free an inventory
 * @inventory: may be NULL
 */
void inventory_free(struct inventory *inventory);
DEFINE_CLEANUP(struct inventory *, inventory_free)

/**
 * inventory_find() - a file system by what people call it: any of its mount points, or its device
 *
 * Return: its number, or -1.
 */
ssize_t inventory_find(const struct inventory *inventory, const char *name);

/**
 * inventory_of_path() - the file system that a path lies on
 * @path: absolute, without links
 *
 * Return: its number, or -1 when it lies on none that has disks.
 */
ssize_t inventory_of_path(const struct inventory *inventory, const char *path);

/* The members "disks" and "filesystems" of the verb "info". */
int inventory_json(const struct inventory *inventory, json_t *into, struct error *err);

/* One disk, as "info" shows it. NULL for want of memory. */
json_t *inventory_disk_json(const struct device *disk);

/* Puts a number into a set. Return: 0 or -ENOMEM. */
int inventory_set_add(struct inventory_set *set, size_t number, struct error *err);
bool inventory_set_has(const struct inventory_set *set, size_t number);

#endif
