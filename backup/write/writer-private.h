/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer-private - what the files of the writer share: a job, and what is at hand to do it with.
 *
 * writer.c gives jobs out and takes them back, in order, in the caller's thread; writer-work.c does
 * them, in any thread; writer-bad.c reads what is hard to read.
 */
#ifndef WRITER_PRIVATE_H
#define WRITER_PRIVATE_H

#include <pthread.h>

#include "lunette/bad-ranges.h"
#include "lunette/limit.h"
#include "lunette/writer.h"

#define JOB_CHUNKS (REPO_CHUNK_MAX / REPO_CHUNK_MIN)

enum chunk_outcome {
	CHUNK_UNUSED,
	CHUNK_UNCHANGED,
	CHUNK_ZERO,
	CHUNK_KNOWN,
	CHUNK_SEALED,
};

/**
 * struct writer_chunk - a chunk of a job
 * @used: bytes that the plan wants read, of @len
 * @same: it must be as the parent has it
 * @verify: and is read all the same
 * @expected: what the parent has; of a chunk that is the same
 * @id: zero of one that is zero
 */
struct writer_chunk {
	enum chunk_outcome outcome;
	size_t len;
	size_t used;
	bool same;
	bool verify;
	struct chunk_id expected;
	struct chunk_id id;
	struct sealed sealed;
};

/**
 * struct writer_job - a run of the disk
 * @off: on the disk, a multiple of the chunk size
 * @len: bytes; shorter than others at the end of the disk only
 * @read: bytes read from the source
 * @gaps: of them, those that are not in use
 * @bad: of what is in use, on the disk, what cannot be read; zeros in @data
 * @times: what this job took
 * @bits: granules that must be read, counted from @off
 * @data: @len bytes, as they will be stored
 * @seals: room for each chunk, sealed
 */
struct writer_job {
	uint64_t off;
	size_t len;
	uint64_t read;
	uint64_t gaps;
	struct bad_ranges bad;
	struct writer_times times;
	struct writer_chunk chunks[JOB_CHUNKS];
	uint64_t bits[BITS_WORDS(REPO_CHUNK_MAX / PLAN_GRANULE)];
	uint8_t *data;
	uint8_t *seals;
};

/**
 * struct writer - one run
 * @job_size: a power of two, at least a chunk
 * @readers: threads: as many jobs of the disk at hand are being read or computed at once
 * @sealers: one a job that is being computed
 * @n_idle: of @sealers, those at its beginning that nobody uses; guarded by @lock
 * @map_sealer: for chunk maps
 * @n_failed: reads of all disks, as they were tried in ever smaller pieces
 * @bad: of the disk at hand, what cannot be read: the caller's
 */
struct writer {
	struct repo *repo;
	struct repo_writer *to;
	const struct writer_options *opts;
	struct limit limit;
	size_t job_size;
	size_t n_jobs;
	struct writer_job *jobs;
	unsigned int readers;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	size_t n_sealers;
	size_t n_idle;
	struct sealer **sealers;
	struct sealer *map_sealer;
	atomic_uint n_failed;
	struct plan_window *window;
	struct parent_window same; /* in that window */

	/* The disk at hand. */
	const struct plan *plan;
	struct parent *parent;
	size_t n_disk;
	const struct layout_disk *disk;
	uint64_t next_off; /* all before it has been given out or needs no job */
	struct chunkmap_builder *map;
	struct bad_ranges *bad;
	struct writer_stats *stats;
};

/* ---- writer-bad.c ---- */

/* Reads a run of a job, and notes what of it cannot be read, if that is no error. @off: in the job.
 */
int writer_read_around(struct writer *writer, struct writer_job *job, size_t len, size_t off,
		       struct error *err);

/* ---- writer-work.c ---- */

/* Reads a job, sees what its chunks are, and seals those that are new. See ordered_ops. */
int writer_work(void *ctx, size_t slot, unsigned int worker, struct error *err);

static inline size_t granules(size_t bytes)
{
	return (bytes + PLAN_GRANULE - 1) / PLAN_GRANULE;
}

#endif
