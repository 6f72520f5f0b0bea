/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Indexes that are merged, and those who read the repository meanwhile. */
#include "open-fixture.h"
#include "lunette/marks.h"
#include "lunette/store-layers.h"
#include "lunette/tiers.h"

#define TIME "2026-11-22T17:00:00Z"

static int count_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)name, (void)err;
	++*(int *)ctx;
	return 0;
}

static int count_indexes(struct repo *repo)
{
	int n = 0;
	ok(store_list(repo->store, INDEX_FOLDER, count_one, &n, err));
	return n;
}

/* Through a repository of its own, as another process does. */
static void back_up(struct fixture *f, uint32_t seed)
{
	struct repo *repo;
	char id[65];
	ok(repo_open(f->dir, NULL, &repo, err));
	ok(fixture_backup(repo, "a", TIME, 20, seed, id, NULL, err));
	repo_close(repo);
}

static int verify_one(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id;
	struct {
		struct repo *repo;
		int n;
		uint32_t seeds;
	} *args = ctx;
	for (uint32_t seed = 0; seed < args->seeds; seed++)
		if (fixture_verify(args->repo, point, seed, NULL) == 0) {
			args->n++;
			return 0;
		}
	return error_set(err, -EUCLEAN, "a restore point is not as it was");
}

/* Every restore point that seeds 0 to @n - 1 made is there and whole. */
static void check_points(struct repo *repo, uint32_t n)
{
	struct {
		struct repo *repo;
		int n;
		uint32_t seeds;
	} args = { repo, 0, n };
	ok(repo_points(repo, NULL, verify_one, &args, NULL, err));
	assert_int_equal(args.n, n);
}

static void many_backups_leave_few_indexes(void **state)
{
	struct fixture *f = *state;
	for (uint32_t seed = 0; seed < 20; seed++) {
		back_up(f, seed);
		assert_in_range(count_indexes(f->repo), 1, 2 * (TIERS_FACTOR - 1) + 1);
	}
	check_points(f->repo, 20);
}

static void a_repository_that_is_open_follows(void **state)
{
	struct fixture *f = *state;
	struct index **indexes;
	size_t n;
	back_up(f, 0);
	ok(catalog_refresh(f->repo->catalog, err));
	check_points(f->repo, 1);
	for (uint32_t seed = 1; seed < TIERS_FACTOR; seed++)
		back_up(f, seed); /* the last one merges */
	assert_int_equal(count_indexes(f->repo), 1);
	check_points(f->repo, TIERS_FACTOR);
	ok(catalog_refresh(f->repo->catalog, err));
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	assert_int_equal(n, 1);
	free(indexes);
}

static void a_writer_that_is_at_work_follows(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[CHUNK];
	struct chunk_id id;
	struct repo_writer *writer;
	back_up(f, 0);
	ok(repo_writer_new(f->repo, &writer, err));
	struct index **indexes;
	size_t n;
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	assert_int_equal(n, 1);
	for (uint32_t seed = 1; seed < TIERS_FACTOR; seed++)
		back_up(f, seed);
	/* The index that it knows is gone, and it does not happen to have it open. */
	store_forget(f->repo->store, index_key(indexes[0]));
	free(indexes);
	fixture_chunk(3, 0, buf);
	ok(repo_identify(f->repo, buf, CHUNK, &id, err));
	assert_true(repo_writer_knows(writer, &id));
	repo_writer_free(writer);
}

static int put_index(struct fixture *f, uint32_t extra, const struct index_pack *pack,
		     const struct chunk_id *id)
{
	char name[65];
	struct index_entry entries[64] = { 0 };
	struct index_pack packs[2] = { *pack, { .size = 1u << 20 } };
	memset(packs[1].id, (int)extra, sizeof(packs[1].id));
	entries[0] = (struct index_entry){ .id = *id, .offset = 16, .stored = 9, .length = CHUNK };
	for (uint32_t i = 1; i <= extra; i++) {
		memcpy(entries[i].id.bytes, &i, sizeof(i));
		entries[i].pack = 1;
		entries[i].stored = entries[i].length = 1;
	}
	ok(index_build(f->repo->store, NULL, entries, 1 + extra, packs, 2, name, err));
	return 0;
}

static void replace_three(struct fixture *f)
{
	struct index **indexes;
	size_t n;
	ok(catalog_refresh(f->repo->catalog, err));
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	assert_int_equal(n, 3);
	ok(tiers_replace(f->repo, indexes, n, NULL, err));
	free(indexes);
}

/* What was written last heals: its place is kept, unless its pack is not there. */
static void of_two_places_the_latest_that_is_there_is_kept(void **state)
{
	struct fixture *f = *state;
	struct index_pack packs[3] = { { .size = 100 }, { .size = 100 }, { .size = 100 } };
	struct chunk_id id = { { 42 } };
	char key[STORE_KEY_MAX], bytes[100] = "";
	for (uint8_t i = 0; i < 3; i++) {
		packs[i].id[0] = (uint8_t)(i + 1);
		/* The smallest index is the latest; its pack is not there. */
		put_index(f, 20u - 5u * i, &packs[i], &id);
		pack_key(packs[i].id, key);
		if (i < 2)
			ok(store_put_same(f->repo->store, key, bytes, sizeof(bytes), err));
	}
	struct catalog_search search = { 0 };
	struct catalog_place place;
	replace_three(f);
	assert_int_equal(count_indexes(f->repo), 1);
	assert_true(catalog_next(f->repo->catalog, &search, &id, &place));
	assert_int_equal(place.pack.id[0], 2);
	assert_false(catalog_next(f->repo->catalog, &search, &id, &place));
}

/* What is in a marked pack was copied, and the pack goes. */
static void of_two_places_that_are_there_one_is_kept_that_stays(void **state)
{
	struct fixture *f = *state;
	struct index_pack packs[3] = { { .size = 100 }, { .size = 100 }, { .size = 100 } };
	struct chunk_id id = { { 42 } };
	char key[STORE_KEY_MAX], mark[65], bytes[100] = "";
	for (uint8_t i = 0; i < 3; i++) {
		packs[i].id[0] = (uint8_t)(i + 1);
		put_index(f, 20u - 5u * i, &packs[i], &id);
		pack_key(packs[i].id, key);
		ok(store_put_same(f->repo->store, key, bytes, sizeof(bytes), err));
	}
	ok(marks_put(f->repo, &packs[2], 1, mark, err));
	struct catalog_search search = { 0 };
	struct catalog_place place;
	replace_three(f);
	assert_true(catalog_next(f->repo->catalog, &search, &id, &place));
	assert_int_equal(place.pack.id[0], 2);
}

static void entries_of_packs_that_are_dropped_go(void **state)
{
	struct fixture *f = *state;
	struct index_pack packs[2] = { { .id = { 1 }, .size = 100 }, { .id = { 2 }, .size = 100 } };
	struct chunk_id ids[2] = { { { 41 } }, { { 42 } } };
	struct id_set *without;
	struct index **indexes;
	struct catalog_place place;
	size_t n;
	bool is_new;
	for (size_t i = 0; i < 2; i++)
		put_index(f, 0, &packs[i], &ids[i]);
	ok(id_set_new(10, &without, err));
	ok(id_set_add(without, index_pack_id(&packs[0]), &is_new, err));
	ok(catalog_refresh(f->repo->catalog, err));
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	ok(tiers_replace(f->repo, indexes, n, without, err));
	free(indexes);
	struct catalog_search search = { 0 };
	assert_false(catalog_next(f->repo->catalog, &search, &ids[0], &place));
	search = (struct catalog_search){ 0 };
	assert_true(catalog_next(f->repo->catalog, &search, &ids[1], &place));

	/* Nothing is left: no index at all. */
	ok(id_set_add(without, index_pack_id(&packs[1]), &is_new, err));
	memset(packs[1].id, 0, sizeof(packs[1].id));
	ok(catalog_indexes(f->repo->catalog, true, &indexes, &n, err));
	assert_int_equal(n, 1);
	ok(tiers_replace(f->repo, indexes, n, without, err));
	free(indexes);
	assert_int_equal(count_indexes(f->repo), 0);
	id_set_free(without);
}

/* Whatever fails while indexes are merged, nothing that they said is lost. */
static void no_failure_loses_an_entry(void **state)
{
	(void)state;
	bool done = false;
	for (int n = 1; !done; n++) {
		void *own = NULL;
		assert_int_equal(setup(&own), 0);
		struct fixture *f = own;
		struct store *store;
		struct repo *repo;
		for (uint32_t seed = 0; seed + 1 < TIERS_FACTOR; seed++)
			back_up(f, seed);
		ok(store_dir_open(f->dir, &store, err));
		struct store_faults *faulty = store_faults_new(store);
		ok(repo_open_store(&faulty->store, f->dir, NULL, &repo, err));
		struct index **indexes;
		size_t n_indexes;
		ok(catalog_indexes(repo->catalog, true, &indexes, &n_indexes, err));
		atomic_store(&faulty->count, 0);
		faulty->fail_at = n;
		faulty->code = -EIO;
		done = tiers_replace(repo, indexes, n_indexes, NULL, NULL) == 0;
		free(indexes);
		repo_close(repo);
		check_points(f->repo, TIERS_FACTOR - 1);
		assert_int_equal(teardown(&own), 0);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(many_backups_leave_few_indexes),
		TEST(a_repository_that_is_open_follows),
		TEST(a_writer_that_is_at_work_follows),
		TEST(of_two_places_the_latest_that_is_there_is_kept),
		TEST(of_two_places_that_are_there_one_is_kept_that_stays),
		TEST(entries_of_packs_that_are_dropped_go),
		cmocka_unit_test(no_failure_loses_an_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
