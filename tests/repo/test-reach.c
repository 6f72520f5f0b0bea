/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/bytes.h"
#include "lunette/chunkmap.h"
#include "lunette/digest.h"
#include "idsort.h"
#include "lunette/pack-read.h"
#include "lunette/reach.h"
#include "open-fixture.h"

#define TIME "2026-11-22T17:00:00Z"

static struct chunk_id made_id(uint32_t n)
{
	uint8_t bytes[4];
	struct chunk_id id;
	put_le32(bytes, n);
	ok(digest(bytes, sizeof(bytes), id.bytes, err));
	return id;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chunk_id));
}

/* ---- sorting ---- */

static void ids_come_out_sorted_each_once(void **state)
{
	(void)state;
	static const uint32_t sizes[] = { 0, 1, 1000, 300000 };
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct idsort *sort;
		ok(idsort_new(&sort, err));
		/* Three times each, in no order. */
		for (uint32_t i = 0; i < 3 * sizes[s]; i++) {
			struct chunk_id id = made_id(i % sizes[s]);
			ok(idsort_add(sort, &id, err));
		}
		struct chunk_id *want = calloc(sizes[s] + 1, sizeof(*want)), id;
		for (uint32_t i = 0; i < sizes[s]; i++)
			want[i] = made_id(i);
		qsort(want, sizes[s], sizeof(*want), by_id);
		for (uint32_t i = 0; i < sizes[s]; i++) {
			assert_int_equal(idsort_next(sort, &id, NULL), 1);
			assert_memory_equal(&id, &want[i], sizeof(id));
		}
		assert_int_equal(idsort_next(sort, &id, NULL), 0);
		free(want);
		idsort_free(sort);
	}
}

/*
 * Nobody's digests look like that, but whoever writes a repository chooses what is in it. They all
 * fall into one bucket, often enough that it is sorted before its time.
 */
static void ids_that_begin_alike_are_sorted_too(void **state)
{
	(void)state;
	enum { N = 100000 };
	struct idsort *sort;
	struct chunk_id last = { 0 }, id;
	ok(idsort_new(&sort, err));
	for (uint32_t i = 0; i < 3 * N; i++) {
		id = made_id(i % N);
		memset(id.bytes, 9, 8);
		ok(idsort_add(sort, &id, err));
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(idsort_next(sort, &id, NULL), 1);
		assert_true(memcmp(&last, &id, sizeof(id)) < 0);
		last = id;
	}
	assert_int_equal(idsort_next(sort, &id, NULL), 0);
	idsort_free(sort);
}

static void a_temporary_file_that_cannot_be_made_is_told_of(void **state)
{
	(void)state;
	struct idsort *sort;
	struct error why = { 0 };
	int rc = 0;
	ok(idsort_new(&sort, err));
	setenv("TMPDIR", "/nowhere", 1);
	for (uint32_t i = 0; rc == 0 && i < 2000000; i++) {
		struct chunk_id id = made_id(i);
		rc = idsort_add(sort, &id, &why);
	}
	unsetenv("TMPDIR");
	assert_int_equal(rc, -ENOENT);
	assert_non_null(strstr(why.msg, "/nowhere"));
	assert_non_null(strstr(why.msg, "TMPDIR"));
	idsort_free(sort);
}

/* ---- reaching ---- */

/* A set of ids as a sorted list, for comparing. */
struct ids {
	size_t n;
	struct chunk_id *list;
};

static void ids_add(struct ids *ids, const struct chunk_id *id)
{
	ids->list = realloc(ids->list, (ids->n + 1) * sizeof(*ids->list));
	assert_non_null(ids->list);
	ids->list[ids->n++] = *id;
}

static void check_reach(struct reach *reach, struct ids *want)
{
	struct chunk_id id, last = { 0 };
	qsort(want->list, want->n, sizeof(*want->list), by_id);
	for (size_t i = 0; i < want->n; i++) {
		if (i > 0 && memcmp(&want->list[i - 1], &want->list[i], sizeof(id)) == 0)
			continue;
		assert_int_equal(reach_next(reach, &id, NULL), 1);
		assert_memory_equal(&id, &want->list[i], sizeof(id));
		assert_true(memcmp(&last, &id, sizeof(id)) < 0);
		last = id;
	}
	assert_int_equal(reach_next(reach, &id, NULL), 0);
	free(want->list);
}

static int add_pack_ids(void *ctx, const struct chunk_id *pack, const struct store_stat *st,
			struct error *err)
{
	(void)st;
	struct {
		struct repo *repo;
		struct ids *ids;
	} *args = ctx;
	struct pack_table *table;
	int rc = pack_table_read(args->repo, pack->bytes, 0, &table, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < table->n; i++)
		ids_add(args->ids, &table->entries[i].id);
	free(table);
	return 0;
}

/* Everything that is in packs. */
static void all_stored(struct fixture *f, struct ids *ids)
{
	struct {
		struct repo *repo;
		struct ids *ids;
	} args = { f->repo, ids };
	ok(pack_list(f->repo->store, add_pack_ids, &args, err));
}

static void add_point(struct fixture *f, struct reach *reach, const char *id)
{
	json_t *point;
	ok(point_get(f->repo, id, &point, err));
	ok(reach_add_point(reach, point, err));
	json_decref(point);
}

static void all_that_a_fresh_repository_stores_is_reached(void **state)
{
	struct fixture *f = *state;
	struct reach_options options = { 0 };
	struct reach *reach;
	struct ids want = { 0 };
	char one[65], two[65];
	ok(fixture_backup(f->repo, "a", TIME, 600, 1, one, NULL, err));
	ok(fixture_backup(f->repo, "b", TIME, 20, 2, two, NULL, err));
	all_stored(f, &want);
	ok(reach_new(f->repo, &options, &reach, err));
	add_point(f, reach, one);
	add_point(f, reach, two);
	ok(reach_walk(reach, err));
	assert_int_equal(reach_nodes(reach), 4); /* of 600 chunks: two leaves and a root */
	check_reach(reach, &want);
	reach_free(reach);
}

static void what_other_points_refer_to_is_not_reached(void **state)
{
	struct fixture *f = *state;
	struct reach_options options = { 0 };
	struct reach *reach;
	struct ids want = { 0 };
	char one[65], two[65];
	ok(fixture_backup(f->repo, "a", TIME, 30, 1, one, NULL, err));
	all_stored(f, &want);
	ok(fixture_backup(f->repo, "b", TIME, 30, 2, two, NULL, err));
	ok(reach_new(f->repo, &options, &reach, err));
	add_point(f, reach, one);
	ok(reach_walk(reach, err));
	check_reach(reach, &want);
	reach_free(reach);
}

/* A chunk map of three levels, of chunks that nobody stored: only nodes are read. */
static struct chunk_id make_map(struct fixture *f, struct repo_writer *writer, uint64_t step,
				uint64_t n_chunks, uint32_t special, struct ids *ids)
{
	struct sealer *sealer;
	struct chunkmap_builder *builder;
	struct chunk_id root;
	uint64_t stored;
	ok(sealer_new(f->repo, 1, &sealer, err));
	ok(chunkmap_builder_new(writer, sealer, &builder, err));
	for (uint64_t i = 0; i < n_chunks; i += step) {
		struct chunk_id id = made_id((uint32_t)i + (i == 0 ? special : 0));
		ids_add(ids, &id);
		ok(chunkmap_builder_set(builder, i, &id, err));
	}
	ok(chunkmap_builder_finish(builder, n_chunks, &root, &stored, err));
	chunkmap_builder_free(builder);
	sealer_free(sealer);
	return root;
}

static void nodes_that_points_share_are_read_once(void **state)
{
	enum { STEP = 100, CHUNKS = 3 << 18 }; /* three nodes of level 1, 1536 leaves */
	struct fixture *f = *state;
	struct reach_options options = { 0 };
	struct reach *reach;
	struct repo_writer *writer;
	struct ids want = { 0 };
	struct chunk_id roots[3];
	char id[65];
	ok(repo_writer_new(f->repo, &writer, err));
	for (uint32_t i = 0; i < 3; i++)
		roots[i] = make_map(f, writer, STEP, CHUNKS, 5000000 * i, &want);
	json_t *point = fixture_point("a", TIME, CHUNKS, &roots[0]);
	ok(repo_writer_commit(writer, point, id, err));
	repo_writer_free(writer);
	json_decref(point);
	all_stored(f, &want); /* the nodes */
	ok(reach_new(f->repo, &options, &reach, err));
	for (uint32_t i = 0; i < 6; i++)
		ok(reach_add_root(reach, &roots[i % 3], CHUNKS, err));
	ok(reach_walk(reach, err));
	/* The first leaf, the node above it and the root are there three times. */
	assert_int_equal(reach_nodes(reach), 1536 + 3 + 1 + 2 * 3);
	check_reach(reach, &want);
	reach_free(reach);
}

static int count_damage(void *ctx, const struct chunk_id *node, unsigned int level,
			const struct error *why, struct error *err)
{
	(void)node, (void)err;
	assert_int_equal(level, 0);
	assert_int_equal(why->code, -ENOENT);
	++*(int *)ctx;
	return 0;
}

static void a_node_that_cannot_be_read_ends_the_walk_unless_somebody_takes_it(void **state)
{
	struct fixture *f = *state;
	int damaged = 0;
	struct reach_options options = { .ctx = &damaged };
	struct chunk_id missing = made_id(1), id;
	struct error why = { 0 };
	struct reach *reach;
	ok(reach_new(f->repo, &options, &reach, err));
	ok(reach_add_root(reach, &missing, 10, err));
	assert_int_equal(reach_walk(reach, &why), -ENOENT);
	assert_non_null(strstr(why.msg, "chunk map"));
	reach_free(reach);

	options.damaged = count_damage;
	ok(reach_new(f->repo, &options, &reach, err));
	ok(reach_add_root(reach, &missing, 10, err));
	ok(reach_walk(reach, err));
	assert_int_equal(damaged, 1);
	assert_int_equal(reach_next(reach, &id, NULL), 1); /* it is referred to all the same */
	assert_memory_equal(&id, &missing, sizeof(id));
	assert_int_equal(reach_next(reach, &id, NULL), 0);
	reach_free(reach);
}

static void a_walk_can_be_stopped(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = true;
	struct reach_options options = { .stop = &stop };
	struct reach *reach;
	char id[65];
	ok(fixture_backup(f->repo, "a", TIME, 20, 1, id, NULL, err));
	ok(reach_new(f->repo, &options, &reach, err));
	add_point(f, reach, id);
	assert_int_equal(reach_walk(reach, NULL), -EINTR);
	reach_free(reach);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_come_out_sorted_each_once),
		cmocka_unit_test(ids_that_begin_alike_are_sorted_too),
		cmocka_unit_test(a_temporary_file_that_cannot_be_made_is_told_of),
		TEST(all_that_a_fresh_repository_stores_is_reached),
		TEST(what_other_points_refer_to_is_not_reached),
		TEST(nodes_that_points_share_are_read_once),
		TEST(a_node_that_cannot_be_read_ends_the_walk_unless_somebody_takes_it),
		TEST(a_walk_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
