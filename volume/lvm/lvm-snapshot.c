/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-snapshot - a snapshot of the old kind: what was overwritten since, and the volume as it is
 * now for the rest.
 *
 * The table of what was copied lies among the copies, in the order in which they were made. It is
 * read once and kept as runs, sorted.
 *
 * Source: Linux, drivers/md/dm-snap-persistent.c.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lvm-remap.h"
#include "lunette/remap.h"

#define SNAP_MAGIC 0x70416e53u /* "SnAp" */
#define MAX_CHUNK  (1u << 20)  /* bytes; LVM makes 4 to 512 KiB */
#define MAX_RUNS   (4u << 20)  /* of 24 bytes each: 100 MB */

struct snap_header {
	uint32_t magic;   /* 0 */
	uint32_t valid;   /* 4: 0 once it ran full */
	uint32_t version; /* 8: 1 */
	uint32_t chunk;   /* 12: sectors */
} __attribute__((packed));

struct snap_exception {
	uint64_t old; /* 0: chunk of the origin */
	uint64_t new; /* 8: chunk of the store; 0 ends the table */
} __attribute__((packed));

/* Chunks that follow each other in both. */
struct exception_run {
	uint64_t old;
	uint64_t new;
	uint64_t n;
};

struct snapshot {
	struct remap remap;
	uint64_t chunk;
	size_t n_runs;
	struct exception_run *runs;
};

/* ---- reading the table ------------------------------------------------------------------------
 */

static int add_exception(struct snapshot *snap, uint64_t old, uint64_t new, struct error *err)
{
	size_t n = snap->n_runs;
	if (n > 0) {
		struct exception_run *last = &snap->runs[n - 1];
		if (last->old + last->n == old && last->new + last->n == new) {
			last->n++;
			return 0;
		}
	}
	if (n == MAX_RUNS)
		return error_set(err, -EFBIG, "snapshot: more than %u runs of chunks", MAX_RUNS);
	if (n == 0 || is_power_of_2(n)) {
		void *bigger = reallocarray(snap->runs, n ? 2 * n : 1, sizeof(*snap->runs));
		if (!bigger)
			return error_set(err, -ENOMEM, "snapshot of %zu runs: %m", n);
		snap->runs = bigger;
	}
	snap->runs[snap->n_runs++] = (struct exception_run){ old, new, 1 };
	return 0;
}

/* Return: 1 when the table goes on behind this area, 0 when it ends in it. */
static int read_area(struct snapshot *snap, const char *area, struct error *err)
{
	for (uint64_t off = 0; off < snap->chunk; off += sizeof(struct snap_exception)) {
		struct snap_exception e;
		memcpy(&e, area + off, sizeof(e));
		if (e.new == 0)
			return 0;
		int rc = add_exception(snap, le64toh(e.old), le64toh(e.new), err);
		if (rc < 0)
			return rc;
	}
	return 1;
}

static int read_header(struct blk *cow, struct snapshot *snap, struct error *err)
{
	struct snap_header h;
	int rc = blk_read(cow, &h, sizeof(h), 0, err);
	if (rc < 0)
		return error_wrap(err, rc, "snapshot");
	if (le32toh(h.magic) != SNAP_MAGIC || le32toh(h.version) != 1)
		return error_set(err, -EUCLEAN, "snapshot: its store is of an unknown kind");
	if (!le32toh(h.valid))
		return error_set(err, -ENODATA,
				 "the snapshot ran full on its host and lost its contents");
	snap->chunk = le32toh(h.chunk) * UINT64_C(512);
	if (!is_power_of_2(snap->chunk) || snap->chunk > MAX_CHUNK)
		return error_set(err, -EUCLEAN, "snapshot: chunks of %" PRIu64 " bytes",
				 snap->chunk);
	return 0;
}

static int run_by_old(const void *a, const void *b)
{
	const struct exception_run *x = a, *y = b;
	return x->old < y->old ? -1 : x->old > y->old;
}

/* An area of the table is a chunk, and describes the chunks up to the next area. */
static int read_table(struct blk *cow, struct snapshot *snap,
		      int (*metadata)(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
				      struct error *err),
		      void *ctx, struct error *err)
{
	CLEANUP(free_cleanup) char *area = malloc(snap->chunk);
	if (!area)
		return error_set(err, -ENOMEM, "snapshot: %m");
	uint64_t stride = snap->chunk + snap->chunk / sizeof(struct snap_exception) * snap->chunk;
	int more = metadata(ctx, cow, MIN(snap->chunk, cow->size), 0, err);
	if (more == 0)
		more = 1;
	for (uint64_t off = snap->chunk; more > 0 && range_inside(snap->chunk, off, cow->size);
	     off += stride) {
		int rc = blk_read(cow, area, snap->chunk, off, err);
		if (rc < 0)
			return error_wrap(err, rc, "snapshot");
		rc = metadata(ctx, cow, snap->chunk, off, err);
		if (rc < 0)
			return rc;
		more = read_area(snap, area, err);
	}
	if (more < 0)
		return more;
	if (snap->n_runs)
		qsort(snap->runs, snap->n_runs, sizeof(*snap->runs), run_by_old);
	for (size_t i = 1; i < snap->n_runs; i++)
		if (snap->runs[i].old - snap->runs[i - 1].old < snap->runs[i - 1].n)
			return error_set(err, -EUCLEAN,
					 "snapshot: chunk %" PRIu64 " is there twice",
					 snap->runs[i].old);
	return 0;
}

/* ---- reading through it -----------------------------------------------------------------------
 */

static int snapshot_place(const struct remap *remap, uint64_t off, struct remap_place *ret,
			  struct error *err)
{
	const struct snapshot *snap = (const struct snapshot *)remap;
	uint64_t chunk = off / snap->chunk, in = off % snap->chunk;
	size_t low = 0, high = snap->n_runs; /* the first run behind @chunk */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (snap->runs[middle].old <= chunk)
			low = middle + 1;
		else
			high = middle;
	}
	const struct exception_run *run = low ? &snap->runs[low - 1] : NULL;
	if (!run || chunk - run->old >= run->n) {
		uint64_t end = low < snap->n_runs ? snap->runs[low].old : UINT64_MAX;
		uint64_t length;
		if (__builtin_mul_overflow(end, snap->chunk, &length))
			length = UINT64_MAX;
		*ret = (struct remap_place){ length - off, remap->below[0], off };
		return 0;
	}
	uint64_t skip = chunk - run->old, start;
	if (__builtin_add_overflow(run->new, skip, &start) ||
	    __builtin_mul_overflow(start, snap->chunk, &start))
		return error_set(err, -EUCLEAN, "snapshot: chunk %" PRIu64 " is past the end",
				 run->new);
	/* At most what is in memory at once: n chunks do not overflow. */
	*ret = (struct remap_place){ (run->n - skip) * snap->chunk - in, remap->below[1],
				     start + in };
	return 0;
}

static void snapshot_free(struct remap *remap)
{
	struct snapshot *snap = (struct snapshot *)remap;
	free(snap->runs);
	free(snap);
}

static const struct remap_ops snapshot_ops = { .place = snapshot_place, .free = snapshot_free };

int lvm_snapshot_open(struct blk *origin, struct blk *cow,
		      int (*metadata)(void *ctx, struct blk *blk, uint64_t length, uint64_t off,
				      struct error *err),
		      void *ctx, struct blk **ret, struct error *err)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));
	if (!snap)
		return error_set(err, -ENOMEM, "snapshot: %m");
	remap_init(&snap->remap, &snapshot_ops, origin->size, origin->sector);
	remap_stand_on(&snap->remap, origin);
	remap_stand_on(&snap->remap, cow);
	CLEANUP(blk_unref_cleanup) struct blk *own = &snap->remap.blk;
	int rc = read_header(cow, snap, err);
	if (rc == 0)
		rc = read_table(cow, snap, metadata, ctx, err);
	if (rc < 0)
		return rc;
	*ret = steal(&own);
	return 0;
}
