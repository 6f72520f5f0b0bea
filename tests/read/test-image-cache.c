/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * Who waits for a chunk, or for room for one, is woken when it is there, also when nothing else
 * happens that would wake him. The C library's functions are here under their own names, so that
 * threads can be held at the moments that count.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "lunette/image.h"
#include "open-fixture.h"

#define TIME     "2026-11-22T17:00:00Z"
#define N_CHUNKS 6
#define PLACES   4 /* of the smallest cache there is */

/* ---- moments ---- */

static sem_t waits, held, go_on;
static _Thread_local bool hold_in_read, hold_after_unlock, tell_waiting;
static _Thread_local int read_fails_with;

static void hold(void)
{
	sem_post(&held);
	while (sem_wait(&go_on) < 0)
		;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	static ssize_t (*real)(int, void *, size_t, off_t);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pread64");
	if (hold_in_read) {
		hold_in_read = false;
		hold();
	}
	if (read_fails_with) {
		errno = read_fails_with;
		return -1;
	}
	return real(fd, buf, len, off);
}

int pthread_mutex_unlock(pthread_mutex_t *lock)
{
	static int (*real)(pthread_mutex_t *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	int rc = real(lock);
	if (hold_after_unlock) {
		hold_after_unlock = false;
		hold();
	}
	return rc;
}

/* Who comes here has the lock, and leaves it as he waits: who gets it then sees him waiting. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_wait");
	if (tell_waiting)
		sem_post(&waits);
	return real(cond, lock);
}

/* ---- readers ---- */

struct bed {
	struct fixture *f;
	struct image_cache *cache;
	struct chunk_id ids[N_CHUNKS];
};

/* @from: of reading, where he is held, or after he has taken what he found */
struct reader {
	struct bed *bed;
	size_t n;
	enum { RUNS, HELD_IN_READ, HELD_WITH_IT } where;
	int fails_with;
	pthread_t thread;
	int rc;
	uint8_t byte, expected;
};

static int begin(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	char id[65];
	void *f;
	setup(&f);
	bed->f = f;
	ok(fixture_backup(bed->f->repo, "a", TIME, N_CHUNKS, 1, id, NULL, err));
	/* As small as it may be: few readers make it full. */
	ok(image_cache_new(bed->f->repo, 1, &bed->cache, err));
	uint8_t *buf = malloc(CHUNK);
	for (uint64_t n = 0; n < N_CHUNKS; n++) {
		fixture_chunk(n, 1, buf);
		ok(repo_identify(bed->f->repo, buf, CHUNK, &bed->ids[n], err));
	}
	free(buf);
	sem_init(&waits, 0, 0);
	sem_init(&held, 0, 0);
	sem_init(&go_on, 0, 0);
	*state = bed;
	return 0;
}

static int end(void **state)
{
	struct bed *bed = *state;
	void *f = bed->f;
	image_cache_unref(bed->cache);
	teardown(&f);
	free(bed);
	return 0;
}

static void *read_it(void *arg)
{
	struct reader *r = arg;
	tell_waiting = true;
	hold_in_read = r->where == HELD_IN_READ;
	hold_after_unlock = r->where == HELD_WITH_IT;
	read_fails_with = r->fails_with;
	r->rc = image_cache_read(r->bed->cache, &r->bed->ids[r->n], CHUNK, &r->byte, 1, 9, NULL);
	read_fails_with = 0;
	return NULL;
}

static void start(struct bed *bed, struct reader *r, size_t n)
{
	uint8_t *buf = malloc(CHUNK);
	fixture_chunk(n, 1, buf);
	r->expected = buf[9];
	free(buf);
	r->bed = bed;
	r->n = n;
	assert_int_equal(pthread_create(&r->thread, NULL, read_it, r), 0);
}

static void ends(struct reader *r, int rc)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	assert_int_equal(pthread_timedjoin_np(r->thread, NULL, &until), 0);
	assert_int_equal(r->rc, rc);
	if (rc == 0)
		assert_int_equal(r->byte, r->expected);
}

static void who_waits_for_a_chunk_that_another_reads_gets_it(void **state)
{
	struct bed *bed = *state;
	struct reader one = { .where = HELD_IN_READ }, two = { 0 };
	start(bed, &one, 1);
	sem_wait(&held);
	start(bed, &two, 1);
	sem_wait(&waits);
	sem_post(&go_on);
	ends(&one, 0);
	ends(&two, 0);
}

static void who_waits_for_one_that_fails_reads_it_himself(void **state)
{
	struct bed *bed = *state;
	struct reader one = { .where = HELD_IN_READ, .fails_with = EIO }, two = { 0 };
	start(bed, &one, 1);
	sem_wait(&held);
	start(bed, &two, 1);
	sem_wait(&waits);
	sem_post(&go_on);
	ends(&one, -EIO);
	ends(&two, 0);
}

/* Every place is in use by somebody who just copies out of it; then one of them is done. */
static void who_waits_for_room_gets_it(void **state)
{
	struct bed *bed = *state;
	struct reader readers[PLACES] = { 0 }, last = { 0 };
	for (size_t n = 0; n < PLACES; n++) {
		struct reader before = { .bed = bed, .n = n };
		read_it(&before); /* so that it is there, and taking it is all that is done */
		assert_int_equal(before.rc, 0);
		readers[n].where = HELD_WITH_IT;
		start(bed, &readers[n], n);
		sem_wait(&held);
	}
	start(bed, &last, PLACES);
	sem_wait(&waits);
	sem_post(&go_on);
	ends(&last, 0);
	for (size_t n = 1; n < PLACES; n++)
		sem_post(&go_on);
	for (size_t n = 0; n < PLACES; n++)
		ends(&readers[n], 0);
}

int main(void)
{
	alarm(120); /* instead of waiting for ever for who does not come */
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(who_waits_for_a_chunk_that_another_reads_gets_it),
		TEST(who_waits_for_one_that_fails_reads_it_himself),
		TEST(who_waits_for_room_gets_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
