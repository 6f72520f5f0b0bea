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

/* By the setgid bit of its folder it is its group's, too; never anybody else's. */
static void objects_are_for_the_group_of_a_folder_that_is_its_own(void **state)
{
	static const struct {
		mode_t mask, file, folder;
	} cases[] = { { 022, 0440, 02750 }, { 0, 0440, 02770 }, { 077, 0400, 02700 } };
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	assert_int_equal(chmod(f->dir, 02770), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *sub;
		struct store *store;
		assert_true(asprintf(&sub, "%s/%zu", f->dir, i) > 0);
		mode_t before = umask(cases[i].mask);
		ok(store_dir_create(sub, &store, err));
		ok(store_put_new(store, "index/abc", "x", 1, err));
		umask(before);
		assert_int_equal(stat(sub, &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].folder);
		snprintf(path, sizeof(path), "%s/index", sub);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].folder);
		snprintf(path, sizeof(path), "%s/index/abc", sub);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].file);
		store_free(store);
		free(sub);
	}
}

static void the_folders_of_a_new_file_system_do_not_count(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct store *store;
	snprintf(path, sizeof(path), "%s/lost+found", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	ok(store_dir_create(f->dir, &store, err));
	store_free(store);
	assert_int_equal(rmdir(path), 0);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(store_dir_create(f->dir, &store, NULL), -EEXIST);
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
	char buf[5];
	snprintf(path, sizeof(path), "%s/config", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(store_read(f->store, "config", buf, 1, 0, NULL), -EUCLEAN);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
	assert_int_equal(store_read(f->store, "config", buf, 1, 0, NULL), -EUCLEAN);
}

static void a_file_that_is_cut_while_open_is_an_error(void **state)
{
	struct fixture *f = *state;
	char path[128], buf[5];
	ok(store_put_new(f->store, "config", "first", 5, err));
	ok(store_read(f->store, "config", buf, 5, 0, err));
	snprintf(path, sizeof(path), "%s/config", f->dir);
	chmod(path, 0600);
	assert_int_equal(truncate(path, 2), 0);
	assert_int_equal(store_read(f->store, "config", buf, 5, 0, NULL), -EUCLEAN);
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
	assert_int_equal(store_stat(f->store, "packs/ab/abc", &st, NULL), -ENOTDIR);
	assert_int_equal(store_list(f->store, "packs", count_name, &(int){ 0 }, NULL), -ENOTDIR);
	assert_int_equal(store_remove(f->store, "packs/ab/abc", NULL), -ENOTDIR);
}

/* rename() leaves both, and calls that done. */
static void two_names_of_one_file_become_one(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];
	struct store_stat st;
	ok(store_put_new(f->store, "points/abc", "x", 1, err));
	ok(store_put_new(f->store, "forgotten/abd", "x", 1, err));
	snprintf(from, sizeof(from), "%s/points/abc", f->dir);
	snprintf(to, sizeof(to), "%s/forgotten/abc", f->dir);
	assert_int_equal(link(from, to), 0);
	ok(store_move(f->store, "points/abc", "forgotten/abc", 1, err));
	assert_int_equal(count(f->store, "points"), 0);
	ok(store_stat(f->store, "forgotten/abc", &st, err));
}

/* Nor is it absence where the disk with the other folder is not mounted. */
static void what_has_nowhere_to_go_stays(void **state)
{
	struct fixture *f = *state;
	char link[128];
	struct store_stat st;
	ok(store_put_new(f->store, "points/abc", "x", 1, err));
	snprintf(link, sizeof(link), "%s/forgotten", f->dir);
	assert_int_equal(symlink("/nowhere/at/all", link), 0);
	assert_int_equal(store_move(f->store, "points/abc", "forgotten/abc", 1, NULL), -EIO);
	ok(store_stat(f->store, "points/abc", &st, err));
	assert_int_equal(store_move(f->store, "points/abd", "forgotten/abd", 1, NULL), -ENOENT);
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

static void a_repository_is_named_by_path_or_scheme(void **state)
{
	struct fixture *f = *state;
	char url[128], path[128];
	struct store *store;
	struct store_stat st;
	ok(store_put_same(f->store, "config", "x", 1, err));
	snprintf(url, sizeof(url), "file://%s", f->dir);
	ok(store_open(url, &store, err));
	ok(store_stat(store, "config", &st, err));
	store_free(store);
	ok(store_open(f->dir, &store, err));
	store_free(store);
	assert_int_equal(store_create(url, &store, NULL), -EEXIST);
	snprintf(url, sizeof(url), "file://%s/new", f->dir);
	snprintf(path, sizeof(path), "%s/new", f->dir);
	ok(store_create(url, &store, err));
	store_free(store);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(store_open("file://new", &store, NULL), -EINVAL);
	assert_int_equal(store_open("/nowhere/s3://x", &store, NULL), -ENOENT); /* a path */
}

static void an_unknown_scheme_is_refused_with_those_that_are_known(void **state)
{
	(void)state;
	static const char *const urls[] = { "s3://host/bucket", "s3+http://host/bucket", "x.y-z://",
					    "filex:///srv" };
	struct store *store;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct error why = { 0 };
		assert_int_equal(store_open(urls[i], &store, &why), -EOPNOTSUPP);
		assert_non_null(strstr(why.msg, urls[i]));
		assert_non_null(strstr(why.msg, "a folder's path, file:///"));
		assert_int_equal(store_create(urls[i], &store, NULL), -EOPNOTSUPP);
	}
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
	struct store_draft *draft;
	snprintf(path, sizeof(path), "%s/m", dir);
	ok(store_dir_create(path, &store, err));
	ok(store_draft_new(store, &draft, err));
	ok(store_draft_append(draft, "hello", 5, err));
	int unfinished = count(store, "tmp");
	ok(store_put(store, "packs/ab/abc", &draft->source, STORE_TWIN, err));
	store_draft_free(draft);
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
		TEST(objects_are_for_their_owner_and_read_only),
		TEST(objects_are_for_the_group_of_a_folder_that_is_its_own),
		TEST(the_folders_of_a_new_file_system_do_not_count),
		TEST(what_cannot_be_removed_is_told_of),
		TEST(sweeping_takes_what_is_old_and_unfinished),
		TEST(what_is_not_a_file_is_not_an_object),
		TEST(a_file_that_is_cut_while_open_is_an_error),
		TEST(an_error_is_not_absence),
		TEST(two_names_of_one_file_become_one),
		TEST(what_has_nowhere_to_go_stays),
		TEST(a_new_store_begins_empty),
		TEST(a_repository_is_named_by_path_or_scheme),
		cmocka_unit_test(an_unknown_scheme_is_refused_with_those_that_are_known),
		cmocka_unit_test(file_systems_without_nameless_files_serve_too),
		cmocka_unit_test(full_disks_are_told_of_and_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
