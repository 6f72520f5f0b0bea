/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "repo-fixture.h"

#define TIME  "2026-11-22T17:00:00Z"
#define LATER "2026-11-22T18:00:00Z"

static int setup(void **state)
{
	char *dir = fixture_dir();
	*state = dir;
	return repo_init(dir, CHUNK, NULL);
}

static int teardown(void **state)
{
	fixture_dir_free(*state);
	return 0;
}

static void what_was_stored_is_read_back(void **state)
{
	struct repo *repo;
	char id[65], found_id[65];
	json_t *point;
	ok(repo_open(*state, &repo, err));
	ok(fixture_backup(repo, "srv", TIME, 600, 1, id, NULL, err));
	ok(repo_point_find(repo, "srv@latest", found_id, &point, err));
	assert_string_equal(id, found_id);
	ok(fixture_verify(repo, point, 1, err));
	json_decref(point);
	repo_close(repo);

	ok(repo_open(*state, &repo, err));
	assert_int_equal(repo_chunk_size(repo), CHUNK);
	ok(repo_point_find(repo, "srv@" TIME, found_id, &point, err));
	assert_string_equal(id, found_id);
	ok(fixture_verify(repo, point, 1, err));
	json_decref(point);
	repo_close(repo);
}

static void what_is_known_is_not_stored_again(void **state)
{
	struct repo *repo;
	char id[65];
	uint64_t stored;
	ok(repo_open(*state, &repo, err));
	ok(fixture_backup(repo, "srv", TIME, 50, 1, id, &stored, err));
	assert_true(stored > 30 * CHUNK / 2);
	ok(fixture_backup(repo, "srv", LATER, 50, 1, id, &stored, err));
	assert_int_equal(stored, 0);
	repo_close(repo);
	ok(repo_open(*state, &repo, err));
	ok(fixture_backup(repo, "srv", LATER, 50, 1, id, &stored, err));
	assert_int_equal(stored, 0);
	repo_close(repo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_stored_is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_known_is_not_stored_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
