/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front of file systems, and the tree, over a driver that is right, lacks methods, or is wrong.
 */
#include "front-fixture.h"
#include "lunette/tree.h"

static void assert_bytes(uint64_t ino, const uint8_t *buf, size_t n, uint64_t off)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != (ino == 4 ? 0 : toy_byte(ino, off + i)))
			fail_msg("inode %d: byte %zu is wrong", (int)ino, (size_t)off + i);
}

static void one_driver_may_open_several_types(void **state)
{
	(void)state;
	assert_true(fs_can_open("toy"));
	assert_true(fs_can_open("toy2")); /* which is what the volume is called */
	assert_false(fs_can_open("ntfs"));
	assert_false(fs_can_open(""));
}

/* ---- files -------------------------------------------------------------------------------------
 */

static void files_are_read_to_their_end_and_not_beyond(void **state)
{
	static uint8_t buf[30000];
	static const struct {
		uint64_t ino, size;
	} files[] = { { 3, TOY_PLAIN }, { 4, TOY_ZEROS }, { 5, TOY_PACKED }, { 7, 100 } };
	static const uint64_t offsets[] = { 0, 1, 99, 100, 2999, 3000, 9999, 10000, UINT64_MAX };
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(files); f++)
		for (size_t o = 0; o < ARRAY_SIZE(offsets); o++)
			for (size_t len = 0; len <= sizeof(buf); len += len < 2 ? 1 : 2999) {
				uint64_t off = offsets[o], size = files[f].size;
				size_t n = 99999;
				size_t want =
					(size_t)MIN((uint64_t)len, off < size ? size - off : 0);
				memset(buf, 0xee, sizeof(buf));
				assert_int_equal(fs_read(fs, files[f].ino, buf, len, off, &n, NULL),
						 0);
				assert_int_equal(n, want);
				assert_bytes(files[f].ino, buf, n, off);
				assert_true(n == sizeof(buf) || buf[n] == 0xee);
			}
}

static void a_driver_may_read_a_few_bytes_at_a_time(void **state)
{
	uint8_t buf[TOY_PACKED];
	size_t n;
	(void)state;
	toy_driver.read = slow_read;
	assert_int_equal(fs_read(fs, 5, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, sizeof(buf));
	assert_bytes(5, buf, n, 0);
}

static void plain_bytes_and_holes_are_read_without_the_driver(void **state)
{
	uint8_t buf[TOY_ZEROS];
	size_t n;
	(void)state;
	toy_driver.read = NULL;
	assert_int_equal(fs_read(fs, 3, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, TOY_PLAIN);
	assert_int_equal(fs_read(fs, 4, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, TOY_ZEROS);
	expect_damage(fs_read(fs, 5, buf, sizeof(buf), 0, &n, &err));
}

static void without_extents_the_driver_reads_everything(void **state)
{
	uint8_t buf[TOY_ZEROS];
	struct fs_run run;
	size_t n;
	(void)state;
	toy_driver.file_extent = NULL;
	assert_int_equal(fs_file_extent(fs, 3, 1000, &run, NULL), 0);
	assert_int_equal(run.kind, FS_RUN_DRIVER);
	assert_int_equal(run.length, TOY_PLAIN - 1000);
	assert_int_equal(fs_read(fs, 3, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, TOY_PLAIN);
	assert_bytes(3, buf, n, 0);
}

static int n_stats;

static int counted_stat(struct fs *of, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	n_stats++;
	return toy_stat(of, ino, ret, err);
}

static void the_driver_is_not_asked_for_a_size_again_and_again(void **state)
{
	uint8_t buf[64];
	size_t n;
	(void)state;
	toy_driver.stat = counted_stat;
	n_stats = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(fs_read(fs, 3, buf, sizeof(buf), 0, &n, NULL), 0);
		assert_int_equal(fs_read(fs, 7, buf, sizeof(buf), 64, &n, NULL), 0);
		assert_int_equal(n, 36);
	}
	assert_int_equal(n_stats, 2);
}

static void each_number_has_its_own_size(void **state)
{
	struct fs_run run;
	(void)state;
	/* Numbers that share a place in the table of sizes, and those that nothing can have. */
	for (uint64_t ino = 3; ino < 8; ino++)
		if (ino != 6)
			assert_int_equal(fs_file_extent(fs, ino, 0, &run, NULL), 0);
	assert_int_equal(fs_file_extent(fs, 3 + FS_SIZES, 0, &run, NULL), -ESTALE);
	assert_int_equal(fs_file_extent(fs, 3 + (UINT64_C(1) << FS_INO_BITS), 0, &run, NULL),
			 -ESTALE);
	assert_int_equal(fs_file_extent(fs, UINT64_MAX, 0, &run, NULL), -ESTALE);
	assert_int_equal(fs_file_extent(fs, 0, 0, &run, NULL), -ESTALE);
}

static void a_directory_has_no_bytes(void **state)
{
	uint8_t byte;
	struct fs_run run;
	size_t n;
	(void)state;
	assert_int_equal(fs_read(fs, 2, &byte, 1, 0, &n, NULL), -EISDIR);
	assert_int_equal(fs_file_extent(fs, 2, 0, &run, NULL), -EISDIR);
}

static void extents_end_where_the_file_does(void **state)
{
	struct fs_run run;
	(void)state;
	assert_int_equal(fs_file_extent(fs, 3, 100, &run, NULL), 0);
	assert_int_equal(run.kind, FS_RUN_DATA);
	assert_int_equal(run.length, TOY_PLAIN - 100);
	assert_int_equal(run.start, 3 * TOY_ROOM + 100);
	assert_int_equal(fs_file_extent(fs, 3, TOY_PLAIN, &run, NULL), -ERANGE);
	toy_driver.file_extent = wrong_extent_long;
	assert_int_equal(fs_file_extent(fs, 3, 100, &run, NULL), 0);
	assert_int_equal(run.length, TOY_PLAIN - 100);
}

static void wrong_bytes_are_damage(void **state)
{
	static uint8_t buf[TOY_ZEROS + 1];
	struct fs_run run;
	size_t n;
	(void)state;
	toy_driver.file_extent = wrong_extent_empty;
	expect_damage(fs_file_extent(fs, 3, 0, &run, &err));
	expect_damage(fs_read(fs, 3, buf, 10, 0, &n, &err));
	toy_driver.file_extent = wrong_extent_empty_later;
	expect_damage(fs_read(fs, 3, buf, 65, 0, &n, &err));
	toy_driver.file_extent = wrong_extent_outside;
	expect_damage(fs_file_extent(fs, 3, 0, &run, &err));
	expect_damage(fs_read(fs, 3, buf, 100, 0, &n, &err));
	toy_driver.file_extent = wrong_extent_ends_early;
	assert_int_equal(fs_read(fs, 3, buf, 64, 0, &n, NULL), 0);
	expect_damage(fs_read(fs, 3, buf, 65, 0, &n, &err));
	expect_damage(fs_file_extent(fs, 3, 64, &run, &err));

	toy_driver.file_extent = toy_extent;
	toy_driver.read = wrong_read_nothing;
	expect_damage(fs_read(fs, 5, buf, 10, 0, &n, &err));
	toy_driver.read = wrong_read_too_much;
	expect_damage(fs_read(fs, 5, buf, 10, 0, &n, &err));

	toy_driver.file_extent = wrong_extent_long;
	toy_driver.read = toy_read;
	for (uint64_t ino = 3; ino <= 5; ino++) {
		memset(buf, 0xee, sizeof(buf));
		assert_int_equal(fs_read(fs, ino, buf, sizeof(buf), 0, &n, NULL), 0);
		assert_int_equal(n, toy_find(ino)->size);
		assert_int_equal(buf[n], 0xee);
	}
}

/* ---- inodes and names --------------------------------------------------------------------------
 */

static void wrong_inodes_are_damage(void **state)
{
	struct fs_stat st;
	char text[64];
	uint64_t ino;
	size_t n;
	(void)state;
	toy_driver.stat = wrong_stat_kind;
	expect_damage(fs_stat(fs, 3, &st, &err));
	toy_driver.stat = wrong_stat_size;
	expect_damage(fs_stat(fs, 3, &st, &err));
	expect_damage(fs_read(fs, 3, text, sizeof(text), 0, &n, &err));
	toy_driver.lookup = wrong_lookup;
	expect_damage(fs_lookup(fs, TOY_ROOT, "plain", &ino, &err));
	toy_driver.readlink = wrong_readlink;
	expect_damage(fs_readlink(fs, 6, text, sizeof(text), &err));
	toy_driver.listxattr = wrong_listxattr;
	expect_damage(fs_listxattr(fs, 3, text, sizeof(text), &n, &err));
	assert_int_equal(fs_listxattr(fs, 3, NULL, 0, &n, NULL), 0); /* how many they are */
	assert_int_equal(n, 8);
}

static void an_inode_bears_the_number_that_was_asked_for(void **state)
{
	struct fs_stat st;
	(void)state;
	assert_int_equal(fs_stat(fs, 5, &st, NULL), 0);
	assert_int_equal(st.ino, 5);
	assert_int_equal(st.mode, S_IFREG | 0644);
}

static int any_lookup(struct fs *of, uint64_t dir, const char *name, size_t len, uint64_t *ret,
		      struct error *err)
{
	(void)of, (void)dir, (void)name, (void)len, (void)err;
	*ret = 3;
	return 0;
}

static void what_is_no_name_is_not_there(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "/" };
	static char too_long[FS_NAME_MAX + 2];
	uint64_t ino;
	(void)state;
	toy_driver.lookup = any_lookup;
	memset(too_long, 'x', FS_NAME_MAX + 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(fs_lookup(fs, TOY_ROOT, names[i], &ino, NULL), -ENOENT);
	assert_int_equal(fs_lookup(fs, TOY_ROOT, too_long, &ino, NULL), -ENOENT);
	too_long[FS_NAME_MAX] = '\0';
	assert_int_equal(fs_lookup(fs, TOY_ROOT, too_long, &ino, NULL), 0);
}

static void what_a_driver_lacks_has_a_safe_answer(void **state)
{
	struct fs_used used;
	char text[64], *folded;
	size_t n = 7;
	(void)state;
	toy_driver.readlink = NULL;
	toy_driver.used = NULL;
	toy_driver.file_blocks = NULL;
	toy_driver.links = NULL;
	toy_driver.left_out = NULL;
	assert_int_equal(fs_readlink(fs, 6, text, sizeof(text), NULL), -EINVAL);
	assert_int_equal(fs_listxattr(fs, 3, NULL, 0, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(fs_getxattr(fs, 3, "user.x", text, sizeof(text), &n, NULL), -ENODATA);
	assert_int_equal(fs_used(fs, 12345, &used, NULL), 0);
	assert_true(used.used);
	assert_int_equal(used.length, TOY_SIZE - 12345);
	assert_false(fs_knows_blocks(fs));
	assert_int_equal(fs_file_blocks(fs, 3, NULL, NULL, NULL), 0);
	assert_int_equal(fs_links(fs, 3, NULL, NULL, NULL), -EOPNOTSUPP);
	assert_null(*fs_left_out(fs));
	assert_int_equal(fs_fold(fs, "Name", &folded, NULL), 0);
	assert_string_equal(folded, "Name");
	free(folded);
}

/* ---- the volume --------------------------------------------------------------------------------
 */

static int take_blocks(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	(void)err;
	*(uint64_t *)ctx += length + start;
	return 0;
}

static int take_link(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)dir, (void)err;
	memcpy(ctx, name, len + 1);
	return 0;
}

static void used_runs_end_in_the_volume(void **state)
{
	struct fs_used used;
	(void)state;
	toy_driver.used = wrong_used_long;
	assert_int_equal(fs_used(fs, 1000, &used, NULL), 0);
	assert_int_equal(used.length, TOY_SIZE - 1000);
	assert_int_equal(fs_used(fs, TOY_SIZE, &used, NULL), -ERANGE);
	toy_driver.used = wrong_used_empty;
	expect_damage(fs_used(fs, 1000, &used, &err));
}

static void wrong_places_and_names_of_a_file_are_damage(void **state)
{
	uint64_t sum = 0;
	char name[FS_NAME_MAX + 1];
	(void)state;
	assert_int_equal(fs_file_blocks(fs, 3, take_blocks, &sum, NULL), 0);
	assert_int_equal(sum, 4096 + 3 * TOY_ROOM);
	assert_int_equal(fs_links(fs, 3, take_link, name, NULL), 0);
	assert_string_equal(name, "plain");
	toy_driver.file_blocks = wrong_blocks;
	expect_damage(fs_file_blocks(fs, 3, take_blocks, &sum, &err));
	toy_driver.file_blocks = wrong_blocks_empty;
	expect_damage(fs_file_blocks(fs, 3, take_blocks, &sum, &err));
	toy_driver.links = wrong_links;
	expect_damage(fs_links(fs, 3, take_link, name, &err));
	assert_int_equal(sum, 4096 + 3 * TOY_ROOM);
	assert_string_equal(name, "plain");
}

/* ---- through the tree --------------------------------------------------------------------------
 */

static uint64_t tree_find(struct tree *tree, const char *path)
{
	struct tree_attr attr = { .stat.ino = TREE_ROOT };
	char copy[64], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save))
		if (tree_lookup(tree, attr.stat.ino, name, &attr, NULL) < 0)
			fail_msg("there is no '%s'", path);
	return attr.stat.ino;
}

static void the_tree_does_not_trust_a_driver_either(void **state)
{
	static uint8_t buf[TOY_ZEROS + 1];
	CLEANUP(tree_free_cleanup) struct tree *tree = NULL;
	struct seen seen = { .stop_at = 32 };
	struct blk_extent ext;
	struct tree_attr attr;
	size_t n;
	(void)state;
	assert_int_equal(tree_new_layout(toy_layout(), &tree, NULL), 0);
	uint64_t root = tree_find(tree, "volumes/disk0/files");
	uint64_t plain = tree_find(tree, "volumes/disk0/files/plain");
	assert_int_equal(tree_read(tree, plain, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, TOY_PLAIN);
	assert_bytes(3, buf, n, 0);

	toy_driver.file_extent = wrong_extent_empty_later;
	expect_damage(tree_read(tree, plain, buf, sizeof(buf), 0, &n, &err));
	expect_damage(tree_extent(tree, plain, 64, &ext, &err));
	toy_driver.file_extent = wrong_extent_ends_early;
	expect_damage(tree_read(tree, plain, buf, sizeof(buf), 0, &n, &err));
	toy_driver.file_extent = wrong_extent_long;
	assert_int_equal(tree_read(tree, plain, buf, sizeof(buf), 0, &n, NULL), 0);
	assert_int_equal(n, TOY_PLAIN);
	assert_int_equal(tree_extent(tree, plain, 0, &ext, NULL), 0);
	assert_int_equal(ext.length, TOY_PLAIN);
	toy_driver.readdir = wrong_readdir_stuck;
	expect_damage(tree_readdir(tree, root, 0, see, &seen, &err));
	toy_driver.readdir = wrong_readdir_names;
	expect_damage(tree_readdir(tree, root, 0, see, &seen, &err));
	assert_int_equal(seen.n, 3);
	toy_driver.lookup = wrong_lookup;
	expect_damage(tree_lookup(tree, root, "plain", &attr, &err));
	toy_driver.stat = wrong_stat_size;
	expect_damage(tree_stat(tree, plain, &attr, &err));
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		test(one_driver_may_open_several_types),
		test(files_are_read_to_their_end_and_not_beyond),
		test(a_driver_may_read_a_few_bytes_at_a_time),
		test(plain_bytes_and_holes_are_read_without_the_driver),
		test(without_extents_the_driver_reads_everything),
		test(the_driver_is_not_asked_for_a_size_again_and_again),
		test(each_number_has_its_own_size),
		test(a_directory_has_no_bytes),
		test(extents_end_where_the_file_does),
		test(wrong_bytes_are_damage),
		test(wrong_inodes_are_damage),
		test(an_inode_bears_the_number_that_was_asked_for),
		test(what_is_no_name_is_not_there),
		test(what_a_driver_lacks_has_a_safe_answer),
		test(used_runs_end_in_the_volume),
		test(wrong_places_and_names_of_a_file_are_damage),
		test(the_tree_does_not_trust_a_driver_either),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
