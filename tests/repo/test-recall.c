/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <limits.h>
#include <time.h>

#include "cheap-scrypt.h"
#include "lunette/recall.h"
#include "repo-fixture.h"

#define PASSWORD "a word"
#define N        40 /* restore points: enough to be read by several threads */

/**
 * struct fixture - N restore points of two names, written long ago
 * @dir: holds the repository, and "cache"
 */
struct fixture {
	char *dir;
	char repo[PATH_MAX - 300], cache[PATH_MAX - 300];
	bool sealed;
	char ids[N][65];
};

static void point_path(const struct fixture *f, const char *id, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/points/%s", f->repo, id);
}

/* As if it had been written so many seconds ago. */
static void age(const char *path, time_t seconds)
{
	const struct timespec then = { .tv_sec = time(NULL) - seconds };
	assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){ then, then }, 0), 0);
}

static struct repo *open_with(const struct fixture *f, const char *cache)
{
	const struct repo_open_options options = {
		.password = f->sealed ? PASSWORD : NULL,
		.cache = cache,
	};
	struct repo *repo;
	ok(repo_open(f->repo, &options, &repo, err));
	return repo;
}

static int begin(void **state, bool sealed)
{
	const struct repo_settings settings = { .chunk_size = CHUNK,
						.password = sealed ? PASSWORD : NULL };
	struct chunk_id root = { { 1, 2, 3 } };
	struct fixture *f = calloc(1, sizeof(*f));
	f->dir = fixture_dir();
	f->sealed = sealed;
	snprintf(f->repo, sizeof(f->repo), "%s/repo", f->dir);
	snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	ok(repo_init(f->repo, &settings, err));
	struct repo *repo = open_with(f, NULL);
	for (unsigned int i = 0; i < N; i++) {
		char when[32], path[PATH_MAX];
		snprintf(when, sizeof(when), "2026-11-22T17:00:%02uZ", i);
		json_t *point = fixture_point(i % 2 ? "mars" : "venus", when, 10, &root);
		ok(point_put(repo, point, f->ids[i], err));
		json_decref(point);
		point_path(f, f->ids[i], path);
		age(path, 1000);
	}
	repo_close(repo);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return begin(state, false);
}

static int setup_sealed(void **state)
{
	return begin(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

/* ---- what a listing shows ---- */

struct seen {
	const struct fixture *f;
	size_t n, damaged;
	bool right;
};

static int note(void *ctx, const struct repo_brief *brief, struct error *err)
{
	struct seen *seen = ctx;
	char when[32];
	json_t *members;
	unsigned int i = 0;
	while (i < N && strcmp(seen->f->ids[i], brief->id) != 0)
		i++;
	snprintf(when, sizeof(when), "2026-11-22T17:00:%02uZ", i);
	assert_int_equal(repo_brief_members(brief, &members, err), 0);
	const char *name = i % 2 ? "mars" : "venus";
	seen->right = seen->right && i < N && strcmp(brief->name, name) == 0 &&
		      strcmp(brief->time, when) == 0 &&
		      strcmp(repo_point_name(members), name) == 0 && repo_point_disks(members) == 1;
	seen->n++;
	json_decref(members);
	return 0;
}

static void note_damaged(void *ctx, const struct error *why)
{
	(void)why;
	((struct seen *)ctx)->damaged++;
}

static struct seen list(const struct fixture *f, const char *name)
{
	struct seen seen = { .f = f, .right = true };
	struct repo *repo = open_with(f, f->cache);
	ok(repo_briefs(repo, name, note, &seen, note_damaged, err));
	repo_close(repo);
	return seen;
}

static void assert_all(const struct fixture *f)
{
	struct seen seen = list(f, NULL);
	assert_true(seen.right);
	assert_int_equal(seen.n, N);
	assert_int_equal(seen.damaged, 0);
}

/* Other bytes in its place, of the same length and of the same time. */
static void replace_bytes(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	int fd = fixture_open_rw(path);
	assert_int_equal(pwrite(fd, "X", 1, st.st_size / 2), 1);
	close(fd);
	const struct timespec then[] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void replace_object(const struct fixture *f, const char *id)
{
	char path[PATH_MAX];
	point_path(f, id, path);
	replace_bytes(path);
}

/* The only file of the cache. Return: its size; -1 when there is none. */
static off_t cache_file(const struct fixture *f, char ret[PATH_MAX])
{
	struct stat st;
	off_t size = -1;
	DIR *dir = opendir(f->cache);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.') {
			assert_int_equal(size, -1);
			snprintf(ret, PATH_MAX, "%s/%s", f->cache, entry->d_name);
			assert_int_equal(stat(ret, &st), 0);
			size = st.st_size;
		}
	if (dir)
		closedir(dir);
	return size;
}

/* ---- */

static void what_was_read_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[PATH_MAX];
	assert_all(f);
	for (unsigned int i = 0; i < N; i++)
		replace_object(f, f->ids[i]);
	assert_all(f);
	assert_true(cache_file(f, path) > 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(f->cache, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void nor_in_the_same_process(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_with(f, NULL);
	for (int i = 0; i < 2; i++) {
		struct seen seen = { .f = f, .right = true };
		ok(repo_briefs(repo, "mars", note, &seen, note_damaged, err));
		assert_true(seen.right);
		assert_int_equal(seen.n, N / 2);
		for (unsigned int j = 0; i == 0 && j < N; j++)
			replace_object(f, f->ids[j]);
	}
	repo_close(repo);
}

static void what_is_not_as_it_was_is_read_again(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	replace_object(f, f->ids[3]);
	point_path(f, f->ids[3], path);
	age(path, 500);
	point_path(f, f->ids[5], path);
	assert_int_equal(truncate(path, 20), 0);
	age(path, 1000);
	struct seen seen = list(f, NULL);
	assert_true(seen.right);
	assert_int_equal(seen.n, N - 2);
	assert_int_equal(seen.damaged, 2);
}

static int count(void *ctx, const char id[65], const json_t *point, struct error *err)
{
	(void)id, (void)point, (void)err;
	++*(size_t *)ctx;
	return 0;
}

static void manifests_are_read_all_the_same(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;
	char id[65];
	json_t *point;
	assert_all(f);
	replace_object(f, f->ids[N - 1]);
	struct repo *repo = open_with(f, f->cache);
	ok(repo_points(repo, NULL, count, &n, NULL, err));
	assert_int_equal(n, N - 1);
	assert_int_equal(repo_point_find(repo, "mars@latest", id, &point, NULL), -EUCLEAN);
	repo_close(repo);
}

static void what_is_gone_is_not_listed(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	off_t before = cache_file(f, path);
	for (unsigned int i = 0; i < N - 4; i++) {
		point_path(f, f->ids[i], path);
		assert_int_equal(unlink(path), 0);
	}
	struct seen seen = list(f, NULL);
	assert_true(seen.right);
	assert_int_equal(seen.n, 4);
	/* Nor does it take room. */
	assert_true(cache_file(f, path) < before / 4);
}

static void what_is_new_is_added(void **state)
{
	struct fixture *f = *state;
	char from[PATH_MAX], aside[PATH_MAX];
	point_path(f, f->ids[7], from);
	snprintf(aside, sizeof(aside), "%s/aside", f->dir);
	assert_int_equal(rename(from, aside), 0);
	assert_int_equal(list(f, NULL).n, N - 1);
	assert_int_equal(rename(aside, from), 0);
	assert_all(f);
	replace_object(f, f->ids[7]);
	assert_all(f);
}

static void what_is_forgotten_is_remembered_by_itself(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	struct repo *repo = open_with(f, f->cache);
	ok(repo_forget(repo, f->ids[9], NULL, err));
	repo_close(repo);
	for (int i = 0; i < 2; i++) {
		struct seen seen = { .f = f, .right = true };
		repo = open_with(f, f->cache);
		ok(repo_briefs_forgotten(repo, NULL, note, &seen, note_damaged, err));
		repo_close(repo);
		assert_true(seen.right);
		assert_int_equal(seen.n, 1);
		assert_int_equal(list(f, NULL).n, N - 1);
		snprintf(path, sizeof(path), "%s/forgotten/%s", f->repo, f->ids[9]);
		replace_bytes(path);
	}
}

/* Its time has no more than seconds: within the same one it may be written over. */
static void what_was_written_just_now_is_not_kept(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	point_path(f, f->ids[0], path);
	age(path, 0);
	assert_all(f);
	replace_object(f, f->ids[0]);
	assert_int_equal(list(f, NULL).damaged, 1);
}

/* Every bit counts, and none of them does harm. */
static void a_damaged_file_is_none(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	off_t size = cache_file(f, path);
	for (off_t off = 0; off < size; off += off < 64 ? 1 : 97) {
		uint8_t byte;
		int fd = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, off), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, off), 1);
		close(fd);
		struct recall_place place = { .folder = f->cache, .of = "points" };
		struct repo *repo = open_with(f, NULL);
		uint8_t *buf;
		size_t len;
		place.id = repo_id(repo);
		place.keys = repo->keys;
		assert_false(recall_load(&place, &buf, &len));
		repo_close(repo);
		if (off % 8 == 0)
			assert_all(f); /* and it is whole again */
		else {
			byte ^= 1;
			fd = open(path, O_RDWR | O_CLOEXEC);
			assert_int_equal(pwrite(fd, &byte, 1, off), 1);
			close(fd);
		}
	}
	for (off_t cut = size - 1; cut >= 0; cut = cut / 2 - 1) {
		assert_int_equal(truncate(path, cut), 0);
		assert_all(f);
		assert_int_equal(cache_file(f, path), size);
	}
}

static void a_cache_that_cannot_be_had_is_none(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX], elsewhere[PATH_MAX];
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f->dir);
	/* A file where the folder should be; a folder where the file should be. */
	close(open(f->cache, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_all(f);
	assert_int_equal(unlink(f->cache), 0);
	assert_all(f);
	cache_file(f, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_all(f);
	/* A link is not followed, neither to be read nor to be written. */
	assert_int_equal(rmdir(path), 0);
	assert_all(f);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	replace_object(f, f->ids[0]);
	assert_int_equal(list(f, NULL).damaged, 1);
}

/* What others may have written says nothing. */
static void what_others_may_write_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	cache_file(f, path);
	replace_object(f, f->ids[0]);
	assert_int_equal(chmod(f->cache, 0770), 0);
	assert_int_equal(list(f, NULL).damaged, 1);
	assert_int_equal(chmod(f->cache, 0700), 0);
	assert_all(f);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(list(f, NULL).damaged, 1);
}

/* One that is whole, and wrong: a restore point that is asked for by name is the one of that name.
 */
static void what_is_remembered_wrongly_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_with(f, f->cache);
	char id[65];
	struct store_stat st;
	struct repo_brief *brief;
	struct chunk_id root = { { 1, 2, 3 } };
	char key[STORE_KEY_MAX];
	snprintf(key, sizeof(key), "points/%s", f->ids[0]);
	ok(store_stat(repo->store, key, &st, err));
	json_t *wrong = fixture_point("mars", "2026-11-23T00:00:00Z", 10, &root), *point;
	ok(brief_new(f->ids[0], &st, wrong, &brief, err));
	uint8_t *buf = malloc(brief_size(brief));
	brief_put(brief, buf);
	const struct recall_place place = { f->cache, "points", repo_id(repo), repo->keys };
	recall_save(&place, buf, brief_size(brief));
	size_t n = 0;
	ok(repo_points(repo, "mars", count, &n, NULL, err));
	assert_int_equal(n, N / 2);
	ok(repo_point_find(repo, "mars@latest", id, &point, err));
	assert_string_equal(id, f->ids[N - 1]);
	json_decref(point);
	repo_close(repo);
	json_decref(wrong);
	free(brief);
	free(buf);
	assert_all(f);
}

static void old_files_are_swept(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		time_t days;
		bool stays;
	} files[] = {
		{ "points-0123456789abcdef0123456789abcdef", 100, false },
		{ "points-00000000000000000000000000000000", 80, true },
		{ "points-11111111111111111111111111111111.new.0000000000000000", 1, false },
		{ "other", 1000, true },
	};
	char path[PATH_MAX];
	assert_int_equal(mkdir(f->cache, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->cache, files[i].name);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		age(path, files[i].days * 24 * 60 * 60);
	}
	assert_int_equal(list(f, NULL).n, N);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->cache, files[i].name);
		assert_int_equal(access(path, F_OK) == 0, files[i].stays);
	}
}

static void nothing_of_an_encrypted_one_lies_here_in_clear(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	assert_all(f);
	size_t len = (size_t)cache_file(f, path);
	uint8_t *buf = malloc(len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, buf, len), len);
	close(fd);
	assert_null(memmem(buf, len, "mars", 4));
	assert_null(memmem(buf, len, "2026-11-22", 10));
	free(buf);
}

/* Whoever can write to this machine's disk can make no list of an encrypted repository. */
static void nobody_makes_one_without_the_key(void **state)
{
	struct fixture *f = *state;
	struct repo *repo = open_with(f, NULL);
	struct recall_place place = { f->cache, "points", repo_id(repo), NULL };
	struct keys *keys;
	uint8_t *buf, master[KEYS_MASTER] = { 1 };
	size_t len;
	recall_save(&place, (const uint8_t *)"", 0);
	place.keys = repo->keys;
	assert_false(recall_load(&place, &buf, &len));
	ok(keys_new(master, repo_id(repo), &keys, err));
	place.keys = keys;
	recall_save(&place, (const uint8_t *)"", 0);
	assert_true(recall_load(&place, &buf, &len));
	free(buf);
	place.keys = repo->keys;
	assert_false(recall_load(&place, &buf, &len));
	keys_free(keys);
	repo_close(repo);
	assert_all(f);
}

#define BOTH(test)                                                       \
	cmocka_unit_test_setup_teardown(test, setup, teardown),          \
	{                                                                \
#test " (encrypted)", test, setup_sealed, teardown, NULL \
	}
#define SEALED(test) cmocka_unit_test_setup_teardown(test, setup_sealed, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_was_read_is_not_read_again),
		BOTH(nor_in_the_same_process),
		BOTH(what_is_not_as_it_was_is_read_again),
		BOTH(manifests_are_read_all_the_same),
		BOTH(what_is_gone_is_not_listed),
		BOTH(what_is_new_is_added),
		BOTH(what_is_forgotten_is_remembered_by_itself),
		BOTH(what_was_written_just_now_is_not_kept),
		BOTH(a_damaged_file_is_none),
		BOTH(a_cache_that_cannot_be_had_is_none),
		BOTH(what_others_may_write_is_not_believed),
		BOTH(what_is_remembered_wrongly_is_noticed),
		BOTH(old_files_are_swept),
		SEALED(nothing_of_an_encrypted_one_lies_here_in_clear),
		SEALED(nobody_makes_one_without_the_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
