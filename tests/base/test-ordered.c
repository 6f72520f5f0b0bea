/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every test runs the same jobs with zero threads and with many: both must behave alike. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "lunette/ordered.h"

#define N_JOBS 500
#define DEPTH  7

struct run {
	int n_jobs;
	int next_fails_at; /* job numbers; -1: never */
	int work_fails_at;
	int work_fails_also_at;
	int take_fails_at;
	int next;
	int taken;
	int job[DEPTH];
	int result[DEPTH];
	atomic_int worked;
	atomic_int at_once[DEPTH];
	atomic_int worker_busy[16];
	atomic_bool clash;
	int seen[N_JOBS];
};

static struct run new_run(int n_jobs)
{
	struct run run = { .n_jobs = n_jobs };
	run.next_fails_at = run.work_fails_at = run.work_fails_also_at = run.take_fails_at = -1;
	return run;
}

static int next(void *ctx, size_t slot, struct error *err)
{
	struct run *run = ctx;
	if (run->next == run->next_fails_at)
		return error_set(err, -ENODATA, "next of job %d", run->next);
	if (run->next == run->n_jobs)
		return 0;
	run->job[slot] = run->next++;
	return 1;
}

static int work(void *ctx, size_t slot, unsigned int worker, struct error *err)
{
	struct run *run = ctx;
	if (atomic_fetch_add(&run->at_once[slot], 1) ||
	    atomic_fetch_add(&run->worker_busy[worker], 1))
		atomic_store(&run->clash, true);
	int job = run->job[slot];
	if (job % 3 == 0) /* some take longer than those after them */
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	run->result[slot] = job * 2;
	atomic_fetch_add(&run->worked, 1);
	atomic_fetch_sub(&run->at_once[slot], 1);
	atomic_fetch_sub(&run->worker_busy[worker], 1);
	if (job == run->work_fails_at || job == run->work_fails_also_at)
		return error_set(err, -EIO, "work of job %d", job);
	return 0;
}

static int take(void *ctx, size_t slot, struct error *err)
{
	struct run *run = ctx;
	if (run->taken == run->take_fails_at)
		return error_set(err, -ENOSPC, "take of job %d", run->taken);
	run->seen[run->taken++] = run->result[slot];
	return 0;
}

static const struct ordered_ops ops = { .next = next, .work = work, .take = take };
static const unsigned int thread_counts[] = { 0, 1, 2, 5, 16 };
#define FOR_EACH_COUNT(threads)                                                                 \
	for (size_t t_ = 0, threads = 0; t_ < sizeof(thread_counts) / sizeof(*thread_counts) && \
					 (threads = thread_counts[t_], true);                   \
	     t_++)

static void results_come_in_order(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		struct error err = { 0 };
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, &err), 0);
		assert_int_equal(run.taken, N_JOBS);
		assert_int_equal(run.worked, N_JOBS);
		assert_false(run.clash);
		for (int i = 0; i < N_JOBS; i++)
			assert_int_equal(run.seen[i], i * 2);
	}
}

static void no_jobs_are_no_trouble(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(0);
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, 1, NULL), 0);
		assert_int_equal(run.taken, 0);
	}
}

static void the_first_failed_job_in_order_is_the_error(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		run.work_fails_at = 102; /* slow, and the one after it is not */
		run.work_fails_also_at = 103;
		struct error err = { 0 };
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, &err), -EIO);
		assert_string_equal(err.msg, "work of job 102");
		assert_int_equal(run.taken, 102);
		assert_true(run.worked <= 102 + DEPTH);
	}
}

static void next_may_stop_it(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		run.next_fails_at = 50;
		struct error err = { 0 };
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, &err),
				 -ENODATA);
		assert_string_equal(err.msg, "next of job 50");
		assert_int_equal(run.taken, 50);
	}
}

static void a_failed_job_comes_before_a_later_failure_of_next(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		run.work_fails_at = 48;
		run.next_fails_at = 50;
		struct error err = { 0 };
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, &err), -EIO);
		assert_string_equal(err.msg, "work of job 48");
	}
}

static void take_may_stop_it(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		run.take_fails_at = 20;
		struct error err = { 0 };
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, &err),
				 -ENOSPC);
		assert_string_equal(err.msg, "take of job 20");
		assert_int_equal(run.taken, 20);
		assert_true(run.worked <= 20 + DEPTH);
	}
}

static void nobody_needs_to_listen_to_errors(void **state)
{
	(void)state;
	FOR_EACH_COUNT(threads)
	{
		struct run run = new_run(N_JOBS);
		run.work_fails_at = 3;
		assert_int_equal(ordered_run(&ops, &run, (unsigned int)threads, DEPTH, NULL), -EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_in_order),
		cmocka_unit_test(no_jobs_are_no_trouble),
		cmocka_unit_test(the_first_failed_job_in_order_is_the_error),
		cmocka_unit_test(next_may_stop_it),
		cmocka_unit_test(a_failed_job_comes_before_a_later_failure_of_next),
		cmocka_unit_test(take_may_stop_it),
		cmocka_unit_test(nobody_needs_to_listen_to_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
