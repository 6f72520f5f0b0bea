/* SPDX-License-Identifier: GPL-3.0-or-later */
/* restore - see restore.h. Workers read and look for zeros; the caller's thread writes in order. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lunette/bad-ranges.h"
#include "lunette/bits.h"
#include "lunette/blk-around.h"
#include "lunette/repo.h"
#include "lunette/target.h"
#include "lunette/ordered.h"
#include "lunette/restore.h"

#define JOB_MAX    ((size_t)REPO_CHUNK_MAX)
#define LOST_RUN   ((size_t)1 << 20) /* what is taken for data where it is not known what is */
#define BLOCK      ((size_t)4096)    /* zeros are looked for in blocks of this size */
#define JOB_BLOCKS (JOB_MAX / BLOCK)

/**
 * struct restore_job - a run of the blk
 * @zero: known to be zero, of any length; else @length is at most the size of a job
 * @bits: blocks that are not zero
 * @lost: what of it is, on the blk
 * @why: of the last one of them
 */
struct restore_job {
	uint64_t off;
	uint64_t length;
	bool zero;
	uint64_t bits[BITS_WORDS(JOB_BLOCKS)];
	struct bad_ranges lost;
	struct error why;
	uint8_t *data;
};

/**
 * struct restore - one copy on its way
 * @job_size: as @from prefers it, in whole steps
 * @fresh: what is not written to the target is zero
 * @off: all before it has been given out
 * @ext: the run at @off, where its length is not 0
 */
struct restore {
	struct blk *from;
	struct target *to;
	size_t job_size;
	bool fresh;
	const struct restore_options *opts;
	struct restore_stats *stats;
	size_t n_jobs;
	struct restore_job *jobs;
	uint64_t off;
	struct blk_extent ext;
};

/* Where the chunk map is lost there may be data, up to where the next node may begin. */
static int find_extent(struct blk *from, uint64_t off, bool skip_lost, struct blk_extent *ret,
		       struct error *err)
{
	int rc = blk_extent(from, off, ret, err);
	if (rc == 0 || !skip_lost || rc != -EUCLEAN)
		return rc;
	*ret = (struct blk_extent){ .length = MIN(LOST_RUN - off % LOST_RUN, from->size - off) };
	return 0;
}

static int next_job(void *ctx, size_t slot, struct error *err)
{
	struct restore *restore = ctx;
	struct restore_job *job = &restore->jobs[slot];
	struct blk_extent *ext = &restore->ext;
	if (atomic_load_explicit(restore->opts->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	if (restore->off == restore->from->size)
		return 0;
	if (ext->length == 0) {
		int rc = find_extent(restore->from, restore->off, restore->opts->lost, ext, err);
		if (rc < 0)
			return rc;
	}
	job->lost.n = 0;
	job->off = restore->off;
	job->zero = ext->zero;
	job->length = ext->length;
	if (!job->zero) /* up to the next multiple, so that jobs are whole chunks */
		job->length = MIN(job->length, restore->job_size - job->off % restore->job_size);
	restore->off += job->length;
	ext->length -= job->length;
	return 1;
}

static int lose(void *ctx, uint64_t length, uint64_t off, const struct error *why,
		struct error *err)
{
	struct restore_job *job = ctx;
	job->why = *why;
	return bad_ranges_add(&job->lost, length, off, err);
}

/* Step by step, each of which lies in one chunk: one that is lost is zero, and of one that is
 * there, what was not read when it was backed up. */
static int read_steps(const struct restore *restore, struct restore_job *job, struct error *err)
{
	size_t len = (size_t)job->length;
	const struct blk_around around = { .bad = lose, .ctx = job };
	int rc = 0;
	for (size_t at = 0, n; rc == 0 && at < len; at += n) {
		struct error why = { 0 };
		uint64_t off = job->off + at;
		n = MIN(len - at, REPO_CHUNK_MIN - (size_t)(off % REPO_CHUNK_MIN));
		rc = blk_read_around(restore->from, job->data + at, n, off, &around, &why);
		if (rc == -EUCLEAN) { /* also what was told of it before this was met */
			bad_ranges_cut(&job->lost, off);
			memset(job->data + at, 0, n);
			rc = lose(job, n, off, &why, err);
		} else if (rc < 0) {
			error_copy(err, rc, &why);
		}
	}
	return rc;
}

static int work_job(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	(void)worker;
	struct restore *restore = ctx;
	struct restore_job *job = &restore->jobs[slot];
	if (job->zero)
		return 0;
	size_t len = (size_t)job->length;
	int rc = blk_read(restore->from, job->data, len, job->off, err);
	if (restore->opts->lost && (rc == -EUCLEAN || rc == -EIO))
		rc = read_steps(restore, job, err);
	if (rc < 0)
		return rc;
	for (size_t b = 0; b * BLOCK < len; b++) {
		size_t n = MIN(BLOCK, len - b * BLOCK);
		bits_put(job->bits, b, b + 1, !is_all_zero(job->data + b * BLOCK, n));
	}
	return 0;
}

static int write_job(struct restore *restore, const struct restore_job *job, struct error *err)
{
	size_t len = (size_t)job->length;
	size_t n = (len + BLOCK - 1) / BLOCK;
	for (size_t b = 0, end; b < n; b = end) {
		bool data = job->bits[b / 64] >> (b % 64) & 1;
		end = bits_find(job->bits, b, n, !data);
		size_t off = b * BLOCK;
		size_t size = MIN(end * BLOCK, len) - off;
		int rc = 0;
		if (data)
			rc = target_write(restore->to, job->data + off, size, job->off + off, err);
		else if (!restore->fresh)
			rc = target_zero(restore->to, size, job->off + off, err);
		if (rc < 0)
			return rc;
		restore->stats->written += data ? size : 0;
	}
	return 0;
}

static void tell_lost(const struct restore *restore, const struct restore_job *job)
{
	for (size_t i = 0; i < job->lost.n; i++) {
		const struct bad_range *range = &job->lost.ranges[i];
		restore->opts->lost(restore->opts->lost_ctx, range->length, range->start,
				    &job->why);
		restore->stats->lost += range->length;
	}
}

static int take_job(void *ctx, size_t slot, struct error *err)
{
	struct restore *restore = ctx;
	const struct restore_job *job = &restore->jobs[slot];
	if (job->zero && restore->fresh)
		return 0;
	if (job->zero)
		return target_zero(restore->to, job->length, job->off, err);
	tell_lost(restore, job);
	int rc = write_job(restore, job, err);
	if (rc < 0)
		return rc;
	restore->stats->read += job->length;
	if (restore->opts->progress)
		restore->opts->progress(restore->opts->progress_ctx, restore->stats->read);
	return 0;
}

static const struct ordered_ops restore_ops = {
	.next = next_job,
	.work = work_job,
	.take = take_job,
};

static void restore_cleanup(struct restore *restore)
{
	for (size_t i = 0; i < restore->n_jobs; i++) {
		bad_ranges_clear(&restore->jobs[i].lost);
		free(restore->jobs[i].data);
	}
	free(restore->jobs);
}

static int copy(struct blk *from, struct target *to, bool fresh, const struct restore_options *opts,
		struct restore_stats *stats, struct error *err)
{
	size_t depth = 2 * (size_t)opts->threads + from->depth;
	size_t steps = MAX((size_t)from->preferred / REPO_CHUNK_MIN, (size_t)1);
	CLEANUP(restore_cleanup)
	struct restore restore = {
		.from = from,
		.to = to,
		.job_size = MIN(steps * REPO_CHUNK_MIN, JOB_MAX),
		.fresh = fresh,
		.opts = opts,
		.stats = stats,
	};
	restore.jobs = calloc(depth, sizeof(*restore.jobs));
	if (!restore.jobs)
		return error_set(err, -ENOMEM, "%zu buffers: %m", depth);
	for (; restore.n_jobs < depth; restore.n_jobs++) {
		restore.jobs[restore.n_jobs].data = malloc(restore.job_size);
		if (!restore.jobs[restore.n_jobs].data)
			return error_set(err, -ENOMEM, "%zu buffers: %m", depth);
	}
	int rc = ordered_run(&restore_ops, &restore, opts->threads, depth, err);
	return rc < 0 ? rc : target_flush(to, err);
}

int restore_total(struct blk *from, bool skip_lost, uint64_t *ret, struct error *err)
{
	uint64_t total = 0;
	struct blk_extent ext;
	for (uint64_t off = 0; off < from->size; off += ext.length) {
		int rc = find_extent(from, off, skip_lost, &ext, err);
		if (rc < 0)
			return rc;
		total += ext.zero ? 0 : ext.length;
	}
	*ret = total;
	return 0;
}

int restore_to(struct blk *from, const char *path, const struct restore_options *opts,
	       struct restore_stats *stats, struct error *err)
{
	struct stat st;
	bool device = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
	CLEANUP(target_free_cleanup) struct target *to = NULL;
	*stats = (struct restore_stats){ .size = from->size };
	int rc = device ? target_device_open(path, from->size, &to, err)
			: target_file_create(path, from->size, &to, err);
	if (rc < 0)
		return rc;
	rc = copy(from, to, !device, opts, stats, err);
	if (rc == 0)
		return 0;
	if (device)
		return error_wrap(err, rc, "the restore is not complete: do not use '%s'", path);
	if (unlink(path) < 0)
		return error_wrap(err, rc,
				  "the restore is not complete: remove '%s', do not use it", path);
	return error_wrap(err, rc, "the restore is not complete, and '%s' is removed again", path);
}

int restore_stream(struct blk *from, const struct restore_options *opts,
		   struct restore_stats *stats, struct error *err)
{
	CLEANUP(target_free_cleanup) struct target *to = NULL;
	*stats = (struct restore_stats){ .size = from->size };
	int rc = target_stream_open(STDOUT_FILENO, from->size, &to, err);
	if (rc == 0)
		rc = copy(from, to, false, opts, stats, err);
	return rc < 0 ? error_wrap(err, rc,
				   "the restore is not complete: do not use what was written")
		      : 0;
}
