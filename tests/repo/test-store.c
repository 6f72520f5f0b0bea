/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <time.h>

#include "repo-fixture.h"

struct fixture {
	char *dir;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->dir = fixture_dir();
	*state = f;
	return store_dir_create(f->dir, &f->store, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_free(f->store);
	fixture_dir_free(f->dir);
	free(f);
	return 0;
}

static int count_name(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)st, (void)name, (void)err;
	++*(int *)ctx;
	return 0;
}

static int count(struct store *store, const char *folder)
{
	int n = 0;
	ok(store_list(store, folder, count_name, &n, err));
	return n;
}

static void an_object_is_there_when_it_is_complete(void **state)
{
	struct fixture *f = *state;
	struct store_put *put;
	struct store_object *object;
	char buf[6] = "";
	ok(store_begin(f->store, &put, err));
	ok(store_append(put, "hel", 3, err));
	ok(store_append(put, "lo", 2, err));
	assert_int_equal(count(f->store, ""), 0);
	assert_int_equal(store_open(f->store, "packs/ab/abc", &object, NULL), -ENOENT);
	ok(store_commit(put, "packs/ab/abc", err));
	assert_int_equal(count(f->store, "packs/ab"), 1);

	ok(store_open(f->store, "packs/ab/abc", &object, err));
	assert_int_equal(object->size, 5);
	ok(store_read(object, buf, 3, 2, err));
	assert_string_equal(buf, "llo");
	assert_int_equal(store_read(object, buf, 3, 3, NULL), -EUCLEAN);
	store_close(object);
}

static void an_object_that_was_given_up_never_was(void **state)
{
	struct fixture *f = *state;
	struct store_put *put;
	ok(store_begin(f->store, &put, err));
	ok(store_append(put, "hello", 5, err));
	store_abort(put);
	assert_int_equal(count(f->store, ""), 0);
}

static void objects_are_for_their_owner_and_read_only(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	ok(store_put_new(f->store, "index/abc", "x", 1, err));
	snprintf(path, sizeof(path), "%s/index", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/index/abc", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
}

static void nothing_is_overwritten(void **state)
{
	struct fixture *f = *state;
	char *buf;
	size_t len;
	ok(store_put_new(f->store, "index/abc", "first", 5, err));
	assert_int_equal(store_put_new(f->store, "index/abc", "other", 5, NULL), -EEXIST);
	ok(store_put_same(f->store, "index/abc", "first", 5, err));
	ok(store_get(f->store, "index/abc", 5, &buf, &len, err));
	assert_int_equal(len, 5);
	assert_string_equal(buf, "first");
	free(buf);
	assert_int_equal(count(f->store, "index"), 1);
}

static void a_damaged_twin_is_replaced(void **state)
{
	static const char *const damaged[] = { "", "firs", "furst", "first, and more" };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		char key[16], *buf;
		size_t len;
		snprintf(key, sizeof(key), "index/%zu", i);
		ok(store_put_new(f->store, key, damaged[i], strlen(damaged[i]), err));
		ok(store_put_same(f->store, key, "first", 5, err));
		ok(store_get(f->store, key, 100, &buf, &len, err));
		assert_string_equal(buf, "first");
		free(buf);
	}
	assert_int_equal(count(f->store, "tmp"), 0);
}

static void an_object_larger_than_it_can_be_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	char *buf;
	size_t len;
	ok(store_put_new(f->store, "config", "first", 5, err));
	assert_int_equal(store_get(f->store, "config", 4, &buf, &len, NULL), -EUCLEAN);
}

static void what_is_removed_is_gone_and_may_be_gone_already(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	ok(store_put_same(f->store, "packs/ab/abc", "hello", 5, err));
	ok(store_stat(f->store, "packs/ab/abc", &st, err));
	assert_int_equal(st.size, 5);
	assert_in_range(st.modified, time(NULL) - 60, time(NULL) + 60);
	ok(store_remove(f->store, "packs/ab/abc", err));
	assert_int_equal(store_stat(f->store, "packs/ab/abc", &st, NULL), -ENOENT);
	assert_int_equal(count(f->store, "packs/ab"), 0);
	ok(store_remove(f->store, "packs/ab/abc", err));
	ok(store_remove(f->store, "nowhere/abc", err));
}

static void what_cannot_be_removed_is_told_of(void **state)
{
	struct fixture *f = *state;
	struct error why = { 0 };
	ok(store_put_same(f->store, "packs/ab/abc", "hello", 5, err));
	assert_true(store_remove(f->store, "packs/ab", &why) < 0);
	assert_non_null(strstr(why.msg, "packs/ab"));
	assert_int_equal(count(f->store, "packs/ab"), 1);
}

/* Old is what has not been written to; a writer that is at work is left alone. */
static void sweeping_takes_what_is_old_and_unfinished(void **state)
{
	struct fixture *f = *state;
	char old[128], young[128], object[128];
	snprintf(old, sizeof(old), "%s/tmp/00112233445566778899aabbccddeeff", f->dir);
	snprintf(young, sizeof(young), "%s/tmp/00112233445566778899aabbccddee00", f->dir);
	snprintf(object, sizeof(object), "%s/packs/abc", f->dir);
	ok(store_sweep(f->store, 100, err));
	assert_int_equal(count(f->store, ""), 0); /* it makes nothing where there is nothing */
	ok(store_put_same(f->store, "tmp/00112233445566778899aabbccddeeff", "old", 3, err));
	ok(store_put_same(f->store, "tmp/00112233445566778899aabbccddee00", "young", 5, err));
	ok(store_put_same(f->store, "packs/abc", "whole", 5, err));
	struct timespec times[2] = { { .tv_sec = time(NULL) - 200 },
				     { .tv_sec = time(NULL) - 200 } };
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, object, times, 0), 0);
	ok(store_sweep(f->store, 100, err));
	assert_int_equal(count(f->store, "tmp"), 1);
	assert_int_equal(access(young, F_OK), 0);
	assert_int_equal(access(object, F_OK), 0);
}

static void what_is_not_a_file_is_not_an_object(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct store_object *object;
	snprintf(path, sizeof(path), "%s/config", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(store_open(f->store, "config", &object, NULL), -EUCLEAN);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
	assert_int_equal(store_open(f->store, "config", &object, NULL), -EUCLEAN);
}

static void a_file_that_is_cut_while_open_is_an_error(void **state)
{
	struct fixture *f = *state;
	char path[128], buf[5];
	struct store_object *object;
	ok(store_put_new(f->store, "config", "first", 5, err));
	ok(store_open(f->store, "config", &object, err));
	snprintf(path, sizeof(path), "%s/config", f->dir);
	chmod(path, 0600);
	assert_int_equal(truncate(path, 2), 0);
	assert_int_equal(store_read(object, buf, 5, 0, NULL), -EUCLEAN);
	store_close(object);
}

struct listed {
	int n;
	char name[STORE_KEY_MAX];
	struct store_stat st;
};

static int keep_listed(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	(void)err;
	struct listed *listed = ctx;
	snprintf(listed->name, sizeof(listed->name), "%s", name);
	listed->st = *st;
	listed->n++;
	return 0;
}

static void a_listing_goes_into_folders_and_tells_size_and_time(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *folder, *name;
	} cases[] = { { "", "packs/ab/abc" }, { "packs", "ab/abc" }, { "packs/ab", "abc" } };
	struct store_stat st;
	ok(store_put_same(f->store, "packs/ab/abc", "hello", 5, err));
	ok(store_stat(f->store, "packs/ab/abc", &st, err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct listed listed = { 0 };
		ok(store_list(f->store, cases[i].folder, keep_listed, &listed, err));
		assert_int_equal(listed.n, 1);
		assert_string_equal(listed.name, cases[i].name);
		assert_int_equal(listed.st.size, 5);
		assert_int_equal(listed.st.modified, st.modified);
	}
	assert_int_equal(count(f->store, "points"), 0);
}

/* Only -ENOENT says that something is not there. */
static void an_error_is_not_absence(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	char path[128];
	snprintf(path, sizeof(path), "%s/packs", f->dir);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	struct listed listed;
	assert_int_equal(store_stat(f->store, "packs/ab/abc", &st, NULL), -ENOTDIR);
	assert_int_equal(store_list(f->store, "packs", keep_listed, &listed, NULL), -ENOTDIR);
	assert_int_equal(store_remove(f->store, "packs/ab/abc", NULL), -ENOTDIR);
}

static void a_new_store_begins_empty(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct store *store;
	struct error why = { 0 };
	assert_int_equal(store_dir_open("/nowhere/at/all", &store, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/new", f->dir);
	ok(store_dir_create(path, &store, err));
	store_free(store);
	assert_int_equal(store_dir_create(f->dir, &store, &why), -EEXIST);
	assert_non_null(strstr(why.msg, "is not empty: there is 'new' in it"));
}

static void large_objects_are_written_whole(void **state)
{
	struct fixture *f = *state;
	static uint8_t out[3 << 20], in[3 << 20];
	struct store_put *put;
	struct store_object *object;
	ok(store_begin(f->store, &put, err));
	for (uint8_t i = 0; i < 8; i++) {
		memset(out, i, sizeof(out));
		ok(store_append(put, out, sizeof(out), err));
	}
	ok(store_commit(put, "packs/ff/large", err));
	ok(store_open(f->store, "packs/ff/large", &object, err));
	assert_int_equal(object->size, 8 * sizeof(out));
	for (uint8_t i = 0; i < 8; i++) {
		memset(out, i, sizeof(out));
		ok(store_read(object, in, sizeof(in), i * sizeof(in), err));
		assert_memory_equal(in, out, sizeof(in));
	}
	store_close(object);
}

static void full_disks_are_told_of_and_leave_nothing(void **state)
{
	(void)state;
	struct store *store;
	struct error why = { 0 };
	char *dir = fixture_dir();
	char command[128];
	snprintf(command, sizeof(command), "mount -t tmpfs -o size=1m none %s 2>/dev/null", dir);
	if (system(command) != 0) {
		fixture_dir_free(dir);
		print_message("# skipped: no tmpfs can be mounted\n");
		skip();
	}
	ok(store_dir_create(dir, &store, err));
	static uint8_t much[2 << 20];
	int rc = store_put_new(store, "config", much, sizeof(much), &why);
	int left = count(store, "");
	int small = store_put_new(store, "config", much, 1000, NULL);
	store_free(store);
	snprintf(command, sizeof(command), "umount %s", dir);
	assert_int_equal(system(command), 0);
	fixture_dir_free(dir);
	assert_int_equal(rc, -ENOSPC);
	assert_non_null(strstr(why.msg, "No space left on device"));
	assert_int_equal(left, 0);
	assert_int_equal(small, 0);
}

/* NTFS through FUSE is one of those that know no O_TMPFILE. */
static void file_systems_without_nameless_files_serve_too(void **state)
{
	(void)state;
	char *dir = fixture_dir(), command[512];
	snprintf(
		command, sizeof(command),
		"cd %s && mkdir m && truncate -s 20M img && mkntfs -F -Q -q img >/dev/null 2>&1 && "
		"ntfs-3g img m 2>/dev/null",
		dir);
	if (system(command) != 0) {
		fixture_dir_free(dir);
		print_message("# skipped: ntfs-3g cannot mount\n");
		skip();
	}
	char path[64];
	struct store *store;
	struct store_put *put;
	snprintf(path, sizeof(path), "%s/m", dir);
	ok(store_dir_create(path, &store, err));
	ok(store_begin(store, &put, err));
	ok(store_append(put, "hello", 5, err));
	int unfinished = count(store, "tmp");
	ok(store_commit(put, "packs/ab/abc", err));
	ok(store_put_same(store, "packs/ab/abc", "hello", 5, err));
	ok(store_put_same(store, "packs/ab/abc", "other", 5, err));
	int finished = count(store, "packs/ab"), left = count(store, "tmp");
	store_free(store);
	snprintf(command, sizeof(command), "fusermount3 -u %s || umount %s", path, path);
	assert_int_equal(system(command), 0);
	fixture_dir_free(dir);
	assert_int_equal(unfinished, 1);
	assert_int_equal(finished, 1);
	assert_int_equal(left, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_object_is_there_when_it_is_complete),
		TEST(an_object_that_was_given_up_never_was),
		TEST(objects_are_for_their_owner_and_read_only),
		TEST(nothing_is_overwritten),
		TEST(a_damaged_twin_is_replaced),
		TEST(an_object_larger_than_it_can_be_is_not_loaded),
		TEST(what_is_removed_is_gone_and_may_be_gone_already),
		TEST(what_cannot_be_removed_is_told_of),
		TEST(sweeping_takes_what_is_old_and_unfinished),
		TEST(what_is_not_a_file_is_not_an_object),
		TEST(a_file_that_is_cut_while_open_is_an_error),
		TEST(a_listing_goes_into_folders_and_tells_size_and_time),
		TEST(an_error_is_not_absence),
		TEST(a_new_store_begins_empty),
		TEST(large_objects_are_written_whole),
		cmocka_unit_test(file_systems_without_nameless_files_serve_too),
		cmocka_unit_test(full_disks_are_told_of_and_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
