/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left out of a volume whose tree is made up: links, circles, and what cannot be read. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "blk-mem.h"
#include "driver.h"
#include "lunette/exclude.h"

#define SIZE     (1u << 20)
#define PIECE    4096u /* each file lies at its inode's number times this */
#define ROOT     1
#define BROKEN   9 /* nothing can be said of this inode */
#define NO_PLACE 8 /* and only where this one lies cannot */

/* ---- a driver of such a tree -------------------------------------------------------------------
 */

struct name {
	uint64_t dir, ino;
	const char *name;
	uint32_t type;
};

static const struct name tree[] = {
	{ ROOT, 2, "dir", S_IFDIR },
	{ ROOT, 3, "pagefile.sys", S_IFREG },
	{ ROOT, BROKEN, "broken", S_IFDIR },
	{ 2, 4, "a.tmp", S_IFREG },
	{ 2, 5, "kept", S_IFREG },
	{ 2, 6, "loop", S_IFDIR },
	{ 6, 2, "dir", S_IFDIR }, /* leads to its own parent */
	{ 6, 7, "linked.tmp", S_IFREG },
	{ ROOT, 7, "linked.other", S_IFREG },
	{ 6, NO_PLACE, "x.tmp", S_IFREG },
	{ 6, 10, "twice.tmp", S_IFREG },
	{ 2, 10, "again.tmp", S_IFREG },
	{ 6, 11, "unknown.tmp", 0 },
};

static int tree_readdir(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
			struct error *err)
{
	(void)fs;
	if (dir == BROKEN)
		return error_set(err, -EUCLEAN, "the index is damaged");
	for (uint64_t i = pos; i < ARRAY_SIZE(tree); i++)
		if (tree[i].dir == dir &&
		    emit(ctx, tree[i].name, strlen(tree[i].name), tree[i].ino, tree[i].type, i + 1))
			break;
	return 0;
}

static int tree_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	(void)fs, (void)err;
	*ret = (struct fs_stat){ .ino = ino, .mode = S_IFREG };
	for (size_t i = 0; i < ARRAY_SIZE(tree); i++)
		ret->nlink += tree[i].ino == ino;
	return 0;
}

static int tree_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	(void)fs;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(tree); i++)
		if (tree[i].ino == ino)
			rc = fn(ctx, tree[i].dir, tree[i].name, strlen(tree[i].name), err);
	return rc;
}

static int tree_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx, struct error *err)
{
	(void)fs;
	if (ino == NO_PLACE)
		return error_set(err, -EUCLEAN, "its runs are damaged");
	return fn(ctx, PIECE, ino * PIECE, err);
}

static const char *const page_files[] = { "/pagefile.sys", NULL };

static const struct fs_driver tree_driver = { .left_out = page_files,
					      .readdir = tree_readdir,
					      .stat = tree_stat,
					      .links = tree_links,
					      .file_blocks = tree_blocks };
static const struct fs_driver blind_driver = { 0 };

/* ---- tests -------------------------------------------------------------------------------------
 */

struct bed {
	struct fs fs;
	struct layout_volume volume;
	struct layout layout;
	struct exclude *exclude;
};

static int bed_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	assert_non_null(bed);
	static char name[] = "vol";
	bed->volume.name = name;
	bed->layout.volumes = &bed->volume;
	bed->layout.n_volumes = 1;
	bed->fs = (struct fs){ .driver = &tree_driver,
			       .blk = &blk_mem_new(SIZE, 512)->blk,
			       .root = ROOT };
	*state = bed;
	return 0;
}

static int bed_down(void **state)
{
	struct bed *bed = *state;
	for (size_t i = 0; i < bed->layout.n_warnings; i++)
		free(bed->layout.warnings[i]);
	free(bed->layout.warnings);
	exclude_free(bed->exclude);
	blk_unref(bed->fs.blk);
	free(bed);
	return 0;
}

static void find(struct bed *bed, bool no_defaults, const char *pattern)
{
	const struct exclude_choice choice = { .patterns = &pattern,
					       .n_patterns = pattern != NULL,
					       .no_defaults = no_defaults };
	struct error err = { 0 };
	if (exclude_find(&choice, &bed->layout, &bed->volume, &bed->fs, &bed->exclude, &err) < 0)
		fail_msg("%s", err.msg);
}

/* The inodes whose place is left out, as digits of base 16, by asking for runs from everywhere. */
static void assert_out(struct bed *bed, const char *wanted)
{
	char got[32] = "", *g = got;
	for (uint64_t ino = 0; ino < 16; ino++) {
		uint64_t n;
		bool out;
		assert_int_equal(
			exclude_run(bed->exclude, SIZE - ino * PIECE, ino * PIECE, &n, &out, NULL),
			0);
		assert_true(n >= PIECE && n % PIECE == 0);
		if (out)
			*g++ = "0123456789abcdef"[ino];
	}
	*g = '\0';
	assert_string_equal(got, wanted);
}

static void page_files_are_left_out_by_themselves(void **state)
{
	struct bed *bed = *state;
	find(bed, false, NULL);
	assert_out(bed, "3");
	assert_int_equal(bed->exclude->files, 1);
	assert_int_equal(bed->exclude->bytes, PIECE);
	assert_int_equal(bed->layout.n_warnings, 0); /* nobody looked into "broken" */
}

static void nothing_is_left_out_where_nobody_wants_it(void **state)
{
	struct bed *bed = *state;
	find(bed, true, NULL);
	assert_null(bed->exclude);
	assert_out(bed, "");
	find(bed, true, "/nobody");
	assert_null(bed->exclude);
}

static void what_has_another_name_stays_and_trouble_is_told(void **state)
{
	struct bed *bed = *state;
	find(bed, true, "*.tmp");
	/* 7 has a name that does not match; 8 cannot be placed; 10 is counted once. */
	assert_out(bed, "4ab");
	assert_int_equal(bed->exclude->bytes, 3 * PIECE);
	assert_int_equal(bed->exclude->files, 3);
	assert_int_equal(bed->layout.n_warnings, 1);
	/* "broken" is damaged, "loop/dir" is a circle, "x.tmp" cannot be placed. */
	assert_non_null(strstr(bed->layout.warnings[0], "(3 times)"));
}

static void a_directory_is_left_out_with_all_below(void **state)
{
	struct bed *bed = *state;
	find(bed, true, "/dir/loop/");
	assert_int_equal(json_array_size(bed->exclude->list), 1);
	const json_t *entry = json_array_get(bed->exclude->list, 0);
	assert_string_equal(json_string_value(json_object_get(entry, "path")), "/dir/loop/");
	assert_string_equal(json_string_value(json_object_get(entry, "volume")), "vol");
	/* Its own streams, and "unknown.tmp"; the linked ones have names elsewhere. */
	assert_int_equal(json_integer_value(json_object_get(entry, "bytes")), 2 * PIECE);
	assert_out(bed, "6b");
}

static void patterns_name_their_volume(void **state)
{
	struct bed *bed = *state;
	find(bed, true, "vol:/dir/kept");
	assert_out(bed, "5");
	exclude_free(bed->exclude);
	find(bed, true, "other:/dir/kept");
	assert_null(bed->exclude);
	const char *pattern = "other:/dir/kept";
	const struct exclude_choice choice = { .patterns = &pattern, .n_patterns = 1 };
	struct error err = { 0 };
	assert_int_equal(exclude_check(&choice, &bed->layout, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no volume 'other'"));
	pattern = "other\\:x";
	assert_int_equal(exclude_check(&choice, &bed->layout, NULL), 0);
}

static void a_volume_of_unknown_files_is_stored_with_a_warning(void **state)
{
	struct bed *bed = *state;
	bed->fs.driver = &blind_driver;
	find(bed, false, NULL);
	assert_int_equal(bed->layout.n_warnings, 0);
	find(bed, false, "*.tmp");
	assert_null(bed->exclude);
	assert_int_equal(bed->layout.n_warnings, 1);
}

static void it_ends_when_told_to(void **state)
{
	struct bed *bed = *state;
	atomic_bool stop = true;
	const struct exclude_choice choice = { .stop = &stop };
	assert_int_equal(
		exclude_find(&choice, &bed->layout, &bed->volume, &bed->fs, &bed->exclude, NULL),
		-EINTR);
}

/* Far beyond a page, over the borders of pages and words, beside an array that is simple. */
static void bits_in_a_file_are_as_they_were_set(void **state)
{
	(void)state;
	enum { BITS = 300000 };
	const uint64_t base = (UINT64_C(1) << 40) + 777;
	static uint8_t wanted[BITS];
	struct bits_file *file;
	assert_int_equal(bits_file_new(&file, NULL), 0);
	unsigned int seed = 5;
	for (int i = 0; i < 300; i++) {
		size_t from = (size_t)rand_r(&seed) % BITS;
		size_t to =
			MIN(from + (size_t)rand_r(&seed) % (i % 10 ? 100 : 50000), (size_t)BITS);
		uint64_t n_new, want_new = 0;
		for (size_t k = from; k < to; k++) {
			want_new += !wanted[k];
			wanted[k] = 1;
		}
		assert_int_equal(bits_file_set(file, base + from, base + to, &n_new, NULL), 0);
		assert_int_equal(n_new, want_new);
	}
	for (size_t k = 0; k < BITS;) {
		uint64_t n;
		bool set;
		assert_int_equal(bits_file_run(file, base + k, base + BITS, &n, &set, NULL), 0);
		assert_true(n > 0 && n <= BITS - k);
		for (; n > 0; n--)
			assert_int_equal(wanted[k++], set);
	}
	bits_file_free(file);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		test(page_files_are_left_out_by_themselves),
		test(nothing_is_left_out_where_nobody_wants_it),
		test(what_has_another_name_stays_and_trouble_is_told),
		test(a_directory_is_left_out_with_all_below),
		test(patterns_name_their_volume),
		test(a_volume_of_unknown_files_is_stored_with_a_warning),
		test(it_ends_when_told_to),
		cmocka_unit_test(bits_in_a_file_are_as_they_were_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
