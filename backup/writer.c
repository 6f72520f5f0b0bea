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

#include "ordered.h"
#include "writer.h"

#define JOB_SIZE   ((size_t)1 << 20)
#define JOB_CHUNKS (JOB_SIZE / REPO_CHUNK_MIN)
/* Reading on over a gap costs less than another request. */
#define GAP_GRANULES (((size_t)64 << 10) / PLAN_GRANULE)
#define RING_BYTES   ((size_t)48 << 20) /* of all jobs' buffers, if that gives every thread work */

enum outcome {
	CHUNK_UNUSED,
	CHUNK_UNCHANGED,
	CHUNK_ZERO,
	CHUNK_KNOWN,
	CHUNK_SEALED,
};

/**
 * struct job_chunk - a chunk of a job
 * @same: it must be as the parent has it
 * @verify: and is read all the same
 * @expected: what the parent has; of a chunk that is the same
 * @id: zero of one that is zero
 */
struct job_chunk {
	enum outcome outcome;
	size_t len;
	bool same;
	bool verify;
	struct chunk_id expected;
	struct chunk_id id;
	struct sealed sealed;
};

/**
 * struct job - a run of the disk
 * @off: on the disk, a multiple of the chunk size
 * @len: bytes; shorter than others at the end of the disk only
 * @read: bytes read from the source
 * @bits: granules that must be read, counted from @off
 * @data: @len bytes, as they will be stored
 * @seals: room for each chunk, sealed
 */
struct job {
	uint64_t off;
	size_t len;
	uint64_t read;
	struct job_chunk chunks[JOB_CHUNKS];
	uint64_t bits[BITS_WORDS(REPO_CHUNK_MAX / PLAN_GRANULE)];
	uint8_t *data;
	uint8_t *seals;
};

struct writer {
	struct repo *repo;
	struct repo_writer *to;
	const struct writer_options *opts;
	size_t job_size;
	size_t n_jobs;
	struct job *jobs;
	size_t n_sealers;
	struct sealer **sealers; /* one a worker, and the last one for chunk maps */
	struct plan_window *window;
	struct parent_window same; /* in that window */

	/* The disk at hand. */
	const struct plan *plan;
	struct parent *parent;
	size_t n_disk;
	const struct layout_disk *disk;
	uint64_t next_off; /* all before it has been given out or needs no job */
	struct chunkmap_builder *map;
	struct writer_stats *stats;
};

/* ---- buffers and tools ------------------------------------------------------------------------
 */

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->n_sealers; i++)
		sealer_free(writer->sealers[i]);
	for (size_t i = 0; i < writer->n_jobs; i++) {
		free(writer->jobs[i].data);
		free(writer->jobs[i].seals);
	}
	free(writer->sealers);
	free(writer->jobs);
	free(writer->window);
	free(writer);
}

static int make_tools(struct writer *writer, struct error *err)
{
	size_t threads = MAX(writer->opts->threads, 1u);
	size_t sealers = threads + 1;
	size_t depth = MAX(RING_BYTES / (2 * writer->job_size), threads + 2);
	writer->window = calloc(1, sizeof(*writer->window));
	writer->jobs = calloc(depth, sizeof(*writer->jobs));
	writer->sealers = calloc(sealers, sizeof(struct sealer *));
	if (!writer->window || !writer->jobs || !writer->sealers)
		return error_set(err, -ENOMEM, "buffers of %zu threads: %m", threads);
	for (; writer->n_jobs < depth; writer->n_jobs++) {
		struct job *job = &writer->jobs[writer->n_jobs];
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
	for (; writer->n_sealers < sealers; writer->n_sealers++) {
		int rc = sealer_new(writer->repo, writer->opts->level,
				    &writer->sealers[writer->n_sealers], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int writer_new(struct repo *repo, struct repo_writer *to, const struct writer_options *opts,
	       struct writer **ret, struct error *err)
{
	CLEANUP(writer_free_cleanup) struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return error_set(err, -ENOMEM, "writer: %m");
	writer->repo = repo;
	writer->to = to;
	writer->opts = opts;
	writer->job_size = MAX(JOB_SIZE, (size_t)repo_chunk_size(repo));
	int rc = make_tools(writer, err);
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
	writer->stats->used += window->used;
	writer->stats->zero += window->used - window->read;
	return 1;
}

/* Which of a job's chunks are the parent's. */
static void note_same(struct writer *writer, struct job *job)
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
	struct job *job = &writer->jobs[slot];
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
	job->read = 0;
	memcpy(job->bits, window->bits + g / 64, writer->job_size / PLAN_GRANULE / 8);
	writer->next_off = job->off + writer->job_size;
	note_same(writer, job);
	return 1;
}

/* ---- doing them: any thread -------------------------------------------------------------------
 */

static size_t granules(size_t bytes)
{
	return (bytes + PLAN_GRANULE - 1) / PLAN_GRANULE;
}

/* Reads what is used, and small gaps between. */
static int read_used(struct job *job, struct blk *disk, struct error *err)
{
	size_t n = granules(job->len);
	for (size_t g = 0; (g = bits_find(job->bits, g, n, true)) < n;) {
		size_t end, next = g;
		do {
			end = bits_find(job->bits, next, n, false);
			next = bits_find(job->bits, end, n, true);
		} while (next < n && next - end <= GAP_GRANULES);
		size_t off = g * PLAN_GRANULE;
		size_t len = MIN(end * PLAN_GRANULE, job->len) - off;
		int rc = blk_read(disk, job->data + off, len, job->off + off, err);
		if (rc < 0)
			return rc;
		job->read += len;
		g = end;
	}
	return 0;
}

/* Clears what is not used of granules from @g to before @to, whatever the buffer held before. */
static void clear_unused(struct job *job, size_t g, size_t to)
{
	while ((g = bits_find(job->bits, g, to, false)) < to) {
		size_t end = bits_find(job->bits, g, to, true);
		size_t off = g * PLAN_GRANULE;
		memset(job->data + off, 0, MIN(end * PLAN_GRANULE, job->len) - off);
		g = end;
	}
}

/* What the parent has is taken over unread, unless the repository has lost it. */
static int take_over(struct writer *writer, struct job *job, size_t off, struct error *err)
{
	size_t chunk_size = repo_chunk_size(writer->repo);
	struct job_chunk *chunk = &job->chunks[off / chunk_size];
	size_t g = off / PLAN_GRANULE, end = granules(off + chunk->len);
	if (!chunk->same || bits_find(job->bits, g, end, true) == end)
		return 0;
	int rc = parent_chunk(writer->parent, writer->n_disk, (job->off + off) / chunk_size,
			      &chunk->expected, err);
	if (rc < 0 || chunk->verify)
		return rc;
	bool zero = chunk_id_is_zero(&chunk->expected);
	if (!zero && !repo_writer_knows(writer->to, &chunk->expected))
		return 0;
	chunk->id = chunk->expected;
	chunk->outcome = zero ? CHUNK_ZERO : CHUNK_UNCHANGED;
	bits_put(job->bits, g, end, false);
	return 0;
}

/* Sees what a chunk that was read is; it is sealed if it is new. */
static int work_chunk(struct writer *writer, struct job *job, size_t off, struct sealer *sealer,
		      struct error *err)
{
	size_t chunk_size = repo_chunk_size(writer->repo), n = off / chunk_size;
	struct job_chunk *chunk = &job->chunks[n];
	size_t g = off / PLAN_GRANULE, end = granules(off + chunk->len);
	if (bits_find(job->bits, g, end, true) == end)
		return 0;
	clear_unused(job, g, end);
	if (is_all_zero(job->data + off, chunk->len)) {
		chunk->outcome = CHUNK_ZERO;
		return 0;
	}
	int rc = repo_identify(writer->repo, job->data + off, chunk->len, &chunk->id, err);
	if (rc < 0)
		return rc;
	if (repo_writer_knows(writer->to, &chunk->id)) {
		chunk->outcome = CHUNK_KNOWN;
		return 0;
	}
	chunk->outcome = CHUNK_SEALED;
	chunk->sealed.buf = job->seals + n * REPO_SEAL_BOUND(chunk_size);
	return sealer_seal(sealer, &chunk->id, job->data + off, chunk->len, &chunk->sealed, err);
}

/* A chunk that is the parent's and was read must be what the parent has. */
static int check_same(struct writer *writer, const struct job *job, size_t off, struct error *err)
{
	const struct job_chunk *chunk = &job->chunks[off / repo_chunk_size(writer->repo)];
	if (!chunk->same || chunk->outcome == CHUNK_UNUSED ||
	    memcmp(&chunk->id, &chunk->expected, sizeof(chunk->id)) == 0)
		return 0;
	return error_set(err, -EILSEQ,
			 "the list of changes is wrong: the %zu bytes at offset %" PRIu64
			 " have changed since restore point %.12s, and the list does not say so; "
			 "back up without it, and do not trust what it comes from",
			 chunk->len, job->off + off, parent_id(writer->parent));
}

static int work_job(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	struct writer *writer = ctx;
	struct job *job = &writer->jobs[slot];
	size_t chunk_size = repo_chunk_size(writer->repo);
	int rc = 0;
	for (size_t off = 0; rc == 0 && off < job->len; off += chunk_size) {
		struct job_chunk *chunk = &job->chunks[off / chunk_size];
		chunk->outcome = CHUNK_UNUSED;
		chunk->len = MIN(chunk_size, job->len - off);
		memset(&chunk->id, 0, sizeof(chunk->id));
		rc = take_over(writer, job, off, err);
	}
	if (rc == 0)
		rc = read_used(job, writer->disk->blk, err);
	for (size_t off = 0; rc == 0 && off < job->len; off += chunk_size) {
		rc = work_chunk(writer, job, off, writer->sealers[worker], err);
		if (rc == 0)
			rc = check_same(writer, job, off, err);
	}
	return rc;
}

/* ---- taking results: the caller's thread, in the order of the disk ----------------------------
 */

static int take_chunk(struct writer *writer, const struct job_chunk *chunk, uint64_t n,
		      struct error *err)
{
	struct writer_stats *stats = writer->stats;
	uint64_t stored = 0;
	int rc;
	switch (chunk->outcome) {
	case CHUNK_UNUSED:
		return 0;
	case CHUNK_ZERO:
		stats->zero += chunk->len;
		return 0;
	case CHUNK_UNCHANGED:
		stats->unchanged += chunk->len;
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
	*(stored ? &stats->added : &stats->known) += chunk->len;
	stats->stored += stored;
	return chunkmap_builder_set(writer->map, n, &chunk->id, err);
}

static int take_job(void *ctx, size_t slot, struct error *err)
{
	struct writer *writer = ctx;
	const struct job *job = &writer->jobs[slot];
	uint64_t chunk_size = repo_chunk_size(writer->repo);
	for (size_t off = 0; off < job->len; off += chunk_size) {
		int rc = take_chunk(writer, &job->chunks[off / chunk_size],
				    (job->off + off) / chunk_size, err);
		if (rc < 0)
			return rc;
	}
	writer->stats->read += job->read;
	if (writer->opts->progress)
		writer->opts->progress(writer->opts->progress_ctx, writer->stats);
	if (atomic_load_explicit(writer->opts->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	return 0;
}

static const struct ordered_ops writer_ops = {
	.next = next_job,
	.work = work_job,
	.take = take_job,
};

static int store_disk(struct writer *writer, struct chunk_id *ret_root, struct error *err)
{
	CLEANUP(chunkmap_builder_free_cleanup) struct chunkmap_builder *map = NULL;
	int rc =
		chunkmap_builder_new(writer->to, writer->sealers[writer->n_sealers - 1], &map, err);
	if (rc < 0)
		return rc;
	writer->map = map;
	rc = ordered_run(&writer_ops, writer, writer->opts->threads, writer->n_jobs, err);
	if (rc < 0)
		return rc;
	uint64_t chunk_size = repo_chunk_size(writer->repo);
	uint64_t n_chunks = (writer->disk->blk->size + chunk_size - 1) / chunk_size;
	uint64_t stored = 0;
	rc = chunkmap_builder_finish(map, n_chunks, ret_root, &stored, err);
	writer->stats->stored += stored;
	return rc;
}

int writer_disk(struct writer *writer, const struct plan *plan, struct parent *parent, size_t n,
		struct writer_stats *stats, struct chunk_id *ret_root, struct error *err)
{
	const struct layout_disk *disk = &plan->layout->disks[n];
	writer->plan = plan;
	writer->parent = parent;
	writer->n_disk = n;
	writer->disk = disk;
	writer->same = (struct parent_window){ 0 };
	writer->stats = stats;
	writer->next_off = 0;
	writer->window->off = 0;
	writer->window->length = 0;
	stats->size += disk->blk->size;
	int rc = store_disk(writer, ret_root, err);
	if (rc < 0 && rc != -EINTR)
		return error_wrap(err, rc, "%s ('%s')", disk->name, disk->source);
	return rc;
}
