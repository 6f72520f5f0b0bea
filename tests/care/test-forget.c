/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* How much room forgetting would free, held against what prune says before and after. */
#include "lunette/forget.h"
#include "lunette/prune.h"
#include "open-fixture.h"

#define TIME "2026-11-22T17:00:00Z"

static void backup(struct fixture *f, uint64_t n, uint32_t seed, char ret_id[65])
{
	char name[32];
	snprintf(name, sizeof(name), "disk-%u-%u", (unsigned int)n, seed);
	ok(fixture_backup(f->repo, name, TIME, n, seed, ret_id, NULL, err));
}

static uint64_t used(struct fixture *f)
{
	CLEANUP(prune_result_free) struct prune_result result = { 0 };
	const struct prune_options options = { .dry_run = true };
	ok(prune_run(f->repo, &options, &result, err));
	return result.used;
}

static uint64_t frees(struct fixture *f, const char *const *ids, size_t n)
{
	CLEANUP(id_set_free_cleanup) struct id_set *going = NULL;
	uint64_t bytes;
	ok(id_set_new(SIZE_MAX, &going, err));
	for (size_t i = 0; i < n; i++) {
		struct chunk_id id;
		bool is_new;
		assert_true(chunk_id_parse(ids[i], &id));
		ok(id_set_add(going, &id, &is_new, err));
	}
	ok(forget_frees(f->repo, going, &bytes, err));
	return bytes;
}

static void only_what_no_other_one_refers_to_counts(void **state)
{
	struct fixture *f = *state;
	char large[65], small[65], other[65];
	backup(f, 40, 1, large);
	backup(f, 20, 1, small); /* half of it */
	backup(f, 40, 2, other);
	const char *const both[] = { large, small };
	const char *const all[] = { large, small, other };
	const char *const one = small;
	uint64_t before = used(f);
	uint64_t of_small = frees(f, &one, 1), of_large = frees(f, all, 1);
	uint64_t of_both = frees(f, both, 2), of_all = frees(f, all, 3);
	assert_true(of_small > 0 && of_small < 10000); /* a node of its chunk map */
	assert_true(of_large > of_small && of_small + of_large < of_both);
	assert_int_equal(of_all, before);
	assert_int_equal(used(f), before); /* nothing has been done */

	ok(repo_forget(f->repo, large, NULL, err));
	assert_int_equal(before - used(f), of_large);
	/* What is forgotten already is nobody's: now the other half is freed. */
	assert_int_equal(frees(f, &one, 1), of_both - of_large);
	ok(repo_forget(f->repo, small, NULL, err));
	assert_int_equal(before - used(f), of_both);
}

static void nothing_frees_nothing(void **state)
{
	struct fixture *f = *state;
	char id[65];
	assert_int_equal(frees(f, NULL, 0), 0);
	backup(f, 20, 1, id);
	assert_int_equal(frees(f, NULL, 0), 0);
}

static void where_it_is_not_known_what_is_needed_it_is_not_told(void **state)
{
	struct fixture *f = *state;
	CLEANUP(id_set_free_cleanup) struct id_set *going = NULL;
	char id[65];
	uint64_t bytes;
	backup(f, 20, 1, id);
	ok(store_put_same(f->repo->store,
			  POINT_FOLDER
			  "/0123456789012345678901234567890123456789012345678901234567890123",
			  "x", 1, err));
	ok(id_set_new(SIZE_MAX, &going, err));
	assert_int_equal(forget_frees(f->repo, going, &bytes, NULL), -EUCLEAN);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_what_no_other_one_refers_to_counts),
		CASE(nothing_frees_nothing),
		CASE(where_it_is_not_known_what_is_needed_it_is_not_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
