/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk - a thing that can be read at an offset: the one idea lunette rests on.
 *
 * A LUN over iSCSI, an image file, a partition, an assembled RAID-5 volume and a disk inside a
 * finished backup are all blks, so one piece of code serves them all. Size and sector are plain
 * fields because a snapshot never changes. Ranges are checked once, in front of the table, so that
 * implementations stay small and may trust what they are asked.
 *
 * Any thread may call a blk. A source that is not thread-safe hides its lock or its event thread.
 * Parallelism is threads that call blk_read(); there is nothing asynchronous in the interface.
 */
#ifndef LUNETTE_BLK_H
#define LUNETTE_BLK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct blk;

/**
 * struct blk_extent - what is known about the run of bytes that begins at the offset asked for
 * @length: of the run in bytes, at least 1; the next run may be of the same kind
 * @zero: the run is known to read as zeros; false is always a safe answer
 */
struct blk_extent {
	uint64_t length;
	bool zero;
};

/**
 * struct blk_ops - what an implementation provides
 * @name: of the kind, for messages ("file", "iscsi", "map")
 * @read: fill @buf completely or fail; @len is at least 1 and the range lies inside the blk
 * @extent: the run at @off, which is less than the size; a run that reaches past the end is clipped
 *          in front; NULL when every byte is data
 * @destroy: free everything, the struct blk included; called once, with the last reference
 */
struct blk_ops {
	const char *name;
	int (*read)(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err);
	int (*extent)(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err);
	void (*destroy)(struct blk *blk);
};

/**
 * struct blk - the head of every implementation's own struct
 * @size: bytes; need not be a multiple of @sector
 * @sector: logical sector size in bytes, a power of two from 512 to 65536: the unit of on-disk
 *          tables, not a constraint on reading
 * @refs: whoever keeps a pointer holds a reference
 */
struct blk {
	const struct blk_ops *ops;
	uint64_t size;
	uint32_t sector;
	atomic_uint refs;
};

/**
 * blk_init() - set up the head of a new implementation, with one reference for the caller
 */
void blk_init(struct blk *blk, const struct blk_ops *ops, uint64_t size, uint32_t sector);

/**
 * blk_ref() - take another reference
 *
 * Return: @blk.
 */
struct blk *blk_ref(struct blk *blk);

/**
 * blk_unref() - give a reference back; the last one destroys
 * @blk: may be NULL
 */
void blk_unref(struct blk *blk);
DEFINE_CLEANUP(struct blk *, blk_unref)

/**
 * blk_read() - read bytes, all of them
 * @len: bytes, may be 0
 * @off: byte offset; need not be aligned to the sector size
 *
 * Return: 0 when all of @buf was filled; -ERANGE if the range is not inside the blk (a corrupt
 * table may point anywhere); else the source's error. On failure @buf holds nothing of use.
 */
int blk_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err);

/**
 * blk_extent() - describe the run of bytes that begins at an offset
 * @off: less than the size
 * @ret: set on success; the run never reaches past the end
 *
 * A walk over the blk is `for (off = 0; off < size; off += ext.length)`.
 *
 * Return: 0; -ERANGE if @off is not inside the blk; else the source's error.
 */
int blk_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err);

#endif
