/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lease - takes a lease, keeps it good, and lists those of others. See lease.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lunette/document.h"
#include "lunette/hex.h"
#include "lunette/lease.h"
#include "lunette/random.h"

/* The thread looks so often whether it is time, in seconds: a machine may have slept meanwhile. */
#define LOOK_EVERY ((int64_t)10)

struct lease {
	struct repo *repo;
	unsigned int valid;
	bool removes;
	pthread_t thread;
	bool has_thread;
	pthread_cond_t wake;
	pthread_mutex_t lock; /* guards all below; held while the document is written anew */
	bool stop;
	bool lost;
	int64_t written; /* when it was begun to be written last, on the clock of clock_boot() */
	struct lease_info info;
};

/* Nobody sets it, and it goes on while the machine sleeps. */
static int64_t clock_boot(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static void key_of(const char *name, char ret[STORE_KEY_MAX])
{
	snprintf(ret, STORE_KEY_MAX, LEASE_FOLDER "/%.64s", name);
}

/* ---- writing it anew: the lock is held ---- */

/* Writes the next document, then removes the last one, so that there is always one. */
static int write_next(struct lease *lease, struct error *err)
{
	struct lease_info next = lease->info;
	int64_t begun = clock_boot();
	next.expires = time(NULL) + lease->valid;
	json_t *document = lease_document(&next);
	if (!document)
		return error_set(err, -ENOMEM, "write a lease: %m");
	int rc = (lease->removes ? document_put_removing : document_put)(lease->repo, LEASE_FOLDER,
									 document, next.name, err);
	json_decref(document);
	if (rc < 0)
		return error_wrap(err, rc, "write a lease");
	char key[STORE_KEY_MAX];
	key_of(lease->info.name, key);
	/* One that stays is only removed later, as void. */
	if (lease->info.name[0] && strcmp(next.name, lease->info.name) != 0)
		(void)store_remove(lease->repo->store, key, NULL);
	lease->info = next;
	lease->written = begun;
	return 0;
}

/* Return: 0; -ENOENT when somebody took it for void and removed it; what the store said. */
static int look(const struct lease *lease, struct store_stat *ret, struct error *err)
{
	char key[STORE_KEY_MAX];
	key_of(lease->info.name, key);
	return store_stat(lease->repo->store, key, ret, err);
}

static bool is_over(const struct lease *lease)
{
	return clock_boot() - lease->written >= (int64_t)lease->valid;
}

static int64_t refresh_after(const struct lease *lease)
{
	return MAX(lease->valid / 6, 1u);
}

/* What was void once stays so: others may have removed things since. */
static void keep_good(struct lease *lease)
{
	struct store_stat st;
	if (lease->lost || clock_boot() - lease->written < refresh_after(lease))
		return;
	if (is_over(lease) || look(lease, &st, NULL) == -ENOENT)
		lease->lost = true;
	else
		(void)write_next(lease, NULL); /* there is time to try again */
}

static void *keeper(void *arg)
{
	struct lease *lease = arg;
	pthread_mutex_lock(&lease->lock);
	while (!lease->stop) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += (time_t)MIN(refresh_after(lease), LOOK_EVERY);
		pthread_cond_timedwait(&lease->wake, &lease->lock, &until);
		if (!lease->stop)
			keep_good(lease);
	}
	pthread_mutex_unlock(&lease->lock);
	return NULL;
}

/* ---- taking and giving back ---- */

static int refuse(void *ctx, const struct lease_info *info, struct error *err)
{
	(void)ctx;
	if (!info->exclusive)
		return 0;
	char text[LEASE_TEXT_MAX];
	lease_text(info, text);
	return error_mark(
		err,
		error_set(err, -EBUSY,
			  "%s is at work in this repository; if it is dead, its lease is void two "
			  "hours after its last sign of life",
			  text),
		ERROR_KIND_BUSY);
}

static int new_lease(struct repo *repo, const struct lease_request *request, struct lease **ret,
		     struct error *err)
{
	uint8_t random[16];
	int rc = random_bytes(random, sizeof(random), err);
	if (rc < 0)
		return rc;
	struct lease *lease = calloc(1, sizeof(*lease));
	if (!lease || !(lease->info.marks = json_array())) {
		free(lease);
		return error_set(err, -ENOMEM, "take a lease: %m");
	}
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&lease->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&lease->lock, NULL);
	lease->repo = repo;
	lease->valid = request->valid ? request->valid : LEASE_VALID;
	lease->removes = request->removes;
	lease->info.exclusive = request->exclusive;
	lease->info.since = time(NULL);
	hex_text(random, sizeof(random), lease->info.id);
	snprintf(lease->info.purpose, sizeof(lease->info.purpose), "%s", request->purpose);
	lease_self(&lease->info.owner);
	*ret = lease;
	return 0;
}

int lease_take(struct repo *repo, const struct lease_request *request, struct lease **ret,
	       struct error *err)
{
	CLEANUP(lease_release_cleanup) struct lease *lease = NULL;
	int rc = new_lease(repo, request, &lease, err);
	if (rc == 0)
		rc = write_next(lease, err);
	/* Two that come at once see each other, and both go. */
	if (rc == 0 && request->exclusive)
		rc = lease_each(repo, lease, refuse, NULL, err);
	if (rc < 0)
		return rc;
	rc = pthread_create(&lease->thread, NULL, keeper, lease);
	if (rc != 0)
		return error_set(err, -rc, "keep a lease: %m");
	lease->has_thread = true;
	*ret = steal(&lease);
	return 0;
}

void lease_release(struct lease *lease)
{
	if (!lease)
		return;
	pthread_mutex_lock(&lease->lock);
	lease->stop = true;
	pthread_cond_signal(&lease->wake);
	pthread_mutex_unlock(&lease->lock);
	if (lease->has_thread)
		pthread_join(lease->thread, NULL);
	char key[STORE_KEY_MAX];
	key_of(lease->info.name, key);
	if (lease->info.name[0])
		(void)store_remove(lease->repo->store, key, NULL); /* else it becomes void */
	pthread_cond_destroy(&lease->wake);
	pthread_mutex_destroy(&lease->lock);
	lease_info_free(&lease->info);
	free(lease);
}

int lease_heed(struct lease *lease, json_t *marks, struct error *err)
{
	pthread_mutex_lock(&lease->lock);
	json_t *before = lease->info.marks;
	lease->info.marks = json_incref(marks);
	int rc = write_next(lease, err);
	if (rc < 0)
		lease->info.marks = before;
	json_decref(rc < 0 ? marks : before);
	pthread_mutex_unlock(&lease->lock);
	return rc;
}

int lease_check(struct lease *lease, struct error *err)
{
	struct store_stat st;
	struct error why = { 0 };
	pthread_mutex_lock(&lease->lock);
	int rc = lease->lost || is_over(lease) ? -ENOENT : look(lease, &st, &why);
	lease->lost = lease->lost || rc == -ENOENT;
	pthread_mutex_unlock(&lease->lock);
	if (rc == -ENOENT)
		return error_set(
			err, -ESTALE,
			"its lease on the repository has expired, since this machine slept, or the "
			"repository could not be written for an hour: what it relies on may have "
			"been removed; please run it again");
	return rc < 0 ? error_set(err, rc, "the lease: %s", why.msg) : 0;
}

int lease_is_in(struct lease *lease, struct repo *repo, bool *ret, struct error *err)
{
	char key[STORE_KEY_MAX];
	struct store_stat st;
	struct error why = { 0 };
	pthread_mutex_lock(&lease->lock);
	key_of(lease->info.name, key);
	int rc = store_stat(repo->store, key, &st, &why);
	pthread_mutex_unlock(&lease->lock);
	if (rc < 0 && rc != -ENOENT)
		return error_copy(err, rc, &why);
	*ret = rc == 0;
	return 0;
}

/* ---- those of others ---- */

struct lease_listing {
	struct repo *repo;
	const struct lease *own;
	struct lease_owner self;
	struct lease_now now;
	int (*fn)(void *ctx, const struct lease_info *info, struct error *err);
	void *ctx;
};

/* One that cannot be read is taken for a good one until it is old. */
static int read_lease(struct lease_listing *l, const char *name, int64_t modified,
		      struct lease_info *ret, struct error *err)
{
	struct error why = { 0 };
	json_t *document = NULL;
	struct lease_info info;
	int rc = document_get(l->repo, LEASE_FOLDER, name, LEASE_MAX, &document, &why);
	if (rc == 0)
		rc = lease_parse(document, &info, &why);
	json_decref(document);
	if (rc == -ENOENT || rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0) {
		info = (struct lease_info){ .purpose = "unreadable",
					    .owner.host = "an unknown host",
					    .since = modified,
					    .expires = modified + LEASE_VALID };
		info.marks = json_array();
	}
	snprintf(info.name, sizeof(info.name), "%s", name);
	info.modified = modified;
	*ret = info;
	return 0;
}

static int visit(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	struct lease_listing *l = ctx;
	struct chunk_id id;
	struct error why = { 0 };
	struct lease_info info;
	if (!chunk_id_parse(name, &id))
		return 0;
	int rc = read_lease(l, name, st->modified, &info, &why);
	if (rc == -ENOENT)
		return 0; /* given back, or written anew under another name */
	if (rc < 0)
		return error_set(err, rc, "lease %.16s: %s", name, why.msg);
	char key[STORE_KEY_MAX];
	key_of(name, key);
	if (l->own && strcmp(info.id, l->own->info.id) == 0)
		rc = 0;
	else if (!lease_is_void(&info, &l->self, &l->now))
		rc = l->fn(l->ctx, &info, err);
	else if (l->own)
		rc = store_remove(l->repo->store, key, err);
	lease_info_free(&info);
	return rc;
}

int lease_each(struct repo *repo, const struct lease *own,
	       int (*fn)(void *ctx, const struct lease_info *info, struct error *err), void *ctx,
	       struct error *err)
{
	struct lease_listing l = { .repo = repo, .own = own, .fn = fn, .ctx = ctx };
	lease_self(&l.self);
	l.now.here = time(NULL);
	struct store_stat st;
	if (own && look(own, &st, NULL) == 0)
		l.now.store = st.modified + (clock_boot() - own->written);
	/*
	 * Twice: one that is written anew while they are listed may be missed under its old name
	 * and under its new one, but not again so soon.
	 */
	int rc = store_list(repo->store, LEASE_FOLDER, visit, &l, err);
	return rc < 0 ? rc : store_list(repo->store, LEASE_FOLDER, visit, &l, err);
}
