/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-ends - see blk-ends.h.
 *
 * In front are partition tables and labels, up to where LVM's text begins; at the end the backup of
 * a GPT with its 33 sectors, and MD's oldest super-block, which is in the last 128 KiB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk-ends.h"

#define HEAD_SIZE (64u << 10)
#define TAIL_SIZE (136u << 10)

struct end {
	uint64_t start;
	size_t length; /* 0 when it is not there */
	uint8_t *bytes;
};

struct ends {
	struct blk blk;
	struct blk *below;
	struct end head;
	struct end tail;
};

static bool copy_from(const struct end *end, void *buf, size_t len, uint64_t off)
{
	if (off < end->start || !range_inside(len, off - end->start, end->length))
		return false;
	memcpy(buf, end->bytes + (off - end->start), len);
	return true;
}

static int ends_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct ends *ends = (struct ends *)blk;
	if (copy_from(&ends->head, buf, len, off) || copy_from(&ends->tail, buf, len, off))
		return 0;
	return blk_read(ends->below, buf, len, off, err);
}

static int ends_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	return blk_extent(((struct ends *)blk)->below, off, ret, err);
}

static void ends_destroy(struct blk *blk)
{
	struct ends *ends = (struct ends *)blk;
	free(ends->head.bytes);
	free(ends->tail.bytes);
	blk_unref(ends->below);
	free(ends);
}

static const struct blk_ops ends_ops = {
	.name = "ends",
	.read = ends_read,
	.extent = ends_extent,
	.destroy = ends_destroy,
};

static int fill(struct ends *ends, struct end *end, uint64_t start, size_t length,
		struct error *err)
{
	if (length == 0)
		return 0;
	end->bytes = malloc(length);
	if (!end->bytes)
		return error_set(err, -ENOMEM, "the ends of a disk: %m");
	if (blk_read(ends->below, end->bytes, length, start, NULL) < 0)
		return 0;
	end->start = start;
	end->length = length;
	return 0;
}

int blk_ends_new(struct blk *below, struct blk **ret, struct error *err)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	if (!ends)
		return error_set(err, -ENOMEM, "the ends of a disk: %m");
	blk_init(&ends->blk, &ends_ops, below->size, below->sector);
	ends->below = blk_ref(below);
	bool small = below->size <= HEAD_SIZE + TAIL_SIZE;
	int rc = fill(ends, &ends->head, 0, small ? (size_t)below->size : HEAD_SIZE, err);
	if (rc == 0 && !small)
		rc = fill(ends, &ends->tail, below->size - TAIL_SIZE, TAIL_SIZE, err);
	if (rc < 0) {
		blk_unref(&ends->blk);
		return rc;
	}
	*ret = &ends->blk;
	return 0;
}
