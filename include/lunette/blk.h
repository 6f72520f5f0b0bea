/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk - a thing that can be read at an offset: the one idea lunette rests on.
 *
 * A LUN over iSCSI, an image file, a partition, an assembled RAID-5 volume and a disk inside a
 * finished backup are all blks, so one piece of code serves them all. Size and sector are plain
 * fields because a snapshot never changes. Ranges are checked once, in front of the table, so that
 * implementations stay small and may trust what they are asked.
 *
 * Blks stand on blks: a partition on a disk, a volume on partitions, a cache on a volume. Each says
 * where its bytes lie on those directly below it, so that a range can be followed down to the disks
 * (blk_walk) and up from them (blk_find) through layers that know nothing of each other. What is
 * not known is never the dangerous answer: it lies everywhere, and is in use.
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
struct map;

/**
 * struct blk_extent - what is known about the run of bytes that begins at the offset asked for
 * @length: of the run in bytes, at least 1; the next run may be of the same kind
 * @zero: the run is known to read as zeros; false is always a safe answer
 */
struct blk_extent {
	uint64_t length;
	bool zero;
};

/* What a blk_range_fn of blk_walk() returns to be led on to what lies below. */
#define BLK_BELOW 1

/**
 * typedef blk_range_fn - one range that was found
 * @length: bytes, at least 1; the range lies inside @blk
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends the search with it; BLK_BELOW.
 */
typedef int blk_range_fn(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
			 struct error *err);

/**
 * struct blk_ops - what an implementation provides
 * @name: of the kind, for messages ("file", "iscsi", "map")
 * @leaf: a source, whose bytes lie on no other blk. What is no leaf and has no @below is a layer
 *        that cannot say where its bytes lie
 * @read: fill @buf completely or fail, with -EIO for bad sectors only: see blk_read(); @len is at
 *        least 1 and the range lies inside the blk
 * @extent: the run at @off, which is less than the size; a run that reaches past the end is clipped
 *          in front; NULL when every byte is data
 * @below: call @fn with the ranges of the blks directly below on which the first bytes of a range
 *         lie, copies and parity included. More than lies there may be said, never less. @ret is of
 *         how many bytes that was said, @length unless it is set; of bytes that lie nowhere, since
 *         they are zero, @fn is told nothing. -ENOTSUP when it cannot be said; NULL when it never
 * can
 * @find: call @fn with the ranges of this blk of which anything lies in a range of @disk, which may
 *        be any number of layers down. More may be said, never less, in any order. NULL for a layer
 *        means that all of it may lie there, which is safe, and slow for whoever asks again and
 * again
 * @is_on: may any byte lie on @disk, any number of layers down? To be answered without reading;
 * NULL for a layer means that it may
 * @map: the blk as segments, owned by it and valid as long as it is; NULL when it has none. For
 *       device-mapper and documents
 * @confirm: is this still the disk that was opened? NULL for what nobody can exchange
 * @destroy: free everything, the struct blk included; called once, with the last reference
 */
struct blk_ops {
	const char *name;
	bool leaf;
	int (*read)(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err);
	int (*extent)(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err);
	int (*below)(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
		     uint64_t *ret, struct error *err);
	int (*find)(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off,
		    blk_range_fn *fn, void *ctx, struct error *err);
	bool (*is_on)(const struct blk *blk, const struct blk *disk);
	int (*map)(struct blk *blk, const struct map **ret, struct error *err);
	int (*confirm)(struct blk *blk, struct error *err);
	void (*destroy)(struct blk *blk);
};

/* What a source wants where nothing else is known of it: a request of this size costs little more
 * than its bytes, and so many at once hide how long one takes, over a network too. */
#define BLK_PREFERRED (1u << 20)
#define BLK_DEPTH     8

/**
 * struct blk - the head of every implementation's own struct
 * @size: bytes; need not be a multiple of @sector
 * @sector: logical sector size in bytes, a power of two from 512 to 65536: the unit of on-disk
 *          tables, not a constraint on reading
 * @preferred: bytes that whoever reads much should ask for at a time
 * @depth: reads that should be in flight at once, so that it is never idle
 * @whole: no member is missing, here and below
 * @readable: every byte can be had, through parity or mirrors where members are missing
 * @ways: on which going down all that lies below leads to leaves; see MAP_MAX_WAYS
 * @refs: whoever keeps a pointer holds a reference
 */
struct blk {
	const struct blk_ops *ops;
	uint64_t size;
	uint32_t sector;
	uint32_t preferred;
	uint32_t depth;
	bool whole;
	bool readable;
	uint64_t ways;
	atomic_uint refs;
};

/**
 * blk_init() - set up the head of a new implementation, with one reference for the caller
 *
 * Its preferred size and depth are the defaults above; a source that knows better sets them after.
 */
void blk_init(struct blk *blk, const struct blk_ops *ops, uint64_t size, uint32_t sector);

/**
 * blk_stand_on() - note of a new layer what it takes over from a blk below it: what is missing
 * there, and how it is best read; of several, the largest size and depth
 *
 * Once for each blk below, after blk_init(). It takes no reference.
 */
void blk_stand_on(struct blk *blk, const struct blk *below);

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
 * table may point anywhere); -EIO, and nothing else, when these bytes cannot be read and others may
 * be, as on a disk with bad sectors; else the source's error, of all that it has. On failure @buf
 * holds nothing of use.
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

/**
 * blk_confirm() - ask a disk whether it is still the one that was opened
 *
 * A LUN's number may lead to another LUN from one moment to the next, and not every target says so:
 * what was read is only certain after this. To be asked of disks; a layer asks what is below it.
 *
 * Return: 0; -ESTALE when it is another one, -ENODEV when it is gone, or the source's error.
 */
int blk_confirm(struct blk *blk, struct error *err);

/**
 * blk_walk() - from a range of a blk down to what it lies on
 * @fn: called with the range itself, and wherever it returns BLK_BELOW with what lies directly
 *      below; where it returns 0 it has come to what it looks for, such as a disk
 *
 * Return: 0; -ERANGE if the range is not inside @blk; -ENXIO when @fn wants to be led below a leaf:
 * the bytes lie on nothing that it knows; -ENOTSUP when a layer cannot say where its bytes lie, and
 * then nobody may conclude that any bytes below are not theirs; what @fn or a layer returned.
 */
int blk_walk(struct blk *blk, uint64_t length, uint64_t off, blk_range_fn *fn, void *ctx,
	     struct error *err);

/**
 * blk_find() - the ranges of a blk that lie in a range of a disk: the way back of blk_walk()
 * @disk: any blk below @blk, or @blk itself
 * @length: of the range on @disk; what reaches past the end of @disk is left out
 * @off: of the range on @disk
 * @fn: called with @blk and ranges of it; ranges may say more than lies there (the whole stripe
 *      row, or all of @blk when a layer cannot say), never less, and come in no particular order
 *
 * Return: 0; what @fn or a layer returned.
 */
int blk_find(struct blk *blk, struct blk *disk, uint64_t length, uint64_t off, blk_range_fn *fn,
	     void *ctx, struct error *err);

/**
 * blk_is_on() - may any byte of a blk lie on this disk?
 * @blk: is on itself
 */
bool blk_is_on(const struct blk *blk, const struct blk *disk);

/**
 * blk_find_through() - blk_ops.find for a layer each of whose bytes lies at the same offset of the
 * one below
 */
int blk_find_through(struct blk *blk, struct blk *below, struct blk *disk, uint64_t length,
		     uint64_t off, blk_range_fn *fn, void *ctx, struct error *err);

/**
 * blk_map() - a blk as segments: see lunette/map.h
 * @ret: owned by @blk, and valid as long as it is
 *
 * Return: 0; -ENOTSUP when it has none; -EFBIG when there are too many; -ENOMEM; a layer's error.
 */
int blk_map(struct blk *blk, const struct map **ret, struct error *err);

#endif
