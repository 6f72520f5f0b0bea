/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target - what a restore writes to. Small, and apart from blk, because sources are never written.
 */
#ifndef LUNETTE_TARGET_H
#define LUNETTE_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct target;

/**
 * struct target_ops - what an implementation provides
 * @write: all of it or an error; ranges are checked in front
 * @zero: make a range read as zeros, without writing them where the target can
 * @flush: everything written so far is on stable storage when this returns
 */
struct target_ops {
	const char *name;
	int (*write)(struct target *target, const void *buf, size_t len, uint64_t off,
		     struct error *err);
	int (*zero)(struct target *target, uint64_t len, uint64_t off, struct error *err);
	int (*flush)(struct target *target, struct error *err);
	void (*destroy)(struct target *target);
};

struct target {
	const struct target_ops *ops;
	uint64_t size;
};

/**
 * target_file_create() - a new image file, sparse, mode 0600
 *
 * Return: 0; -EEXIST if there is such a file; -ENODEV in /dev, where it would be one in memory;
 * else a negative errno.
 */
int target_file_create(const char *path, uint64_t size, struct target **ret, struct error *err);

/**
 * target_device_open() - an existing block device, of at least @size bytes, not in use
 *
 * Return: 0; -EBUSY if it is mounted or otherwise held; -ENOSPC if it is too small; ...
 */
int target_device_open(const char *path, uint64_t size, struct target **ret, struct error *err);

/**
 * target_stream_open() - a pipe, or what else takes bytes one after the other
 * @fd: stays the caller's; messages call it the standard output
 *
 * It takes writes only in order and without gaps (-ESPIPE).
 */
int target_stream_open(int fd, uint64_t size, struct target **ret, struct error *err);

/* Return: 0; -ERANGE if the range is not inside the target; else the target's error. */
int target_write(struct target *target, const void *buf, size_t len, uint64_t off,
		 struct error *err);
int target_zero(struct target *target, uint64_t len, uint64_t off, struct error *err);
int target_flush(struct target *target, struct error *err);

/**
 * target_free() - close; does not flush
 * @target: may be NULL
 */
void target_free(struct target *target);
DEFINE_CLEANUP(struct target *, target_free)

#endif
