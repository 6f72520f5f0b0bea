/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Legs are read at the same time, and who waits for the last piece is woken. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lunette/map.h"

#define CHUNK  (256u << 10)
#define N_LEGS 2

/* ---- legs that are read together or not at all ---- */

static pthread_t owner;                  /* the thread that has asked */
static sem_t begun[N_LEGS], owner_waits; /* reading of a leg; the owner, for the others */
static struct blk legs[N_LEGS];

static int wait_for(sem_t *sem)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	return sem_timedwait(sem, &until);
}

/* The piece of another thread is the last one, and ends when the owner waits for it already. */
static int read_together(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)off;
	size_t n = (size_t)(blk - legs);
	sem_post(&begun[n]);
	if (wait_for(&begun[!n]) < 0)
		return error_set(err, -ETIMEDOUT, "leg %zu is read alone", n);
	if (!pthread_equal(pthread_self(), owner) && wait_for(&owner_waits) < 0)
		return error_set(err, -ETIMEDOUT, "nobody waits for leg %zu", n);
	memset(buf, 'a' + (int)n, len);
	return 0;
}

static void never_freed(struct blk *blk)
{
	(void)blk;
}

static const struct blk_ops leg_ops = {
	.name = "leg",
	.read = read_together,
	.destroy = never_freed,
};

/* Who comes here has the lock, and leaves it as he waits. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_wait");
	if (pthread_equal(pthread_self(), owner))
		sem_post(&owner_waits);
	return real(cond, lock);
}

static void legs_are_read_together_and_the_last_one_is_waited_for(void **state)
{
	(void)state;
	struct map_leg at[N_LEGS] = { { &legs[0], 0 }, { &legs[1], 0 } };
	struct map_segment stripes = { .kind = MAP_STRIPED,
				       .length = (uint64_t)N_LEGS * CHUNK,
				       .chunk = CHUNK,
				       .n_legs = N_LEGS,
				       .legs = at };
	struct map *map;
	struct blk *volume;
	struct error err = { 0 };
	static uint8_t buf[N_LEGS * CHUNK];
	owner = pthread_self();
	sem_init(&owner_waits, 0, 0);
	for (size_t n = 0; n < N_LEGS; n++) {
		sem_init(&begun[n], 0, 0);
		blk_init(&legs[n], &leg_ops, CHUNK, 512);
	}
	assert_int_equal(map_new(&map, NULL), 0);
	assert_int_equal(map_add(map, &stripes, NULL), 0);
	assert_int_equal(map_blk(map, 512, &volume, NULL), 0);
	for (int i = 0; i < 50; i++)
		if (blk_read(volume, buf, sizeof(buf), 0, &err) < 0)
			fail_msg("%s", err.msg);
	assert_int_equal(buf[0], 'a');
	assert_int_equal(buf[sizeof(buf) - 1], 'b');
	blk_unref(volume);
}

int main(void)
{
	alarm(120); /* instead of waiting for ever for who does not come */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legs_are_read_together_and_the_last_one_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
