/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What runs at once, what waits for what, and what a failure ends. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "committer.h"

/**
 * struct stage - what the jobs of a test share
 * @log: a letter for each job: small when it begins, large when it ends
 * @meet: a job that meets waits until so many are running, or for ten seconds
 */
struct stage {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char log[64];
	size_t n;
	unsigned int running, most, freed;
	unsigned int meet;
};

struct test_job {
	struct committer_job job;
	struct stage *stage;
	char letter;
	int code; /* to end with */
};

static void note(struct stage *stage, char c)
{
	if (stage->n < sizeof(stage->log) - 1)
		stage->log[stage->n++] = c;
}

static int run(struct committer_job *job, struct error *err)
{
	struct test_job *t = (struct test_job *)job;
	struct stage *stage = t->stage;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&stage->lock);
	note(stage, t->letter);
	stage->running++;
	stage->most = MAX(stage->most, stage->running);
	pthread_cond_broadcast(&stage->changed);
	while (!job->after_all && stage->most < stage->meet &&
	       pthread_cond_timedwait(&stage->changed, &stage->lock, &until) == 0)
		;
	pthread_mutex_unlock(&stage->lock);
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	pthread_mutex_lock(&stage->lock);
	note(stage, (char)(t->letter - 'a' + 'A'));
	stage->running--;
	pthread_mutex_unlock(&stage->lock);
	return t->code < 0 ? error_set(err, t->code, "job %c: %m", t->letter) : 0;
}

static void free_job(struct committer_job *job)
{
	struct stage *stage = ((struct test_job *)job)->stage;
	pthread_mutex_lock(&stage->lock);
	stage->freed++;
	pthread_mutex_unlock(&stage->lock);
	free(job);
}

static struct stage *stage_new(unsigned int meet)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	pthread_mutex_init(&stage->lock, NULL);
	pthread_cond_init(&stage->changed, NULL);
	stage->meet = meet;
	return stage;
}

static int give(struct committer *c, struct stage *stage, char letter, bool after_all, int code,
		struct error *err)
{
	struct test_job *job = calloc(1, sizeof(*job));
	*job = (struct test_job){ { after_all, run, free_job }, stage, letter, code };
	return committer_give(c, &job->job, err);
}

static struct committer *committer(unsigned int at_once)
{
	struct committer *c;
	assert_int_equal(committer_new(at_once, &c, NULL), 0);
	return c;
}

static size_t place(const struct stage *stage, char c)
{
	const char *at = strchr(stage->log, c);
	assert_non_null(at);
	return (size_t)(at - stage->log);
}

static void one_at_once_is_one_after_the_other(void **state)
{
	(void)state;
	struct stage *stage = stage_new(0);
	struct committer *c = committer(1);
	for (char letter = 'a'; letter < 'g'; letter++)
		assert_int_equal(give(c, stage, letter, letter == 'c', 0, NULL), 0);
	assert_int_equal(committer_drain(c, NULL), 0);
	committer_free(c);
	assert_string_equal(stage->log, "aAbBcCdDeEfF");
	free(stage);
}

static void several_run_at_once(void **state)
{
	(void)state;
	struct stage *stage = stage_new(3);
	struct committer *c = committer(3);
	for (char letter = 'a'; letter < 'g'; letter++)
		assert_int_equal(give(c, stage, letter, false, 0, NULL), 0);
	assert_int_equal(committer_drain(c, NULL), 0);
	assert_int_equal(stage->most, 3);
	assert_int_equal(stage->n, 12);
	committer_free(c);
	assert_int_equal(stage->freed, 6);
	free(stage);
}

static void what_comes_after_all_waits_for_all(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct stage *stage = stage_new(2);
		struct committer *c = committer(4);
		for (const char *letter = "abcdefg"; *letter; letter++)
			assert_int_equal(give(c, stage, *letter, *letter == 'd', 0, NULL), 0);
		assert_int_equal(committer_drain(c, NULL), 0);
		for (const char *before = "ABC"; *before; before++)
			assert_true(place(stage, *before) < place(stage, 'd'));
		committer_free(c);
		free(stage);
	}
}

/* An index whose pack has failed is never written, also when the pack fails last. */
static void a_failure_ends_what_comes_after_it(void **state)
{
	(void)state;
	for (char bad = 'a'; bad < 'd'; bad++) {
		struct stage *stage = stage_new(0);
		struct committer *c = committer(3);
		struct error why = { 0 };
		for (char letter = 'a'; letter < 'd'; letter++)
			(void)give(c, stage, letter, false, letter == bad ? -ENOSPC : 0, NULL);
		(void)give(c, stage, 'd', true, 0, NULL);
		assert_int_equal(committer_drain(c, &why), -ENOSPC);
		assert_non_null(strstr(why.msg, "No space left"));
		assert_int_equal(give(c, stage, 'e', false, 0, &why), -ENOSPC);
		committer_free(c);
		assert_null(strchr(stage->log, 'd'));
		assert_null(strchr(stage->log, 'e'));
		assert_int_equal(stage->freed, 5);
		free(stage);
	}
}

static void what_has_not_begun_is_dropped_in_the_end(void **state)
{
	(void)state;
	struct stage *stage = stage_new(0);
	struct committer *c = committer(1);
	for (char letter = 'a'; letter < 'd'; letter++)
		assert_int_equal(give(c, stage, letter, false, 0, NULL), 0);
	committer_free(c);
	assert_int_equal(stage->freed, 3);
	assert_int_equal(stage->running, 0);
	free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_once_is_one_after_the_other),
		cmocka_unit_test(several_run_at_once),
		cmocka_unit_test(what_comes_after_all_waits_for_all),
		cmocka_unit_test(a_failure_ends_what_comes_after_it),
		cmocka_unit_test(what_has_not_begun_is_dropped_in_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
