/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What every store does with many objects: listing, removing, many threads, and a repository. */
#include <pthread.h>
#include <time.h>

#include "store-rows.h"

static void a_listing_goes_into_folders_and_tells_size_and_time(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const struct {
		const char *folder, *name;
	} cases[] = { { "", "packs/ab/abc" }, { "packs", "ab/abc" }, { "packs/ab", "abc" } };
	struct store_stat st;
	int64_t now = time(NULL);
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	ok(store_stat(store, "packs/ab/abc", &st, err));
	assert_int_equal(st.size, 5);
	assert_in_range(st.modified, now - 5, now + 60);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct listed listed = { 0 };
		ok(store_list(store, cases[i].folder, keep_listed, &listed, err));
		assert_int_equal(listed.n, 1);
		assert_string_equal(listed.name, cases[i].name);
		assert_int_equal(listed.st.size, 5);
		assert_int_equal(listed.st.modified, st.modified);
	}
	assert_int_equal(count(store, "index"), 0);
	assert_int_equal(count(store, "pack"), 0);
	assert_int_equal(count(store, "packs/a"), 0);
}

static int end_it(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)name, (void)st;
	++*(int *)ctx;
	return error_set(err, -ECANCELED, "enough");
}

static void who_is_told_may_end_a_listing(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error why = { 0 };
	int n = 0;
	ok(store_put_same(store, "points/abc", "1", 1, err));
	ok(store_put_same(store, "points/abd", "2", 1, err));
	assert_int_equal(store_list(store, "points", end_it, &n, &why), -ECANCELED);
	assert_string_equal(why.msg, "enough");
	assert_int_equal(n, 1);
}

static int remove_it(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st;
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), "leases/%.60s", name);
	return store_remove(ctx, key, err);
}

static void what_is_listed_may_be_removed_meanwhile(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	for (char c = 'a'; c < 'k'; c++) {
		const char key[] = { 'l', 'e', 'a', 's', 'e', 's', '/', c, '\0' };
		ok(store_put_same(store, key, &c, 1, err));
	}
	ok(store_list(store, "leases", remove_it, store, err));
	assert_int_equal(count(store, "leases"), 0);
}

static void what_is_removed_is_gone_and_may_be_gone_already(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_stat st;
	char byte;
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	ok(store_put_same(store, "packs/ab/abd", "other", 5, err));
	ok(store_remove(store, "packs/ab/abc", err));
	store_forget(store, "packs/ab/abc");
	assert_int_equal(store_stat(store, "packs/ab/abc", &st, NULL), -ENOENT);
	assert_int_equal(store_read(store, "packs/ab/abc", &byte, 1, 0, NULL), -ENOENT);
	assert_int_equal(count(store, "packs/ab"), 1);
	ok(store_remove(store, "packs/ab/abc", err));
	ok(store_remove(store, "nowhere/abc", err));
	ok(store_put_same(store, "packs/ab/abc", "again", 5, err)); /* and may come back */
	holds(store, "packs/ab/abc", "again");
	holds(store, "packs/ab/abd", "other");
}

static void sweeping_leaves_what_is_complete(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	ok(store_sweep(store, 0, err));
	holds(store, "packs/ab/abc", "hello");
}

struct worker {
	struct store *store;
	unsigned int n;
	struct error err;
	int rc;
};

/* Each its own objects, and one that all of them put. */
static int work(struct worker *w)
{
	enum { SIZE = 70000 };
	const struct made own = make(w->n, SIZE), shared = make(99, SIZE);
	CLEANUP(free_cleanup) uint8_t *buf = malloc(SIZE);
	char key[STORE_KEY_MAX];
	struct store_stat st;
	snprintf(key, sizeof(key), "packs/%02x/own", w->n);
	int rc = store_put(w->store, key, &own.source, STORE_TWIN, &w->err);
	if (rc == 0)
		rc = store_put(w->store, "packs/ff/shared", &shared.source, STORE_TWIN, &w->err);
	for (uint64_t off = 0; rc == 0 && off < SIZE; off += 7000) {
		rc = store_read(w->store, key, buf, 7000, off, &w->err);
		for (size_t i = 0; rc == 0 && i < 7000; i++)
			if (buf[i] != byte_at(w->n, off + i))
				rc = error_set(&w->err, -EILSEQ, "a wrong byte");
	}
	if (rc == 0)
		rc = store_stat(w->store, "packs/ff/shared", &st, &w->err);
	return rc;
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	for (int i = 0; w->rc == 0 && i < 20; i++)
		w->rc = work(w);
	return NULL;
}

static void any_thread_may_use_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct worker workers[6];
	pthread_t threads[ARRAY_SIZE(workers)];
	for (unsigned int i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker){ .store = store, .n = i };
		assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		if (workers[i].rc < 0)
			fail_msg("%s", workers[i].err.msg);
	assert_int_equal(count(store, "packs"), ARRAY_SIZE(workers) + 1);
	has_range(store, "packs/ff/shared", 99, 70000, 0);
}

static void a_repository_lives_in_it(void **state)
{
	struct fixture *f = *state;
	struct repo *repo;
	char id[65];
	json_t *point;
	ok(config_create(f->store, FIXTURE_SETTINGS, err));
	struct store *store = f->store;
	f->store = NULL; /* the repository has it now */
	ok(repo_open_store(store, "suite", NULL, &repo, err));
	ok(fixture_backup(repo, "a", "2026-11-22T17:00:00Z", 40, 1, id, NULL, err));
	ok(fixture_backup(repo, "a", "2026-11-22T18:00:00Z", 40, 2, id, NULL, err));
	ok(repo_point_find(repo, "a@latest", id, &point, err));
	ok(fixture_verify(repo, point, 2, err));
	json_decref(point);
	repo_close(repo);
}

int main(void)
{
	static const struct store_case cases[] = {
		STORE_CASE(a_listing_goes_into_folders_and_tells_size_and_time),
		STORE_CASE(who_is_told_may_end_a_listing),
		STORE_CASE(what_is_listed_may_be_removed_meanwhile),
		STORE_CASE(what_is_removed_is_gone_and_may_be_gone_already),
		STORE_CASE(sweeping_leaves_what_is_complete),
		STORE_CASE(any_thread_may_use_it),
		STORE_CASE(a_repository_lives_in_it),
	};
	return store_rows_run(cases, ARRAY_SIZE(cases));
}
