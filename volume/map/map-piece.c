/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-piece - several legs are read at the same time.
 *
 * A large read of a striped or RAID volume is pieces on several LUNs; one after the other, they
 * would take the sum of their latencies. A few helper threads, started when first needed and kept
 * for the life of the process, take pieces from batches. The thread that has a batch works on it
 * too, and so needs no helper to make progress: maps on maps cannot wait for each other in a ring.
 */
#include <errno.h>
#include <pthread.h>

#include "map-kind.h"

#define PIECES  32 /* that are read at a time */
#define HELPERS 8
#define WORTH_SHARING \
	(64u << 10) /* bytes; below it, waking another thread costs more than it gains */

struct batch {
	const struct map_segment *seg;
	struct map_piece *pieces;
	size_t n;
	size_t taken;
	size_t done;
	struct batch *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static pthread_once_t started = PTHREAD_ONCE_INIT;
static struct batch *open_batches; /* those with pieces that nobody has taken */

static void read_piece(const struct map_segment *seg, struct map_piece *p)
{
	p->rc = map_leg_read(seg, p->leg, p->buf, p->len, p->off, &p->err);
}

static void close_batch(struct batch *b)
{
	for (struct batch **at = &open_batches; *at; at = &(*at)->next)
		if (*at == b) {
			*at = b->next;
			return;
		}
}

/* Takes one piece of @b and reads it. Called and left with the lock held. */
static void work_on(struct batch *b)
{
	struct map_piece *p = &b->pieces[b->taken++];
	if (b->taken == b->n)
		close_batch(b);
	pthread_mutex_unlock(&lock);
	read_piece(b->seg, p);
	pthread_mutex_lock(&lock);
	/* Behind the last piece, the batch is gone as soon as its owner wakes. */
	if (++b->done == b->n)
		pthread_cond_broadcast(&finished);
}

static void *helper(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		while (!open_batches)
			pthread_cond_wait(&work, &lock);
		work_on(open_batches);
	}
	return NULL;
}

/* A helper that cannot be started is not missed: whoever has a batch works on it. */
static void start_helpers(void)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < HELPERS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attr, helper, NULL) != 0)
			break;
	}
	pthread_attr_destroy(&attr);
}

/* Every piece is tried, also when another fails. */
static void read_pieces(const struct map_segment *seg, struct map_piece *pieces, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += pieces[i].len;
	if (n < 2 || total < WORTH_SHARING) {
		for (size_t i = 0; i < n; i++)
			read_piece(seg, &pieces[i]);
		return;
	}

	pthread_once(&started, start_helpers);
	struct batch b = { .seg = seg, .pieces = pieces, .n = n };
	pthread_mutex_lock(&lock);
	b.next = open_batches;
	open_batches = &b;
	pthread_cond_broadcast(&work);
	while (b.taken < b.n)
		work_on(&b);
	while (b.done < b.n)
		pthread_cond_wait(&finished, &lock);
	pthread_mutex_unlock(&lock);
}

/* Halves of what cannot be mended whole may be. */
static int mend(const struct map_segment *seg, const struct map_chunks *chunks,
		const struct map_piece *piece, struct error *err)
{
	struct map_piece tried = *piece;
	struct error why = { 0 };
	int rc = chunks->mend(seg, &tried, &why);
	size_t half = map_half(seg, piece->len, piece->at);
	if (rc == 0)
		return 0;
	if (rc != -EIO || half == 0 || !chunks->elsewhere)
		return error_copy(err, rc, &why);
	struct map_piece parts[2] = {
		{ .at = piece->at, .buf = piece->buf, .len = half },
		{ .at = piece->at + half,
		  .buf = (char *)piece->buf + half,
		  .len = piece->len - half },
	};
	for (int i = 0; i < 2; i++) {
		chunks->locate(seg, &parts[i]);
		read_piece(seg, &parts[i]);
		rc = parts[i].rc < 0 ? mend(seg, chunks, &parts[i], err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int map_read_chunks(const struct map_segment *seg, const struct map_chunks *chunks, void *buf,
		    size_t len, uint64_t off, struct error *err)
{
	char *to = buf;
	while (len > 0) {
		struct map_piece pieces[PIECES];
		size_t n = 0;
		for (; n < PIECES && len > 0; n++) {
			uint64_t left = MIN(seg->chunk - off % seg->chunk, (uint64_t)len);
			pieces[n].at = off;
			pieces[n].buf = to;
			pieces[n].len = (size_t)MIN(left, (uint64_t)chunks->longest);
			chunks->locate(seg, &pieces[n]);
			to += pieces[n].len;
			off += pieces[n].len;
			len -= pieces[n].len;
		}
		read_pieces(seg, pieces, n);
		for (size_t i = 0; i < n; i++) {
			int rc = pieces[i].rc < 0 ? mend(seg, chunks, &pieces[i], err) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}
