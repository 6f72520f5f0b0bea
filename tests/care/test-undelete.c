/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Forgotten restore points: what is kept of them, until when, and how they come back. */
#include <sys/wait.h>

#include "layer.h"
#include "lunette/forgotten.h"
#include "lunette/store-layers.h"
#include "lunette/undelete.h"
#include "prune-private.h"
#include "repo-fixture.h"

#define TIME     "2026-11-22T17:00:00Z"
#define PASSWORD "correct horse"

/* A repository with two restore points that share nothing: @lost is forgotten. */
struct fixture {
	char *dir;
	const char *password;
	struct repo *repo;
	char lost[65], kept[65];
	int back;  /* that were brought back */
	int there; /* that others had */
};

static struct repo *open_again(const struct fixture *f, struct store *store)
{
	struct repo *repo;
	const struct repo_open_options options = { .password = f->password };
	ok(repo_open_store(store, f->dir, &options, &repo, err));
	return repo;
}

static struct store *open_dir(const char *dir)
{
	struct store *store;
	ok(store_dir_open(dir, &store, err));
	return store;
}

static int setup_with(void **state, const char *password)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct repo_settings settings = { .chunk_size = CHUNK, .password = password };
	f->dir = fixture_dir();
	f->password = password;
	ok(repo_init(f->dir, &settings, err));
	f->repo = open_again(f, open_dir(f->dir));
	ok(fixture_backup(f->repo, "lost", TIME, 40, 1, f->lost, NULL, err));
	ok(fixture_backup(f->repo, "kept", TIME, 40, 2, f->kept, NULL, err));
	ok(repo_forget(f->repo, f->lost, NULL, err));
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_encrypted(void **state)
{
	return setup_with(state, PASSWORD);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	repo_close(f->repo);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

/* ---- helpers -----------------------------------------------------------------------------------
 */

static void count_back(void *ctx, const char *id, bool there)
{
	struct fixture *f = ctx;
	assert_string_equal(id, f->lost);
	f->back += !there;
	f->there += there;
}

static int undelete(struct fixture *f, struct repo *repo, struct error *err)
{
	const struct undelete_request request = {
		.n = 1, .ids = &f->lost, .each = count_back, .ctx = f
	};
	return undelete_run(repo, &request, err);
}

static void prune(struct repo *repo, uint64_t forgotten)
{
	CLEANUP(prune_result_free) struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = 0 };
	ok(prune_run(repo, &options, &result, err));
	assert_int_equal(result.forgotten, forgotten);
}

static int count_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)name, (void)st, (void)err;
	++*(int *)ctx;
	return 0;
}

static int count(const struct fixture *f, const char *folder)
{
	int n = 0;
	ok(store_list(f->repo->store, folder, count_one, &n, err));
	return n;
}

static bool is_in(const struct fixture *f, const char *folder)
{
	char key[STORE_KEY_MAX];
	struct store_stat st;
	snprintf(key, sizeof(key), "%s/%s", folder, f->lost);
	return store_stat(f->repo->store, key, &st, NULL) == 0;
}

static int search(struct fixture *f, const char *spec, bool forgotten)
{
	struct repo_point_search search = { .spec = spec,
					    .use = REPO_POINT_REMOVE,
					    .forgotten = forgotten };
	int rc = repo_point_search(f->repo, &search, NULL);
	if (rc == 0)
		assert_string_equal(search.id, f->lost);
	json_decref(rc == 0 ? search.point : NULL);
	return rc;
}

/* It is there, whole, and not forgotten; and so it stays. */
static void check_back(struct fixture *f)
{
	json_t *point;
	assert_int_equal(search(f, f->lost, true), -ENOENT);
	ok(point_get(f->repo, f->lost, &point, err));
	ok(fixture_verify(f->repo, point, 1, err));
	prune(f->repo, 0);
	ok(fixture_verify(f->repo, point, 1, err));
	json_decref(point);
	assert_int_equal(count(f, "leases"), 0);
	assert_int_equal(count(f, "marks"), 0);
}

/* Puts the forgotten manifest where a prune that knows nothing of such has left it. */
struct saved {
	char *buf;
	size_t len;
};

static struct saved save(const struct fixture *f)
{
	char key[STORE_KEY_MAX];
	struct saved saved;
	snprintf(key, sizeof(key), FORGOTTEN_FOLDER "/%s", f->lost);
	ok(store_get(f->repo->store, key, POINT_MAX, &saved.buf, &saved.len, err));
	return saved;
}

static void put_back(const struct fixture *f, struct saved saved)
{
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), FORGOTTEN_FOLDER "/%s", f->lost);
	ok(store_put_same(f->repo->store, key, saved.buf, saved.len, err));
	free(saved.buf);
}

/* ---- cases -------------------------------------------------------------------------------------
 */

static void what_is_forgotten_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(search(f, f->lost, false), -ENOENT);
	ok(search(f, f->lost, true));
	ok(search(f, "lost@" TIME, true));
	assert_int_equal(search(f, "lost@latest", true), -EINVAL);
	assert_int_equal(search(f, "kept@" TIME, true), -ENOENT);
	ok(undelete(f, f->repo, err));
	assert_int_equal(f->back, 1);
	check_back(f);
}

static void prune_makes_it_final(void **state)
{
	struct fixture *f = *state;
	struct error why = { 0 };
	int packs = count(f, "packs");
	prune(f->repo, 1);
	assert_int_equal(count(f, FORGOTTEN_FOLDER), 0);
	assert_int_equal(count(f, "packs"), packs - 1);
	assert_int_equal(search(f, f->lost, true), -ENOENT);
	assert_int_equal(undelete(f, f->repo, &why), -ENOENT);
	assert_int_equal(why.kind, ERROR_KIND_NOT_FOUND);
	assert_int_equal(f->back, 0);
}

static void a_dry_run_of_it_only_counts(void **state)
{
	struct fixture *f = *state;
	CLEANUP(prune_result_free) struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = 0, .dry_run = true };
	ok(prune_run(f->repo, &options, &result, err));
	assert_int_equal(result.forgotten, 1);
	ok(undelete(f, f->repo, err));
	check_back(f);
}

/* Such a one was counted, and what only it refers to is left alone. */
static void what_is_forgotten_while_it_is_pruned_stays(void **state)
{
	struct fixture *f = *state;
	struct prune_result result = { 0 };
	const struct prune_options options = { .max_unused = 0 };
	struct id_set *counted;
	struct chunk_id id;
	bool is_new;
	ok(id_set_new(SIZE_MAX, &counted, err));
	assert_true(chunk_id_parse(f->lost, &id));
	ok(id_set_add(counted, &id, &is_new, err));
	ok(prune_forgotten(f->repo, NULL, counted, &options, &result, err));
	id_set_free(counted);
	assert_int_equal(result.forgotten, 0);
	ok(undelete(f, f->repo, err));
	check_back(f);
}

static void nobody_prunes_meanwhile(void **state)
{
	struct fixture *f = *state;
	const struct lease_request request = { .purpose = "prune", .exclusive = true };
	struct lease *lease;
	struct error why = { 0 };
	ok(lease_take(f->repo, &request, &lease, err));
	assert_int_equal(undelete(f, f->repo, &why), -EBUSY);
	assert_int_equal(why.kind, ERROR_KIND_BUSY);
	lease_release(lease);
	ok(search(f, f->lost, true));
	ok(undelete(f, f->repo, err));
	check_back(f);
}

static void what_is_not_whole_any_more_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	struct error why = { 0 };
	struct saved saved = save(f);
	prune(f->repo, 1);
	put_back(f, saved);
	assert_int_equal(undelete(f, f->repo, &why), -ENODATA);
	assert_non_null(strstr(why.msg, "its chunks are gone"));
	assert_int_equal(f->back, 0);
	assert_true(is_in(f, FORGOTTEN_FOLDER));
	assert_false(is_in(f, POINT_FOLDER));
	assert_int_equal(count(f, "leases"), 0);
}

static int unlink_one(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		      struct error *err)
{
	const struct fixture *f = ctx;
	char key[STORE_KEY_MAX], path[256];
	(void)st, (void)err;
	pack_key(id->bytes, key);
	snprintf(path, sizeof(path), "%s/%s", f->dir, key);
	return unlink(path);
}

/* Indexes still speak of packs that are gone, and who has them open can read them. */
static void nor_does_what_was_there_before(void **state)
{
	struct fixture *f = *state;
	ok(undelete(f, f->repo, err));
	ok(repo_forget(f->repo, f->lost, NULL, err));
	ok(pack_list(f->repo->store, unlink_one, f, err));
	f->back = 0;
	assert_int_equal(undelete(f, f->repo, NULL), -ENODATA);
	assert_int_equal(f->back, 0);
}

static int mark_one(void *ctx, const struct chunk_id *id, const struct store_stat *st,
		    struct error *err)
{
	char name[65];
	struct index_pack pack = { .size = (uint32_t)st->size };
	memcpy(pack.id, id->bytes, sizeof(pack.id));
	return marks_put(ctx, &pack, 1, name, err);
}

/* As a prune leaves it that was killed. The next one finds that all of it is needed. */
static void what_is_marked_and_there_comes_back(void **state)
{
	struct fixture *f = *state;
	int packs = count(f, "packs");
	ok(pack_list(f->repo->store, mark_one, f->repo, err));
	assert_int_equal(count(f, "marks"), packs);
	ok(undelete(f, f->repo, err));
	check_back(f);
	assert_int_equal(count(f, "packs"), packs);
}

/* The same repository through a layer that moves otherwise. */
static struct repo *open_moving(const struct fixture *f,
				int (*move)(struct store *store, const char *from, const char *to,
					    size_t max, struct error *err))
{
	static struct store_ops ops = {
		.put = layer_put,
		.read = layer_read,
		.list = layer_list,
		.stat = layer_stat,
		.remove = layer_remove,
		.destroy = layer_destroy,
	};
	struct layer *layer = calloc(1, sizeof(*layer));
	ops.move = move;
	layer_init(layer, &ops, open_dir(f->dir));
	return open_again(f, &layer->store);
}

/* All leases are lost while something is moved. */

static int lose_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	char key[STORE_KEY_MAX];
	(void)st;
	snprintf(key, sizeof(key), LEASE_FOLDER "/%.64s", name);
	return layer_remove(ctx, key, err);
}

static int lose_and_move(struct store *store, const char *from, const char *to, size_t max,
			 struct error *err)
{
	int rc = layer_list(store, LEASE_FOLDER, lose_one, store, err);
	return rc < 0 ? rc : layer_move(store, from, to, max, err);
}

static void who_slept_too_long_takes_it_back(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_moving(f, lose_and_move);
	struct error why = { 0 };
	assert_int_equal(undelete(f, repo, &why), -ESTALE);
	assert_int_equal(f->back, 0);
	assert_true(is_in(f, FORGOTTEN_FOLDER));
	assert_false(is_in(f, POINT_FOLDER));
	repo_close(repo);
}

static void what_another_has_brought_back_is_no_failure(void **state)
{
	struct fixture *f = *state;
	ok(undelete(f, f->repo, err));
	ok(undelete(f, f->repo, err)); /* it was looked for before, and forgotten then */
	assert_int_equal(f->back, 1);
	assert_int_equal(f->there, 1);
	check_back(f);
}

static int moves;

static int fail_second_move(struct store *store, const char *from, const char *to, size_t max,
			    struct error *err)
{
	return ++moves == 2 ? error_set(err, -EIO, "move '%s': %m", from)
			    : layer_move(store, from, to, max, err);
}

static void where_one_cannot_be_moved_none_comes_back(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_moving(f, fail_second_move);
	char ids[2][65];
	memcpy(ids[0], f->lost, sizeof(ids[0]));
	memcpy(ids[1], f->kept, sizeof(ids[1]));
	const struct undelete_request request = {
		.n = 2, .ids = (const char(*)[65])ids, .each = count_back, .ctx = f
	};
	ok(repo_forget(f->repo, f->kept, NULL, err));
	moves = 0;
	assert_int_equal(undelete_run(repo, &request, NULL), -EIO);
	assert_int_equal(f->back, 0);
	assert_int_equal(count(f, POINT_FOLDER), 0);
	assert_int_equal(count(f, FORGOTTEN_FOLDER), 2);
	repo_close(repo);
}

/* An administrator has put one of the folders there, and a link in its place. */
static int be_on_another_disk(struct store *store, const char *from, const char *to, size_t max,
			      struct error *err)
{
	(void)store, (void)to, (void)max;
	return error_set(err, -EXDEV, "move '%s': %m", from);
}

static void it_may_lie_on_another_disk(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_moving(f, be_on_another_disk);
	ok(undelete(f, repo, err));
	assert_true(is_in(f, POINT_FOLDER) && !is_in(f, FORGOTTEN_FOLDER));
	ok(repo_forget(repo, f->lost, NULL, err));
	assert_true(is_in(f, FORGOTTEN_FOLDER) && !is_in(f, POINT_FOLDER));
	repo_close(repo);
}

/* A prune would remove what all others refer to. */
static void nothing_comes_back_to_a_store_that_lost_its_points(void **state)
{
	struct fixture *f = *state;
	char points[512], lost[512];
	snprintf(points, sizeof(points), "%s/" POINT_FOLDER, f->dir);
	snprintf(lost, sizeof(lost), "%s/lost+found", f->dir);
	assert_int_equal(rename(points, lost), 0);
	assert_int_equal(undelete(f, f->repo, NULL), -EIO);
	assert_true(is_in(f, FORGOTTEN_FOLDER));
	assert_int_equal(access(points, F_OK), -1);
	assert_int_equal(rename(lost, points), 0);
	ok(undelete(f, f->repo, err));
	check_back(f);
}

/* Another one has forgotten it first, and before that is noticed it is back. */
static int come_too_late(struct store *store, const char *from, const char *to, size_t max,
			 struct error *err)
{
	(void)store, (void)to, (void)max;
	return error_set(err, -ENOENT, "move '%s': %m", from);
}

static void who_comes_too_late_to_forget_it_does_not(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_moving(f, come_too_late);
	ok(undelete(f, f->repo, err));
	ok(repo_forget(repo, f->lost, NULL, err));
	assert_true(is_in(f, POINT_FOLDER));
	repo_close(repo);
}

/* ---- no room, and no time ---- */

/* The n-th operation fails. */
static struct store_faults *fail_at(const struct fixture *f, int n, int code)
{
	struct store_faults *faults = store_faults_new(open_dir(f->dir));
	faults->code = code;
	faults->fail_at = n;
	faults->once = true;
	return faults;
}

static void where_there_is_no_room_it_is_forgotten_for_good(void **state)
{
	struct fixture *f = *state;
	struct store_faults *faults = fail_at(f, 0, -ENOSPC);
	struct repo *repo = open_again(f, &faults->store);
	bool is_final = false;
	ok(undelete(f, f->repo, err));
	faults->fail_at = atomic_load(&faults->count) + 2; /* is it pinned? It is moved */
	ok(repo_forget(repo, f->lost, &is_final, err));
	assert_true(is_final);
	assert_false(is_in(f, POINT_FOLDER));
	assert_false(is_in(f, FORGOTTEN_FOLDER));
	ok(repo_forget(repo, f->lost, &is_final, err)); /* once more is as good */
	assert_false(is_final);
	repo_close(repo);
}

static int back_and_forgotten(struct fixture *f, struct store *store)
{
	struct repo *repo = open_again(f, store);
	int rc = undelete(f, repo, NULL);
	if (rc == 0)
		rc = repo_forget(repo, f->lost, NULL, NULL);
	repo_close(repo);
	return rc;
}

/* @copying: where nothing can be renamed. */
static void killed_at_any_moment(bool copying)
{
	for (int n = 1;; n++) {
		void *state;
		setup(&state);
		struct fixture *f = state;
		pid_t pid = fork();
		if (pid == 0) {
			struct store *store = &fail_at(f, n, 0)->store;
			if (copying)
				store = store_limit_new(store, 1u << 30);
			_exit(back_and_forgotten(f, store) == 0 ? 0 : 1);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(is_in(f, POINT_FOLDER) || is_in(f, FORGOTTEN_FOLDER));
		/* Forgotten or there, and never both. */
		assert_true((search(f, f->lost, false) == 0) != (search(f, f->lost, true) == 0));
		if (!is_in(f, POINT_FOLDER))
			ok(undelete(f, f->repo, err));
		check_back(f);
		teardown(&state);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_true(n > 20);
			return;
		}
	}
}

static void killed_at_any_moment_it_is_there_or_forgotten(void **state)
{
	(void)state;
	killed_at_any_moment(false);
}

static void also_where_nothing_can_be_renamed(void **state)
{
	(void)state;
	killed_at_any_moment(true);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_forgotten_comes_back_as_it_was),
		{ "the_same_encrypted", what_is_forgotten_comes_back_as_it_was, setup_encrypted,
		  teardown, NULL },
		CASE(prune_makes_it_final),
		CASE(a_dry_run_of_it_only_counts),
		CASE(what_is_forgotten_while_it_is_pruned_stays),
		CASE(nobody_prunes_meanwhile),
		CASE(what_is_not_whole_any_more_does_not_come_back),
		CASE(nor_does_what_was_there_before),
		CASE(what_is_marked_and_there_comes_back),
		CASE(who_slept_too_long_takes_it_back),
		CASE(what_another_has_brought_back_is_no_failure),
		CASE(where_one_cannot_be_moved_none_comes_back),
		CASE(it_may_lie_on_another_disk),
		CASE(nothing_comes_back_to_a_store_that_lost_its_points),
		CASE(who_comes_too_late_to_forget_it_does_not),
		CASE(where_there_is_no_room_it_is_forgotten_for_good),
		cmocka_unit_test(killed_at_any_moment_it_is_there_or_forgotten),
		cmocka_unit_test(also_where_nothing_can_be_renamed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
