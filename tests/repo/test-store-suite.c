/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/*
 * What every store does, and every layer in front of one: the promises of store.h, tried on each
 * row of a table. A new store is one row more.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "lunette/store-layers.h"
#include "repo-fixture.h"
#include "store-mem.h"

/* ---- the stores --------------------------------------------------------------------------------
 */

/**
 * struct row - a store that must pass
 * @open: an empty one; @dir is an empty directory for what it needs, removed in the end
 */
struct row {
	const char *name;
	struct store *(*open)(const char *dir);
};

static struct store *open_dir(const char *dir)
{
	struct store *store;
	ok(store_dir_create(dir, &store, err));
	return store;
}

/* ---- file systems that know less: these stand in the place of the C library's ---- */

static bool no_links, no_careful_renames;

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (!no_links)
		return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	errno = faccessat(to_dir, to, F_OK, 0) == 0 ? EEXIST : EPERM;
	return -1;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	if (!no_careful_renames)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	errno = EINVAL;
	return -1;
}

static struct store *open_no_links(const char *dir)
{
	no_links = true;
	return open_dir(dir);
}

static struct store *open_bare(const char *dir)
{
	no_careful_renames = true;
	return open_no_links(dir);
}

static struct store *open_mem(const char *dir)
{
	(void)dir;
	return &store_mem_new()->store;
}

static struct store *open_faults(const char *dir)
{
	return &store_faults_new(open_dir(dir))->store;
}

static struct store *open_retry(const char *dir)
{
	return store_retry_new(open_dir(dir), &(struct store_retry_policy){ 3, 1, 1 });
}

static struct store *open_limit(const char *dir)
{
	(void)dir;
	return store_limit_new(&store_mem_new()->store, 1u << 30);
}

static struct store *cached(struct store *below, const char *dir)
{
	char folder[128];
	snprintf(folder, sizeof(folder), "%s-cache", dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	return store_cache_new(below, &(struct store_cache_options){ folder, 1 << 20, "suite" });
}

static struct store *open_cache(const char *dir)
{
	return cached(open_dir(dir), dir);
}

static struct store *open_all(const char *dir)
{
	const struct store_retry_policy policy = { 3, 1, 1 };
	struct store *below = store_limit_new(&store_mem_new()->store, 1u << 30);
	return cached(store_retry_new(below, &policy), dir);
}

static const struct row rows[] = {
	{ "directory", open_dir },
	{ "directory without links", open_no_links },
	{ "directory without links and careful renames", open_bare },
	{ "memory", open_mem },
	{ "faults over a directory", open_faults },
	{ "retry over a directory", open_retry },
	{ "limit over memory", open_limit },
	{ "cache over a directory", open_cache },
	{ "cache over retry over limit over memory", open_all },
};

struct fixture {
	const struct row *row;
	char *dir;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->row = *state;
	no_links = no_careful_renames = false;
	f->dir = fixture_dir();
	f->store = f->row->open(f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_free(f->store);
	char *cache;
	if (asprintf(&cache, "%s-cache", f->dir) > 0)
		fixture_dir_free(cache);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

/* ---- helpers -----------------------------------------------------------------------------------
 */

struct listed {
	int n;
	char name[STORE_KEY_MAX];
	struct store_stat st;
};

static int keep_listed(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)err;
	struct listed *listed = ctx;
	snprintf(listed->name, sizeof(listed->name), "%s", name);
	listed->st = *st;
	listed->n++;
	return 0;
}

static int count(struct store *store, const char *folder)
{
	struct listed listed = { 0 };
	ok(store_list(store, folder, keep_listed, &listed, err));
	return listed.n;
}

static void holds(struct store *store, const char *key, const char *text)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	ok(store_get(store, key, 1000, &buf, &len, err));
	assert_string_equal(buf, text);
	assert_int_equal(len, strlen(text));
}

/* Byte @off of an object of test @n. */
static uint8_t byte_at(unsigned int n, uint64_t off)
{
	return (uint8_t)((off * 0x9e3779b97f4a7c15u >> 32) + off / 4096 + n);
}

/**
 * struct made - a source that makes its bytes up
 * @fail_after: reading behind this many bytes fails, as a disk might
 */
struct made {
	struct store_source source;
	unsigned int n;
	uint64_t fail_after;
};

static int made_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		     struct error *err)
{
	const struct made *made = (const struct made *)source;
	assert_true(range_inside(len, off, source->size));
	if (off + len > made->fail_after)
		return error_set(err, -EIO, "made up: %m");
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = byte_at(made->n, off + i);
	return 0;
}

static struct made make(unsigned int n, uint64_t size)
{
	static const struct store_source_ops ops = { .read = made_read };
	return (struct made){ { &ops, size }, n, UINT64_MAX };
}

static void has_range(struct store *store, const char *key, unsigned int n, size_t len,
		      uint64_t off)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(len);
	ok(store_read(store, key, buf, len, off, err));
	for (size_t i = 0; i < len; i++)
		if (buf[i] != byte_at(n, off + i))
			fail_msg("%s: byte %zu of the range at %u is wrong", key, i,
				 (unsigned int)off);
}

/* ---- what each must do -------------------------------------------------------------------------
 */

static void what_was_put_is_read(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char buf[3];
	ok(store_put_new(store, "config", "first", 5, err));
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	holds(store, "config", "first");
	holds(store, "packs/ab/abc", "hello");
	ok(store_read(store, "packs/ab/abc", buf, 3, 2, err));
	assert_memory_equal(buf, "llo", 3);
}

static void an_empty_object_is_there(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_stat st;
	ok(store_put_same(store, "pins/abc", "", 0, err));
	ok(store_put_same(store, "pins/abc", "", 0, err));
	ok(store_stat(store, "pins/abc", &st, err));
	assert_int_equal(st.size, 0);
	assert_int_equal(count(store, "pins"), 1);
	holds(store, "pins/abc", "");
}

static void what_is_not_there_is_enoent_and_nothing_else_is(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_stat st;
	char *buf, byte;
	size_t len;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_stat(store, "packs/ab/abc", &st, NULL), -ENOENT);
		assert_int_equal(store_read(store, "packs/ab/abc", &byte, 1, 0, NULL), -ENOENT);
		assert_int_equal(store_get(store, "packs/ab/abc", 9, &buf, &len, NULL), -ENOENT);
		assert_int_equal(count(store, "packs"), 0);
		/* The same with a neighbour. */
		ok(store_put_same(store, "points/abc", "hello", 5, err));
	}
}

static void a_range_past_the_end_is_damage(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char buf[9];
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 3, 3, NULL), -EUCLEAN);
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 1, 5, NULL), -EUCLEAN);
	assert_int_equal(store_read(store, "packs/ab/abc", buf, 9, UINT64_MAX - 4, NULL), -EUCLEAN);
	ok(store_read(store, "packs/ab/abc", buf, 5, 0, err));
}

static void keys_that_lead_elsewhere_are_refused(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const char *const keys[] = { "",
					    "/config",
					    "..",
					    "packs/../x",
					    "packs//x",
					    "packs/",
					    "0123456789012345678901234567890123456789012345678"
					    "0123456789012345678901234567890" };
	struct store_stat st;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(store_put_same(store, keys[i], "x", 1, NULL), -EINVAL);
		assert_int_equal(store_stat(store, keys[i], &st, NULL), -EINVAL);
		assert_int_equal(store_remove(store, keys[i], NULL), -EINVAL);
	}
	assert_int_equal(count(store, ""), 0);
}

static void nothing_is_overwritten(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	ok(store_put_new(store, "index/abc", "first", 5, err));
	assert_int_equal(store_put_new(store, "index/abc", "other", 5, NULL), -EEXIST);
	assert_int_equal(store_put_new(store, "index/abc", "first", 5, NULL), -EEXIST);
	ok(store_put_same(store, "index/abc", "first", 5, err));
	holds(store, "index/abc", "first");
}

static void a_damaged_twin_is_replaced(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const char *const damaged[] = { "", "firs", "fArst", "first!" };
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		char key[STORE_KEY_MAX];
		snprintf(key, sizeof(key), "index/%zu", i);
		ok(store_put_new(store, key, damaged[i], strlen(damaged[i]), err));
		char byte = 0, is[5];
		holds(store, key, damaged[i]);
		ok(store_read(store, key, &byte, i > 0, 0, err)); /* it may be kept open */
		ok(store_put_same(store, key, "first", 5, err));
		ok(store_read(store, key, is, 5, 0, err));
		assert_memory_equal(is, "first", 5);
		holds(store, key, "first");
	}
}

static void a_draft_is_there_when_it_is_put(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_draft *draft;
	char buf[2];
	ok(store_draft_new(store, &draft, err));
	ok(store_draft_append(draft, "hel", 3, err));
	ok(store_draft_append(draft, "", 0, err));
	ok(store_draft_append(draft, "lo", 2, err));
	assert_int_equal(draft->source.size, 5);
	ok(store_source_read(&draft->source, buf, 2, 2, err)); /* as often as one likes */
	assert_memory_equal(buf, "ll", 2);
	assert_int_equal(count(store, "packs"), 0);
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(store, "packs/cd/cde", &draft->source, STORE_REFUSE, err));
	assert_int_equal(store_put(store, "packs/cd/cde", &draft->source, STORE_REFUSE, NULL),
			 -EEXIST);
	store_draft_free(draft);
	holds(store, "packs/ab/abc", "hello");
	holds(store, "packs/cd/cde", "hello");
	assert_int_equal(count(store, ""), 2);
}

static void a_draft_of_another_store_is_put_too(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char *dir = fixture_dir();
	struct store *other = open_dir(dir);
	struct store_draft *draft;
	ok(store_draft_new(other, &draft, err));
	ok(store_draft_append(draft, "hello", 5, err));
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	ok(store_put(other, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
	store_free(other);
	fixture_dir_free(dir);
	holds(store, "packs/ab/abc", "hello");
}

static void a_draft_that_was_given_up_never_was(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_draft *draft;
	ok(store_draft_new(store, &draft, err));
	ok(store_draft_append(draft, "hello", 5, err));
	store_draft_free(draft);
	store_draft_free(NULL);
	assert_int_equal(count(store, ""), 0);
}

static void a_source_that_fails_leaves_nothing(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct made made = make(1, 3 << 20);
	struct error why = { 0 };
	made.fail_after = 2 << 20;
	assert_int_equal(store_put(store, "packs/ab/abc", &made.source, STORE_TWIN, &why), -EIO);
	assert_int_equal(why.code, -EIO);
	assert_int_equal(count(store, ""), 0);
	made.fail_after = UINT64_MAX; /* it can be put again */
	ok(store_put(store, "packs/ab/abc", &made.source, STORE_TWIN, err));
	has_range(store, "packs/ab/abc", 1, 3 << 20, 0);
}

struct sum {
	unsigned int n;
	uint64_t len, stop_at;
};

static int add_up(void *ctx, const void *buf, size_t len, struct error *err)
{
	struct sum *sum = ctx;
	assert_true(len > 0);
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)buf)[i] != byte_at(sum->n, sum->len + i))
			return error_set(err, -EILSEQ, "a wrong byte");
	sum->len += len;
	return sum->len >= sum->stop_at ? error_set(err, -ECANCELED, "enough") : 0;
}

static void large_objects_are_whole(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	enum { SIZE = (5 << 20) + 4321 };
	const struct made made = make(7, SIZE);
	struct store_stat st;
	ok(store_put(store, "packs/ff/large", &made.source, STORE_TWIN, err));
	ok(store_stat(store, "packs/ff/large", &st, err));
	assert_int_equal(st.size, SIZE);
	has_range(store, "packs/ff/large", 7, SIZE, 0);
	for (uint64_t off = 0; off < SIZE; off += 65537)
		has_range(store, "packs/ff/large", 7, (size_t)MIN(SIZE - off, (uint64_t)20000),
			  off);
	has_range(store, "packs/ff/large", 7, 1, SIZE - 1);
	struct sum sum = { .n = 7, .stop_at = UINT64_MAX };
	ok(store_get_to(store, "packs/ff/large", add_up, &sum, err));
	assert_int_equal(sum.len, SIZE);
}

static void who_takes_an_object_may_end_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const struct made made = make(7, 3 << 20);
	struct error why = { 0 };
	struct sum sum = { .n = 7, .stop_at = 1 };
	ok(store_put(store, "packs/ff/large", &made.source, STORE_TWIN, err));
	assert_int_equal(store_get_to(store, "packs/ff/large", add_up, &sum, &why), -ECANCELED);
	assert_string_equal(why.msg, "enough");
}

static void an_object_larger_than_it_can_be_is_not_loaded(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char *buf;
	size_t len;
	ok(store_put_new(store, "config", "first", 5, err));
	assert_int_equal(store_get(store, "config", 4, &buf, &len, NULL), -EUCLEAN);
	ok(store_get(store, "config", 5, &buf, &len, err));
	free(buf);
}

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
	assert_int_equal(count(store, "points"), 0);
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
#define CASE(fn)        \
	{               \
#fn, fn \
	}
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} cases[] = {
		CASE(what_was_put_is_read),
		CASE(an_empty_object_is_there),
		CASE(what_is_not_there_is_enoent_and_nothing_else_is),
		CASE(a_range_past_the_end_is_damage),
		CASE(keys_that_lead_elsewhere_are_refused),
		CASE(nothing_is_overwritten),
		CASE(a_damaged_twin_is_replaced),
		CASE(a_draft_is_there_when_it_is_put),
		CASE(a_draft_of_another_store_is_put_too),
		CASE(a_draft_that_was_given_up_never_was),
		CASE(a_source_that_fails_leaves_nothing),
		CASE(large_objects_are_whole),
		CASE(who_takes_an_object_may_end_it),
		CASE(an_object_larger_than_it_can_be_is_not_loaded),
		CASE(a_listing_goes_into_folders_and_tells_size_and_time),
		CASE(who_is_told_may_end_a_listing),
		CASE(what_is_listed_may_be_removed_meanwhile),
		CASE(what_is_removed_is_gone_and_may_be_gone_already),
		CASE(sweeping_leaves_what_is_complete),
		CASE(any_thread_may_use_it),
		CASE(a_repository_lives_in_it),
	};
	static struct CMUnitTest tests[ARRAY_SIZE(rows) * ARRAY_SIZE(cases)];
	static char names[ARRAY_SIZE(tests)][128];
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		size_t r = i / ARRAY_SIZE(cases), c = i % ARRAY_SIZE(cases);
		snprintf(names[i], sizeof(names[i]), "%s: %s", rows[r].name, cases[c].name);
		tests[i] = (struct CMUnitTest){ names[i], cases[c].run, setup, teardown,
						(void *)&rows[r] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
