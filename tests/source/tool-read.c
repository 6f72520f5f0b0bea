/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-read - reads a SOURCE from many threads, for the scripts that test sources with a real
 * target.
 *
 *   tool-read [OPTION]... SOURCE
 *
 * Prints what the source says of itself, then reads it; the first error ends it with status 1. The
 * CHAP secrets are taken from TOOL_SECRET and TOOL_MUTUAL_SECRET.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lunette/source.h"

struct job {
	struct blk *blk;
	const char *compare;
	int compare_fd;
	size_t block;
	uint64_t from;
	uint64_t to;
	bool skip_zeros;
	const char *until; /* go round and round until there is this file */
	double start;
	pthread_mutex_t lock;
	uint64_t next;
	uint64_t read;
	uint64_t zeros;
	struct error err;
};

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The next piece for a thread; false when there is none. */
static bool take(struct job *job, uint64_t *off, size_t *len)
{
	pthread_mutex_lock(&job->lock);
	if (job->next >= job->to && job->until)
		job->next = job->from;
	bool more = job->next < job->to && !job->err.code &&
		    !(job->until && access(job->until, F_OK) == 0);
	if (more) {
		*off = job->next;
		*len = (size_t)MIN((uint64_t)job->block, job->to - job->next);
		job->next += *len;
	}
	pthread_mutex_unlock(&job->lock);
	return more;
}

static int compare(struct job *job, const char *buf, char *want, size_t len, uint64_t off,
		   struct error *err)
{
	ssize_t n = pread(job->compare_fd, want, len, (off_t)off);
	if (n != (ssize_t)len)
		return error_set(err, -EIO, "'%s' is shorter", job->compare);
	if (memcmp(buf, want, len) != 0)
		return error_set(err, -EBADMSG, "differs from '%s' in [%" PRIu64 ", +%zu)",
				 job->compare, off, len);
	return 0;
}

static int read_piece(struct job *job, char *buf, char *want, size_t len, uint64_t off,
		      struct error *err)
{
	struct blk_extent ext = { 0 };
	int rc = job->skip_zeros ? blk_extent(job->blk, off, &ext, err) : 0;
	if (rc < 0)
		return rc;
	bool zero = ext.zero && ext.length >= len;
	if (!zero)
		rc = blk_read(job->blk, buf, len, off, err);
	else if (job->compare)
		memset(buf, 0, len);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&job->lock);
	*(zero ? &job->zeros : &job->read) += len;
	pthread_mutex_unlock(&job->lock);
	return job->compare ? compare(job, buf, want, len, off, err) : 0;
}

static void *work(void *arg)
{
	struct job *job = arg;
	char *buf = malloc(job->block);
	char *want = malloc(job->block);
	uint64_t off;
	size_t len;
	while (take(job, &off, &len)) {
		struct error err = { 0 };
		if (read_piece(job, buf, want, len, off, &err) < 0) {
			pthread_mutex_lock(&job->lock);
			if (!job->err.code)
				job->err = err;
			pthread_mutex_unlock(&job->lock);
		}
	}
	free(want);
	free(buf);
	return NULL;
}

static int run(struct job *job, unsigned int n_threads)
{
	pthread_t threads[64];
	if (n_threads > ARRAY_SIZE(threads))
		return 2;
	job->next = job->from;
	job->start = now();
	for (unsigned int i = 0; i < n_threads; i++)
		pthread_create(&threads[i], NULL, work, job);
	for (unsigned int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	double seconds = now() - job->start;
	if (job->err.code)
		fprintf(stderr, "error: %s\n", job->err.msg);
	printf("read=%" PRIu64 " zeros=%" PRIu64 " seconds=%.2f MBps=%.0f\n", job->read, job->zeros,
	       seconds, (double)job->read / seconds / 1e6);
	return job->err.code ? 1 : 0;
}

enum {
	OPT_THREADS = 1,
	OPT_BLOCK,
	OPT_FROM,
	OPT_TO,
	OPT_UNTIL,
	OPT_COMPARE,
	OPT_EXTENTS,
	OPT_WAIT,
	OPT_TWICE,
	OPT_TIMEOUT,
	OPT_MUTUAL_USER,
	OPT_HEADER_DIGEST,
	OPT_DATA_DIGEST,
};
static const struct option options[] = {
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "block", required_argument, NULL, OPT_BLOCK },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "compare", required_argument, NULL, OPT_COMPARE },
	{ "extents", no_argument, NULL, OPT_EXTENTS },
	{ "wait", no_argument, NULL, OPT_WAIT }, /* for a line on standard input, before it reads */
	{ "twice", no_argument, NULL, OPT_TWICE }, /* read once more after an error */
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "mutual-user", required_argument, NULL, OPT_MUTUAL_USER },
	{ "header-digest", no_argument, NULL, OPT_HEADER_DIGEST },
	{ "data-digest", no_argument, NULL, OPT_DATA_DIGEST },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct job job = { .block = 1024 * 1024, .compare_fd = -1, .to = UINT64_MAX };
	struct source_options opts = { .chap_secret = getenv("TOOL_SECRET"),
				       .mutual_secret = getenv("TOOL_MUTUAL_SECRET") };
	unsigned int n_threads = 4;
	bool wait = false, twice = false;
	int opt;
	pthread_mutex_init(&job.lock, NULL);
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_THREADS:
			n_threads = (unsigned int)atoi(optarg);
			break;
		case OPT_BLOCK:
			job.block = strtoull(optarg, NULL, 10);
			break;
		case OPT_FROM:
			job.from = strtoull(optarg, NULL, 10);
			break;
		case OPT_TO:
			job.to = strtoull(optarg, NULL, 10);
			break;
		case OPT_UNTIL:
			job.until = optarg;
			break;
		case OPT_COMPARE:
			job.compare = optarg;
			break;
		case OPT_EXTENTS:
			job.skip_zeros = true;
			break;
		case OPT_WAIT:
			wait = true;
			break;
		case OPT_TWICE:
			twice = true;
			break;
		case OPT_TIMEOUT:
			opts.timeout_s = (unsigned int)atoi(optarg);
			break;
		case OPT_MUTUAL_USER:
			opts.mutual_user = optarg;
			break;
		case OPT_HEADER_DIGEST:
			opts.header_digest = true;
			break;
		case OPT_DATA_DIGEST:
			opts.data_digest = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc)
		return 2;

	struct error err = { 0 };
	CLEANUP(source_free_cleanup) struct source *source = NULL;
	if (source_open(argv[optind], &opts, &source, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.msg);
		return 1;
	}
	printf("size=%" PRIu64 " sector=%u vendor='%s' product='%s' serial='%s' id='%s'\n",
	       source->blk->size, source->blk->sector, source->vendor, source->product,
	       source->serial, source->id);
	fflush(stdout);
	job.blk = source->blk;
	job.to = MIN(job.to, source->blk->size);
	if (job.compare)
		job.compare_fd = open(job.compare, O_RDONLY | O_CLOEXEC);
	if (wait)
		getchar();
	int status = run(&job, n_threads);
	if (twice && status) {
		job.err = (struct error){ 0 };
		run(&job, n_threads);
	}
	if (job.compare_fd >= 0)
		close(job.compare_fd);
	return status;
}
