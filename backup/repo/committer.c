/* SPDX-License-Identifier: GPL-3.0-or-later */
/* committer - see committer.h. A ring of jobs, threads, a mutex, and two conditions. */
#include <errno.h>
#include <pthread.h>

#include "committer.h"
#include "lunette/clock.h"

/* Waiting jobs hold complete packs that the page cache keeps: this bounds what is not yet safe. */
#define WAITING_MAX 2

struct committer {
	pthread_t threads[COMMITTER_MAX];
	unsigned int n_threads;
	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t changed; /* for the threads: there is a job that may begin, or it is over */
	pthread_cond_t done;    /* for the giver: a job has begun or ended */
	struct committer_job *ring[WAITING_MAX];
	uint64_t given;
	uint64_t begun;
	unsigned int running;
	bool over;
	struct error error; /* the first; code 0 when there was none */
	uint64_t busy_ns;
	uint64_t waited_ns;
};

/* Called with the lock held. The next job, if there is one and it may begin. */
static struct committer_job *next(const struct committer *c)
{
	struct committer_job *job = c->begun < c->given ? c->ring[c->begun % WAITING_MAX] : NULL;
	return job && !(job->after_all && c->running > 0) ? job : NULL;
}

/* Called with the lock held, which is not held meanwhile. */
static void do_job(struct committer *c, struct committer_job *job)
{
	bool drop = c->over || c->error.code < 0;
	c->begun++;
	c->running++;
	pthread_cond_broadcast(&c->done); /* there is room for another one */
	pthread_mutex_unlock(&c->lock);

	struct error err = { 0 };
	uint64_t begin = clock_now_ns();
	int rc = drop ? 0 : job->run(job, &err);
	job->free(job);

	pthread_mutex_lock(&c->lock);
	c->running--;
	c->busy_ns += clock_now_ns() - begin;
	if (rc < 0 && c->error.code == 0)
		c->error = err;
	pthread_cond_broadcast(&c->done);
	pthread_cond_broadcast(&c->changed); /* one that had to wait for it */
}

static void *work(void *arg)
{
	struct committer *c = arg;
	pthread_mutex_lock(&c->lock);
	while (!c->over || c->begun < c->given) {
		struct committer_job *job = next(c);
		if (job)
			do_job(c, job);
		else
			pthread_cond_wait(&c->changed, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int committer_new(unsigned int at_once, struct committer **ret, struct error *err)
{
	CLEANUP(committer_free_cleanup) struct committer *c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "write to the repository: %m");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	pthread_cond_init(&c->done, NULL);
	while (c->n_threads < MIN(at_once, COMMITTER_MAX)) {
		int rc = pthread_create(&c->threads[c->n_threads], NULL, work, c);
		if (rc > 0)
			return error_set(err, -rc, "start a thread: %m");
		c->n_threads++;
	}
	*ret = steal(&c);
	return 0;
}

void committer_free(struct committer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	for (unsigned int i = 0; i < c->n_threads; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Called with the lock held. */
static int failed(const struct committer *c, struct error *err)
{
	return c->error.code < 0 ? error_copy(err, c->error.code, &c->error) : 0;
}

int committer_give(struct committer *c, struct committer_job *job, struct error *err)
{
	uint64_t begin = clock_now_ns();
	pthread_mutex_lock(&c->lock);
	while (c->given - c->begun == WAITING_MAX)
		pthread_cond_wait(&c->done, &c->lock);
	c->waited_ns += clock_now_ns() - begin;
	int rc = failed(c, err);
	if (rc == 0) {
		c->ring[c->given++ % WAITING_MAX] = job;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		job->free(job);
	return rc;
}

int committer_drain(struct committer *c, struct error *err)
{
	uint64_t begin = clock_now_ns();
	pthread_mutex_lock(&c->lock);
	while (c->begun < c->given || c->running > 0)
		pthread_cond_wait(&c->done, &c->lock);
	c->waited_ns += clock_now_ns() - begin;
	int rc = failed(c, err);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void committer_times(struct committer *c, uint64_t *ret_busy, uint64_t *ret_waited)
{
	pthread_mutex_lock(&c->lock);
	*ret_busy = c->busy_ns;
	*ret_waited = c->waited_ns;
	pthread_mutex_unlock(&c->lock);
}
