/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer - reads a disk as planned and puts it into the repository.
 *
 * A job is a run of a disk, as long as its source prefers, or one chunk. Workers read what is used
 * of it, clear what is not, so that deleted garbage is neither stored nor leaked, and identify and
 * seal its chunks; in the order of the disk one thread adds them and notes them in the chunk map.
 * What is stored therefore does not depend on the number of workers. What must be as the parent has
 * it is not read but looked up in the parent's chunk map; if the repository does not hold such a
 * chunk any more, it is read after all.
 */
#ifndef LUNETTE_WRITER_H
#define LUNETTE_WRITER_H

#include <stdatomic.h>
#include <stdint.h>

#include "lunette/bad-ranges.h"
#include "lunette/repo.h"
#include "lunette/parent.h"
#include "lunette/plan.h"
#include "lunette/writer-stats.h"

/* So many reads of all disks may fail before they are given up, each try of a smaller piece being
 * one: some 800 bad sectors that lie apart, or 3000 that do not. */
#define WRITER_FAILED_MAX 4096u

/* So many jobs must fit in memory: one is read while the other is computed. */
#define WRITER_JOBS_MIN 2

/* Bytes of memory that are enough for every repository and every disk: a job is read into one piece
 * and computed into another one. */
#define WRITER_MEMORY_ENOUGH (WRITER_JOBS_MIN * 2 * (uint64_t)REPO_CHUNK_MAX)

/**
 * struct writer_options - how to do it
 * @level: of compression
 * @threads: that compute at once; 0 does all in the caller's thread, with the same result
 * @memory: bytes for buffers; 0: a default that is good for all but many threads
 * @limit: bytes a second that are read, at most; 0: as fast as can be
 * @stop: set by anybody, and it ends with -EINTR
 * @unreadable: told, from the caller's thread, when a disk is done, of each range in use that could
 *              not be read; zeros stand for it. NULL: that is an error
 * @progress: told of each run of a disk that is done, and when the disk is, from the caller's
 *            thread; may be NULL
 */
struct writer_options {
	int level;
	unsigned int threads;
	uint64_t memory;
	uint64_t limit;
	const atomic_bool *stop;
	void (*unreadable)(void *ctx, const char *disk, uint64_t length, uint64_t off);
	void *unreadable_ctx;
	void (*progress)(void *ctx, const struct writer_stats *stats);
	void *progress_ctx;
};

struct writer;

/**
 * writer_new() - buffers and threads' tools, for one disk after the other
 * @repo: must outlive the writer, as must @to and @opts
 * @layout: of the plans that are to come: how its disks are best read
 *
 * Return: 0; -EINVAL when the memory is not enough for the chunks of this repository; ...
 */
int writer_new(struct repo *repo, struct repo_writer *to, const struct layout *layout,
	       const struct writer_options *opts, struct writer **ret, struct error *err);
void writer_free(struct writer *writer); /* may be NULL */
DEFINE_CLEANUP(struct writer *, writer_free)

/**
 * writer_disk() - store one disk
 * @parent: of the same plan; NULL when all is to be read
 * @disk: number in the plan's layout
 * @stats: added to, while it goes on, but for @size, which is that of all the disks there are
 * @bad: empty; what could not be read is added to it
 * @ret_root: of its chunk map
 *
 * Return: 0; -EINTR when told to stop; -EILSEQ when a chunk that was said to be unchanged is not;
 * -EIO when something cannot be read and that is an error, or too much cannot be; the source's
 * error, or the repository's.
 */
int writer_disk(struct writer *writer, const struct plan *plan, struct parent *parent, size_t disk,
		struct writer_stats *stats, struct bad_ranges *bad, struct chunk_id *ret_root,
		struct error *err);

#endif
