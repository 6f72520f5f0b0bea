/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/chunkmap.h"
#include "open-fixture.h"

static struct chunk_id id_of(uint64_t n)
{
	struct chunk_id id = { { 1 } };
	memcpy(id.bytes + 8, &n, sizeof(n));
	return id;
}

/* Builds and commits a map of some places, then opens it. */
static struct chunkmap *make(struct fixture *f, const uint64_t *set, size_t n, uint64_t n_chunks,
			     uint64_t *ret_stored)
{
	struct repo_writer *writer;
	struct sealer *sealer;
	struct chunkmap_builder *builder;
	struct chunk_id root;
	char point_id[65];
	ok(repo_writer_new(f->repo, &writer, err));
	ok(sealer_new(f->repo, 1, &sealer, err));
	ok(chunkmap_builder_new(writer, sealer, &builder, err));
	for (size_t i = 0; i < n; i++) {
		struct chunk_id id = id_of(set[i]);
		ok(chunkmap_builder_set(builder, set[i], &id, err));
	}
	ok(chunkmap_builder_finish(builder, n_chunks, &root, ret_stored, err));
	json_t *point = fixture_point("x", "2026-11-22T17:00:00Z", n_chunks, &root);
	ok(repo_writer_commit(writer, point, point_id, err));
	json_decref(point);
	chunkmap_builder_free(builder);
	sealer_free(sealer);
	repo_writer_free(writer);
	struct chunkmap *map;
	ok(chunkmap_open(f->repo, &root, n_chunks, &map, err));
	return map;
}

static bool is_set(const uint64_t *set, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == at)
			return true;
	return false;
}

/* Walks the whole map by runs, and asks for each set place and its neighbours. */
static void check(struct chunkmap *map, const uint64_t *set, size_t n, uint64_t n_chunks)
{
	uint64_t data = 0;
	for (uint64_t at = 0, run; at < n_chunks; at += run) {
		bool zero;
		ok(chunkmap_run(map, at, &zero, &run, err));
		assert_true(run >= 1 && run <= n_chunks - at);
		for (size_t i = 0; i < n; i++)
			assert_false(zero && set[i] >= at && set[i] < at + run);
		if (!zero)
			data += run;
	}
	assert_int_equal(data, n);
	for (size_t i = 0; i < n; i++)
		for (uint64_t at = set[i] ? set[i] - 1 : 0; at <= set[i] + 1 && at < n_chunks;
		     at++) {
			struct chunk_id id, want = id_of(at);
			ok(chunkmap_get(map, at, &id, err));
			assert_int_equal(chunk_id_is_zero(&id), !is_set(set, n, at));
			if (is_set(set, n, at))
				assert_memory_equal(&id, &want, sizeof(id));
		}
	struct chunk_id id;
	assert_int_equal(chunkmap_get(map, n_chunks, &id, NULL), -ERANGE);
}

static void every_place_is_kept_in_maps_of_every_depth(void **state)
{
	static const struct {
		uint64_t n_chunks;
		uint64_t set[6];
		size_t n;
		uint64_t nodes; /* that the map needs at most */
	} cases[] = {
		{ 1, { 0 }, 1, 1 },
		{ 2, { 1 }, 1, 1 },
		{ 512, { 0, 1, 2, 511 }, 4, 1 },
		{ 513, { 512 }, 1, 2 },
		{ 513, { 0, 511, 512 }, 3, 3 },
		{ 1 << 18, { 0, 511, 512, 1 << 17, (1 << 18) - 1 }, 5, 5 },
		{ (1 << 18) + 1, { 1, 1 << 18 }, 2, 5 },
		{ 84000000, { 83999999 }, 1, 3 },
		{ 1ull << 46, { 12345, (1ull << 45) + 7, (1ull << 46) - 1 }, 3, 17 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t stored;
		struct chunkmap *map =
			make(*state, cases[i].set, cases[i].n, cases[i].n_chunks, &stored);
		assert_true(stored > 0 && stored <= cases[i].nodes * CHUNKMAP_NODE);
		check(map, cases[i].set, cases[i].n, cases[i].n_chunks);
		chunkmap_close(map);
	}
}

static void more_nodes_than_are_kept_are_read_again(void **state)
{
	enum { N = 100 };
	uint64_t set[N], stored;
	for (uint64_t i = 0; i < N; i++)
		set[i] = i * 513;
	struct chunkmap *map = make(*state, set, N, N * 513, &stored);
	for (int round = 0; round < 2; round++)
		check(map, set, N, N * 513);
	chunkmap_close(map);
}

static void zeros_take_nothing(void **state)
{
	uint64_t stored;
	bool zero;
	uint64_t run;
	struct chunkmap *map = make(*state, NULL, 0, 1 << 20, &stored);
	assert_int_equal(stored, 0);
	ok(chunkmap_run(map, 5, &zero, &run, err));
	assert_true(zero);
	assert_int_equal(run, (1 << 20) - 5);
	chunkmap_close(map);
}

static void equal_parts_of_two_disks_are_stored_once(void **state)
{
	static const uint64_t one[] = { 3, 600, 700 }, two[] = { 3, 600, 700, 1200 };
	uint64_t stored;
	chunkmap_close(make(*state, one, 3, 2000, &stored));
	chunkmap_close(make(*state, one, 3, 2000, &stored));
	assert_int_equal(stored, 0);
	struct chunkmap *map = make(*state, two, 4, 2000, &stored);
	assert_true(stored <= 2 * CHUNKMAP_NODE);
	check(map, two, 4, 2000);
	chunkmap_close(map);
}

static void places_come_in_order_and_inside_the_disk(void **state)
{
	struct fixture *f = *state;
	struct repo_writer *writer;
	struct sealer *sealer;
	struct chunkmap_builder *builder;
	struct chunk_id id = id_of(1), root;
	uint64_t stored;
	ok(repo_writer_new(f->repo, &writer, err));
	ok(sealer_new(f->repo, 1, &sealer, err));
	ok(chunkmap_builder_new(writer, sealer, &builder, err));
	ok(chunkmap_builder_set(builder, 5, &id, err));
	assert_int_equal(chunkmap_builder_set(builder, 5, &id, NULL), -EINVAL);
	assert_int_equal(chunkmap_builder_set(builder, 1ull << 54, &id, NULL), -EINVAL);
	assert_int_equal(chunkmap_builder_finish(builder, 5, &root, &stored, NULL), -EINVAL);
	chunkmap_builder_free(builder);
	sealer_free(sealer);
	repo_writer_free(writer);
	struct chunkmap *map;
	assert_int_equal(chunkmap_open(f->repo, &id, UINT64_MAX, &map, NULL), -EUCLEAN);
}

static void a_node_that_is_not_there_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct chunk_id root = id_of(1), id;
	struct chunkmap *map;
	struct error why = { 0 };
	ok(chunkmap_open(f->repo, &root, 10, &map, err));
	assert_int_equal(chunkmap_get(map, 0, &id, &why), -ENOENT);
	assert_non_null(strstr(why.msg, "chunk map: chunk 01"));
	chunkmap_close(map);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_place_is_kept_in_maps_of_every_depth),
		TEST(more_nodes_than_are_kept_are_read_again),
		TEST(zeros_take_nothing),
		TEST(equal_parts_of_two_disks_are_stored_once),
		TEST(places_come_in_order_and_inside_the_disk),
		TEST(a_node_that_is_not_there_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
