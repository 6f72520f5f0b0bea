/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer-work - what is done with a job, by any thread: see writer-private.h.
 *
 * There are more threads than may compute: those that have read their job wait for a sealer, of
 * which there is one a processor. So the source always has requests, a job's bytes are still in the
 * cache of the processor that read them when it hashes them, and no stage needs threads or a queue
 * of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "writer-private.h"
#include "lunette/clock.h"

/* Reading on over a gap costs less than another request. */
#define GAP_GRANULES (((size_t)64 << 10) / PLAN_GRANULE)

static uint64_t lap(uint64_t *since)
{
	uint64_t was = *since;
	*since = clock_now_ns();
	return *since - was;
}

typedef int read_fn(struct writer *writer, struct writer_job *job, size_t len, size_t off,
		    struct error *err);

static int read_at_once(struct writer *writer, struct writer_job *job, size_t len, size_t off,
			struct error *err)
{
	return blk_read(writer->disk->blk, job->data + off, len, job->off + off, err);
}

/* Not more at once than the limit lets flow evenly. */
static int read_run(struct writer *writer, struct writer_job *job, size_t len, size_t off,
		    read_fn *read, struct error *err)
{
	size_t piece = limit_piece(&writer->limit);
	uint64_t since = clock_now_ns();
	for (size_t end = off + len; off < end; off += len) {
		len = MIN(end - off, piece);
		int rc = 0;
		if (writer->limit.rate) {
			rc = limit_wait(&writer->limit, len, writer->opts->stop, err);
			job->times.limit += lap(&since);
		}
		if (rc == 0)
			rc = read(writer, job, len, off, err);
		job->times.read += lap(&since);
		if (rc < 0)
			return rc;
		job->read += len;
	}
	return 0;
}

/* Bytes that must be read, from granule @g to before @to; the disk's last one may be short. */
static size_t used_bytes(const struct writer_job *job, size_t g, size_t to)
{
	size_t bytes = bits_count(job->bits, g, to) * PLAN_GRANULE;
	size_t over = to * PLAN_GRANULE > job->len ? to * PLAN_GRANULE - job->len : 0;
	return over && bits_find(job->bits, to - 1, to, true) < to ? bytes - over : bytes;
}

static int read_granules(struct writer *writer, struct writer_job *job, size_t g, size_t end,
			 read_fn *read, struct error *err)
{
	size_t off = g * PLAN_GRANULE;
	return read_run(writer, job, MIN(end * PLAN_GRANULE, job->len) - off, off, read, err);
}

/* Granules from @g to before @to, of which the first is used. What nobody uses may be bad. */
static int read_over_gaps(struct writer *writer, struct writer_job *job, size_t g, size_t to,
			  struct error *err)
{
	size_t end = bits_find(job->bits, g, to, false);
	if (end < to) {
		uint64_t before = job->read;
		int rc = read_granules(writer, job, g, to, read_at_once, err);
		if (rc != -EIO)
			return rc;
		job->read = before;
	}
	int rc = 0;
	for (; rc == 0 && g < to; g = bits_find(job->bits, end, to, true)) {
		end = bits_find(job->bits, g, to, false);
		rc = read_granules(writer, job, g, end, writer_read_around, err);
	}
	return rc;
}

/* Reads what is used, and small gaps between. */
static int read_used(struct writer *writer, struct writer_job *job, struct error *err)
{
	size_t n = granules(job->len);
	for (size_t g = 0; (g = bits_find(job->bits, g, n, true)) < n;) {
		size_t end, next = g;
		do {
			end = bits_find(job->bits, next, n, false);
			next = bits_find(job->bits, end, n, true);
		} while (next < n && next - end <= GAP_GRANULES);
		int rc = read_over_gaps(writer, job, g, end, err);
		if (rc < 0)
			return rc;
		g = end;
	}
	job->gaps = job->read - used_bytes(job, 0, n);
	return 0;
}

/* Clears what is not used of granules from @g to before @to, whatever the buffer held before. */
static void clear_unused(struct writer_job *job, size_t g, size_t to)
{
	while ((g = bits_find(job->bits, g, to, false)) < to) {
		size_t end = bits_find(job->bits, g, to, true);
		size_t off = g * PLAN_GRANULE;
		memset(job->data + off, 0, MIN(end * PLAN_GRANULE, job->len) - off);
		g = end;
	}
}

/* What the parent has is taken over unread, unless the repository has lost it. */
static int take_over(struct writer *writer, struct writer_job *job, size_t off, struct error *err)
{
	size_t chunk_size = repo_chunk_size(writer->repo);
	struct writer_chunk *chunk = &job->chunks[off / chunk_size];
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

/* Sees what a chunk that was read is; whether it has to be sealed is its outcome. */
static int identify(struct writer *writer, struct writer_job *job, size_t off, struct error *err)
{
	struct writer_chunk *chunk = &job->chunks[off / repo_chunk_size(writer->repo)];
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
	bool known = repo_writer_knows(writer->to, &chunk->id);
	chunk->outcome = known ? CHUNK_KNOWN : CHUNK_SEALED;
	return 0;
}

/* A chunk that is the parent's and was read, as a whole, must be what the parent has. */
static int check_same(struct writer *writer, const struct writer_job *job, size_t off,
		      struct error *err)
{
	const struct writer_chunk *chunk = &job->chunks[off / repo_chunk_size(writer->repo)];
	if (!chunk->same || chunk->outcome == CHUNK_UNUSED ||
	    bad_ranges_in(&job->bad, chunk->len, job->off + off) ||
	    memcmp(&chunk->id, &chunk->expected, sizeof(chunk->id)) == 0)
		return 0;
	return error_set(err, -EILSEQ,
			 "the list of changes is wrong: the %zu bytes at offset %" PRIu64
			 " have changed since restore point %.12s, and the list does not say so; "
			 "back up without it, and do not trust what it comes from",
			 chunk->len, job->off + off, parent_id(writer->parent));
}

/* Waits until one of those that may compute has ended. */
static struct sealer *take_sealer(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	while (writer->n_idle == 0)
		pthread_cond_wait(&writer->idle, &writer->lock);
	struct sealer *sealer = writer->sealers[--writer->n_idle];
	pthread_mutex_unlock(&writer->lock);
	return sealer;
}

static void give_sealer(struct writer *writer, struct sealer *sealer)
{
	pthread_mutex_lock(&writer->lock);
	writer->sealers[writer->n_idle++] = sealer;
	pthread_cond_signal(&writer->idle);
	pthread_mutex_unlock(&writer->lock);
}

static int compute(struct writer *writer, struct writer_job *job, struct sealer *sealer,
		   struct error *err)
{
	size_t chunk_size = repo_chunk_size(writer->repo);
	uint64_t since = clock_now_ns();
	int rc = 0;
	for (size_t off = 0; rc == 0 && off < job->len; off += chunk_size) {
		struct writer_chunk *chunk = &job->chunks[off / chunk_size];
		rc = identify(writer, job, off, err);
		if (rc == 0)
			rc = check_same(writer, job, off, err);
		job->times.hash += lap(&since);
		if (rc < 0 || chunk->outcome != CHUNK_SEALED)
			continue;
		chunk->sealed.buf = job->seals + off / chunk_size * REPO_SEAL_BOUND(chunk_size);
		rc = sealer_seal(sealer, &chunk->id, job->data + off, chunk->len, &chunk->sealed,
				 err);
		job->times.compress += lap(&since);
	}
	return rc;
}

int writer_work(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	(void)worker;
	struct writer *writer = ctx;
	struct writer_job *job = &writer->jobs[slot];
	size_t chunk_size = repo_chunk_size(writer->repo);
	int rc = 0;
	job->read = job->gaps = 0;
	job->bad.n = 0;
	job->times = (struct writer_times){ 0 };
	for (size_t off = 0; rc == 0 && off < job->len; off += chunk_size) {
		struct writer_chunk *chunk = &job->chunks[off / chunk_size];
		chunk->outcome = CHUNK_UNUSED;
		chunk->len = MIN(chunk_size, job->len - off);
		chunk->used = used_bytes(job, off / PLAN_GRANULE, granules(off + chunk->len));
		memset(&chunk->id, 0, sizeof(chunk->id));
		rc = take_over(writer, job, off, err);
	}
	if (rc == 0)
		rc = read_used(writer, job, err);
	if (rc < 0)
		return rc;
	struct sealer *sealer = take_sealer(writer);
	rc = compute(writer, job, sealer, err);
	give_sealer(writer, sealer);
	return rc;
}
