/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * repo-writer - adding to a repository.
 *
 * One thread adds; it alone decides what is new, so that the same chunks in the same order make the
 * same objects. Full packs go to the committer, several at once where the store is faster so, and
 * an index begins when the packs that it speaks of have ended: whatever an index says is on stable
 * storage, and a killed writer's work is found by the next one. Chunks that no index knows yet are
 * in one of two tables: the one being filled, and the one whose index is being written.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "committer.h"
#include "lunette/clock.h"
#include "lunette/lease.h"
#include "lunette/marks.h"
#include "lunette/recent.h"
#include "lunette/repo-parts.h"
#include "lunette/tiers.h"

/*
 * After this many bytes of packs an index is written: early at first, so that the work of a short
 * run counts too, and twice as late each time, so that indexes stay few; but never later than this
 * time after something new came. Both bound what a killed writer has to store again.
 */
#define FLUSH_FIRST (64ull << 20)
#define FLUSH_LAST  ((1024ull << 20) - PACK_FULL_BYTES)
#define FLUSH_NS    (60 * 1000000000ull)

struct repo_writer {
	struct repo *repo;
	struct lease *lease;
	struct marks *marks; /* that there were when it began: what they name does not count */
	struct committer *committer;
	struct pack *pack;    /* the one being filled, or NULL */
	uint64_t flush_after; /* bytes of packs */
	uint64_t flush_ns;    /* or so long after the first of what no index knows */
	uint64_t first_ns;    /* when that was added; of the monotonic clock */
	struct error error;   /* the first of the adding thread; code 0 when there was none */
	pthread_mutex_t lock; /* guards the two below and what they point to */
	struct recent *young; /* being filled */
	struct recent *old;   /* its index is being written; empty when not */
};

struct pack_job {
	struct committer_job job;
	struct repo_writer *writer;
	struct store_draft *draft;
	char key[STORE_KEY_MAX];
};

struct flush_job {
	struct committer_job job;
	struct repo_writer *writer;
};

static int stop_at_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)ctx, (void)st;
	return error_set(err, -ECANCELED, "'%s' is there", name);
}

/* A store that has lost its restore points says so before there are new ones, beside which the
 * packs of the lost ones would seem to be of no use. */
static int look_for_points(struct repo *repo, struct error *err)
{
	struct error why = { 0 };
	int rc = store_list(repo->store, POINT_FOLDER, stop_at_one, NULL, &why);
	return rc == 0 || rc == -ECANCELED ? 0 : error_copy(err, rc, &why);
}

int repo_writer_new(struct repo *repo, struct repo_writer **ret, struct error *err)
{
	int rc = repo_may_write(repo, err);
	if (rc == 0)
		rc = look_for_points(repo, err);
	if (rc < 0)
		return rc;
	CLEANUP(repo_writer_free_cleanup) struct repo_writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return error_set(err, -ENOMEM, "write to the repository: %m");
	pthread_mutex_init(&writer->lock, NULL);
	writer->repo = repo;
	writer->flush_after = FLUSH_FIRST;
	writer->flush_ns = FLUSH_NS;
	writer->young = calloc(1, sizeof(*writer->young));
	writer->old = calloc(1, sizeof(*writer->old));
	if (!writer->young || !writer->old)
		return error_set(err, -ENOMEM, "write to the repository: %m");
	/* For prune: it may have been needed, or be of a time when there was none. */
	(void)store_keep_reserve(repo->store, NULL);
	/* In this order, see lease.h. */
	rc = lease_take(repo, &(struct lease_request){ .purpose = "write" }, &writer->lease, err);
	if (rc == 0)
		rc = marks_load(repo, &writer->marks, err);
	if (rc == 0 && json_array_size(writer->marks->names) > 0)
		rc = lease_heed(writer->lease, writer->marks->names, err);
	/* What others have added since the repository was opened need not be stored again. */
	if (rc == 0)
		rc = catalog_refresh(repo->catalog, err);
	catalog_recount(repo->catalog);
	if (rc == 0)
		rc = committer_new(store_puts(repo->store), &writer->committer, err);
	if (rc < 0)
		return rc;
	*ret = steal(&writer);
	return 0;
}

void repo_writer_free(struct repo_writer *writer)
{
	if (!writer)
		return;
	committer_free(writer->committer);
	pack_abort(writer->pack);
	lease_release(writer->lease); /* when nothing is being written any more */
	marks_free(writer->marks);
	free(writer->young);
	free(writer->old);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

const struct repo *repo_writer_repo(const struct repo_writer *writer)
{
	return writer->repo;
}

bool repo_writer_knows(struct repo_writer *writer, const struct chunk_id *id)
{
	/* In this order: a chunk is in an index before it leaves the tables. */
	pthread_mutex_lock(&writer->lock);
	bool known = recent_knows(writer->young, id) || recent_knows(writer->old, id);
	pthread_mutex_unlock(&writer->lock);
	return known || catalog_knows(writer->repo->catalog, id, writer->marks->packs);
}

/* ---- jobs of the committer ---- */

static int pack_job_run(struct committer_job *job, struct error *err)
{
	struct pack_job *p = (struct pack_job *)job;
	return store_put(p->writer->repo->store, p->key, &p->draft->source, STORE_TWIN, err);
}

static void pack_job_free(struct committer_job *job)
{
	struct pack_job *p = (struct pack_job *)job;
	store_draft_free(p->draft);
	free(p);
}

static int flush_job_run(struct committer_job *job, struct error *err)
{
	struct repo_writer *writer = ((struct flush_job *)job)->writer;
	struct repo *repo = writer->repo;
	struct recent *old = writer->old; /* nobody changes it but this job */
	char name[65];
	/* A copy: sorting them in place would mislead those who ask meanwhile. */
	CLEANUP(free_cleanup)
	struct index_entry *entries = malloc(old->n * sizeof(*entries));
	if (!entries)
		return error_set(err, -ENOMEM, "write an index: %m");
	memcpy(entries, old->entries, old->n * sizeof(*entries));
	int rc = index_build(repo->store, repo->keys, entries, old->n, old->packs, old->n_packs,
			     name, err);
	if (rc == 0)
		rc = catalog_refresh(repo->catalog, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&writer->lock);
	recent_clear(old);
	pthread_mutex_unlock(&writer->lock);
	return 0;
}

static void flush_job_free(struct committer_job *job)
{
	free(job);
}

/* ---- the adding thread ---- */

static int flush(struct repo_writer *writer, struct error *err)
{
	/* There is room for one table that waits; a second one must wait for it. */
	pthread_mutex_lock(&writer->lock);
	bool waiting = writer->old->n > 0;
	pthread_mutex_unlock(&writer->lock);
	if (waiting) {
		int rc = committer_drain(writer->committer, err);
		if (rc < 0)
			return rc;
	}
	struct flush_job *job = calloc(1, sizeof(*job));
	if (!job)
		return error_set(err, -ENOMEM, "write an index: %m");
	*job = (struct flush_job){
		.job = { .after_all = true, .run = flush_job_run, .free = flush_job_free },
		.writer = writer,
	};
	pthread_mutex_lock(&writer->lock);
	struct recent *full = writer->young;
	writer->young = writer->old;
	writer->old = full;
	pthread_mutex_unlock(&writer->lock);
	writer->flush_after = MIN(2 * writer->flush_after, FLUSH_LAST);
	return committer_give(writer->committer, &job->job, err);
}

static int finish_pack(struct repo_writer *writer, struct error *err)
{
	struct pack_job *job = calloc(1, sizeof(*job));
	if (!job)
		return error_set(err, -ENOMEM, "finish a pack: %m");
	*job = (struct pack_job){ .job = { .run = pack_job_run, .free = pack_job_free },
				  .writer = writer };
	struct index_pack done;
	int rc = pack_finish(steal(&writer->pack), writer->marks->packs, &job->draft, &done, err);
	if (rc < 0) {
		free(job);
		return rc;
	}
	pack_key(done.id, job->key);
	recent_add_pack(writer->young, &done);
	return committer_give(writer->committer, &job->job, err);
}

static int add_new(struct repo_writer *writer, const struct chunk_id *id,
		   const struct sealed *sealed, uint32_t len, enum pack_kind kind,
		   struct error *err)
{
	int rc = writer->pack
			 ? 0
			 : pack_begin(writer->repo->store, writer->repo->keys, &writer->pack, err);
	if (rc < 0)
		return rc;
	struct index_entry entry = {
		.id = *id, .stored = sealed->len, .length = len, .codec = sealed->codec
	};
	rc = pack_add(writer->pack, id, sealed, len, kind, &entry.offset, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&writer->lock);
	recent_add(writer->young, &entry);
	pthread_mutex_unlock(&writer->lock);
	if (writer->young->n == 1)
		writer->first_ns = clock_now_ns();

	if (!pack_full(writer->pack))
		return 0;
	rc = finish_pack(writer, err);
	if (rc == 0 && (recent_full(writer->young) || writer->young->stored >= writer->flush_after))
		rc = flush(writer, err);
	return rc;
}

/* After an error nothing more is written: a pack that lacks bytes must never be finished. */
static int fail(struct repo_writer *writer, int rc, const struct error *why, struct error *err)
{
	writer->error = *why;
	error_wrap(&writer->error, rc, "repository '%s'", writer->repo->path);
	return error_copy(err, rc, &writer->error);
}

int repo_writer_add_kind(struct repo_writer *writer, const struct chunk_id *id,
			 const struct sealed *sealed, size_t len, enum pack_kind kind,
			 uint64_t *ret_stored, struct error *err)
{
	if (writer->error.code < 0)
		return error_copy(err, writer->error.code, &writer->error);
	if (repo_writer_knows(writer, id)) {
		*ret_stored = 0;
		return 0;
	}
	struct error why;
	int rc = add_new(writer, id, sealed, (uint32_t)len, kind, &why);
	if (rc < 0)
		return fail(writer, rc, &why, err);
	*ret_stored = sealed->len;
	return 0;
}

int repo_writer_add(struct repo_writer *writer, const struct chunk_id *id,
		    const struct sealed *sealed, size_t len, uint64_t *ret_stored,
		    struct error *err)
{
	return repo_writer_add_kind(writer, id, sealed, len, PACK_KIND_DATA, ret_stored, err);
}

/* Everything that was added gets into an index, the pack that is not full too. */
static int flush_all(struct repo_writer *writer, struct error *err)
{
	int rc = writer->pack ? finish_pack(writer, err) : 0;
	return rc == 0 && writer->young->n > 0 ? flush(writer, err) : rc;
}

int repo_writer_checkpoint(struct repo_writer *writer, struct error *err)
{
	if (writer->error.code < 0 || writer->young->n == 0 ||
	    clock_now_ns() - writer->first_ns < writer->flush_ns)
		return 0;
	struct error why;
	int rc = flush_all(writer, &why);
	return rc < 0 ? fail(writer, rc, &why, err) : 0;
}

void repo_writer_times(struct repo_writer *writer, uint64_t *ret_busy, uint64_t *ret_waited)
{
	committer_times(writer->committer, ret_busy, ret_waited);
}

void repo_writer_set_interval(struct repo_writer *writer, uint64_t ns)
{
	writer->flush_ns = ns;
}

/*
 * A lease that is lost while the restore point is being written is noticed after it: whoever took
 * the lease for void did so before he looked for restore points, or has seen this one.
 */
static int write_point(struct repo_writer *writer, const json_t *point, char ret_id[65],
		       struct error *err)
{
	int rc = lease_check(writer->lease, err);
	if (rc == 0)
		rc = point_put(writer->repo, point, ret_id, err);
	if (rc < 0)
		return rc;
	rc = lease_check(writer->lease, err);
	if (rc == -ESTALE)
		(void)point_remove(writer->repo, ret_id, NULL);
	return rc == -ESTALE ? rc : 0;
}

static int finish(struct repo_writer *writer, const json_t *point, char ret_id[65],
		  struct error *err)
{
	int rc = flush_all(writer, err);
	if (rc == 0)
		rc = committer_drain(writer->committer, err);
	return rc < 0 ? rc : write_point(writer, point, ret_id, err);
}

int repo_writer_commit(struct repo_writer *writer, const json_t *point, char ret_id[65],
		       struct error *err)
{
	if (writer->error.code < 0)
		return error_copy(err, writer->error.code, &writer->error);
	struct error why;
	int rc = finish(writer, point, ret_id, &why);
	if (rc < 0)
		return fail(writer, rc, &why, err);
	/* The restore point stands; indexes that are not merged now are merged by the next one. */
	if (json_array_size(writer->marks->names) == 0)
		(void)tiers_merge(writer->repo, NULL);
	return 0;
}
