/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signature - the digest of a few places of a disk: of those that are for ever, to tell it from
 * other disks, and of those that each freeze writes, to tell this moment from other moments.
 */
#ifndef AGENT_SIGNATURE_H
#define AGENT_SIGNATURE_H

#include <jansson.h>

#include "lunette/blk.h"
#include "lunette/layout.h"

#define SIGNATURE_RANGES_MAX 64
#define SIGNATURE_HEX_MAX    65

/**
 * struct signature - places of a disk, in ascending order, and the digest of their bytes
 */
struct signature {
	size_t n;
	struct layout_range ranges[SIGNATURE_RANGES_MAX];
	char sha256[SIGNATURE_HEX_MAX];
};

/**
 * signature_of_disks() - what tells each of these disks from others and is not written in use
 * @disks: all disks that belong together, @n of them
 * @ret: @n signatures; without ranges for a disk that has nothing of the kind
 *
 * These are partition tables, and the identifiers of what lies on the disk: file systems, arrays,
 * physical volumes.
 *
 * Return: 0 or negative errno.
 */
int signature_of_disks(const struct layout_input *disks, size_t n, struct signature *ret,
		       struct error *err);

/**
 * signature_of_moment() - what the last freeze has written
 * @fs: the device of a file system that is frozen
 *
 * Return: 0; -ENOTSUP for a kind of which nothing is known; the error of reading.
 */
int signature_of_moment(struct blk *fs, struct signature *ret, struct error *err);

/**
 * signature_digest() - the digest of ranges of a disk
 * @ranges: @n of them; they need not lie inside the disk
 *
 * Return: 0; -ERANGE; the error of reading.
 */
int signature_digest(struct blk *blk, const struct layout_range *ranges, size_t n,
		     char ret[SIGNATURE_HEX_MAX], struct error *err);

/* Puts "ranges" and "sha256" into @into. Return: 0 or -ENOMEM. */
int signature_json(const struct signature *signature, json_t *into, struct error *err);

#endif
