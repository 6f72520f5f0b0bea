/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy-disk - copies one disk of a restore point: see copy.h.
 *
 * Goes through the disk in chunks of the repository that it goes to. For each of them the cheapest
 * way that will do: nothing where all is zero; the chunk that was copied before, where both chunk
 * maps say that nothing is new; the same chunk under the same id, where the two repositories call
 * it so; and at last, reading it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lunette/copy.h"
#include "lunette/image.h"
#include "lunette/ordered.h"

#define COPY_CHUNKS (REPO_CHUNK_MAX / REPO_CHUNK_MIN) /* of a job */
#define RING_BYTES  ((size_t)24 << 20)

enum copy_outcome {
	COPY_ZERO,
	COPY_KNOWN,
	COPY_SEALED,
};

struct copy_chunk {
	enum copy_outcome outcome;
	size_t len;
	struct chunk_id id;
	struct sealed sealed;
};

/**
 * struct copy_job - a run of the disk
 * @off: a multiple of the job's size
 * @data: room for it
 * @seals: room for its chunks, sealed
 */
struct copy_job {
	uint64_t off;
	size_t len;
	uint64_t read;
	struct copy_chunk chunks[COPY_CHUNKS];
	uint8_t *data;
	uint8_t *seals;
};

struct copier {
	struct repo *from, *to;
	struct repo_writer *writer;
	const struct copy_request *request;
	struct copy_stats *stats;
	struct image_cache *cache;
	size_t job_size;
	size_t n_jobs;
	struct copy_job *jobs;
	size_t n_sealers;
	struct sealer **sealers; /* one a worker, and the last one for chunk maps */

	/* The disk at hand. */
	struct repo_disk disk;
	uint64_t next_off;
	struct blk *image;
	struct chunkmap *map;
	struct chunkmap *base_from, *base_to; /* both or none */
	struct chunkmap_builder *builder;
};

/* ---- buffers and tools ---- */

void copier_free(struct copier *copier)
{
	if (!copier)
		return;
	for (size_t i = 0; i < copier->n_sealers; i++)
		sealer_free(copier->sealers[i]);
	for (size_t i = 0; i < copier->n_jobs; i++) {
		free(copier->jobs[i].data);
		free(copier->jobs[i].seals);
	}
	free(copier->sealers);
	free(copier->jobs);
	image_cache_unref(copier->cache);
	free(copier);
}

static int make_buffers(struct copier *copier, struct error *err)
{
	size_t threads = MAX(copier->request->threads, 1u);
	size_t depth = MAX(RING_BYTES / copier->job_size, threads + 2);
	size_t chunk_size = repo_chunk_size(copier->to);
	copier->jobs = calloc(depth, sizeof(*copier->jobs));
	copier->sealers = calloc(threads + 1, sizeof(struct sealer *));
	if (!copier->jobs || !copier->sealers)
		return error_set(err, -ENOMEM, "buffers of %zu threads: %m", threads);
	for (; copier->n_jobs < depth; copier->n_jobs++) {
		struct copy_job *job = &copier->jobs[copier->n_jobs];
		job->data = malloc(copier->job_size);
		job->seals = malloc(copier->job_size / chunk_size * REPO_SEAL_BOUND(chunk_size));
		if (!job->data || !job->seals) {
			free(job->data);
			free(job->seals);
			return error_set(err, -ENOMEM, "%zu buffers of %zu bytes: %m", 2 * depth,
					 copier->job_size);
		}
	}
	for (; copier->n_sealers < threads + 1; copier->n_sealers++) {
		int rc = sealer_new(copier->to, copier->request->level,
				    &copier->sealers[copier->n_sealers], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* As images of @from want to be read, so that no two jobs read one chunk, and whole chunks of @to.
 */
static size_t job_size(const struct repo *from, const struct repo *to)
{
	uint32_t preferred = MAX(BLK_PREFERRED, repo_chunk_size(from));
	return MAX(preferred, repo_chunk_size(to));
}

int copier_new(struct repo *from, struct repo *to, struct repo_writer *writer,
	       const struct copy_request *request, struct copy_stats *stats, struct copier **ret,
	       struct error *err)
{
	CLEANUP(copier_free_cleanup) struct copier *copier = calloc(1, sizeof(*copier));
	if (!copier)
		return error_set(err, -ENOMEM, "copy: %m");
	copier->from = from;
	copier->to = to;
	copier->writer = writer;
	copier->request = request;
	copier->stats = stats;
	copier->job_size = job_size(from, to);
	int rc = image_cache_new(from, IMAGE_CACHE_DEFAULT, &copier->cache, err);
	if (rc == 0)
		rc = make_buffers(copier, err);
	if (rc < 0)
		return rc;
	*ret = steal(&copier);
	return 0;
}

/* ---- giving out jobs: the caller's thread, as is taking their results ---- */

static int next_job(void *ctx, size_t slot, struct error *err)
{
	struct copier *copier = ctx;
	uint64_t size = copier->disk.size, chunk_size = copier->disk.chunk_size;
	if (atomic_load_explicit(copier->request->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	/* What is zero for a long way is stepped over. */
	while (copier->next_off < size) {
		bool zero;
		uint64_t n, first = copier->next_off / chunk_size;
		int rc = chunkmap_run(copier->map, first, &zero, &n, err);
		if (rc < 0)
			return rc;
		uint64_t end = MIN((first + n) * chunk_size, size);
		if (end < size)
			end -= end % copier->job_size;
		if (!zero || end <= copier->next_off)
			break;
		copier->stats->zero += end - copier->next_off;
		copier->stats->done += end - copier->next_off;
		copier->next_off = end;
	}
	if (copier->next_off >= size)
		return 0;
	struct copy_job *job = &copier->jobs[slot];
	job->off = copier->next_off;
	job->len = (size_t)MIN((uint64_t)copier->job_size, size - job->off);
	job->read = 0;
	copier->next_off += job->len;
	return 1;
}

static int take_chunk(struct copier *copier, const struct copy_chunk *chunk, uint64_t n,
		      struct error *err)
{
	uint64_t stored = 0;
	if (chunk->outcome == COPY_ZERO) {
		copier->stats->zero += chunk->len;
		return 0;
	}
	if (chunk->outcome == COPY_SEALED) {
		int rc = repo_writer_add(copier->writer, &chunk->id, &chunk->sealed, chunk->len,
					 &stored, err);
		if (rc < 0)
			return rc;
	}
	*(stored ? &copier->stats->added : &copier->stats->known) += chunk->len;
	copier->stats->stored += stored;
	return chunkmap_builder_set(copier->builder, n, &chunk->id, err);
}

static int take_job(void *ctx, size_t slot, struct error *err)
{
	struct copier *copier = ctx;
	const struct copy_job *job = &copier->jobs[slot];
	size_t chunk_size = repo_chunk_size(copier->to);
	for (size_t off = 0; off < job->len; off += chunk_size) {
		int rc = take_chunk(copier, &job->chunks[off / chunk_size],
				    (job->off + off) / chunk_size, err);
		if (rc < 0)
			return rc;
	}
	copier->stats->read += job->read;
	copier->stats->done += job->len;
	if (copier->request->progress)
		copier->request->progress(copier->request->ctx, copier->stats);
	return 0;
}

/* ---- doing them: any thread ---- */

/* Do both chunk maps say the same of @len bytes at @off? */
static int is_as_base(struct copier *copier, uint64_t off, size_t len, bool *ret, struct error *err)
{
	*ret = copier->base_from != NULL;
	uint64_t n = off / copier->disk.chunk_size, end = (off + len - 1) / copier->disk.chunk_size;
	for (; *ret && n <= end; n++) {
		struct chunk_id now, then;
		int rc = chunkmap_get(copier->map, n, &now, err);
		if (rc == 0)
			rc = chunkmap_get(copier->base_from, n, &then, err);
		if (rc < 0)
			return rc;
		*ret = memcmp(&now, &then, sizeof(now)) == 0;
	}
	return 0;
}

/*
 * Which id the other repository has for a chunk, as far as that can be told without reading it.
 *
 * Return: 1 when it can be told; 0 when not.
 */
static int foretell(struct copier *copier, uint64_t off, size_t len, struct chunk_id *ret,
		    struct error *err)
{
	bool as_base;
	int rc = is_as_base(copier, off, len, &as_base, err);
	if (rc < 0)
		return rc;
	uint64_t n = off / repo_chunk_size(copier->to);
	if (as_base)
		rc = chunkmap_get(copier->base_to, n, ret, err);
	else if (repo_ids_agree(copier->from, copier->to) &&
		 copier->disk.chunk_size == repo_chunk_size(copier->to))
		rc = chunkmap_get(copier->map, n, ret, err);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

static int work_chunk(struct copier *copier, struct copy_job *job, size_t off,
		      struct sealer *sealer, struct error *err)
{
	size_t chunk_size = repo_chunk_size(copier->to);
	struct copy_chunk *chunk = &job->chunks[off / chunk_size];
	uint8_t *data = job->data + off;
	chunk->len = MIN(chunk_size, job->len - off);
	chunk->outcome = COPY_ZERO;
	int rc = foretell(copier, job->off + off, chunk->len, &chunk->id, err);
	if (rc < 0)
		return rc;
	if (rc == 1 && chunk_id_is_zero(&chunk->id))
		return 0;
	chunk->outcome = COPY_KNOWN;
	if (rc == 1 && repo_writer_knows(copier->writer, &chunk->id))
		return 0;

	rc = blk_read(copier->image, data, chunk->len, job->off + off, err);
	if (rc < 0)
		return rc;
	job->read += chunk->len;
	if (is_all_zero(data, chunk->len)) {
		chunk->outcome = COPY_ZERO;
		return 0;
	}
	rc = repo_identify(copier->to, data, chunk->len, &chunk->id, err);
	if (rc < 0 || repo_writer_knows(copier->writer, &chunk->id))
		return rc;
	chunk->outcome = COPY_SEALED;
	chunk->sealed.buf = job->seals + off / chunk_size * REPO_SEAL_BOUND(chunk_size);
	return sealer_seal(sealer, &chunk->id, data, chunk->len, &chunk->sealed, err);
}

static int work_job(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	struct copier *copier = ctx;
	struct copy_job *job = &copier->jobs[slot];
	int rc = 0;
	for (size_t off = 0; rc == 0 && off < job->len; off += repo_chunk_size(copier->to))
		rc = work_chunk(copier, job, off, copier->sealers[worker], err);
	return rc;
}

static const struct ordered_ops copier_ops = {
	.next = next_job,
	.work = work_job,
	.take = take_job,
};

/* ---- a disk ---- */

/* A base helps only when its places mean the same. */
static int open_base(struct copier *copier, const struct copy_base *base, struct error *err)
{
	const struct repo_disk *disk = &copier->disk;
	if (!base || base->from.size != disk->size || base->from.chunk_size != disk->chunk_size ||
	    base->to.size != disk->size || base->to.chunk_size != repo_chunk_size(copier->to))
		return 0;
	int rc = chunkmap_open(copier->from, &base->from.root, base->from.n_chunks,
			       &copier->base_from, err);
	if (rc == 0)
		rc = chunkmap_open(copier->to, &base->to.root, base->to.n_chunks, &copier->base_to,
				   err);
	return rc;
}

static int copy_disk(struct copier *copier, struct chunk_id *ret_root, struct error *err)
{
	CLEANUP(chunkmap_builder_free_cleanup) struct chunkmap_builder *builder = NULL;
	int rc = chunkmap_builder_new(copier->writer, copier->sealers[copier->n_sealers - 1],
				      &builder, err);
	if (rc < 0)
		return rc;
	copier->builder = builder;
	copier->next_off = 0;
	rc = ordered_run(&copier_ops, copier, copier->request->threads, copier->n_jobs, err);
	if (rc < 0)
		return rc;
	uint64_t chunk_size = repo_chunk_size(copier->to), stored = 0;
	uint64_t n_chunks = copier->disk.size / chunk_size + (copier->disk.size % chunk_size != 0);
	rc = chunkmap_builder_finish(builder, n_chunks, ret_root, &stored, err);
	copier->stats->stored += stored;
	return rc;
}

int copier_disk(struct copier *copier, const struct repo_disk *disk, const struct copy_base *base,
		struct chunk_id *ret_root, struct error *err)
{
	copier->disk = *disk;
	/* The bytes there are zeros here, and will be; what they stand for, the manifest says. */
	copier->disk.unreadable = NULL;
	int rc = image_open(copier->from, copier->cache, &copier->disk, &copier->image, err);
	if (rc == 0)
		rc = chunkmap_open(copier->from, &disk->root, disk->n_chunks, &copier->map, err);
	if (rc == 0)
		rc = open_base(copier, base, err);
	if (rc == 0)
		rc = copy_disk(copier, ret_root, err);
	blk_unref(steal(&copier->image));
	chunkmap_close(steal(&copier->map));
	chunkmap_close(steal(&copier->base_from));
	chunkmap_close(steal(&copier->base_to));
	return rc == 0 || rc == -EINTR ? rc : error_wrap(err, rc, "%s", disk->name);
}
