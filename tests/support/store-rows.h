/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-rows - all the stores, and layers in front of one, of which the suite wants that they do
 * what store.h promises; and what its parts share. A new store is one row more.
 *
 * Each part (tests/repo/test-store-suite-*.c) tries its cases on each row.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <assert.h>
#include <sys/syscall.h>

#include "lunette/store-layers.h"
#include "repo-fixture.h"
#include "store-mem.h"

/* ---- the stores --------------------------------------------------------------------------------
 */

/**
 * struct store_row - a store that must pass
 * @open: an empty one; @dir is an empty directory for what it needs, removed in the end
 */
struct store_row {
	const char *name;
	struct store *(*open)(const char *dir);
};

static inline struct store *open_dir(const char *dir)
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

static inline struct store *open_no_links(const char *dir)
{
	no_links = true;
	return open_dir(dir);
}

static inline struct store *open_bare(const char *dir)
{
	no_careful_renames = true;
	return open_no_links(dir);
}

static inline struct store *open_mem(const char *dir)
{
	(void)dir;
	return &store_mem_new()->store;
}

static inline struct store *open_faults(const char *dir)
{
	return &store_faults_new(open_dir(dir))->store;
}

static inline struct store *open_retry(const char *dir)
{
	return store_retry_new(open_dir(dir), &(struct store_retry_policy){ 3, 1, 1 });
}

static inline struct store *open_limit(const char *dir)
{
	(void)dir;
	return store_limit_new(&store_mem_new()->store, 1u << 30);
}

static inline struct store *cached(struct store *below, const char *dir)
{
	char folder[128];
	snprintf(folder, sizeof(folder), "%s-cache", dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	return store_cache_new(below, &(struct store_cache_options){ folder, 1 << 20, "suite" });
}

static inline struct store *open_cache(const char *dir)
{
	return cached(open_dir(dir), dir);
}

static inline struct store *open_all(const char *dir)
{
	const struct store_retry_policy policy = { 3, 1, 1 };
	struct store *below = store_limit_new(&store_mem_new()->store, 1u << 30);
	return cached(store_retry_new(below, &policy), dir);
}

static const struct store_row store_rows[] = {
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
	const struct store_row *row;
	char *dir;
	struct store *store;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->row = *state;
	no_links = no_careful_renames = false;
	f->dir = fixture_dir();
	f->store = f->row->open(f->dir);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
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

static inline int keep_listed(void *ctx, const char *name, const struct store_stat *st,
			      struct error *err)
{
	(void)err;
	struct listed *listed = ctx;
	snprintf(listed->name, sizeof(listed->name), "%s", name);
	listed->st = *st;
	listed->n++;
	return 0;
}

static inline int count(struct store *store, const char *folder)
{
	struct listed listed = { 0 };
	ok(store_list(store, folder, keep_listed, &listed, err));
	return listed.n;
}

static inline void holds(struct store *store, const char *key, const char *text)
{
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	ok(store_get(store, key, 1000, &buf, &len, err));
	assert_string_equal(buf, text);
	assert_int_equal(len, strlen(text));
}

/* Byte @off of an object of test @n. */
static inline uint8_t byte_at(unsigned int n, uint64_t off)
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

static inline int made_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
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

static inline struct made make(unsigned int n, uint64_t size)
{
	static const struct store_source_ops ops = { .read = made_read };
	return (struct made){ { &ops, size }, n, UINT64_MAX };
}

static inline void has_range(struct store *store, const char *key, unsigned int n, size_t len,
			     uint64_t off)
{
	CLEANUP(free_cleanup) uint8_t *buf = malloc(len);
	ok(store_read(store, key, buf, len, off, err));
	for (size_t i = 0; i < len; i++)
		if (buf[i] != byte_at(n, off + i))
			fail_msg("%s: byte %zu of the range at %u is wrong", key, i,
				 (unsigned int)off);
}

/* ---- running the cases ---- */

struct store_case {
	const char *name;
	CMUnitTestFunction run;
};

#define STORE_CASES_MAX 32
#define STORE_CASE(fn)  \
	{               \
#fn, fn \
	}

/* Each case on each row. */
static inline int store_rows_run(const struct store_case *cases, size_t n)
{
	static struct CMUnitTest tests[ARRAY_SIZE(store_rows) * STORE_CASES_MAX];
	static char names[ARRAY_SIZE(tests)][128];
	assert(n <= STORE_CASES_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(store_rows) * n; i++) {
		const struct store_row *row = &store_rows[i / n];
		const struct store_case *each = &cases[i % n];
		snprintf(names[i], sizeof(names[i]), "%s: %s", row->name, each->name);
		tests[i] = (struct CMUnitTest){ names[i], each->run, setup, teardown, (void *)row };
	}
	return cmocka_run_group_tests(tests, NULL, NULL); /* the rest has no names, and is none */
}

#endif
