/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lunette/check.h"
#include "hurt.h"
#include "lunette/pack-read.h"
#include "lunette/repair.h"
#include "repo-fixture.h"
#include "lunette/store-layers.h"
#include "lunette/verdicts.h"

#define N 600 /* more than a node of the chunk map has */

/* Two restore points that share everything. */
struct fixture {
	char *dir;
	struct repo *repo;
	char one[65], two[65];
};

static void reopen(struct fixture *f)
{
	repo_close(f->repo);
	ok(repo_open(f->dir, NULL, &f->repo, err));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->dir = fixture_dir();
	ok(repo_init(f->dir, FIXTURE_SETTINGS, err));
	reopen(f);
	ok(fixture_backup(f->repo, "a", "2026-11-22T17:00:00Z", N, 1, f->one, NULL, err));
	ok(fixture_backup(f->repo, "a", "2026-11-22T18:00:00Z", N, 1, f->two, NULL, err));
	reopen(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	repo_close(f->repo);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

static void check_all(struct fixture *f, unsigned int threads, struct check_result *ret)
{
	const struct check_options opts = { .threads = threads, .portion = CHECK_PORTION_ALL };
	reopen(f);
	ok(check_run(f->repo, &opts, ret, err));
}

/* Where chunk @n of the disk lies. */
static void find_place(struct fixture *f, uint64_t n, struct catalog_place *ret)
{
	static uint8_t buf[CHUNK];
	struct chunk_id id;
	struct catalog_search search = { 0 };
	fixture_chunk(n, 1, buf);
	ok(repo_identify(f->repo, buf, CHUNK, &id, err));
	assert_true(catalog_next(f->repo->catalog, &search, &id, ret));
}

static void open_pack(struct fixture *f, const struct catalog_place *place, int *ret)
{
	char key[STORE_KEY_MAX], path[256];
	pack_key(place->pack.id, key);
	snprintf(path, sizeof(path), "%s/%s", f->dir, key);
	*ret = fixture_open_rw(path);
	assert_true(*ret >= 0);
}

static void flip_chunk(struct fixture *f, uint64_t n)
{
	struct catalog_place place;
	int fd;
	uint8_t byte;
	find_place(f, n, &place);
	open_pack(f, &place, &fd);
	off_t at = place.entry.offset + place.entry.stored / 2;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_whole_repository_is_whole_with_any_number_of_threads(void **state)
{
	for (unsigned int threads = 0; threads < 4; threads++) {
		struct check_result result;
		check_all(*state, threads, &result);
		assert_int_equal(result.n_problems, 0);
		assert_int_equal(result.points, 2);
		assert_true(result.data_read > 0 && result.data_read < result.bytes);
		check_result_free(&result);
	}
}

static void lost_chunks_are_told_for_each_restore_point(void **state)
{
	struct fixture *f = *state;
	flip_chunk(f, 3);
	flip_chunk(f, 4);
	flip_chunk(f, N - 1);
	for (unsigned int threads = 0; threads < 4; threads += 3) {
		struct check_result result;
		check_all(f, threads, &result);
		assert_int_equal(result.lost, 3);
		assert_int_equal(result.unknown, 0);
		assert_int_equal(result.n_hurt, 2);
		const json_t *newest = json_array_get(result.hurt, 0);
		assert_string_equal(json_string_value(json_object_get(newest, "id")), f->two);
		json_int_t start, length, last;
		assert_int_equal(json_unpack((json_t *)newest, "{s:[{s:[{s:I, s:I}, {s:I}]}]}",
					     "disks", "ranges", "start", &start, "length", &length,
					     "start", &last),
				 0);
		assert_int_equal(start, 3 * CHUNK);
		assert_int_equal(length, 2 * CHUNK);
		assert_int_equal(last, (N - 1) * CHUNK);
		check_result_free(&result);
	}
}

static void without_reading_data_a_bad_chunk_is_not_met(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	flip_chunk(f, 3);
	ok(check_run(f->repo, &(struct check_options){ 0 }, &result, err));
	assert_int_equal(result.n_problems, 0);
	assert_int_equal(result.data_read, 0);
	check_result_free(&result);
}

#define PARTS 3

/* The part in which a check finds damage. */
static uint32_t part_with_damage(struct fixture *f, uint64_t *ret_packs)
{
	uint32_t found = 0;
	*ret_packs = 0;
	for (uint32_t part = 1; part <= PARTS; part++) {
		struct check_result result;
		const struct check_options opts = { .portion = { .part = part, .parts = PARTS } };
		reopen(f);
		ok(check_run(f->repo, &opts, &result, err));
		*ret_packs += result.packs_read;
		if (result.n_problems > 0) {
			assert_int_equal(found, 0);
			found = part;
		}
		check_result_free(&result);
	}
	return found;
}

/* Whatever is added: who reads one part after the other has read everything. */
/* Checks one restore point, and nothing else. */
static void check_one(struct fixture *f, const char (*id)[65], double percent,
		      struct check_result *ret)
{
	const struct check_options opts = {
		.threads = 1, .n_named = 1, .named = id, .portion = { .percent = percent }
	};
	reopen(f);
	ok(check_run(f->repo, &opts, ret, err));
}

static json_int_t data_noted(struct fixture *f, const char *id)
{
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	ok(verdicts_read(f->repo, &verdicts, err));
	const json_t *verdict = json_object_get(verdicts, id);
	return verdict ? json_integer_value(json_object_get(verdict, "data")) : -1;
}

static void of_a_named_restore_point_all_that_it_needs_is_read(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	char other[65];
	uint64_t packs;
	ok(fixture_backup(f->repo, "b", "2026-11-22T19:00:00Z", 20, 2, other, NULL, err));
	check_one(f, &f->one, 100, &result);
	assert_int_equal(result.n_problems, 0);
	assert_int_equal(result.points, 1);
	assert_int_equal(result.packs_read, result.packs);
	assert_true(result.data_read > 0);
	packs = result.packs;
	check_result_free(&result);
	assert_int_equal(data_noted(f, f->one), 100);
	assert_int_equal(data_noted(f, f->two), -1);
	assert_int_equal(data_noted(f, other), -1);

	check_one(f, (const char(*)[65]) & other, 0, &result);
	assert_int_equal(result.packs, 1);
	assert_int_equal(result.data_read, 0);
	check_result_free(&result);
	assert_int_equal(data_noted(f, other), 0);
	check_all(f, 1, &result);
	assert_int_equal(result.packs, packs + 1);
	check_result_free(&result);
}

static void one_that_is_named_may_be_forgotten_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	struct error why = { 0 };
	const struct check_options opts = { .threads = 1,
					    .n_named = 1,
					    .named = (const char(*)[65]) & f->one };
	ok(repo_forget(f->repo, f->one, NULL, err));
	assert_int_equal(check_run(f->repo, &opts, &result, &why), -ENOENT);
	assert_int_equal(why.kind, ERROR_KIND_NOT_FOUND);
	check_result_free(&result);
}

static void what_it_does_not_need_is_not_looked_at(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	char part[65];
	/* Some of a pack's chunks. */
	ok(fixture_backup(f->repo, "b", "2026-11-22T19:00:00Z", 20, 1, part, NULL, err));
	ok(store_put_same(f->repo->store,
			  POINT_FOLDER
			  "/0123456789012345678901234567890123456789012345678901234567890123",
			  "x", 1, err));
	check_one(f, (const char(*)[65]) & part, 100, &result);
	assert_int_equal(result.n_problems, 0);
	check_result_free(&result);
	check_all(f, 1, &result);
	assert_int_equal(result.n_problems, 1);
	check_result_free(&result);
}

static void and_only_it_is_said_to_be_hurt(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	flip_chunk(f, 3);
	check_one(f, &f->two, 100, &result);
	assert_int_equal(result.n_hurt, 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(result.hurt, 0), "id")), f->two);
	check_result_free(&result);
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	ok(verdicts_read(f->repo, &verdicts, err));
	assert_true(verdicts_hurt(verdicts, f->two));
	assert_false(verdicts_hurt(verdicts, f->one));
}

static void a_pack_is_in_the_same_part_for_ever(void **state)
{
	struct fixture *f = *state;
	uint64_t before, after;
	flip_chunk(f, 3);
	uint32_t part = part_with_damage(f, &before);
	for (uint32_t seed = 2; seed < 14; seed++)
		ok(fixture_backup(f->repo, "a", "2026-11-22T19:00:00Z", 3, seed, f->two, NULL,
				  err));
	assert_int_equal(part_with_damage(f, &after), part);
	assert_in_range(part, 1, PARTS);
	assert_int_equal(after, before + 12);
}

static void a_portion_is_a_percentage_or_a_part(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",     "0",        "101%",   "nan",  "5%%",
		"x",    "1/",       "/3",     "0/3",  "4/3",
		"1/0",  "+1/3",     "1/3x",   "1/-3", "1 /3",
		"1/3/", "1/100001", "next/0", "next", "1/99999999999999999999"
	};
	struct check_portion portion;
	struct error why;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(check_portion_parse(wrong[i], &portion, &why), -EINVAL);
	ok(check_portion_parse("3/30", &portion, err));
	assert_int_equal(portion.part, 3);
	assert_int_equal(portion.parts, 30);
	ok(check_portion_parse("next/30", &portion, err));
	assert_int_equal(portion.part, 0);
	assert_int_equal(portion.parts, 30);
	ok(check_portion_parse("100000/100000", &portion, err));
	ok(check_portion_parse("2.5%", &portion, err));
	assert_int_equal(portion.parts, 0);
	assert_true(portion.percent > 2.4 && portion.percent < 2.6);
	ok(check_portion_parse("100", &portion, err));
}

static void a_stopped_check_ends(void **state)
{
	struct fixture *f = *state;
	struct check_result result;
	struct error why;
	const atomic_bool stop = true;
	const struct check_options opts = { .threads = 2,
					    .portion = CHECK_PORTION_ALL,
					    .stop = &stop };
	assert_int_equal(check_run(f->repo, &opts, &result, &why), -EINTR);
	check_result_free(&result);
}

static void repair_all(struct fixture *f, struct repair_result *ret)
{
	struct check_result found;
	struct repair_plan plan;
	check_all(f, 2, &found);
	ok(repair_plan_make(&found, &plan, err));
	ok(repair_run(f->repo, &plan, &(struct repair_options){ 0 }, ret, err));
	repair_plan_free(&plan);
	check_result_free(&found);
}

static void a_repair_and_a_backup_heal_older_restore_points(void **state)
{
	struct fixture *f = *state;
	struct repair_result repaired;
	struct check_result result;
	char id[65];
	uint64_t stored;
	flip_chunk(f, 3);
	repair_all(f, &repaired);
	assert_int_equal(repaired.lost, 1);
	assert_true(repaired.saved > 0);
	check_all(f, 0, &result);
	assert_int_equal(result.n_hurt, 2);
	assert_int_equal(result.lost, 1);
	check_result_free(&result);

	ok(fixture_backup(f->repo, "a", "2026-11-22T19:00:00Z", N, 1, id, &stored, err));
	assert_true(stored > 0 && stored <= CHUNK);
	check_all(f, 0, &result);
	assert_int_equal(result.n_problems, 0);
	check_result_free(&result);
	json_t *point;
	char found[65];
	ok(repo_point_find(f->repo, f->one, found, &point, err));
	ok(fixture_verify(f->repo, point, 1, err));
	json_decref(point);
}

static void a_repair_of_what_is_whole_changes_nothing(void **state)
{
	struct repair_result repaired;
	repair_all(*state, &repaired);
	assert_int_equal(repaired.saved + repaired.lost + repaired.indexed + repaired.removed, 0);
}

struct flip {
	struct fixture *f;
	const char *folder;
	off_t from_end; /* where; 0: in the header */
};

/* Brings a pack from one repository to another one. */
static int bring_pack(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		      struct error *why)
{
	struct repo **both = ctx;
	CLEANUP(free_cleanup) char *buf = NULL;
	size_t len;
	char key[STORE_KEY_MAX];
	pack_key(id->bytes, key);
	int rc = store_get(both[0]->store, key, st->size, &buf, &len, why);
	return rc < 0 ? rc : store_put_same(both[1]->store, key, buf, len, why);
}

static void what_no_index_knows_need_not_be_read(void **state)
{
	struct fixture *f = *state;
	struct fixture *other;
	void *of_other;
	struct check_result result;
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	set_up(&of_other);
	other = of_other;
	ok(fixture_backup(other->repo, "b", "2026-11-22T17:00:00Z", 9, 2, other->one, NULL, err));
	struct repo *both[] = { other->repo, f->repo };
	ok(pack_list(other->repo->store, bring_pack, both, err));
	tear_down(&of_other);
	check_all(f, 0, &result);
	assert_int_equal(result.n_problems, 0);
	assert_true(result.orphans > 0 && result.packs_read > 0);
	check_result_free(&result);
	ok(verdicts_read(f->repo, &verdicts, err));
	assert_int_equal(100, json_integer_value(
				      json_object_get(json_object_get(verdicts, f->one), "data")));
}

static int flip_object(void *ctx, const char *name, const struct store_stat *st, struct error *why)
{
	(void)why;
	const struct flip *flip = ctx;
	char path[256];
	uint8_t byte;
	snprintf(path, sizeof(path), "%s/%s/%s", flip->f->dir, flip->folder, name);
	int fd = fixture_open_rw(path);
	off_t at = flip->from_end ? (off_t)st->size - flip->from_end : 3;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	return 0;
}

/*
 * What is made of the same chunks has the same name as what it takes the place of. Also when it was
 * made by a repair itself.
 */
static void a_repair_never_removes_what_it_has_made(void **state)
{
	struct fixture *f = *state;
	const struct flip flips[] = {
		{ f, "index", 0 }, { f, "index", 4000 }, { f, "packs", 0 }, { f, "packs", 40 }
	};
	for (size_t i = 0; i < 3 * ARRAY_SIZE(flips); i++) {
		const struct flip *flip = &flips[i / 3];
		struct repair_result repaired;
		struct check_result result;
		ok(store_list(f->repo->store, flip->folder, flip_object, (void *)flip, err));
		repair_all(f, &repaired);
		assert_int_equal(repaired.lost, 0);
		assert_true(repaired.removed > 0);
		check_all(f, 0, &result);
		assert_int_equal(result.n_problems, 0);
		assert_int_equal(result.lost + result.unknown, 0);
		check_result_free(&result);
	}
}

/* Check and repair on a store that fails from its n-th operation on, or just there. */
static int repair_faulty(const char *dir, int fail_at, bool once, int *ret_count)
{
	struct store *below;
	struct repo *repo;
	struct check_result found = { 0 };
	struct repair_plan plan = { 0 };
	struct repair_result repaired;
	ok(store_dir_open(dir, &below, err));
	struct store_faults *faulty = store_faults_new(below);
	faulty->code = -EIO;
	faulty->fail_at = fail_at;
	faulty->once = once;
	int rc = repo_open_store(&faulty->store, dir, NULL, &repo, NULL);
	if (rc < 0)
		return rc;
	rc = check_run(repo, &(struct check_options){ .portion = CHECK_PORTION_ALL }, &found, NULL);
	if (rc == 0)
		rc = repair_plan_make(&found, &plan, NULL);
	if (rc == 0)
		rc = repair_run(repo, &plan, &(struct repair_options){ 0 }, &repaired, NULL);
	*ret_count = atomic_load(&faulty->count);
	repair_plan_free(&plan);
	check_result_free(&found);
	repo_close(repo);
	return rc;
}

static void a_store_that_fails_never_makes_a_repair_lose_anything(void **state)
{
	(void)state;
	char id[65];
	for (int once = 0; once < 2; once++) {
		struct fixture f = { .dir = fixture_dir() };
		ok(repo_init(f.dir, FIXTURE_SETTINGS, err));
		reopen(&f);
		ok(fixture_backup(f.repo, "a", "2026-11-22T17:00:00Z", 20, 1, id, NULL, err));
		reopen(&f);
		flip_chunk(&f, 3);
		for (int fail_at = 1, count = 0; fail_at == 1 || count >= fail_at; fail_at++) {
			struct check_result result;
			count = fail_at;
			repair_faulty(f.dir, fail_at, once, &count);
			check_all(&f, 0, &result);
			assert_int_equal(result.lost, 1);
			assert_int_equal(result.points, 1);
			check_result_free(&result);
		}
		repo_close(f.repo);
		fixture_dir_free(f.dir);
	}
}

static void ranges_merge_and_are_bounded(void **state)
{
	(void)state;
	struct hurt_ranges ranges = { 0 };
	ok(hurt_ranges_add(&ranges, 10, 10, err));
	ok(hurt_ranges_add(&ranges, 20, 5, err));
	assert_int_equal(ranges.list.n, 1);
	for (uint64_t i = 1; i <= HURT_RANGES_MAX + 9; i++)
		ok(hurt_ranges_add(&ranges, 100 * i, 1, err));
	assert_int_equal(ranges.list.n, HURT_RANGES_MAX);
	assert_int_equal(ranges.more, 10);
	assert_int_equal(hurt_ranges_bytes(&ranges), 15 + HURT_RANGES_MAX + 9);
	assert_non_null(bad_ranges_in(&ranges.list, 1, 24));
	assert_null(bad_ranges_in(&ranges.list, 75, 25));
	assert_non_null(bad_ranges_in(&ranges.list, 76, 25));
	hurt_ranges_clear(&ranges);
}

static void ranges_in_no_order_are_sorted(void **state)
{
	(void)state;
	struct hurt_ranges ranges = { 0 };
	ok(hurt_ranges_add(&ranges, 50, 10, err));
	ok(hurt_ranges_add(&ranges, 10, 20, err));
	ok(hurt_ranges_add(&ranges, 55, 20, err));
	ok(hurt_ranges_add(&ranges, 12, 3, err));
	hurt_ranges_sort(&ranges);
	assert_int_equal(ranges.list.n, 2);
	assert_int_equal(hurt_ranges_bytes(&ranges), 45);
	hurt_ranges_clear(&ranges);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_repository_is_whole_with_any_number_of_threads),
		TEST(lost_chunks_are_told_for_each_restore_point),
		TEST(without_reading_data_a_bad_chunk_is_not_met),
		TEST(a_pack_is_in_the_same_part_for_ever),
		TEST(of_a_named_restore_point_all_that_it_needs_is_read),
		TEST(one_that_is_named_may_be_forgotten_meanwhile),
		TEST(what_it_does_not_need_is_not_looked_at),
		TEST(and_only_it_is_said_to_be_hurt),
		cmocka_unit_test(a_portion_is_a_percentage_or_a_part),
		TEST(what_no_index_knows_need_not_be_read),
		TEST(a_stopped_check_ends),
		TEST(a_repair_and_a_backup_heal_older_restore_points),
		TEST(a_repair_of_what_is_whole_changes_nothing),
		TEST(a_repair_never_removes_what_it_has_made),
		cmocka_unit_test(a_store_that_fails_never_makes_a_repair_lose_anything),
		cmocka_unit_test(ranges_merge_and_are_bounded),
		cmocka_unit_test(ranges_in_no_order_are_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
