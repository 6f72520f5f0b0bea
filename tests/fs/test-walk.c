/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk through directories: its order, its limits, and disks that lead it astray. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "ino-set.h"
#include "lunette/walk.h"
#include "toy-fs.h"

/**
 * struct log - what a walk did
 * @text: "path;" for each entry, "path/<" when it is left, "path!" for trouble; the first ones
 * @n_open: directories that were marked, but not left
 * @fail_at: the entry at which visit() fails; 0: never
 * @stop_at: the one at which the walk is told to stop
 */
struct log {
	struct fs *fs;
	char text[4096];
	size_t used;
	uint64_t n_entries, n_dirs, n_trouble, n_left;
	uint64_t n_open;
	uint64_t fail_at, stop_at;
	size_t longest;
	int last_trouble;
	atomic_bool stop;
};

static void note(struct log *log, const char *dir, const char *name, const char *mark)
{
	size_t room = sizeof(log->text) - log->used;
	if (strlen(dir) + strlen(name) + 2 < room)
		log->used +=
			(size_t)snprintf(log->text + log->used, room, "%s%s%s", dir, name, mark);
}

static int visit(void *ctx, const struct fs_walk_dir *dir, struct fs_walk_entry *entries, size_t n,
		 struct error *err)
{
	struct log *log = ctx;
	assert_in_range(n, 1, FS_WALK_BATCH);
	assert_ptr_equal(dir->state, log);
	log->longest = MAX(log->longest, strlen(dir->path));
	for (size_t i = 0; i < n; i++) {
		note(log, dir->path, entries[i].name, ";");
		log->n_entries++;
		entries[i].into = S_ISDIR(entries[i].type);
		entries[i].state = log;
		log->n_open += entries[i].into;
		log->n_dirs += entries[i].into;
		if (log->n_entries == log->stop_at)
			log->stop = true;
		if (log->n_entries == log->fail_at)
			return error_set(err, -ENOSPC, "enough");
	}
	return 0;
}

static void leave(void *ctx, const char *path, void *state)
{
	struct log *log = ctx;
	assert_ptr_equal(state, log);
	assert_true(log->n_open > 0);
	log->n_open--;
	log->n_left++;
	note(log, path, "", "<;");
}

static int trouble(void *ctx, const char *path, const struct error *why, struct error *err)
{
	struct log *log = ctx;
	(void)err;
	assert_true(why->code < 0 && why->msg[0]);
	log->n_trouble++;
	log->last_trouble = why->code;
	note(log, path, "", "!;");
	return 0;
}

static const struct fs_walk_ops ops = { .visit = visit, .leave = leave, .trouble = trouble };

static int up(void **state)
{
	struct blk_mem *mem = toy_volume();
	struct log *log = calloc(1, sizeof(*log));
	if (!log || fs_open(&(struct fs_source){ .blk = &mem->blk }, &log->fs, NULL) < 0)
		abort();
	blk_unref(&mem->blk);
	*state = log;
	return 0;
}

static int down(void **state)
{
	struct log *log = *state;
	fs_close(log->fs);
	free(log);
	return 0;
}

static int walk(struct log *log)
{
	struct error err = { 0 };
	int rc = fs_walk(log->fs, &ops, log, log, &log->stop, &err);
	assert_int_equal(err.code, rc);
	assert_int_equal(log->n_open, 0); /* all that was marked was left, whatever came */
	return rc;
}

/* ---- as it should be ---------------------------------------------------------------------------
 */

static void every_entry_is_visited_once_and_its_directory_before_it(void **state)
{
	struct log *log = *state;
	assert_int_equal(walk(log), 0);
	assert_string_equal(log->text, "/dir;/plain;/zeros;/packed;/link;"
				       "/dir/inner;/dir/deep;/dir/deep/down;/dir/deep/<;/dir/<;");
	assert_int_equal(log->n_trouble, 0);
}

static void it_ends_when_told_to(void **state)
{
	struct log *log = *state;
	log->stop_at = 1;
	assert_int_equal(walk(log), -EINTR);
	assert_int_equal(log->n_entries, 5); /* the batch that was at hand */
}

static void what_a_visitor_returns_ends_it(void **state)
{
	struct log *log = *state;
	for (log->fail_at = 1; log->fail_at <= 8; log->fail_at++) {
		log->n_entries = 0;
		assert_int_equal(walk(log), -ENOSPC);
		assert_int_equal(log->n_entries, log->fail_at);
	}
	log->n_entries = 0;
	assert_int_equal(walk(log), 0);
}

/* ---- a directory of many -----------------------------------------------------------------------
 */

#define MANY 100000u

static int readdir_many(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			struct error *err)
{
	char name[300];
	(void)fs, (void)err;
	for (uint64_t i = pos; dir == TOY_ROOT && i < MANY; i++) {
		/* Of all lengths, so that batches end for want of room, too. */
		int len = snprintf(name, sizeof(name), "%0*d", 6 + (int)(i % 250), (int)i);
		if (emit(ctx, name, (size_t)len, 10 + i, i % 10 ? S_IFREG : S_IFDIR, i + 1))
			break;
	}
	return 0;
}

static void a_directory_of_many_entries_is_walked_to_its_end(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_many;
	assert_int_equal(walk(log), 0);
	assert_int_equal(log->n_entries, MANY);
	assert_int_equal(log->n_left, MANY / 10);
	assert_int_equal(log->n_trouble, 0);
}

/* ---- disks that lead astray --------------------------------------------------------------------
 */

static void circles_are_walked_once_and_told(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = wrong_readdir_circles;
	assert_int_equal(walk(log), 0);
	assert_int_equal(log->n_entries, 9); /* three directories, of three entries each */
	assert_int_equal(log->n_trouble, 7); /* all of which but two were seen before */
	assert_int_equal(log->last_trouble, -EUCLEAN);
	assert_non_null(strstr(log->text, "/root!;"));
	assert_non_null(strstr(log->text, "/dir/dir!;"));
}

/* Each directory has one in it, for ever. */
static int readdir_deep(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			struct error *err)
{
	(void)fs, (void)err;
	if (pos == 0)
		emit(ctx, "d", 1, dir + 1, S_IFDIR, 1);
	return 0;
}

static void it_goes_no_deeper_than_it_may(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_deep;
	assert_int_equal(walk(log), 0);
	assert_int_equal(log->n_dirs, FS_WALK_DEPTH_MAX);
	assert_int_equal(log->n_left, FS_WALK_DEPTH_MAX);
	assert_int_equal(log->n_trouble, 1);
	assert_int_equal(log->last_trouble, -ENAMETOOLONG);
}

static int readdir_long(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			struct error *err)
{
	static char name[FS_NAME_MAX];
	(void)fs, (void)err;
	memset(name, 'n', sizeof(name));
	if (pos == 0)
		emit(ctx, name, sizeof(name), dir + 1, S_IFDIR, 1);
	return 0;
}

static void paths_do_not_outgrow_their_place(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_long;
	assert_int_equal(walk(log), 0);
	assert_int_equal(log->n_dirs, FS_WALK_PATH_BYTES / (FS_NAME_MAX + 1) + 1);
	assert_true(log->longest < FS_WALK_PATH_BYTES);
	assert_int_equal(log->n_trouble, 1);
	assert_int_equal(log->last_trouble, -ENAMETOOLONG);
}

static int readdir_endless(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			   struct error *err)
{
	(void)fs, (void)err, (void)dir;
	while (emit(ctx, "more", 4, 3, S_IFREG, ++pos) == 0)
		;
	return 0;
}

static void there_are_not_more_entries_than_a_volume_has_room_for(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_endless;
	assert_int_equal(walk(log), -EUCLEAN);
	assert_true(log->n_entries <= TOY_SIZE / 8);
}

static void a_listing_that_does_not_go_on_is_trouble(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = wrong_readdir_stuck;
	assert_int_equal(walk(log), 0);
	assert_string_equal(log->text, "/!;/again;"); /* what was listed before is good */
}

static void what_is_behind_names_that_are_none_is_visited(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = wrong_readdir_names;
	assert_int_equal(walk(log), 0);
	assert_string_equal(log->text, "/!;/plain;/zeros;");
}

static int readdir_bad_among_many(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
				  void *ctx, struct error *err)
{
	(void)fs, (void)err, (void)dir;
	for (uint64_t i = pos; i < 1000; i++)
		if (i % 100 == 50 ? emit(ctx, "", 0, 3, 0, i + 1)
				  : emit(ctx, "good", 4, 3, S_IFREG, i + 1))
			break;
	return 0;
}

static void also_in_the_batches_after_them(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_bad_among_many;
	assert_int_equal(walk(log), 0);
	assert_int_equal(log->n_entries, 990);
	assert_int_equal(log->n_trouble, 10);
}

static int readdir_breaks(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			  struct error *err)
{
	return dir == 2 ? error_set(err, -EIO, "a bad sector")
			: toy_readdir(fs, dir, pos, emit, ctx, err);
}

static void a_directory_that_cannot_be_read_is_trouble_of_its_own(void **state)
{
	struct log *log = *state;
	toy_driver.readdir = readdir_breaks;
	assert_int_equal(walk(log), 0);
	assert_string_equal(log->text, "/dir;/plain;/zeros;/packed;/link;/dir!;/dir/<;");
	assert_int_equal(log->last_trouble, -EIO);
}

/* ---- the set of inodes -------------------------------------------------------------------------
 */

static void numbers_are_new_once(void **state)
{
	struct ino_set set = { 0 };
	bool is_new;
	(void)state;
	for (int again = 0; again < 2; again++)
		for (uint64_t i = 0; i < 100000; i++) {
			uint64_t ino = i % 2 ? i : i * 7777777777; /* near each other, and not */
			assert_int_equal(ino_set_add(&set, ino, &is_new, NULL), 0);
			if (is_new != !again)
				fail_msg("%d", (int)i);
		}
	ino_set_clear(&set);
}

static void there_is_an_end_to_how_many(void **state)
{
	struct ino_set set = { 0 };
	bool is_new;
	uint64_t n = 0;
	(void)state;
	while (n < INO_SET_SLOTS_MAX && ino_set_add(&set, n * 64, &is_new, NULL) == 0)
		n++;
	assert_int_equal(n, INO_SET_SLOTS_MAX / 2);
	assert_int_equal(ino_set_add(&set, n * 64, &is_new, NULL), -ENOSPC);
	assert_int_equal(ino_set_add(&set, 64, &is_new, NULL), 0);
	assert_false(is_new);
	ino_set_clear(&set);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		test(every_entry_is_visited_once_and_its_directory_before_it),
		test(it_ends_when_told_to),
		test(what_a_visitor_returns_ends_it),
		test(a_directory_of_many_entries_is_walked_to_its_end),
		test(circles_are_walked_once_and_told),
		test(it_goes_no_deeper_than_it_may),
		test(paths_do_not_outgrow_their_place),
		test(there_are_not_more_entries_than_a_volume_has_room_for),
		test(a_listing_that_does_not_go_on_is_trouble),
		test(what_is_behind_names_that_are_none_is_visited),
		test(also_in_the_batches_after_them),
		test(a_directory_that_cannot_be_read_is_trouble_of_its_own),
		cmocka_unit_test(numbers_are_new_once),
		cmocka_unit_test(there_is_an_end_to_how_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
