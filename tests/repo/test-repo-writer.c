/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What a writer leaves to the next one when it ends without a restore point. */
#include <dirent.h>
#include <time.h>

#include "repo-fixture.h"

#define N 20

static int setup(void **state)
{
	char *dir = fixture_dir();
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	fixture_dir_free(*state);
	return 0;
}

static unsigned int count_indexes(const char *dir)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/index", dir);
	DIR *folder = opendir(path);
	unsigned int n = 0;
	for (const struct dirent *entry; folder && (entry = readdir(folder));)
		n += strlen(entry->d_name) == 64;
	if (folder)
		closedir(folder);
	return n;
}

/* Indexes are written behind our back. */
static void wait_for_indexes(const char *dir, unsigned int n)
{
	for (int tries = 0; count_indexes(dir) < n && tries < 3000; tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_int_equal(count_indexes(dir), n);
}

/* Of the chunks of a disk, how many does somebody who opens the repository now find? */
static unsigned int count_known(const char *dir, uint32_t seed)
{
	struct repo *repo;
	struct repo_writer *writer;
	unsigned int n = 0;
	ok(repo_open(dir, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	for (uint64_t i = 0; i < N; i++) {
		uint8_t buf[CHUNK];
		struct chunk_id id;
		fixture_chunk(i, seed, buf);
		ok(repo_identify(repo, buf, CHUNK, &id, err));
		n += !fixture_is_zero(i) && repo_writer_knows(writer, &id);
	}
	repo_writer_free(writer);
	repo_close(repo);
	return n;
}

static void what_is_new_is_in_an_index_after_a_minute(void **state)
{
	struct repo *repo;
	struct repo_writer *writer;
	struct chunk_id root;
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	ok(fixture_store(writer, repo, N, 1, &root, NULL, err));
	ok(repo_writer_checkpoint(writer, err)); /* it is not time yet */
	assert_int_equal(count_indexes(*state), 0);
	assert_int_equal(count_known(*state, 1), 0);

	repo_writer_set_interval(writer, 1);
	ok(repo_writer_checkpoint(writer, err));
	wait_for_indexes(*state, 1);
	assert_int_equal(count_known(*state, 1), N - N / 7);
	ok(repo_writer_checkpoint(writer, err)); /* there is nothing new */

	ok(fixture_store(writer, repo, N, 2, &root, NULL, err));
	ok(repo_writer_checkpoint(writer, err));
	wait_for_indexes(*state, 2);
	assert_int_equal(count_known(*state, 2), N - N / 7);
	repo_writer_free(writer);
	repo_close(repo);
}

static void checkpoints_do_not_change_what_a_restore_point_holds(void **state)
{
	struct repo *repo;
	struct repo_writer *writer;
	struct chunk_id roots[2];
	char id[65];
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_writer_new(repo, &writer, err));
	repo_writer_set_interval(writer, 1);
	for (uint32_t seed = 1; seed < 3; seed++) {
		ok(fixture_store(writer, repo, N, seed, &roots[seed - 1], NULL, err));
		ok(repo_writer_checkpoint(writer, err));
	}
	for (uint32_t seed = 1; seed < 3; seed++) {
		json_t *point = fixture_point("x", "2026-11-22T17:00:00Z", N, &roots[seed - 1]);
		ok(repo_writer_commit(writer, point, id, err));
		json_decref(point);
	}
	repo_writer_free(writer);
	repo_close(repo);

	ok(repo_open(*state, NULL, &repo, err));
	for (uint32_t seed = 1; seed < 3; seed++) {
		json_t *point = fixture_point("x", "2026-11-22T17:00:00Z", N, &roots[seed - 1]);
		ok(fixture_verify(repo, point, seed, err));
		json_decref(point);
	}
	repo_close(repo);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_new_is_in_an_index_after_a_minute),
		TEST(checkpoints_do_not_change_what_a_restore_point_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
