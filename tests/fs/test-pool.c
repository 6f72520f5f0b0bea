/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lunette/util.h"
#include "pool.h"

#define N_THINGS (3 * POOL_MAX)

/*
 * What is opened is a counter of how often it is open: once, or twice while an old one is just
 * being closed.
 */
static struct pool pool;
static struct pool_item items[N_THINGS];
static atomic_int is_open[N_THINGS], opened[N_THINGS], now_open, most_open;
static int fail_with;

static int open_thing(void *ctx, void **ret, struct error *err)
{
	int n = *(int *)ctx;
	if (fail_with)
		return error_set(err, fail_with, "thing %d was told to fail", n);
	opened[n]++;
	is_open[n]++;
	int open = ++now_open;
	if (open > most_open)
		most_open = open;
	*ret = &is_open[n];
	return 0;
}

static void close_thing(void *thing)
{
	now_open--;
	--*(atomic_int *)thing;
}

static int begin(void **state)
{
	(void)state;
	memset(items, 0, sizeof(items));
	memset(opened, 0, sizeof(opened));
	now_open = most_open = fail_with = 0;
	pool_init(&pool, close_thing);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return now_open; /* everything was closed */
}

static void *hold(int n)
{
	void *thing = NULL;
	assert_int_equal(pool_hold(&pool, &items[n], open_thing, &n, &thing, NULL), 0);
	return thing;
}

static void use(int n)
{
	hold(n);
	pool_release(&pool, &items[n]);
}

static void a_thing_stays_open_until_its_place_is_wanted(void **state)
{
	(void)state;
	for (int i = 0; i < POOL_MAX; i++)
		use(i);
	use(0);
	assert_int_equal(opened[0], 1);
	use(POOL_MAX); /* takes the place of 1, which was wanted longest ago */
	assert_int_equal(is_open[0], 1);
	assert_int_equal(is_open[1], 0);
	assert_int_equal(most_open, POOL_MAX);
}

static void what_is_held_is_not_closed(void **state)
{
	(void)state;
	assert_ptr_equal(hold(0), &is_open[0]);
	for (int i = 1; i < N_THINGS; i++)
		use(i);
	assert_int_equal(is_open[0], 1);
	assert_int_equal(opened[0], 1);
	pool_release(&pool, &items[0]);
}

static void a_failure_to_open_is_reported_and_tried_again(void **state)
{
	(void)state;
	struct error err = { 0 };
	void *thing = NULL;
	int n = 5;
	fail_with = -EUCLEAN;
	assert_int_equal(pool_hold(&pool, &items[n], open_thing, &n, &thing, &err), -EUCLEAN);
	assert_string_equal(err.msg, "thing 5 was told to fail");
	assert_null(thing);
	fail_with = 0;
	use(5);
}

/* Uses things at random, and sees to it that what it holds is open. Returns how often it was not.
 */
static void *use_many(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uintptr_t wrong = 0;
	for (int i = 0; i < 2000; i++) {
		int n = rand_r(&seed) % N_THINGS;
		void *thing = NULL;
		wrong += pool_hold(&pool, &items[n], open_thing, &n, &thing, NULL) != 0;
		wrong += thing != &is_open[n] || is_open[n] < 1;
		pool_release(&pool, &items[n]);
	}
	return (void *)wrong;
}

static void threads_find_what_they_hold_open(void **state)
{
	(void)state;
	pthread_t threads[2 * POOL_MAX];
	uintptr_t wrong = 0;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_many, (void *)(i + 1)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *ret;
		pthread_join(threads[i], &ret);
		wrong += (uintptr_t)ret;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(most_open, 1, POOL_MAX);
}

/* ---- who waits is woken: nothing else happens that would wake him too ---- */

/* Up when a thread is about to wait for the pool; it has the lock, and leaves it as it waits. */
static sem_t about_to_wait;

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_wait");
	if (lock == &pool.lock)
		sem_post(&about_to_wait);
	return real(cond, lock);
}

static sem_t in_open, go_on;
static int slow_rc;

static int open_slowly(void *ctx, void **ret, struct error *err)
{
	sem_post(&in_open);
	sem_wait(&go_on);
	return slow_rc < 0 ? error_set(err, slow_rc, "told to fail") : open_thing(ctx, ret, err);
}

struct holder {
	int n;
	pool_open_fn *open;
	int rc;
	void *thing;
};

static void *hold_it(void *arg)
{
	struct holder *holder = arg;
	holder->rc =
		pool_hold(&pool, &items[holder->n], holder->open, &holder->n, &holder->thing, NULL);
	return NULL;
}

static void comes_to_an_end(pthread_t thread)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &until), 0);
}

static void who_waits_for_a_place_gets_the_one_that_is_given_back(void **state)
{
	(void)state;
	pthread_t thread;
	struct holder holder = { .n = POOL_MAX, .open = open_thing };
	sem_init(&about_to_wait, 0, 0);
	for (int i = 0; i < POOL_MAX; i++)
		hold(i);
	assert_int_equal(pthread_create(&thread, NULL, hold_it, &holder), 0);
	sem_wait(&about_to_wait);
	pool_release(&pool, &items[3]);
	comes_to_an_end(thread);
	assert_ptr_equal(holder.thing, &is_open[POOL_MAX]);
	for (int i = 0; i <= POOL_MAX; i++)
		if (i != 3)
			pool_release(&pool, &items[i]);
}

/* One opens a thing, and another one wants the same meanwhile. @rc: what opening it returns. */
static void open_for_two(int rc, struct holder holders[2])
{
	pthread_t one, two;
	sem_init(&about_to_wait, 0, 0);
	sem_init(&in_open, 0, 0);
	sem_init(&go_on, 0, 0);
	slow_rc = rc;
	holders[0] = (struct holder){ .n = 5, .open = open_slowly };
	holders[1] = (struct holder){ .n = 5, .open = open_thing };
	assert_int_equal(pthread_create(&one, NULL, hold_it, &holders[0]), 0);
	sem_wait(&in_open);
	assert_int_equal(pthread_create(&two, NULL, hold_it, &holders[1]), 0);
	sem_wait(&about_to_wait);
	sem_post(&go_on);
	comes_to_an_end(one);
	comes_to_an_end(two);
}

static void who_waits_for_another_to_open_it_has_it_too(void **state)
{
	(void)state;
	struct holder holders[2];
	open_for_two(0, holders);
	assert_ptr_equal(holders[0].thing, &is_open[5]);
	assert_ptr_equal(holders[1].thing, &is_open[5]);
	assert_int_equal(opened[5], 1);
	pool_release(&pool, &items[5]);
	pool_release(&pool, &items[5]);
}

static void who_waits_for_another_that_fails_tries_himself(void **state)
{
	(void)state;
	struct holder holders[2];
	open_for_two(-EIO, holders);
	assert_int_equal(holders[0].rc, -EIO);
	assert_int_equal(holders[1].rc, 0);
	assert_int_equal(opened[5], 1);
	pool_release(&pool, &items[5]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_thing_stays_open_until_its_place_is_wanted, begin,
						end),
		cmocka_unit_test_setup_teardown(what_is_held_is_not_closed, begin, end),
		cmocka_unit_test_setup_teardown(a_failure_to_open_is_reported_and_tried_again,
						begin, end),
		cmocka_unit_test_setup_teardown(threads_find_what_they_hold_open, begin, end),
		cmocka_unit_test_setup_teardown(
			who_waits_for_a_place_gets_the_one_that_is_given_back, begin, end),
		cmocka_unit_test_setup_teardown(who_waits_for_another_to_open_it_has_it_too, begin,
						end),
		cmocka_unit_test_setup_teardown(who_waits_for_another_that_fails_tries_himself,
						begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
