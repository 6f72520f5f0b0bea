/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer - see writer.h.
 *
 * All buffers are made once and used again: a page that is touched for the first time costs more
 * than hashing it does.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/clock.h"
#include "lunette/ordered.h"
#include "writer-private.h"

#define RING_BYTES ((size_t)48 << 20) /* of all jobs' buffers, unless it is said */

/* ---- buffers and tools ------------------------------------------------------------------------
 */

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->n_sealers; i++)
		sealer_free(writer->sealers[i]);
	sealer_free(writer->map_sealer);
	for (size_t i = 0; i < writer->n_jobs; i++) {
		free(writer->jobs[i].data);
		free(writer->jobs[i].seals);
		bad_ranges_clear(&writer->jobs[i].bad);
	}
	pthread_cond_destroy(&writer->idle);
	pthread_mutex_destroy(&writer->lock);
	free(writer->sealers);
	free(writer->jobs);
	free(writer->window);
	free(writer);
}

static int make_jobs(struct writer *writer, size_t depth, struct error *err)
{
	writer->window = calloc(1, sizeof(*writer->window));
	writer->jobs = calloc(depth, sizeof(*writer->jobs));
	if (!writer->window || !writer->jobs)
		return error_set(err, -ENOMEM, "buffers: %m");
	for (; writer->n_jobs < depth; writer->n_jobs++) {
		struct writer_job *job = &writer->jobs[writer->n_jobs];
		job->data = malloc(writer->job_size);
		job->seals = malloc(writer->job_size / repo_chunk_size(writer->repo) *
				    REPO_SEAL_BOUND(repo_chunk_size(writer->repo)));
		if (!job->data || !job->seals) {
			free(job->data);
			free(job->seals);
			return error_set(err, -ENOMEM, "%zu buffers of %zu bytes: %m", 2 * depth,
					 writer->job_size);
		}
	}
	return 0;
}

static int make_sealers(struct writer *writer, size_t n, struct error *err)
{
	int rc = sealer_new(writer->repo, writer->opts->level, &writer->map_sealer, err);
	if (rc < 0)
		return rc;
	writer->sealers = calloc(n, sizeof(struct sealer *));
	if (!writer->sealers)
		return error_set(err, -ENOMEM, "tools of %zu threads: %m", n);
	for (; rc == 0 && writer->n_sealers < n; writer->n_sealers += rc == 0)
		rc = sealer_new(writer->repo, writer->opts->level,
				&writer->sealers[writer->n_sealers], err);
	writer->n_idle = writer->n_sealers;
	return rc;
}

/* How many jobs the memory that may be used has room for. */
static int count_jobs(const struct writer *writer, size_t *ret, struct error *err)
{
	uint64_t memory = writer->opts->memory;
	size_t each = 2 * writer->job_size;
	*ret = (size_t)(memory / each);
	if (memory == 0)
		*ret = MAX(RING_BYTES / each, (size_t)writer->opts->threads + 2);
	if (*ret < WRITER_JOBS_MIN)
		return error_set(err, -EINVAL,
				 "%" PRIu64 " MiB of memory are not enough: this repository's "
				 "chunks need at least %zu MiB",
				 memory >> 20, WRITER_JOBS_MIN * each >> 20);
	return 0;
}

/* As the disks want to be read, in whole chunks, and so that a window is a whole number of jobs. */
static size_t job_size(const struct layout *layout, size_t chunk_size)
{
	size_t preferred = 0, size = chunk_size;
	for (size_t i = 0; i < layout->n_disks; i++)
		preferred = MAX(preferred, (size_t)layout->disks[i].blk->preferred);
	while (2 * size <= MIN(preferred, (size_t)REPO_CHUNK_MAX))
		size *= 2;
	return size;
}

int writer_new(struct repo *repo, struct repo_writer *to, const struct layout *layout,
	       const struct writer_options *opts, struct writer **ret, struct error *err)
{
	CLEANUP(writer_free_cleanup) struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return error_set(err, -ENOMEM, "writer: %m");
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->idle, NULL);
	limit_init(&writer->limit, opts->limit);
	writer->repo = repo;
	writer->to = to;
	writer->opts = opts;
	writer->job_size = job_size(layout, repo_chunk_size(repo));
	size_t depth;
	int rc = count_jobs(writer, &depth, err);
	if (rc == 0)
		rc = make_jobs(writer, depth, err);
	if (rc == 0)
		rc = make_sealers(writer, MAX(opts->threads, 1u), err);
	if (rc < 0)
		return rc;
	*ret = steal(&writer);
	return 0;
}

/* ---- giving out jobs: the caller's thread -----------------------------------------------------
 */

static int next_window(struct writer *writer, struct error *err)
{
	if (atomic_load_explicit(writer->opts->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	if (writer->next_off >= writer->disk->blk->size)
		return 0;
	struct plan_window *window = writer->window;
	int rc = plan_window(writer->plan, writer->disk, writer->next_off, window, err);
	if (rc == 0 && writer->parent)
		rc = parent_window(writer->parent, writer->n_disk, window, &writer->same, err);
	if (rc < 0)
		return rc;
	writer->stats->used += window->read;
	writer->stats->unmapped += window->used - window->read;
	writer->stats->excluded += window->excluded;
	writer->stats->free += window->free;
	writer->stats->skipped += window->length - window->used - window->excluded - window->free;
	writer->stats->planned += window->length;
	writer->stats->wanted += window->read - writer->same.spared;
	return 1;
}

/* Which of a job's chunks are the parent's. */
static void note_same(struct writer *writer, struct writer_job *job)
{
	size_t chunk_size = repo_chunk_size(writer->repo);
	size_t first = (size_t)(job->off - writer->window->off) / chunk_size;
	for (size_t i = 0; i * chunk_size < job->len; i++) {
		size_t n = first + i;
		job->chunks[i].same = bits_find(writer->same.same, n, n + 1, true) == n;
		job->chunks[i].verify = bits_find(writer->same.verify, n, n + 1, true) == n;
	}
}

/* Skips what needs no reading; a window is a whole number of jobs, and a job of words of bits. */
static int next_job(void *ctx, size_t slot, struct error *err)
{
	struct writer *writer = ctx;
	struct plan_window *window = writer->window;
	struct writer_job *job = &writer->jobs[slot];
	size_t g;
	for (;;) {
		size_t n = (size_t)((window->length + PLAN_GRANULE - 1) / PLAN_GRANULE);
		g = bits_find(window->bits,
			      (size_t)((writer->next_off - window->off) / PLAN_GRANULE), n, true);
		if (g < n)
			break;
		writer->next_off = window->off + window->length;
		int rc = next_window(writer, err);
		if (rc <= 0)
			return rc;
	}
	g -= g % (writer->job_size / PLAN_GRANULE);
	job->off = window->off + (uint64_t)g * PLAN_GRANULE;
	job->len = (size_t)MIN((uint64_t)writer->job_size, writer->disk->blk->size - job->off);
	memcpy(job->bits, window->bits + g / 64, writer->job_size / PLAN_GRANULE / 8);
	writer->next_off = job->off + writer->job_size;
	note_same(writer, job);
	return 1;
}

/* ---- taking results: the caller's thread, in the order of the disk ----------------------------
 */

static int take_chunk(struct writer *writer, const struct writer_chunk *chunk, uint64_t n,
		      struct error *err)
{
	struct writer_stats *stats = writer->stats;
	uint64_t stored = 0;
	int rc;
	switch (chunk->outcome) {
	case CHUNK_UNUSED:
		return 0;
	case CHUNK_ZERO:
		stats->zero += chunk->used;
		return 0;
	case CHUNK_UNCHANGED:
		stats->unchanged += chunk->used;
		return chunkmap_builder_set(writer->map, n, &chunk->id, err);
	case CHUNK_KNOWN:
		break;
	case CHUNK_SEALED:
		rc = repo_writer_add(writer->to, &chunk->id, &chunk->sealed, chunk->len, &stored,
				     err);
		if (rc < 0)
			return rc;
		break;
	}
	*(stored ? &stats->added : &stats->known) += chunk->used;
	stats->stored += stored;
	return chunkmap_builder_set(writer->map, n, &chunk->id, err);
}

static int take_bad(struct writer *writer, const struct writer_job *job, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < job->bad.n; i++) {
		const struct bad_range *range = &job->bad.ranges[i];
		rc = bad_ranges_add(writer->bad, range->length, range->start, err);
		writer->stats->unreadable += range->length;
	}
	return rc;
}

static void take_times(struct writer_times *times, const struct writer_times *of_job)
{
	times->limit += of_job->limit;
	times->read += of_job->read;
	times->hash += of_job->hash;
	times->compress += of_job->compress;
}

static void show_progress(const struct writer *writer)
{
	if (writer->opts->progress)
		writer->opts->progress(writer->opts->progress_ctx, writer->stats);
}

static int take_job(void *ctx, size_t slot, struct error *err)
{
	struct writer *writer = ctx;
	const struct writer_job *job = &writer->jobs[slot];
	uint64_t chunk_size = repo_chunk_size(writer->repo), begin = clock_now_ns();
	int rc = 0;
	for (size_t off = 0; rc == 0 && off < job->len; off += chunk_size)
		rc = take_chunk(writer, &job->chunks[off / chunk_size],
				(job->off + off) / chunk_size, err);
	if (rc == 0)
		rc = take_bad(writer, job, err);
	if (rc == 0)
		rc = repo_writer_checkpoint(writer->to, err);
	if (rc < 0)
		return rc;
	take_times(&writer->stats->times, &job->times);
	writer->stats->times.add += clock_now_ns() - begin;
	writer->stats->read += job->read;
	writer->stats->gaps += job->gaps;
	show_progress(writer);
	if (atomic_load_explicit(writer->opts->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	return 0;
}

static const struct ordered_ops writer_ops = {
	.next = next_job,
	.work = writer_work,
	.take = take_job,
};

static void tell_bad(const struct writer *writer)
{
	for (size_t i = 0; i < writer->bad->n; i++)
		writer->opts->unreadable(writer->opts->unreadable_ctx, writer->disk->name,
					 writer->bad->ranges[i].length,
					 writer->bad->ranges[i].start);
}

static int store_disk(struct writer *writer, struct chunk_id *ret_root, struct error *err)
{
	CLEANUP(chunkmap_builder_free_cleanup) struct chunkmap_builder *map = NULL;
	int rc = chunkmap_builder_new(writer->to, writer->map_sealer, &map, err);
	if (rc < 0)
		return rc;
	writer->map = map;
	rc = ordered_run(&writer_ops, writer, writer->opts->threads ? writer->readers : 0,
			 writer->n_jobs, err);
	if (rc < 0)
		return rc;
	show_progress(writer); /* all of this disk is planned by now */
	tell_bad(writer);
	uint64_t chunk_size = repo_chunk_size(writer->repo);
	uint64_t n_chunks = (writer->disk->blk->size + chunk_size - 1) / chunk_size;
	uint64_t stored = 0;
	rc = chunkmap_builder_finish(map, n_chunks, ret_root, &stored, err);
	writer->stats->stored += stored;
	return rc;
}

int writer_disk(struct writer *writer, const struct plan *plan, struct parent *parent, size_t n,
		struct writer_stats *stats, struct bad_ranges *bad, struct chunk_id *ret_root,
		struct error *err)
{
	const struct layout_disk *disk = &plan->layout->disks[n];
	writer->plan = plan;
	writer->parent = parent;
	writer->n_disk = n;
	writer->disk = disk;
	writer->same = (struct parent_window){ 0 };
	writer->bad = bad;
	writer->stats = stats;
	/* A source answers several requests at once: so many are read while others are computed. */
	writer->readers =
		(unsigned int)MIN((size_t)writer->opts->threads + disk->blk->depth, writer->n_jobs);
	writer->next_off = 0;
	writer->window->off = 0;
	writer->window->length = 0;
	stats->times.readers = writer->readers;
	stats->times.threads = (unsigned int)writer->n_sealers;
	int rc = store_disk(writer, ret_root, err);
	if (rc < 0 && rc != -EINTR)
		return error_wrap(err, rc, "%s ('%s')", disk->name, disk->source);
	return rc;
}
