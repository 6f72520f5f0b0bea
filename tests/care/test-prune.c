/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* prune on a store that is full, more or less, and prune that is killed. */
#include <sys/wait.h>

#include "lunette/store-layers.h"
#include "lunette/tiers.h"
#include "prune-private.h"
#include "repo-fixture.h"
#include "store-small.h"

#define TIME "2026-11-22T17:00:00Z"
#define SEED 7

/* Half of a pack is needed, and nothing of another one; one index speaks of both, and of more. */
static int setup(void **state)
{
	char *dir = fixture_dir();
	struct repo *repo;
	char half[65], gone[65], kept[65];
	ok(repo_init(dir, FIXTURE_SETTINGS, err));
	ok(repo_open(dir, NULL, &repo, err));
	ok(fixture_backup(repo, "half", TIME, 40, SEED, half, NULL, err));
	ok(fixture_backup(repo, "kept", TIME, 20, SEED, kept, NULL, err));
	ok(fixture_backup(repo, "gone", TIME, 40, SEED + 1, gone, NULL, err));
	for (uint32_t i = 2; i < 4; i++)
		ok(fixture_backup(repo, "more", TIME, 40, SEED + i, kept, NULL, err));
	ok(repo_forget(repo, half, NULL, err));
	ok(repo_forget(repo, gone, NULL, err));
	repo_close(repo);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	fixture_dir_free(*state);
	return 0;
}

static int prune(struct store *store, const char *dir, struct prune_result *ret, struct error *err)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	int rc = repo_open_store(store, dir, NULL, &repo, err);
	const struct prune_options options = { .max_unused = 0 };
	return rc < 0 ? rc : prune_run(repo, &options, ret, err);
}

static int count_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)name, (void)err;
	++*(int *)ctx;
	return 0;
}

static int count(struct repo *repo, const char *folder)
{
	int n = 0;
	ok(store_list(repo->store, folder, count_one, &n, err));
	return n;
}

static void check_kept(const char *dir)
{
	struct repo *repo;
	char id[65];
	json_t *point;
	ok(repo_open(dir, NULL, &repo, err));
	ok(repo_point_find(repo, "kept@latest", id, &point, err));
	ok(fixture_verify(repo, point, SEED, err));
	json_decref(point);
	repo_close(repo);
}

static struct store *open_dir(const char *dir)
{
	struct store *store;
	ok(store_dir_open(dir, &store, err));
	return store;
}

/* The next one, which nothing hinders, leaves what is needed and nothing else. */
static void finish_and_check(const char *dir)
{
	struct prune_result result;
	struct store_stat st;
	struct repo *repo;
	check_kept(dir);
	ok(prune(open_dir(dir), dir, &result, err));
	assert_false(result.unsettled);
	assert_int_equal(result.postponed.packs, 0);
	prune_result_free(&result);
	check_kept(dir);
	ok(repo_open(dir, NULL, &repo, err));
	assert_int_equal(count(repo, "packs"), 4); /* three that stay, and one of what was copied */
	assert_int_equal(count(repo, "marks"), 0);
	assert_int_equal(count(repo, "leases"), 0);
	ok(store_stat(repo->store, "reserve", &st, err));
	repo_close(repo);
}

/**
 * struct outcomes - how prunes with little room have ended
 */
struct outcomes {
	int failed, postponed, unsettled, done;
};

/* What prune can get room from that the store does not have. */
enum spare { NOTHING, FORGOTTEN, RESERVE };

static void take_forgotten(struct store *store, const char *dir)
{
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = 0 };
	ok(repo_open_store(store, dir, NULL, &repo, err));
	ok(prune_forgotten_first(repo, &options, &result, err));
	assert_int_equal(result.forgotten, 2);
}

static void with_room(uint64_t room, enum spare spare, bool secret, struct outcomes *outcomes)
{
	void *dir;
	struct prune_result result;
	struct error why = { 0 };
	setup(&dir);
	struct store *below = open_dir(dir);
	if (spare == NOTHING)
		take_forgotten(open_dir(dir), dir);
	if (spare != RESERVE)
		assert_int_equal(store_give_reserve(below, NULL), 1);
	int full = secret ? -EDQUOT : -ENOSPC;
	struct store_small *small = store_small_new(below, room, full);
	small->secret = secret;
	int rc = prune(&small->layer.store, dir, &result, &why);
	if (rc < 0) {
		assert_int_equal(rc, full);
		assert_non_null(strstr(why.msg, "then prune again"));
		assert_int_equal(result.removed.packs, 0);
	} else {
		assert_true(result.removed.packs > 0);
	}
	outcomes->failed += rc < 0;
	outcomes->postponed += rc == 0 && result.postponed.packs > 0;
	outcomes->unsettled += rc == 0 && result.unsettled;
	outcomes->done += rc == 0 && result.postponed.packs == 0 && !result.unsettled;
	prune_result_free(&result);
	finish_and_check(dir);
	teardown(&dir);
}

#define STEP (96u << 10)

static void with_a_reserve_there_is_always_a_way(void **state)
{
	(void)state;
	struct outcomes outcomes = { 0 };
	for (uint64_t room = 0; room < 2 << 20; room += STEP)
		with_room(room, RESERVE, false, &outcomes);
	assert_int_equal(outcomes.failed, 0);
	assert_true(outcomes.done > 0);
}

static void without_one_it_takes_a_little_room(void **state)
{
	(void)state;
	struct outcomes outcomes = { 0 };
	with_room(0, NOTHING, false, &outcomes);
	with_room(300, NOTHING, false, &outcomes);
	assert_int_equal(outcomes.failed, 2);
	with_room(4000, NOTHING, false, &outcomes);
	assert_int_equal(outcomes.failed, 2);
}

static void which_may_be_that_of_what_was_forgotten(void **state)
{
	(void)state;
	struct outcomes outcomes = { 0 };
	with_room(0, FORGOTTEN, false, &outcomes);
	assert_int_equal(outcomes.failed, 0);
}

static void who_cannot_say_how_much_room_there_is_finds_out(void **state)
{
	(void)state;
	struct outcomes outcomes = { 0 };
	for (uint64_t room = 0; room < 2 << 20; room += STEP)
		with_room(room, RESERVE, true, &outcomes);
	assert_int_equal(outcomes.failed, 0);
	assert_true(outcomes.done > 0);
}

/* The packs are gone; what is not done yet is found by the next one. */
static void without_room_for_an_index_the_marks_stay(void **state)
{
	struct prune_result result;
	struct store_small *small = store_small_new(open_dir(*state), 1 << 20, -ENOSPC);
	small->never = "index/";
	ok(prune(&small->layer.store, *state, &result, err));
	assert_true(result.unsettled);
	assert_int_equal(result.removed.packs, 2); /* one of them copied in vain */
	assert_int_equal(result.postponed.packs, 1);
	assert_int_equal(result.marked.packs, 0);
	prune_result_free(&result);
	struct repo *repo;
	ok(repo_open(*state, NULL, &repo, err));
	assert_int_equal(count(repo, "marks"), 2); /* another one of what was copied in vain */
	repo_close(repo);
	finish_and_check(*state);
}

/* ---- killed ---- */

static void killed_at_any_moment_it_loses_nothing(void **state)
{
	(void)state;
	for (int n = 1;; n++) {
		void *dir;
		setup(&dir);
		pid_t pid = fork();
		if (pid == 0) {
			struct prune_result result;
			struct store_faults *faults = store_faults_new(open_dir(dir));
			faults->fail_at = n;
			_exit(prune(&faults->store, dir, &result, NULL) == 0 ? 0 : 1);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		finish_and_check(dir);
		teardown(&dir);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_true(n > 30);
			return;
		}
	}
}

/* ---- names that come again ---- */

struct packs {
	int n;
	struct index_pack list[32];
};

static int add_pack(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		    struct error *err)
{
	(void)err;
	struct packs *packs = ctx;
	struct index_pack *pack = &packs->list[packs->n++];
	memcpy(pack->id, id->bytes, sizeof(pack->id));
	pack->size = (uint32_t)st->size;
	return 0;
}

/* Those that there are, but for what is in @old. */
static struct packs new_packs(struct repo *repo, const struct packs *old)
{
	struct packs all = { 0 }, ret = { 0 };
	ok(pack_list(repo->store, add_pack, &all, err));
	for (int i = 0; i < all.n; i++) {
		bool is_old = false;
		for (int k = 0; k < old->n; k++)
			is_old = is_old || memcmp(all.list[i].id, old->list[k].id, 32) == 0;
		if (!is_old)
			ret.list[ret.n++] = all.list[i];
	}
	return ret;
}

/* Two packs of which half is needed: the same ones each time. */
static struct repo *two_halves(char **ret_dir, struct index_pack ret_half[2])
{
	static const char *const names[] = { "kept", "other" };
	const struct packs none = { 0 };
	char half[65], kept[65];
	struct repo *repo;
	*ret_dir = fixture_dir();
	ok(repo_init(*ret_dir, FIXTURE_SETTINGS, err));
	ok(repo_open(*ret_dir, NULL, &repo, err));
	for (uint32_t i = 0; i < 2; i++) {
		struct packs before = new_packs(repo, &none);
		ok(fixture_backup(repo, "half", TIME, 40, SEED + i, half, NULL, err));
		struct packs made = new_packs(repo, &before);
		assert_int_equal(made.n, 1);
		ret_half[i] = made.list[0];
		ok(fixture_backup(repo, names[i], TIME, 20, SEED + i, kept, NULL, err));
		ok(repo_forget(repo, half, NULL, err));
	}
	return repo;
}

static void copy_pack(struct repo *from, struct repo *to, const struct index_pack *pack)
{
	char key[STORE_KEY_MAX];
	pack_key(pack->id, key);
	uint8_t *bytes = malloc(pack->size);
	ok(store_read(from->store, key, bytes, pack->size, 0, err));
	ok(store_put_same(to->store, key, bytes, pack->size, err));
	free(bytes);
}

/*
 * The first pass removes a pack that nobody needs; what the second one copies has the same name,
 * for it is the same.
 */
static void what_a_pass_has_removed_may_come_again(void **state)
{
	(void)state;
	char *one, *two, mark[65];
	struct index_pack half[2];
	struct prune_result result;
	struct repo *repo = two_halves(&one, half), *other = two_halves(&two, half);
	const struct packs none = { 0 }, before = new_packs(repo, &none);
	ok(marks_put(repo, &half[1], 1, mark, err)); /* so that they are copied one by one */
	ok(prune(open_dir(one), one, &result, err));
	prune_result_free(&result);
	const struct packs copies = new_packs(repo, &before);
	assert_int_equal(copies.n, 2);
	for (int i = 0; i < copies.n; i++)
		copy_pack(repo, other, &copies.list[i]);
	ok(marks_put(other, &half[0], 1, mark, err));
	repo_close(repo);
	repo_close(other);
	ok(prune(open_dir(two), two, &result, err));
	prune_result_free(&result);
	check_kept(two);
	fixture_dir_free(one);
	fixture_dir_free(two);
}

/* A backup that had begun before anything was marked ends while a prune is at work. */
static void while_indexes_are_merged_nothing_is_removed(void **state)
{
	struct repo *repo, *other;
	struct usage *usage;
	struct marks *marks;
	struct index **indexes;
	size_t n;
	struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = 0 };
	CLEANUP(json_decref_cleanup) json_t *ready = NULL;
	ok(repo_open(*state, NULL, &repo, err));
	ok(repo_open(*state, NULL, &other, err));
	ok(marks_load(repo, &marks, err));
	ok(usage_new(repo, marks, NULL, &options, &usage, err));
	ready = json_pack("[s]", "a mark");
	ok(catalog_indexes(other->catalog, true, &indexes, &n, err));
	assert_true(n > 1);
	ok(tiers_replace(other, indexes, n, NULL, err));
	free(indexes);
	assert_int_equal(prune_remove(repo, NULL, usage, ready, NULL, &options, &result, NULL), 1);
	usage_free(usage);
	marks_free(marks);
	repo_close(other);
	repo_close(repo);
	finish_and_check(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_a_reserve_there_is_always_a_way),
		cmocka_unit_test(without_one_it_takes_a_little_room),
		cmocka_unit_test(which_may_be_that_of_what_was_forgotten),
		cmocka_unit_test(who_cannot_say_how_much_room_there_is_finds_out),
		cmocka_unit_test_setup_teardown(without_room_for_an_index_the_marks_stay, setup,
						teardown),
		cmocka_unit_test(killed_at_any_moment_it_loses_nothing),
		cmocka_unit_test(what_a_pass_has_removed_may_come_again),
		cmocka_unit_test_setup_teardown(while_indexes_are_merged_nothing_is_removed, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
