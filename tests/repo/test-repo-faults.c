/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What must hold when things go wrong: a restore point is there and whole, or it is not there. */
#include <pthread.h>
#include <sys/wait.h>

#include "lunette/digest.h"
#include "repo-fixture.h"
#include "lunette/store-layers.h"

#define OLD "2026-11-22T17:00:00Z"
#define NEW "2026-11-22T18:00:00Z"

/* Large chunks fill packs quickly: these make two. Made once, since the tests store them often. */
#define LARGE   REPO_CHUNK_MAX
#define N_LARGE 10

static struct {
	uint8_t *buf;
	struct chunk_id id;
	struct sealed sealed;
} large[N_LARGE];

static int make_large(void **state)
{
	(void)state;
	struct sealer *sealer;
	ok(sealer_new(NULL, 1, &sealer, err));
	for (uint32_t i = 0; i < N_LARGE; i++) {
		large[i].buf = malloc(2 * LARGE);
		large[i].sealed.buf = large[i].buf + LARGE;
		for (uint32_t at = 0; at < LARGE; at += CHUNK) /* every third does not shrink */
			fixture_chunk(3 * i, at + 1, large[i].buf + at);
		ok(digest(large[i].buf, LARGE, large[i].id.bytes, err));
		ok(sealer_seal(sealer, &large[i].id, large[i].buf, LARGE, &large[i].sealed, err));
	}
	sealer_free(sealer);
	return 0;
}

static int free_large(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < N_LARGE; i++)
		free(large[i].buf);
	return 0;
}

static int setup(void **state)
{
	char *dir = fixture_dir();
	struct repo *repo;
	char id[65];
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	ok(repo_open(dir, NULL, &repo, err));
	ok(fixture_backup(repo, "old", OLD, 20, 1, id, NULL, err));
	repo_close(repo);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	fixture_dir_free(*state);
	return 0;
}

static int store_large(struct repo *repo, struct error *err)
{
	CLEANUP(repo_writer_free_cleanup) struct repo_writer *writer = NULL;
	CLEANUP(sealer_free_cleanup) struct sealer *sealer = NULL;
	CLEANUP(chunkmap_builder_free_cleanup) struct chunkmap_builder *builder = NULL;
	struct chunk_id root;
	uint64_t stored;
	int rc = repo_writer_new(repo, &writer, err);
	if (rc == 0)
		rc = sealer_new(repo, 1, &sealer, err);
	if (rc == 0)
		rc = chunkmap_builder_new(writer, sealer, &builder, err);
	for (uint32_t i = 0; rc == 0 && i < N_LARGE; i++) {
		if (!repo_writer_knows(writer, &large[i].id))
			rc = repo_writer_add(writer, &large[i].id, &large[i].sealed, LARGE, &stored,
					     err);
		if (rc == 0)
			rc = chunkmap_builder_set(builder, i, &large[i].id, err);
	}
	if (rc == 0)
		rc = chunkmap_builder_finish(builder, N_LARGE, &root, &stored, err);
	if (rc < 0)
		return rc;
	char hex[65], point_id[65];
	chunk_id_hex(&root, hex);
	json_t *point = json_pack("{s:s, s:s, s:[{s:s, s:i, s:i, s:i, s:{s:s, s:i}}]}", "name",
				  "new", "time", NEW, "disks", "name", "disk0", "size",
				  N_LARGE * LARGE, "sector_size", 512, "chunk_size", LARGE, "map",
				  "root", hex, "chunks", N_LARGE);
	rc = repo_writer_commit(writer, point, point_id, err);
	json_decref(point);
	return rc;
}

static void verify_large(struct repo *repo)
{
	uint8_t *buf = malloc(LARGE);
	char id[65];
	json_t *point;
	struct repo_disk disk;
	struct chunkmap *map;
	ok(repo_point_find(repo, "new@latest", id, &point, err));
	repo_point_disk(point, 0, &disk);
	ok(chunkmap_open(repo, &disk.root, disk.n_chunks, &map, err));
	for (uint32_t i = 0; i < N_LARGE; i++) {
		struct chunk_id chunk;
		ok(chunkmap_get(map, i, &chunk, err));
		ok(repo_read(repo, &chunk, buf, LARGE, err));
		assert_memory_equal(buf, large[i].buf, LARGE);
	}
	chunkmap_close(map);
	json_decref(point);
	free(buf);
}

/* What was there before is whole, and the new one is whole or not there. */
static void check_whole(const char *dir, bool expect_new)
{
	struct repo *repo;
	char id[65];
	json_t *point;
	ok(repo_open(dir, NULL, &repo, err));
	ok(repo_point_find(repo, "old@latest", id, &point, err));
	ok(fixture_verify(repo, point, 1, err));
	json_decref(point);
	if (expect_new)
		verify_large(repo);
	else
		assert_int_equal(repo_point_find(repo, "new@latest", id, &point, NULL), -ENOENT);
	repo_close(repo);
}

/* A backup through a store that fails at the n-th operation. */
static int faulty_backup(const char *dir, int n, int code, bool once, struct error *err)
{
	struct store *store;
	int rc = store_dir_open(dir, &store, err);
	if (rc < 0)
		return rc;
	struct store_faults *faulty = store_faults_new(store);
	faulty->fail_at = n;
	faulty->code = code;
	faulty->once = once;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = repo_open_store(&faulty->store, dir, NULL, &repo, err);
	return rc < 0 ? rc : store_large(repo, err);
}

static void a_full_disk_leaves_the_repository_whole(void **state)
{
	for (int n = 1;; n++) {
		struct error why = { 0 };
		int rc = faulty_backup(*state, n, -ENOSPC, false, &why);
		if (rc == 0) {
			assert_true(n > 20); /* all of them had their turn */
			break;
		}
		assert_int_equal(rc, -ENOSPC);
		assert_int_equal(why.code, -ENOSPC);
		assert_non_null(strstr(why.msg, "No space left on device"));
		check_whole(*state, false);
	}
	check_whole(*state, true);
}

static void one_failure_is_told_or_does_not_matter(void **state)
{
	(void)state;
	int told = 0, ignored = 0;
	for (int n = 1; n < 45; n++) {
		void *dir;
		struct error why = { 0 };
		setup(&dir);
		int rc = faulty_backup(dir, n, -EIO, true, &why);
		if (rc < 0)
			assert_int_equal(rc, -EIO);
		/* Failing to read what is there already costs room, and no more. */
		rc < 0 ? told++ : ignored++;
		check_whole(dir, rc == 0);
		teardown(&dir);
	}
	assert_true(told > 20);
	assert_true(ignored > 0);
}

static void a_kill_at_any_moment_leaves_the_repository_whole(void **state)
{
	for (int n = 1;; n++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(faulty_backup(*state, n, 0, false, NULL) == 0 ? 0 : 1);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_true(n > 20);
			break;
		}
		check_whole(*state, false);
	}
	check_whole(*state, true);
}

static void count_packs(const char *dir, int *ret)
{
	char command[256];
	snprintf(command, sizeof(command), "find %s/packs -type f | wc -l", dir);
	FILE *out = popen(command, "r");
	assert_int_equal(fscanf(out, "%d", ret), 1);
	pclose(out);
}

/* The same packs are made again under the same names: being killed often costs no room. */
static void killed_backups_do_not_pile_up(void **state)
{
	int before, after;
	count_packs(*state, &before);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(faulty_backup(*state, 20, 0, false, NULL) == 0 ? 0 : 1);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	assert_int_equal(faulty_backup(*state, 0, 0, false, NULL), 0);
	check_whole(*state, true);
	count_packs(*state, &after);
	assert_int_equal(after - before, 2);
}

/* ---- at once ---- */

struct proxy {
	const char *dir;
	const char *name;
	uint32_t seed;
	struct error err;
	int rc;
};

static void *run_proxy(void *arg)
{
	struct proxy *proxy = arg;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	char id[65];
	proxy->rc = repo_open(proxy->dir, NULL, &repo, &proxy->err);
	for (uint32_t i = 0; proxy->rc == 0 && i < 3; i++)
		proxy->rc = fixture_backup(repo, proxy->name, OLD, 300, proxy->seed + i, id, NULL,
					   &proxy->err);
	return NULL;
}

static void two_writers_at_once_do_not_hurt_each_other(void **state)
{
	struct proxy proxies[] = {
		{ .dir = *state, .name = "a", .seed = 10 },
		{ .dir = *state, .name = "b", .seed = 11 }, /* two thirds are the same chunks */
	};
	pthread_t threads[ARRAY_SIZE(proxies)];
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_proxy, &proxies[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
		if (proxies[i].rc < 0)
			fail_msg("%s", proxies[i].err.msg);
	check_whole(*state, false);
	struct repo *repo;
	struct proxy again = { .dir = *state, .name = "c", .seed = 10 };
	char id[65];
	uint64_t stored;
	run_proxy(&again);
	assert_int_equal(again.rc, 0);
	ok(repo_open(*state, NULL, &repo, err));
	ok(fixture_backup(repo, "d", OLD, 300, 13, id, &stored, err));
	assert_int_equal(stored, 0);
	repo_close(repo);
}

struct reader {
	struct repo *repo;
	struct repo_writer *writer;
	const json_t *point;
	struct error err;
	int rc;
};

static void *run_reader(void *arg)
{
	struct reader *reader = arg;
	for (int i = 0; i < 3 && reader->rc == 0; i++) {
		uint8_t buf[CHUNK];
		struct chunk_id id;
		for (uint64_t n = 0; n < 50; n++) {
			fixture_chunk(n, 1, buf);
			if (repo_identify(reader->repo, buf, CHUNK, &id, NULL) == 0)
				repo_writer_knows(reader->writer, &id);
		}
		reader->rc = fixture_verify(reader->repo, reader->point, 1, &reader->err);
	}
	return NULL;
}

static void reading_goes_on_in_many_threads_while_one_adds(void **state)
{
	struct repo *repo;
	struct repo_writer *writer;
	struct reader readers[3];
	pthread_t threads[ARRAY_SIZE(readers)];
	char id[65];
	json_t *point;
	struct chunk_id root;
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_point_find(repo, "old@latest", id, &point, err));
	ok(repo_writer_new(repo, &writer, err));
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){ .repo = repo, .writer = writer, .point = point };
		assert_int_equal(pthread_create(&threads[i], NULL, run_reader, &readers[i]), 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		ok(fixture_store(writer, repo, 50, 20 + i, &root, NULL, err));
		json_t *new_point = fixture_point("n", NEW, 50, &root);
		ok(repo_writer_commit(writer, new_point, id, err));
		json_decref(new_point);
	}
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(threads[i], NULL);
		if (readers[i].rc < 0)
			fail_msg("%s", readers[i].err.msg);
	}
	repo_writer_free(writer);
	json_decref(point);
	repo_close(repo);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_leaves_the_repository_whole),
		cmocka_unit_test(one_failure_is_told_or_does_not_matter),
		TEST(a_kill_at_any_moment_leaves_the_repository_whole),
		TEST(killed_backups_do_not_pile_up),
		TEST(two_writers_at_once_do_not_hurt_each_other),
		TEST(reading_goes_on_in_many_threads_while_one_adds),
	};
	return cmocka_run_group_tests(tests, make_large, free_large);
}
