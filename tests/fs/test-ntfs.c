/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "ntfs-records.h"

/* ---- recognising ---- */

static void label_and_serial_are_told_without_opening(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct layout_input input = { .blk = &mem->blk, .source = "memory" };
	struct layout *layout;
	char serial[32];
	snprintf(serial, sizeof(serial), "%016" PRIX64, get(mem->bytes + 72, 8));
	assert_int_equal(layout_new(&input, 1, NULL, &layout, NULL), 0);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 1);
	assert_string_equal(layout->volumes[0].filesystem, "ntfs");
	assert_string_equal(layout->volumes[0].label, NTFS_LABEL);
	assert_string_equal(layout->volumes[0].uuid, serial);
	layout_free(layout);
	blk_unref(&mem->blk);
}

static void impossible_boot_sectors_are_refused_with_the_reason(void **state)
{
	(void)state;
	static const struct {
		size_t at, n;
		uint64_t value;
		const char *why;
	} cases[] = {
		{ 11, 2, 0, "sector size" },         { 11, 2, 513, "sector size" },
		{ 11, 2, 8192, "sector size" },      { 13, 1, 0, "cluster size" },
		{ 13, 1, 3, "cluster size" },        { 13, 1, 0xe0, "cluster size" },
		{ 13, 1, 0xf0, "cluster size" },     { 64, 1, 0, "MFT records" },
		{ 64, 1, 0xe1, "MFT records" },      { 64, 1, 0x80, "MFT records" },
		{ 68, 1, 0, "index blocks" },        { 68, 1, 0xe1, "index blocks" },
		{ 16, 1, 2, "must be zero" },        { 32, 4, 1, "must be zero" },
		{ 40, 8, 0, "number of sectors" },   { 40, 8, 1ull << 60, "number of sectors" },
		{ 40, 8, UINT64_MAX, "number of " }, { 48, 8, 0, "impossible place" },
		{ 48, 8, 1ull << 55, "impossible" }, { 48, 8, UINT64_MAX, "impossible place" },
		{ 56, 8, 4096, "impossible place" }, { 40, 8, 8193, "end is missing" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *mem = ntfs_fixture_blk(volume);
		struct error err = { 0 };
		struct fs *fs;
		put(mem->bytes + cases[i].at, cases[i].n, cases[i].value);
		assert_int_equal(fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err),
				 -EUCLEAN);
		if (!strstr(err.msg, cases[i].why))
			fail_msg("case %zu: %s", i, err.msg);
		blk_unref(&mem->blk);
	}
}

static void what_is_not_ntfs_is_not_claimed(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs;
	mem->bytes[3] = mem->bytes[NTFS_SIZE - 512 + 3] = 'X';
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, NULL), -ENOTSUP);
	blk_unref(&mem->blk);
}

static void an_overwritten_boot_sector_is_told_by_its_copy(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct error err = { 0 };
	struct fs *fs;
	memset(mem->bytes, 0, 512);
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "its copy at the end"));
	mem->bytes[NTFS_SIZE - 512 + 40] ^=
		1; /* of another size: of something that was here before */
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err), -ENOTSUP);
	blk_unref(&mem->blk);
}

/* ---- files ---- */

static int count_entry(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		       uint64_t next)
{
	(void)ino;
	(void)next;
	assert_int_equal(strlen(name), len);
	assert_int_equal(type, S_IFREG);
	*(int *)ctx += strcmp(name, "big") == 0 ? 1 : strcmp(name, "small") == 0 ? 10 : 100;
	return 0;
}

static void only_the_users_files_are_listed(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	int seen = 0;
	assert_int_equal(fs_readdir(fs, fs->root, 0, count_entry, &seen, NULL), 0);
	assert_int_equal(seen, 11);
	uint64_t ino;
	assert_int_equal(fs_lookup(fs, fs->root, "BIG", &ino, NULL), -ENOENT);
	assert_int_equal(fs_lookup(fs, fs->root, "", &ino, NULL), -ENOENT);
	assert_int_equal(fs_lookup(fs, fs->root, "\xff", &ino, NULL), -ENOENT);
	assert_int_equal(fs_lookup(fs, find(fs, "big"), "x", &ino, NULL), -ENOTDIR);
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void bytes_read_are_those_written(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	static const struct {
		size_t len;
		uint64_t off;
	} cases[] = { { NTFS_BIG, 0 },      { 1, 0 },        { 5000, 1023 },
		      { 10, NTFS_BIG - 5 }, { 5, NTFS_BIG }, { 5, UINT64_MAX - 3 } };
	uint64_t ino = find(fs, "big");
	struct fs_stat st;
	assert_int_equal(fs_stat(fs, ino, &st, NULL), 0);
	assert_int_equal(st.size, NTFS_BIG);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static uint8_t buf[NTFS_BIG];
		size_t n = 0;
		assert_int_equal(fs_read(fs, ino, buf, cases[i].len, cases[i].off, &n, NULL), 0);
		uint64_t left = cases[i].off < NTFS_BIG ? NTFS_BIG - cases[i].off : 0;
		assert_int_equal(n, MIN((uint64_t)cases[i].len, left));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(buf[k], ntfs_fixture_byte(cases[i].off + k));
	}
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void everything_is_nobodys_and_only_what_is_read_only_may_not_be_written(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	uint64_t big = find(fs, "big"), small = find(fs, "small");
	fs_close(fs);
	put(attribute(record(mem, small), 0x10) + 56, 4, 1); /* its flags: read-only */
	fs = open_fs(mem);
	struct fs_stat st;
	assert_int_equal(fs_stat(fs, big, &st, NULL), 0);
	assert_int_equal(st.mode, S_IFREG | 0666);
	assert_int_equal(st.uid, FS_NOBODY);
	assert_int_equal(st.gid, FS_NOBODY);
	assert_int_equal(fs_stat(fs, small, &st, NULL), 0);
	assert_int_equal(st.mode, S_IFREG | 0444);
	assert_int_equal(fs_stat(fs, fs->root, &st, NULL), 0);
	assert_int_equal(st.mode, S_IFDIR | 0777);
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void extents_say_where_the_bytes_lie(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	struct fs_run run;
	uint64_t ino = find(fs, "big");
	for (uint64_t off = 0; off < NTFS_BIG; off += run.length) {
		assert_int_equal(fs_file_extent(fs, ino, off, &run, NULL), 0);
		assert_int_equal(run.kind, FS_RUN_DATA);
		for (uint64_t i = 0; i < run.length; i++)
			assert_int_equal(mem->bytes[run.start + i], ntfs_fixture_byte(off + i));
	}
	assert_int_equal(fs_file_extent(fs, ino, NTFS_BIG, &run, NULL), -ERANGE);

	ino = find(fs, "small");
	char text[64];
	size_t n;
	assert_int_equal(fs_file_extent(fs, ino, 2, &run, NULL), 0);
	assert_int_equal(run.kind, FS_RUN_DRIVER);
	assert_int_equal(run.length, strlen(NTFS_SMALL) - 2);
	assert_int_equal(fs_read(fs, ino, text, sizeof(text), 2, &n, NULL), 0);
	assert_int_equal(n, strlen(NTFS_SMALL) - 2);
	assert_memory_equal(text, NTFS_SMALL + 2, n);
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void bytes_past_the_initialized_size_are_zeros(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	uint64_t ino = find(fs, "big");
	fs_close(fs);
	put(attribute(record(mem, ino), 0x80) + 56, 8, 1500);
	fs = open_fs(mem);
	struct fs_run run;
	uint8_t buf[1000];
	size_t n;
	assert_int_equal(fs_file_extent(fs, ino, 0, &run, NULL), 0);
	assert_int_equal(run.length, 1500);
	assert_int_equal(fs_file_extent(fs, ino, 1500, &run, NULL), 0);
	assert_int_equal(run.kind, FS_RUN_ZERO);
	assert_int_equal(run.length, NTFS_BIG - 1500);
	assert_int_equal(fs_read(fs, ino, buf, sizeof(buf), 1000, &n, NULL), 0);
	assert_int_equal(n, sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i < 500 ? ntfs_fixture_byte(1000 + i) : 0);
	fs_close(fs);
	blk_unref(&mem->blk);
}

/* ---- damage ---- */

/* The attribute with the runs of "big", to be damaged. */
static uint8_t *runs_of_big(struct blk_mem *mem, uint64_t *ret_ino)
{
	struct fs *fs = open_fs(mem);
	*ret_ino = find(fs, "big");
	fs_close(fs);
	return attribute(record(mem, *ret_ino), 0x80);
}

static void runs_outside_the_volume_are_damage(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	uint64_t ino;
	uint8_t *data = runs_of_big(mem, &ino);
	uint8_t *pairs = data + get(data + 32, 2);
	size_t n_length = pairs[0] & 15, n_start = pairs[0] >> 4;
	put(pairs + 1 + n_length, n_start, (1ull << (8 * n_start - 1)) - 1);
	struct fs *fs = open_fs(mem);
	struct error err = { 0 };
	struct fs_run run;
	assert_int_equal(fs_file_extent(fs, ino, 0, &run, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "outside the volume"));
	fs_close(fs);
	blk_unref(&mem->blk);
}

/* The last byte of the file in its runs is the last that can be read. */
static void in_front_of_damage_all_can_be_read(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	uint64_t ino;
	uint8_t *data = runs_of_big(mem, &ino);
	uint64_t end = get(data + 40, 8);
	put(data + 48, 8, end + 5000);
	put(data + 56, 8, end + 5000);
	struct fs *fs = open_fs(mem);
	struct error err = { 0 };
	struct fs_run run = { 0 };
	uint8_t byte;
	size_t n;
	assert_int_equal(fs_read(fs, ino, &byte, 1, NTFS_BIG - 1, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(byte, ntfs_fixture_byte(NTFS_BIG - 1));
	assert_int_equal(fs_file_extent(fs, ino, end - 1, &run, NULL), 0);
	assert_int_equal(run.length, 1);
	for (int i = 0; i < 2; i++) { /* the second time from what is kept */
		assert_int_equal(fs_file_extent(fs, ino, end, &run, &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, "ends too early"));
	}
	assert_int_equal(fs_read(fs, ino, &byte, 1, end, &n, &err), -EUCLEAN);
	fs_close(fs);
	blk_unref(&mem->blk);
}

/* Every index block becomes a node whose only child is itself. */
static void an_index_that_leads_in_circles_is_damage(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	int n = 0;
	for (size_t at = 0; at < NTFS_SIZE; at += 1024) {
		uint8_t *block = mem->bytes + at;
		if (memcmp(block, "INDX", 4) != 0)
			continue;
		uint8_t *entry = block + 24 + get(block + 24, 4);
		put(block + 28, 4, get(block + 24, 4) + 24); /* length of the entries */
		block[36] = 1;                               /* not a leaf */
		memset(entry, 0, 16);
		put(entry + 8, 2, 24); /* length of this one */
		put(entry + 12, 2, 3); /* the last one, with a child */
		put(entry + 16, 8, get(block + 16, 8));
		n++;
	}
	assert_true(n > 0);
	/* Opening already looks for a name in the root. */
	struct error err = { 0 };
	struct fs *fs;
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "round in circles"));
	blk_unref(&mem->blk);
}

struct walk {
	struct fs *fs;
	int n;
	uint64_t inodes[64];
};

static int remember(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		    uint64_t next)
{
	struct walk *walk = ctx;
	(void)name;
	(void)len;
	(void)type;
	(void)next;
	walk->inodes[walk->n++] = ino;
	return walk->n == 64;
}

static int count_blocks(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	(void)start, (void)err;
	*(uint64_t *)ctx += length;
	return 0;
}

static int count_links(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)dir, (void)name, (void)err;
	*(uint64_t *)ctx += len > 0;
	return 0;
}

/* Asks everything that there is to ask. Returns the first error. */
static int ask_all(struct blk_mem *mem, struct error *err)
{
	struct fs *fs;
	struct fs_used used;
	struct fs_stat st;
	int rc = fs_open(&(struct fs_source){ .blk = &mem->blk }, &fs, err);
	if (rc < 0)
		return rc;
	struct walk walk = { .fs = fs };
	uint64_t blocks = 0, links = 0;
	rc = fs_readdir(fs, fs->root, 0, remember, &walk, err);
	for (int i = 0; i < walk.n && rc == 0; i++) {
		static uint8_t buf[NTFS_BIG];
		size_t n;
		rc = fs_stat(fs, walk.inodes[i], &st, err);
		if (rc == 0)
			rc = fs_read(fs, walk.inodes[i], buf, sizeof(buf), 0, &n, err);
		if (rc == 0)
			rc = fs_listxattr(fs, walk.inodes[i], NULL, 0, &n, err);
		if (rc == 0)
			rc = fs_file_blocks(fs, walk.inodes[i], count_blocks, &blocks, err);
		if (rc == 0)
			rc = fs_links(fs, walk.inodes[i], count_links, &links, err);
	}
	for (uint64_t off = 0; off < mem->blk.size && rc == 0; off += used.length)
		rc = fs_used(fs, off, &used, err);
	fs_close(fs);
	return rc;
}

static void every_read_may_fail(void **state)
{
	(void)state;
	int n = 0;
	int rc;
	do {
		struct blk_mem *mem = ntfs_fixture_blk(volume);
		struct error err = { 0 };
		mem->fail_from = ++n; /* one that fails once is tried again */
		rc = ask_all(mem, &err);
		if (rc < 0) {
			assert_int_equal(rc, -EIO);
			assert_non_null(strstr(err.msg, "was told to fail"));
		}
		int reads = mem->reads;
		blk_unref(&mem->blk);
		assert_true(rc == 0 || reads >= n);
	} while (rc < 0);
	assert_in_range(n, 5, 200);
}

static void no_byte_of_metadata_can_do_harm(void **state)
{
	(void)state;
	unsigned int seed = 1;
	for (int i = 0; i < 600; i++) {
		struct blk_mem *mem = ntfs_fixture_blk(volume);
		for (int k = 0; k < 3; k++) {
			uint8_t *r = record(mem, (uint64_t)rand_r(&seed) % 66);
			r[rand_r(&seed) % 1024] = (uint8_t)rand_r(&seed);
		}
		struct error err = { 0 };
		int rc = ask_all(mem, &err);
		assert_true(rc == 0 || (rc < 0 && err.code == rc && *err.msg));
		blk_unref(&mem->blk);
	}
}

/* ---- what is in use ---- */

static void blocks_of_a_file_are_its_alone(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	uint64_t ino, blocks = 0, links = 0;
	assert_int_equal(fs_lookup(fs, fs->root, "big", &ino, NULL), 0);
	assert_int_equal(fs_file_blocks(fs, ino, count_blocks, &blocks, NULL), 0);
	assert_true(blocks >= NTFS_BIG && blocks < NTFS_BIG + 4096);
	assert_int_equal(fs_links(fs, ino, count_links, &links, NULL), 0);
	assert_int_equal(links, 1);
	/* Resident data has none, nor have the file system's own files any that are given away. */
	blocks = 0;
	assert_int_equal(fs_lookup(fs, fs->root, "small", &ino, NULL), 0);
	assert_int_equal(fs_file_blocks(fs, ino, count_blocks, &blocks, NULL), 0);
	for (ino = 0; ino < 16; ino++)
		assert_int_equal(fs_file_blocks(fs, ino, count_blocks, &blocks, NULL), 0);
	assert_int_equal(blocks, 0);
	fs_close(fs);
	blk_unref(&mem->blk);
}

static void case_is_folded_by_the_volumes_own_table(void **state)
{
	(void)state;
	struct blk_mem *mem = ntfs_fixture_blk(volume);
	struct fs *fs = open_fs(mem);
	char *folded = NULL;
	assert_int_equal(fs_fold(fs, "Größe/*[a-z]?", &folded, NULL), 0);
	assert_string_equal(folded, "GRÖßE/*[A-Z]?");
	free(folded);
	assert_int_equal(fs_fold(fs, "\xff", &folded, NULL), -EINVAL);
	fs_close(fs);
	blk_unref(&mem->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(label_and_serial_are_told_without_opening),
		cmocka_unit_test(impossible_boot_sectors_are_refused_with_the_reason),
		cmocka_unit_test(what_is_not_ntfs_is_not_claimed),
		cmocka_unit_test(an_overwritten_boot_sector_is_told_by_its_copy),
		cmocka_unit_test(only_the_users_files_are_listed),
		cmocka_unit_test(bytes_read_are_those_written),
		cmocka_unit_test(
			everything_is_nobodys_and_only_what_is_read_only_may_not_be_written),
		cmocka_unit_test(extents_say_where_the_bytes_lie),
		cmocka_unit_test(bytes_past_the_initialized_size_are_zeros),
		cmocka_unit_test(runs_outside_the_volume_are_damage),
		cmocka_unit_test(in_front_of_damage_all_can_be_read),
		cmocka_unit_test(an_index_that_leads_in_circles_is_damage),
		cmocka_unit_test(every_read_may_fail),
		cmocka_unit_test(no_byte_of_metadata_can_do_harm),
		cmocka_unit_test(blocks_of_a_file_are_its_alone),
		cmocka_unit_test(case_is_folded_by_the_volumes_own_table),
	};
	return cmocka_run_group_tests(tests, make_volume, free_volume);
}
