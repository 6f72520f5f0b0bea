/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-log: what the log of an unclean volume says counts as used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../fs/drivers.h"
#include "lunette/filesystem.h"
#include "ntfs-fixture.h"

#define CLUSTER  512u
#define PAGE     4096u
#define DATA     0x40u
#define FREE     7000u /* a cluster that nothing uses, whose bit is in the bitmap's VCN 1 */
#define SET      0x15
#define CLEAR    0x16
#define SEQUENCE (7ull << 20) /* what an LSN has above its offset */

static uint8_t *volume;

static void put(uint8_t *p, int n, uint64_t v)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/**
 * struct bench - a volume and its log, which is in one piece
 * @log: its bytes, @pages pages; the last one is the last that Windows would use
 */
struct bench {
	struct blk_mem *mem;
	uint8_t *log;
	uint64_t pages;
};

static void put_restart(uint8_t *page, bool clean, uint64_t oldest)
{
	memset(page, 0, PAGE);
	memcpy(page, "RSTR", 4);
	put(page + 4, 2, 30);
	put(page + 6, 2, 9);
	put(page + 16, 4, PAGE);
	put(page + 20, 4, PAGE);
	put(page + 24, 2, 0x30);
	put(page + 26, 2, 1);
	put(page + 28, 2, 1);
	uint8_t *area = page + 0x30;
	put(area + 10, 2, 0xffff);
	put(area + 14, 2, clean ? 2 : 0);
	put(area + 22, 2, 0x40);
	put(area + 38, 2, DATA);
	put(area + 0x40, 8, oldest);
}

static uint8_t *put_page(struct bench *b, uint64_t i)
{
	uint8_t *page = b->log + i * PAGE;
	memset(page, 0, PAGE);
	memcpy(page, "RCRD", 4);
	put(page + 4, 2, 0x28);
	put(page + 6, 2, 9);
	return page;
}

/* Gives each sector of a page a number at its end, and keeps in the header what was there. */
static void put_fixups(uint8_t *page, uint16_t number)
{
	size_t at = page[4];
	put(page + at, 2, number);
	for (size_t i = 1; i <= PAGE / 512; i++) {
		memcpy(page + at + 2 * i, page + i * 512 - 2, 2);
		memcpy(page + i * 512 - 2, page + at, 2);
	}
}

static struct bench new_bench(bool clean)
{
	struct bench b = { .mem = ntfs_fixture_blk(volume) };
	struct fs *fs = NULL;
	struct fs_stat stat;
	struct fs_run run;
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &b.mem->blk }, &fs, NULL), 0);
	assert_int_equal(fs_stat(fs, 2, &stat, NULL), 0);
	assert_int_equal(fs_file_extent(fs, 2, 0, &run, NULL), 0);
	assert_int_equal(run.kind, FS_RUN_DATA);
	assert_int_equal(run.length, stat.size);
	fs_close(fs);
	b.log = b.mem->bytes + run.start;
	b.pages = stat.size / PAGE;
	assert_in_range(b.pages, 50, 1000);
	for (uint64_t i = 0; i < 2; i++) {
		put_restart(b.log + i * PAGE, clean, SEQUENCE);
		put_fixups(b.log + i * PAGE, 0x77);
	}
	return b;
}

static void free_bench(struct bench *b)
{
	blk_unref(&b->mem->blk);
}

/* The record of a bitmap change, 0x60 bytes and no more; @pos is where in the log it claims to be.
 */
static void make_record(uint8_t *r, uint64_t pos, unsigned int redo, unsigned int undo,
			uint64_t first, uint32_t n)
{
	memset(r, 0, 0x60);
	put(r, 8, SEQUENCE | pos / 8);
	put(r + 0x18, 4, 0x30);
	put(r + 0x20, 4, 1);
	put(r + 0x30, 2, redo);
	put(r + 0x32, 2, undo);
	put(r + 0x34, 2, 0x28);
	put(r + 0x36, 2, 8);
	put(r + 0x38, 2, 0x28);
	put(r + 0x3a, 2, 8);
	put(r + 0x3e, 2, 1);
	put(r + 0x48, 8, first / (CLUSTER * 8));
	put(r + 0x58, 4, first % (CLUSTER * 8));
	put(r + 0x5c, 4, n);
}

/* A record all in page @i, which has the fixups of its real pages. */
static void put_record(struct bench *b, uint64_t i, uint32_t at, unsigned int redo,
		       unsigned int undo, uint64_t first, uint32_t n)
{
	make_record(put_page(b, i) + at, i * PAGE + at, redo, undo, first, n);
	put_fixups(b->log + i * PAGE, 0x1234);
}

static bool is_used(struct bench *b, uint64_t cluster)
{
	struct fs *fs = NULL;
	struct fs_used used;
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &b->mem->blk }, &fs, NULL), 0);
	assert_int_equal(fs_used(fs, cluster * CLUSTER, &used, NULL), 0);
	fs_close(fs);
	return used.used;
}

/* Just the @n clusters from FREE on are used. */
static void assert_used(struct bench *b, uint64_t n)
{
	for (uint64_t c = FREE - 20; c < FREE + 40; c++)
		assert_int_equal(is_used(b, c), c >= FREE && c < FREE + n);
}

static void what_the_log_allocates_counts_as_used(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	assert_used(&b, 0);
	/* Where the fixups are: the range lies at the end of a sector. */
	put_record(&b, 9, 512 - 0x60, SET, CLEAR, FREE, 0x10);
	assert_used(&b, 0x10);
	put_record(&b, 9, DATA, SET, 0x01, FREE, 2); /* what undoes that it was freed */
	assert_used(&b, 2);
	free_bench(&b);
}

static void what_the_log_frees_counts_as_used(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	put_record(&b, 9, DATA, CLEAR, SET, FREE, 3);
	assert_used(&b, 3);
	put_record(&b, 9, DATA, CLEAR, 0x01, FREE, 5); /* cannot be undone: it is an undo itself */
	assert_used(&b, 5);
	put_record(&b, 9, DATA, 0x07, 0x07, FREE, 3); /* another change */
	assert_used(&b, 0);
	free_bench(&b);
}

static void a_clean_log_says_nothing(void **state)
{
	(void)state;
	struct bench b = new_bench(true);
	put_record(&b, 9, DATA, SET, CLEAR, FREE, 3);
	assert_used(&b, 0);
	b.log[PAGE + 510] ^= 1; /* the second restart page is torn: who knows */
	assert_used(&b, 3);
	free_bench(&b);
}

static void what_is_too_old_to_be_replayed_is_left_out(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	put_record(&b, 9, DATA, SET, CLEAR, FREE, 3);
	for (uint32_t i = 0; i < 2; i++) {
		assert_used(&b, 3); /* also as long as one restart page still needs it */
		put_restart(b.log + i * PAGE, false, SEQUENCE + (10 * PAGE) / 8);
		put_fixups(b.log + i * PAGE, 0x78);
	}
	assert_used(&b, 0);
	memset(b.log, 0xff, 2 * PAGE); /* no restart page at all */
	assert_used(&b, 3);
	free_bench(&b);
}

/* Puts a record in @i from @at on; the rest of it into the page @next. */
static void put_split(struct bench *b, uint64_t i, uint64_t pos, uint64_t next, uint32_t at)
{
	uint8_t record[0x60];
	make_record(record, pos + at, SET, CLEAR, FREE, 4);
	uint32_t here = PAGE - at;
	memcpy(put_page(b, i) + at, record, here);
	memcpy(put_page(b, next) + DATA, record + here, sizeof(record) - here);
	put_fixups(b->log + i * PAGE, 0x1234);
}

static void a_record_goes_on_in_the_next_page(void **state)
{
	(void)state;
	for (uint32_t here = 0x30; here < 0x60; here += 8) {
		struct bench b = new_bench(false);
		put_split(&b, 9, 9 * PAGE, 10, PAGE - here);
		put_fixups(b.log + 10 * PAGE, 0x1235);
		assert_used(&b, 4);
		free_bench(&b);
	}
}

static void a_record_goes_on_at_the_start_of_the_log(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	put_split(&b, b.pages - 1, (b.pages - 1) * PAGE, 4, PAGE - 0x40);
	put_fixups(b.log + 4 * PAGE, 0x1235);
	assert_used(&b, 4);
	free_bench(&b);
}

static void a_page_may_only_be_there_as_a_copy(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	put_split(&b, 9, 9 * PAGE, 3, PAGE - 0x40);
	put(b.log + 3 * PAGE + 8, 8, 10 * PAGE);
	put_fixups(b.log + 3 * PAGE, 0x1235);
	assert_used(&b, 4);
	free_bench(&b);

	b = new_bench(false);
	put_split(&b, 2, 9 * PAGE, 10, PAGE - 0x40);
	put(b.log + 2 * PAGE + 8, 8, 9 * PAGE);
	put_fixups(b.log + 10 * PAGE, 0x1235);
	assert_used(&b, 4);
	free_bench(&b);
}

static void ranges_outside_the_volume_do_no_harm(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	put_record(&b, 9, DATA, SET, CLEAR, FREE, UINT32_MAX);
	assert_true(is_used(&b, FREE));
	assert_true(is_used(&b, NTFS_SIZE / CLUSTER - 2));
	assert_false(is_used(&b, FREE - 1));
	put_record(&b, 9, DATA, SET, CLEAR, (uint64_t)1 << 63, 9);
	assert_used(&b, 0);
	put_record(&b, 9, DATA, SET, CLEAR, 1u << 30, UINT32_MAX);
	assert_used(&b, 0);
	free_bench(&b);
}

static void ranges_may_overlap_and_be_many(void **state)
{
	(void)state;
	struct bench b = new_bench(false);
	uint64_t n = 0;
	for (uint64_t i = 4; i < b.pages; i++) {
		uint8_t *page = put_page(&b, i);
		for (uint32_t at = DATA; at + 0x60 <= PAGE; at += 0x60, n++)
			make_record(page + at, i * PAGE + at, SET, CLEAR, FREE + n % 7, 2);
		put_fixups(page, 0x1234);
	}
	assert_true(n > 1000);
	assert_used(&b, 8);
	free_bench(&b);
}

static void no_byte_of_the_log_can_do_harm(void **state)
{
	(void)state;
	unsigned int seed = 1;
	for (int round = 0; round < 300; round++) {
		struct bench b = new_bench(false);
		for (uint64_t i = 2; i < b.pages; i += 3)
			put_split(&b, i, i * PAGE, (i + 1) % b.pages,
				  PAGE - 8 * (6 + (uint32_t)rand_r(&seed) % 6));
		for (int k = 0; k < 400; k++)
			b.log[(uint64_t)rand_r(&seed) % (b.pages * PAGE)] = (uint8_t)rand_r(&seed);
		for (int k = 0; k < 8; k++)
			b.log[(uint32_t)rand_r(&seed) % 2 * PAGE + (uint32_t)rand_r(&seed) % 160] =
				(uint8_t)rand_r(&seed);
		assert_true(is_used(&b, 0)); /* the boot sector, whatever the log says */
		free_bench(&b);
	}
}

static int make_volume(void **state)
{
	(void)state;
	volume = ntfs_fixture_make_with("-c 512");
	return 0;
}

static int free_volume(void **state)
{
	(void)state;
	free(volume);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_log_allocates_counts_as_used),
		cmocka_unit_test(what_the_log_frees_counts_as_used),
		cmocka_unit_test(a_clean_log_says_nothing),
		cmocka_unit_test(what_is_too_old_to_be_replayed_is_left_out),
		cmocka_unit_test(a_record_goes_on_in_the_next_page),
		cmocka_unit_test(a_record_goes_on_at_the_start_of_the_log),
		cmocka_unit_test(a_page_may_only_be_there_as_a_copy),
		cmocka_unit_test(ranges_outside_the_volume_do_no_harm),
		cmocka_unit_test(ranges_may_overlap_and_be_many),
		cmocka_unit_test(no_byte_of_the_log_can_do_harm),
	};
	return cmocka_run_group_tests(tests, make_volume, free_volume);
}
