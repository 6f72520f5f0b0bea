/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer-bad - reads a disk that may have bad sectors: see writer-private.h.
 *
 * A failing disk takes seconds for each read that fails, and one that is dead fails for ever. So
 * what cannot be read is counted in reads, not in bytes, over all disks and threads.
 */
#include <errno.h>
#include <inttypes.h>

#include "lunette/blk-around.h"
#include "writer-private.h"

struct bad_reading {
	struct writer *writer;
	struct writer_job *job;
};

static int on_failed(void *ctx, const struct error *why, struct error *err)
{
	struct writer *writer = ((struct bad_reading *)ctx)->writer;
	if (atomic_load_explicit(writer->opts->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	if (atomic_fetch_add(&writer->n_failed, 1) < WRITER_FAILED_MAX)
		return 0;
	return error_set(err, -EIO,
			 "given up after %u reads that failed: these are more than bad sectors: %s",
			 WRITER_FAILED_MAX, why->msg);
}

static int on_bad(void *ctx, uint64_t length, uint64_t off, const struct error *why,
		  struct error *err)
{
	struct bad_reading *reading = ctx;
	if (reading->writer->opts->unreadable)
		return bad_ranges_add(&reading->job->bad, length, off, err);
	return error_set(err, -EIO,
			 "%" PRIu64 " bytes at offset %" PRIu64
			 " cannot be read (with --skip-bad a backup saves the rest): %s",
			 length, off, why->msg);
}

int writer_read_around(struct writer *writer, struct writer_job *job, size_t len, size_t off,
		       struct error *err)
{
	struct bad_reading reading = { writer, job };
	const struct blk_around around = { on_failed, on_bad, &reading };
	return blk_read_around(writer->disk->blk, job->data + off, len, job->off + off, &around,
			       err);
}
