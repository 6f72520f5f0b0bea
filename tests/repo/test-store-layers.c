/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What each layer is for; what all of them leave as it is, the store suite has. */
#include <sys/wait.h>

#include "lunette/clock.h"
#include "lunette/store-layers.h"
#include "repo-fixture.h"
#include "store-mem.h"

struct fixture {
	char *dir;                   /* for a cache */
	struct store_faults *faults; /* counts what reaches the store, and fails */
	struct store *store;         /* the layer over it */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->dir = fixture_dir();
	f->faults = store_faults_new(&store_mem_new()->store);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_free(f->store ? f->store : &f->faults->store);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

static int reached(struct fixture *f)
{
	return atomic_exchange(&f->faults->count, 0);
}

/* ---- retry ---- */

static void retry(struct fixture *f, unsigned int tries)
{
	f->store = store_retry_new(&f->faults->store, &(struct store_retry_policy){ tries, 1, 2 });
}

static int count_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)name, (void)st, (void)err;
	++*(int *)ctx;
	return 0;
}

static void fail_next(struct fixture *f, int code)
{
	reached(f);
	f->faults->fail_at = 1;
	f->faults->once = true;
	f->faults->code = code;
}

static void what_fails_once_is_not_seen_above_a_retry(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	char byte;
	int n = 0;
	retry(f, 2);
	fail_next(f, -ETIMEDOUT);
	ok(store_put_new(f->store, "packs/ab/abc", "hello", 5, err));
	assert_int_equal(reached(f), 2);
	fail_next(f, -ETIMEDOUT);
	ok(store_read(f->store, "packs/ab/abc", &byte, 1, 0, err));
	fail_next(f, -ECONNRESET);
	ok(store_get(f->store, "packs/ab/abc", 9, &buf, &len, err));
	fail_next(f, -EIO);
	ok(store_stat(f->store, "packs/ab/abc", &st, err));
	fail_next(f, -EIO);
	ok(store_list(f->store, "packs", count_one, &n, err));
	assert_int_equal(n, 1);
	fail_next(f, -EIO);
	ok(store_sweep(f->store, 0, err));
	fail_next(f, -EIO);
	f->faults->late = true; /* it was done, and the answer lost */
	ok(store_move(f->store, "packs/ab/abc", "packs/ab/abd", 9, err));
	assert_int_equal(reached(f), 3);
	assert_int_equal(store_move(f->store, "packs/ab/abc", "packs/ab/abd", 9, NULL), -ENOENT);
	ok(store_move(f->store, "packs/ab/abd", "packs/ab/abc", 9, err));
	f->faults->late = false;
	fail_next(f, -EIO);
	ok(store_remove(f->store, "packs/ab/abc", err));
	assert_int_equal(reached(f), 2);
}

static void what_goes_on_failing_is_told_after_so_many_tries(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	struct error why = { 0 };
	retry(f, 4);
	fail_next(f, -ETIMEDOUT);
	f->faults->once = false;
	assert_int_equal(store_stat(f->store, "config", &st, &why), -ETIMEDOUT);
	assert_int_equal(why.code, -ETIMEDOUT);
	assert_int_equal(reached(f), 4);
}

static void what_is_no_accident_is_not_asked_again(void **state)
{
	struct fixture *f = *state;
	static const int codes[] = { -ENOENT,  -EACCES, -EPERM,  -ENOSPC, -EDQUOT,
				     -EUCLEAN, -EROFS,  -ENOMEM, -EINTR,  -EOPNOTSUPP };
	struct store_stat st;
	retry(f, 4);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		fail_next(f, codes[i]);
		assert_int_equal(store_stat(f->store, "config", &st, NULL), codes[i]);
		assert_int_equal(reached(f), 1);
	}
}

/* The first try has put it, and nobody heard of it. */
static void a_put_whose_answer_was_lost_finds_its_own_object(void **state)
{
	struct fixture *f = *state;
	retry(f, 3);
	fail_next(f, -ECONNRESET);
	f->faults->late = true;
	ok(store_put_new(f->store, "config", "first", 5, err));
	ok(store_put_same(f->store, "index/abc", "first", 5, err));
	/* That of another one is not taken for it. */
	static const char *const others[] = { "other", "fir", "first one", "" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		ok(store_remove(f->store, "config", err));
		ok(store_put_new(f->store, "config", others[i], strlen(others[i]), err));
		f->faults->late = false;
		fail_next(f, -ECONNRESET);
		assert_int_equal(store_put_new(f->store, "config", "first", 5, NULL), -EEXIST);
	}
}

/* A store that breaks off a listing, and an object, after the first piece of each. */
struct broken {
	struct store store;
	struct store *below;
	int left; /* how often it does so */
};

struct breaking {
	struct broken *broken;
	store_list_fn *list_fn;
	store_sink_fn *sink;
	void *ctx;
	int n;
};

static int break_off(struct breaking *b, struct error *err)
{
	if (b->n++ == 0 || b->broken->left == 0)
		return 0;
	b->broken->left--;
	return error_set(err, -ECONNRESET, "broken off: %m");
}

static int breaking_entry(void *ctx, const char *name, const struct store_stat *st,
			  struct error *err)
{
	struct breaking *b = ctx;
	int rc = break_off(b, err);
	return rc < 0 ? rc : b->list_fn(b->ctx, name, st, err);
}

static int broken_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		       struct error *err)
{
	struct broken *broken = (struct broken *)store;
	struct breaking b = { .broken = broken, .list_fn = fn, .ctx = ctx };
	return store_list(broken->below, folder, breaking_entry, &b, err);
}

static int broken_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		      struct error *err)
{
	struct broken *broken = (struct broken *)store;
	struct breaking b = { .broken = broken };
	char buf[4];
	(void)key;
	for (char c = 'a'; c < 'a' + 12; c = (char)(c + 4)) {
		for (int i = 0; i < 4; i++)
			buf[i] = (char)(c + i);
		int rc = break_off(&b, err);
		if (rc == 0)
			rc = sink(ctx, buf, sizeof(buf), err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void broken_destroy(struct store *store)
{
	store_free(((struct broken *)store)->below);
	free(store);
}

static void what_is_resumed_is_told_once(void **state)
{
	struct fixture *f = *state;
	static const struct store_ops ops = { .list = broken_list,
					      .get = broken_get,
					      .destroy = broken_destroy };
	struct broken *broken = calloc(1, sizeof(*broken));
	*broken = (struct broken){ { .ops = &ops }, &f->faults->store, 2 };
	f->store = store_retry_new(&broken->store, &(struct store_retry_policy){ 3, 1, 1 });
	for (char c = 'a'; c < 'f'; c++) {
		const char key[] = { 'p', 'i', 'n', 's', '/', c, '\0' };
		ok(store_put_same(broken->below, key, "", 0, err));
	}
	int n = 0;
	ok(store_list(f->store, "pins", count_one, &n, err));
	assert_int_equal(n, 5);
	assert_int_equal(broken->left, 0);
	broken->left = 2;
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	ok(store_get(f->store, "config", 100, &buf, &len, err));
	assert_string_equal(buf, "abcdefghijkl");
	assert_int_equal(broken->left, 0);
}

/* ---- limit ---- */

static void a_limit_holds_what_goes_and_what_comes(void **state)
{
	struct fixture *f = *state;
	static uint8_t bytes[400 << 10];
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	f->store = store_limit_new(&f->faults->store, 1000 << 10);
	uint64_t begin = clock_now_ns();
	ok(store_put_new(f->store, "packs/ab/abc", bytes, sizeof(bytes), err));
	uint64_t put = clock_now_ns();
	ok(store_get(f->store, "packs/ab/abc", sizeof(bytes), &buf, &len, err));
	uint64_t got = clock_now_ns();
	ok(store_read(f->store, "packs/ab/abc", bytes, sizeof(bytes), 0, err));
	uint64_t read = clock_now_ns();
	/* What may pass at once is booked, and waited for by the next. */
	assert_true(put - begin > 150000000);
	assert_true(got - put > 250000000);
	assert_true(read - begin > 900000000);
}

/* ---- cache ---- */

#define SIZE  (300u << 10)
#define BOUND (1u << 20)

static uint8_t byte_at(unsigned int n, uint64_t off)
{
	return (uint8_t)((off * 0x9e3779b97f4a7c15u >> 32) + n);
}

static struct store *cache(struct fixture *f, struct store *below, uint64_t bytes)
{
	return store_cache_new(below, &(struct store_cache_options){ f->dir, bytes, "test" });
}

static void put(struct store *store, const char *key, unsigned int n)
{
	static uint8_t bytes[SIZE];
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = byte_at(n, i);
	ok(store_put_same(store, key, bytes, SIZE, err));
}

/* Return: 0; -EILSEQ when a byte is wrong. */
static int check_range(struct store *store, const char *key, unsigned int n, size_t len,
		       uint64_t off, struct error *err)
{
	uint8_t buf[40 << 10];
	int rc = store_read(store, key, buf, len, off, err);
	for (size_t i = 0; rc == 0 && i < len; i++)
		if (buf[i] != byte_at(n, off + i))
			rc = error_set(err, -EILSEQ, "%s: byte %zu is wrong", key, (size_t)off + i);
	return rc;
}

static int check_all(struct store *store, const char *key, unsigned int n, struct error *err)
{
	int rc = 0;
	for (uint64_t off = 0; rc == 0 && off < SIZE; off += 8000)
		rc = check_range(store, key, n, (size_t)MIN(SIZE - off, (uint64_t)8000), off, err);
	return rc;
}

static void what_was_read_is_not_asked_for_again(void **state)
{
	struct fixture *f = *state;
	f->store = cache(f, &f->faults->store, 8 * BOUND);
	put(f->store, "index/abc", 1);
	ok(check_all(f->store, "index/abc", 1, err));
	reached(f);
	ok(check_all(f->store, "index/abc", 1, err));
	assert_int_equal(reached(f), 0);
	/* Nor by the next process. */
	struct store *other = cache(f, &store_mem_new()->store, 8 * BOUND);
	ok(check_range(other, "index/abc", 1, 5000, SIZE - 5000, err));
	store_free(other);
}

static void what_may_change_or_is_large_passes_by(void **state)
{
	struct fixture *f = *state;
	char byte;
	f->store = cache(f, &f->faults->store, 8 * BOUND);
	put(f->store, "packs/ab/abc", 1);
	ok(store_put_same(f->store, "leases/abc", "x", 1, err));
	for (int i = 0; i < 2; i++) {
		reached(f);
		ok(check_range(f->store, "packs/ab/abc", 1, 40 << 10, 1, err));
		ok(store_read(f->store, "leases/abc", &byte, 1, 0, err));
		assert_int_equal(reached(f), 2);
	}
}

static int cache_file(struct fixture *f, struct stat *ret_st)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/lunette-store-cache", f->dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, ret_st), 0);
	return fd;
}

static void a_cache_keeps_its_bound_and_to_itself(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	f->store = cache(f, &f->faults->store, BOUND);
	for (unsigned int n = 0; n < 12; n++) {
		char key[STORE_KEY_MAX];
		snprintf(key, sizeof(key), "index/%u", n);
		put(f->store, key, n);
		ok(check_all(f->store, key, n, err));
	}
	close(cache_file(f, &st));
	assert_true(st.st_size <= BOUND);
	assert_true(st.st_size > BOUND / 2);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* One that may take less makes it smaller. */
	store_free(cache(f, &store_mem_new()->store, BOUND / 2));
	close(cache_file(f, &st));
	assert_true(st.st_size <= BOUND / 2);
	ok(check_all(f->store, "index/3", 3, err));
}

/* Every byte of a slot that counts, one after the other: never is a wrong one handed out. */
static void damage_in_the_cache_is_seen_and_mended(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	f->store = cache(f, &f->faults->store, 8 * BOUND);
	put(f->store, "index/abc", 1);
	ok(check_all(f->store, "index/abc", 1, err));
	int fd = cache_file(f, &st);
	for (off_t at = 0; at < st.st_size; at += 1021) {
		uint8_t byte = 0;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x20;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	reached(f);
	ok(check_all(f->store, "index/abc", 1, err));
	assert_true(reached(f) > 0);
	ok(check_all(f->store, "index/abc", 1, err));
	assert_int_equal(reached(f), 0);
	assert_int_equal(ftruncate(fd, st.st_size / 3), 0); /* also when it is cut */
	ok(check_all(f->store, "index/abc", 1, err));
	close(fd);
}

/* The store's object was damaged when it was read, and somebody has healed it since. */
static void what_is_forgotten_is_read_anew(void **state)
{
	struct fixture *f = *state;
	f->store = cache(f, &f->faults->store, 8 * BOUND);
	put(f->store, "index/abc", 1);
	ok(check_all(f->store, "index/abc", 1, err));
	put(f->faults->below, "index/abc", 2);
	ok(check_all(f->store, "index/abc", 1, err));
	store_forget(f->store, "index/abc");
	ok(check_all(f->store, "index/abc", 2, err));
	put(f->store, "index/abc", 3); /* its own put takes the place, too */
	ok(check_all(f->store, "index/abc", 3, err));
}

static void a_cache_that_cannot_be_had_is_no_error(void **state)
{
	struct fixture *f = *state;
	static const char *const folders[] = { "/nowhere/at/all", "/proc", "/dev/null" };
	put(&f->faults->store, "index/abc", 1);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		struct store_mem *mem = store_mem_new();
		put(&mem->store, "index/abc", 1);
		struct store *store = store_cache_new(
			&mem->store, &(struct store_cache_options){ folders[i], BOUND, "" });
		assert_non_null(store);
		ok(check_all(store, "index/abc", 1, err));
		store_free(store);
	}
	/* A full disk. */
	char command[256];
	snprintf(command, sizeof(command), "mount -t tmpfs -o size=100k none %s 2>/dev/null",
		 f->dir);
	if (system(command) != 0)
		return;
	f->store = cache(f, &f->faults->store, 8 * BOUND);
	int rc = check_all(f->store, "index/abc", 1, NULL),
	    again = check_all(f->store, "index/abc", 1, NULL);
	store_free(f->store);
	f->faults = store_faults_new(&store_mem_new()->store);
	f->store = NULL;
	snprintf(command, sizeof(command), "umount %s", f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(again, 0);
}

/* Readers in processes of their own, of which some are killed, all in one small cache. */
static void processes_share_a_cache_and_may_be_killed(void **state)
{
	struct fixture *f = *state;
	pid_t pids[6];
	struct store *below = &f->faults->store;
	for (unsigned int n = 0; n < 8; n++) {
		char key[STORE_KEY_MAX];
		snprintf(key, sizeof(key), "index/%u", n);
		put(below, key, n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		struct store *store = cache(f, below, BOUND);
		int rc = 0;
		for (unsigned int n = 0; rc == 0 && (n < 60 || i >= 4); n++) {
			char key[STORE_KEY_MAX];
			unsigned int which = (n * 5 + (unsigned int)i) % 8;
			snprintf(key, sizeof(key), "index/%u", which);
			rc = check_all(store, key, which, NULL);
		}
		_exit(rc == 0 ? 0 : 1);
	}
	for (size_t i = 0; i < 4; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (size_t i = 4; i < ARRAY_SIZE(pids); i++) {
		int status;
		kill(pids[i], SIGKILL);
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFSIGNALED(status)); /* it had not met a wrong byte until then */
	}
	struct stat st;
	close(cache_file(f, &st));
	assert_true(st.st_size <= BOUND);
	f->store = cache(f, below, BOUND);
	ok(check_all(f->store, "index/5", 5, err));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_fails_once_is_not_seen_above_a_retry),
		TEST(what_goes_on_failing_is_told_after_so_many_tries),
		TEST(what_is_no_accident_is_not_asked_again),
		TEST(a_put_whose_answer_was_lost_finds_its_own_object),
		TEST(what_is_resumed_is_told_once),
		TEST(a_limit_holds_what_goes_and_what_comes),
		TEST(what_was_read_is_not_asked_for_again),
		TEST(what_may_change_or_is_large_passes_by),
		TEST(a_cache_keeps_its_bound_and_to_itself),
		TEST(damage_in_the_cache_is_seen_and_mended),
		TEST(what_is_forgotten_is_read_anew),
		TEST(a_cache_that_cannot_be_had_is_no_error),
		TEST(processes_share_a_cache_and_may_be_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
