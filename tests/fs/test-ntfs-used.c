/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of an NTFS volume is in use: its bitmap and its files say so together. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "ntfs-records.h"

static void used_bytes_are_those_of_the_bitmap_and_of_the_tail(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	struct fs_run bits;
	assert_int_equal(fs_file_extent(fs, 6, 0, &bits, NULL), 0);
	uint64_t clusters = get(mem->bytes + 40, 8) * 512 / 1024;
	struct fs_used used;
	int changes = 0;
	for (uint64_t off = 0; off < NTFS_SIZE; off += used.length, changes++) {
		assert_int_equal(fs_used(fs, off, &used, NULL), 0);
		assert_true(used.length > 0 && off + used.length <= NTFS_SIZE);
		for (uint64_t c = off / 1024; c < (off + used.length) / 1024 && c < clusters; c++)
			assert_int_equal(mem->bytes[bits.start + c / 8] >> (c % 8) & 1, used.used);
		if (off + used.length == NTFS_SIZE)
			assert_true(used.used); /* the copy of the boot sector */
	}
	assert_in_range(changes, 3, 100); /* runs are merged */
	assert_int_equal(fs_used(fs, 1024 * 5 + 7, &used, NULL), 0);
	assert_int_equal((1024 * 5 + 7 + used.length) % 1024, 0);
	assert_int_equal(fs_used(fs, NTFS_SIZE, &used, NULL), -ERANGE);
	fs_close(fs);
	blk_unref(&mem->blk);
}

/* Has the bitmap call the first @n clusters of a file free; @ret_start: where they lie, in bytes.
 */
static void forget_clusters(struct blk_mem *mem, const char *name, size_t n, uint64_t *ret_ino,
			    uint64_t *ret_start)
{
	struct fs *fs = open_fs(mem);
	struct fs_run bits, run;
	assert_int_equal(fs_file_extent(fs, 6, 0, &bits, NULL), 0);
	assert_int_equal(fs_lookup(fs, fs->root, name, ret_ino, NULL), 0);
	assert_int_equal(fs_file_extent(fs, *ret_ino, 0, &run, NULL), 0);
	fs_close(fs);
	assert_true(run.length >= n * 1024);
	*ret_start = run.start;
	for (uint64_t c = run.start / 1024; c < run.start / 1024 + n; c++) {
		assert_true(mem->bytes[bits.start + c / 8] >> (c % 8) & 1);
		mem->bytes[bits.start + c / 8] &= (uint8_t) ~(1u << (c % 8));
	}
}

static void assert_used(struct blk_mem *mem, uint64_t start, size_t n, bool wanted)
{
	struct fs *fs = open_fs(mem);
	for (uint64_t off = start; off < start + n * 1024; off += 1024) {
		struct fs_used used;
		assert_int_equal(fs_used(fs, off, &used, NULL), 0);
		assert_int_equal(used.used, wanted);
	}
	fs_close(fs);
}

static void what_a_file_has_is_used_whatever_the_bitmap_says(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	uint64_t ino, start;
	forget_clusters(mem, "big", 50, &ino, &start);
	assert_used(mem, start, 50, true);
	/* The end of the volume is reached in one run, or in more: all the same. */
	struct fs *fs = open_fs(mem);
	struct fs_used used;
	for (uint64_t off = 0; off < NTFS_SIZE; off += used.length)
		assert_int_equal(fs_used(fs, off, &used, NULL), 0);
	fs_close(fs);
	/* A file that is deleted has nothing, and a record that was torn says nothing. */
	uint8_t *file = record(mem, (unsigned int)ino);
	file[22] &= (uint8_t)~1u;
	assert_used(mem, start, 50, false);
	file[22] |= 1;
	assert_used(mem, start, 50, true);
	file[510] ^= 1;
	assert_used(mem, start, 50, false);
	blk_unref(&mem->blk);
}

static void runs_that_cannot_be_are_nobodys(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		uint8_t runs[20];
		bool used;
	} cases[] = {
		{ "as it is", { 0 }, true },
		{ "nothing", { 0, 1 }, false },
		{ "a length of no bytes", { 0x10, 5 }, false },
		{ "a length of 0", { 0x11, 0, 5 }, false },
		{ "a negative length", { 0x11, 0x80, 5 }, false },
		{ "numbers of 15 bytes", { 0xff, 1, 1, 1 }, false },
		{ "before the volume", { 0x11, 1, 0xff }, false },
		{ "behind the volume", { 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x7f }, false },
		{ "longer than the volume", { 0x18, 0, 0, 0, 0, 0, 0, 0, 0x7f, 1 }, false },
		{ "a hole", { 0x01, 50 }, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *mem = ntfs_fixture_blk(volume);
		uint64_t ino, start;
		forget_clusters(mem, "big", 50, &ino, &start);
		uint8_t *data = attribute(record(mem, (unsigned int)ino), 0x80);
		uint8_t *runs = data + get(data + 32, 2);
		if (i > 0)
			memcpy(runs, cases[i].runs,
			       MIN(sizeof(cases[i].runs),
				   (size_t)(data + get(data + 4, 4) - runs)));
		struct fs *fs = open_fs(mem);
		struct fs_used used;
		assert_int_equal(fs_used(fs, start, &used, NULL), 0);
		if (used.used != cases[i].used)
			fail_msg("%s", cases[i].what);
		fs_close(fs);
		blk_unref(&mem->blk);
	}
}

static void a_bitmap_that_ends_early_is_an_error(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	uint8_t *data = attribute(record(mem, 6), 0x80);
	put(data + 48, 8, 100); /* data size */
	put(data + 56, 8, 100); /* initialized size */
	struct fs *fs = open_fs(mem);
	struct error err = { 0 };
	struct fs_used used;
	assert_int_equal(fs_used(fs, 0, &used, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "map of used clusters ends"));
	fs_close(fs);
	blk_unref(&mem->blk);
}

/* The log does not move: a bitmap that calls it free is not this volume's. */
static void a_bitmap_that_does_not_know_the_log_is_not_believed(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	struct fs_run bits, log;
	struct error err = { 0 };
	struct fs_used used;
	assert_int_equal(fs_file_extent(fs, 6, 0, &bits, NULL), 0);
	assert_int_equal(fs_file_extent(fs, 2, 0, &log, NULL), 0);
	fs_close(fs);
	uint64_t last = (log.start + log.length) / 1024 - 1;
	mem->bytes[bits.start + last / 8] &= (uint8_t) ~(1u << (last % 8));
	fs = open_fs(mem);
	assert_int_equal(fs_used(fs, 0, &used, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "one of the file system's own"));
	fs_close(fs);
	blk_unref(&mem->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_bytes_are_those_of_the_bitmap_and_of_the_tail),
		cmocka_unit_test(what_a_file_has_is_used_whatever_the_bitmap_says),
		cmocka_unit_test(runs_that_cannot_be_are_nobodys),
		cmocka_unit_test(a_bitmap_that_ends_early_is_an_error),
		cmocka_unit_test(a_bitmap_that_does_not_know_the_log_is_not_believed),
	};
	return cmocka_run_group_tests(tests, make_volume, free_volume);
}
