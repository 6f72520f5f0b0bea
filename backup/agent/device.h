/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * device - block devices as the kernel shows them in /sys: which lies on which, and what a disk
 * says of itself.
 *
 * Devices are known by the kernel's names ("sdb1", "dm-3"). Nothing is opened here: all is read
 * from small text files below @top, which is "" or a made-up tree.
 */
#ifndef AGENT_DEVICE_H
#define AGENT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/source.h"

/* Longer than any name of a device. */
#define DEVICE_NAME_MAX 64

/**
 * struct device - a disk
 * @name: the path that people know it by: "/dev/sdb", "/dev/mapper/mpatha"
 * @size: bytes
 * @sector: logical sector size in bytes
 * @identity: VPD page 0x83, "" when it cannot tell
 */
struct device {
	char kernel[DEVICE_NAME_MAX];
	char name[DEVICE_NAME_MAX + 16];
	uint64_t size;
	uint32_t sector;
	char identity[SOURCE_ID_MAX];
	char vendor[64];
	char product[64];
	char serial[128];
};

/**
 * device_of() - the kernel's name of a device number
 *
 * Return: 0; -ENODEV when no block device has it.
 */
int device_of(const char *top, dev_t dev, char ret[DEVICE_NAME_MAX], struct error *err);

/**
 * device_size() - bytes of any block device
 *
 * Return: 0 when it is not known.
 */
uint64_t device_size(const char *top, const char *kernel);

/**
 * device_backing() - the file behind a loop device
 * @ret: absolute path
 *
 * Return: whether it is a loop device with a file that is still there.
 */
bool device_backing(const char *top, const char *kernel, char *ret, size_t size);

/**
 * device_describe() - what is known of a disk
 */
void device_describe(const char *top, const char *kernel, struct device *ret);

/**
 * typedef device_fn - one device at the bottom
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends the walk with it.
 */
typedef int device_fn(void *ctx, const char *kernel, struct error *err);

/**
 * device_walk() - down through partitions, LVM, MD and whatever lies on other devices, to the disks
 * @fn: called for each, more than once when there are several ways; what multipath puts together
 *      is one disk, and so is a loop device
 *
 * Return: 0; -ELOOP for a tree that has no bottom; what @fn returned.
 */
int device_walk(const char *top, const char *kernel, device_fn *fn, void *ctx, struct error *err);

/**
 * device_list() - every disk of the machine
 * @fn: as above; not called for what lies on others, nor for RAM disks and empty drives
 */
int device_list(const char *top, device_fn *fn, void *ctx, struct error *err);

#endif
