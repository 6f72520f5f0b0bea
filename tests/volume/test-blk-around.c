/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/blk-around.h"

#define SECTORS 4096

/* Some sectors are bad; other reads are well, and each may be counted. */
struct bad_disk {
	struct blk blk;
	bool bad[SECTORS];
	int other; /* what a read of a bad sector gives instead of -EIO */
	uint8_t bytes[SECTORS * 512];
};

static int bad_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct bad_disk *disk = (struct bad_disk *)blk;
	for (uint64_t s = off / blk->sector; s <= (off + len - 1) / blk->sector; s++)
		if (disk->bad[s])
			return error_set(err, disk->other ? disk->other : -EIO, "sector %ju",
					 (uintmax_t)s);
	memcpy(buf, disk->bytes + off, len);
	return 0;
}

static void bad_destroy(struct blk *blk)
{
	free(blk);
}

static const struct blk_ops bad_ops = {
	.name = "bad", .leaf = true, .read = bad_read, .destroy = bad_destroy
};

static struct bad_disk *bad_disk_new(uint32_t sector)
{
	struct bad_disk *disk = calloc(1, sizeof(*disk));
	if (!disk)
		abort();
	blk_init(&disk->blk, &bad_ops, sizeof(disk->bytes), sector);
	for (size_t i = 0; i < sizeof(disk->bytes); i++)
		disk->bytes[i] = (uint8_t)(1 + i * 7 % 255);
	return disk;
}

/**
 * struct told - what a reading tells
 * @want: the bytes, with zeros for what is told
 * @end: of the last range
 * @stop_at: the n-th failed read ends it; 0: none does
 */
struct told {
	uint8_t *want;
	uint64_t off, end;
	int ranges, failed, stop_at;
	uint64_t bytes;
	bool wrong;
};

static int on_failed(void *ctx, const struct error *why, struct error *err)
{
	struct told *told = ctx;
	told->wrong |= why->code != -EIO;
	if (++told->failed == told->stop_at)
		return error_set(err, -EINTR, "enough");
	return 0;
}

static int on_bad(void *ctx, uint64_t length, uint64_t off, const struct error *why,
		  struct error *err)
{
	(void)err;
	struct told *told = ctx;
	told->wrong |= off < told->end || length == 0 || why->code != -EIO;
	memset(told->want + (off - told->off), 0, length);
	told->end = off + length;
	told->bytes += length;
	told->ranges++;
	return 0;
}

/* Reads a range, and looks whether all of it is right. */
static int read_range(struct bad_disk *disk, size_t len, uint64_t off, struct told *told,
		      struct error *err)
{
	uint8_t *buf = malloc(len);
	told->want = malloc(len);
	if (!buf || !told->want)
		abort();
	memcpy(told->want, disk->bytes + off, len);
	told->off = off;
	const struct blk_around around = { on_failed, on_bad, told };
	int rc = blk_read_around(&disk->blk, buf, len, off, &around, err);
	if (rc == 0)
		told->wrong |= memcmp(buf, told->want, len) != 0;
	free(told->want);
	free(buf);
	return rc;
}

static void one_bad_sector_costs_a_few_reads_and_nothing_else(void **state)
{
	(void)state;
	struct bad_disk *disk = bad_disk_new(512);
	for (size_t s = 0; s < 2048; s += 89) {
		struct told told = { 0 };
		disk->bad[s] = true;
		assert_int_equal(read_range(disk, 1 << 20, 0, &told, NULL), 0);
		assert_false(told.wrong);
		assert_int_equal(told.ranges, 1);
		assert_int_equal(told.end, (s + 1) * 512);
		assert_int_equal(told.bytes, 512);
		assert_int_equal(told.failed, 5);
		disk->bad[s] = false;
	}
	blk_unref(&disk->blk);
}

static void what_is_all_bad_costs_little_more_than_its_sectors(void **state)
{
	(void)state;
	struct bad_disk *disk = bad_disk_new(512);
	struct told told = { 0 };
	memset(disk->bad, true, sizeof(disk->bad));
	assert_int_equal(read_range(disk, 1 << 20, 0, &told, NULL), 0);
	assert_false(told.wrong);
	assert_int_equal(told.ranges, 2048);
	assert_true(told.failed < 2048 * 4 / 3);
	blk_unref(&disk->blk);
}

static void any_range_with_any_bad_sectors_is_right(void **state)
{
	(void)state;
	unsigned int seed = 1;
	for (int n = 0; n < 400; n++) {
		struct bad_disk *disk = bad_disk_new(n % 3 ? 512 : 4096);
		struct told told = { 0 };
		uint64_t want = 0, sectors = sizeof(disk->bytes) / disk->blk.sector;
		for (int i = n % 30; i > 0; i--) {
			uint64_t s = (uint64_t)rand_r(&seed) % sectors;
			for (int run = rand_r(&seed) % 12; run >= 0 && s < sectors; run--)
				disk->bad[s++] = true;
		}
		uint64_t off = (uint64_t)rand_r(&seed) % sizeof(disk->bytes);
		size_t len = 1 + (size_t)rand_r(&seed) % (sizeof(disk->bytes) - off);
		for (uint64_t i = off; i < off + len; i++)
			want += disk->bad[i / disk->blk.sector];
		assert_int_equal(read_range(disk, len, off, &told, NULL), 0);
		assert_false(told.wrong);
		assert_int_equal(told.bytes, want);
		blk_unref(&disk->blk);
	}
}

static void other_errors_end_it(void **state)
{
	(void)state;
	struct bad_disk *disk = bad_disk_new(512);
	struct told told = { 0 };
	struct error err = { 0 };
	disk->bad[77] = true;
	disk->other = -ETIMEDOUT;
	assert_int_equal(read_range(disk, 1 << 20, 0, &told, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "sector 77");
	assert_int_equal(told.failed + told.ranges, 0);
	blk_unref(&disk->blk);
}

static void who_is_told_may_end_it(void **state)
{
	(void)state;
	for (int n = 1; n <= 5; n++) {
		struct bad_disk *disk = bad_disk_new(512);
		struct told told = { .stop_at = n };
		disk->bad[77] = true;
		assert_int_equal(read_range(disk, 1 << 20, 0, &told, NULL), -EINTR);
		assert_int_equal(told.failed, n);
		assert_int_equal(told.ranges, 0);
		blk_unref(&disk->blk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bad_sector_costs_a_few_reads_and_nothing_else),
		cmocka_unit_test(what_is_all_bad_costs_little_more_than_its_sectors),
		cmocka_unit_test(any_range_with_any_bad_sectors_is_right),
		cmocka_unit_test(other_errors_end_it),
		cmocka_unit_test(who_is_told_may_end_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
