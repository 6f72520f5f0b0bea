/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * restore - writes a disk or a volume of a restore point to a new image file, a block device or a
 * pipe.
 *
 * It is given a blk, so a volume is no more work than a disk. Every chunk is checked against its id
 * as it is read, and what is zero is not written.
 */
#ifndef LUNETTE_RESTORE_H
#define LUNETTE_RESTORE_H

#include <stdatomic.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"

/**
 * struct restore_options - how to do it
 * @threads: workers that read; 0 does all in the caller's thread
 * @stop: set by anybody, and it ends with -EINTR
 * @lost: told, in order and from the caller's thread, of each range that the repository has lost,
 *        or never had, since it could not be read; then zeros stand there, and the restore goes on.
 *        NULL: such a range is an error
 * @progress: told how much has been read, from the caller's thread; may be NULL
 */
struct restore_options {
	unsigned int threads;
	const atomic_bool *stop;
	void (*lost)(void *ctx, uint64_t length, uint64_t off, const struct error *why);
	void *lost_ctx;
	void (*progress)(void *ctx, uint64_t done);
	void *progress_ctx;
};

/**
 * struct restore_stats - what was done
 * @size: bytes of the target
 * @read: bytes of chunks that are stored
 * @written: bytes written; all others are zero
 * @lost: bytes that are zero because they are lost
 */
struct restore_stats {
	uint64_t size;
	uint64_t read;
	uint64_t written;
	uint64_t lost;
};

/**
 * restore_total() - how many bytes will be read, for showing progress
 * @skip_lost: what is lost counts as if it were there
 */
int restore_total(struct blk *from, bool skip_lost, uint64_t *ret, struct error *err);

/**
 * restore_to() - copy a blk to a target, and have it on stable storage
 * @path: a block device, or a file that does not exist; a file is removed again on failure
 * @stats: filled in while it goes on
 *
 * Return: 0; -EEXIST when there is such a file; -EINTR when told to stop; ... Any error after the
 * target was opened says what became of it.
 */
int restore_to(struct blk *from, const char *path, const struct restore_options *opts,
	       struct restore_stats *stats, struct error *err);

/**
 * restore_stream() - write all of a blk to the standard output, from its beginning to its end
 *
 * Return: as restore_to(); -EPIPE when nobody reads it any more.
 */
int restore_stream(struct blk *from, const struct restore_options *opts,
		   struct restore_stats *stats, struct error *err);

#endif
