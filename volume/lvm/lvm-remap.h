/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-remap - volumes of LVM whose bytes lie where a table on disk says: thin volumes, snapshots
 * and caches. Each opens as a blk; LVM.md describes the tables.
 */
#ifndef LVM_REMAP_H
#define LVM_REMAP_H

#include "lunette/blk.h"

/**
 * struct lvm_thin - a thin volume
 * @meta: the pool's metadata
 * @data: the pool's data
 * @origin: what is read where nothing was written; NULL for zeros
 * @chunk: bytes in which the pool hands out @data
 * @device: the volume's number in the pool
 * @size: bytes of the volume
 */
struct lvm_thin {
	struct blk *meta;
	struct blk *data;
	struct blk *origin;
	uint64_t chunk;
	uint64_t device;
	uint64_t size;
};

/**
 * lvm_thin_open() - a thin volume as a blk
 *
 * Return: 0; -EUCLEAN when the metadata is damaged or does not fit; -ENOENT when the pool has no
 * such volume; -ENOMEM; the blk's error.
 */
int lvm_thin_open(const struct lvm_thin *thin, struct blk **ret, struct error *err);

/**
 * lvm_snapshot_open() - a snapshot of the old kind as a blk: @origin but for what @cow holds
 * @origin: the volume as it is now
 * @cow: old contents of it, and the table of them
 * @metadata: called for the ranges of @cow that hold the table; 0 or a negative errno
 *
 * Return: 0; -EUCLEAN when the table is damaged; -ENODATA when the snapshot ran full and lost its
 * contents; -EFBIG when the table is too long; -ENOMEM; the blk's error.
 */
int lvm_snapshot_open(struct blk *origin, struct blk *cow,
		      int (*metadata)(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
				      struct error *err),
		      void *ctx, struct blk **ret, struct error *err);

/**
 * lvm_cache_open() - a cached volume as a blk: @origin but for the blocks that the cache holds
 * @meta: the cache's metadata
 * @data: the cache's blocks
 * @chunk: bytes of a block, as LVM says
 *
 * Return: 0; -EUCLEAN when the metadata is damaged or does not fit; -EFBIG when the cache has too
 * many blocks; -ENOMEM; the blk's error.
 */
int lvm_cache_open(struct blk *origin, struct blk *meta, struct blk *data, uint64_t chunk,
		   struct blk **ret, struct error *err);

#endif
