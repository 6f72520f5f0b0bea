/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "make-table.h"
#include "table.h"

#define SECTORS 2048u
#define LAST    (SECTORS - 1)

static struct table *read_table(struct blk_mem *disk)
{
	struct table *table;
	struct error err = { 0 };
	assert_int_equal(table_read(&disk->blk, &table, &err), 0);
	return table;
}

static void assert_warned(const struct table *table, const char *of)
{
	for (size_t i = 0; i < table->n_warnings; i++)
		if (strstr(table->warnings[i], of))
			return;
	fail_msg("no warning of '%s' among %zu, first: %s", of, table->n_warnings,
		 table->n_warnings ? table->warnings[0] : "-");
}

/* Partitions 1 (sectors 100 to 499) and 3 (500 to 1499, with a name). */
static struct blk_mem *good_disk(uint32_t sector)
{
	struct blk_mem *disk = blk_mem_new((uint64_t)SECTORS * sector, sector);
	make_gpt(disk, sector);
	make_gpt_entry(disk, sector, 0, 0xA1, 100, 499);
	make_gpt_entry(disk, sector, 2, 0xA2, 500, 1499);
	for (int copy = 0; copy < 2; copy++) {
		uint64_t array = copy ? LAST - 16384 / sector : 2;
		memcpy(disk->bytes + array * sector + 2 * 128 + 56, "D\0\xe4\0\x3d\xd8\x00\xde", 8);
	}
	make_gpt_seal_both(disk, sector);
	return disk;
}

static void assert_good(const struct table *table, uint32_t sector)
{
	assert_int_equal(table->kind, LAYOUT_TABLE_GPT);
	assert_string_equal(table->id, "d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1");
	assert_int_equal(table->sector, sector);
	assert_int_equal(table->n_entries, 2);
	assert_int_equal(table->entries[0].number, 1);
	assert_int_equal(table->entries[0].start, 100 * sector);
	assert_int_equal(table->entries[0].length, 400 * sector);
	assert_string_equal(table->entries[0].type, "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1");
	assert_string_equal(table->entries[0].title, "");
	assert_int_equal(table->entries[1].number, 3);
	assert_int_equal(table->entries[1].start, 500 * sector);
	assert_int_equal(table->entries[1].length, 1000 * sector);
	assert_string_equal(table->entries[1].title, "Dä\U0001f600");
}

static void both_sector_sizes_are_read(void **state)
{
	(void)state;
	static const uint32_t sizes[] = { 512, 4096 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct blk_mem *disk = good_disk(sizes[i]);
		struct table *table = read_table(disk);
		assert_good(table, sizes[i]);
		assert_int_equal(table->n_warnings, 0);
		/* Boot area up to partition 1; backup array and header. */
		uint64_t backup = 16384 + sizes[i];
		assert_int_equal(table->n_metadata, 2);
		assert_int_equal(table->metadata[0].start, 0);
		assert_int_equal(table->metadata[0].length, 100 * sizes[i]);
		assert_int_equal(table->metadata[1].start, disk->blk.size - backup);
		assert_int_equal(table->metadata[1].length, backup);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void an_image_of_large_sectors_is_known_by_its_gpt(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(4096);
	disk->blk.sector = 512; /* as an image file has it */
	struct table *table = read_table(disk);
	assert_good(table, 4096);
	assert_int_equal(table->n_warnings, 0);
	table_free(table);

	memset(disk->bytes + 4096, 0, 4096); /* by its backup too */
	table = read_table(disk);
	assert_good(table, 4096);
	assert_warned(table, "its backup is used");
	table_free(table);
	blk_unref(&disk->blk);
}

/* ---- one copy is damaged -----------------------------------------------------------------------
 */

static void wipe_header(struct blk_mem *disk, uint64_t lba)
{
	memset(disk->bytes + lba * 512, 0, 512);
}

static void break_header_crc(struct blk_mem *disk, uint64_t lba)
{
	disk->bytes[lba * 512 + 60] ^= 1;
}

static void break_array_crc(struct blk_mem *disk, uint64_t lba)
{
	disk->bytes[get_le(disk->bytes + lba * 512 + 72, 8) * 512 + 40] ^= 1;
}

static void poke(struct blk_mem *disk, uint64_t lba, size_t at, uint64_t value, unsigned int bytes)
{
	put_le(disk->bytes + lba * 512 + at, value, bytes);
	make_gpt_seal(disk, 512, lba);
}

static void lie_about_place(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 24, lba + 7, 8);
}

static void most_entries(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 80, UINT32_MAX, 4);
}

static void largest_entries(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 84, 0x80000000, 4);
}

static void entries_that_overflow(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 80, 0x02000000, 4); /* times 128 is 0 in 32 bits */
}

static void small_entries(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 84, 64, 4);
}

static void no_entry_size(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 84, 0, 4);
}

static void odd_entries(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 84, 129, 4);
}

static void array_nowhere(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 72, UINT64_MAX, 8);
}

static void array_wraps(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 72, UINT64_MAX / 512 + 3, 8);
}

static void array_past_the_end(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 72, LAST, 8);
}

static void header_too_small(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 12, 91, 4);
}

static void header_too_large(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 12, 513, 4);
}

static void header_huge(struct blk_mem *disk, uint64_t lba)
{
	poke(disk, lba, 12, UINT32_MAX, 4);
}

static const struct {
	void (*damage)(struct blk_mem *disk, uint64_t lba);
	const char *why;
} damages[] = {
	{ wipe_header, "there is no header in sector" },
	{ break_header_crc, "the header's CRC is wrong" },
	{ break_array_crc, "the CRC of its entries is wrong" },
	{ lie_about_place, "says that it lies in sector" },
	{ most_entries, "it has 4294967295 entries of 128 bytes, more than makes sense" },
	{ largest_entries, "it has 128 entries of 2147483648 bytes" },
	{ entries_that_overflow, "it has 33554432 entries of 128 bytes" },
	{ small_entries, "its entries have 64 bytes" },
	{ no_entry_size, "its entries have 0 bytes" },
	{ odd_entries, "its entries have 129 bytes" },
	{ array_nowhere, "past the end of the disk" },
	{ array_wraps, "past the end of the disk" },
	{ array_past_the_end, "past the end of the disk" },
	{ header_too_small, "says that it has 91 bytes" },
	{ header_too_large, "says that it has 513 bytes" },
	{ header_huge, "says that it has 4294967295 bytes" },
};

static void when_the_primary_is_damaged_the_backup_is_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct blk_mem *disk = good_disk(512);
		damages[i].damage(disk, 1);
		struct table *table = read_table(disk);
		assert_good(table, 512);
		assert_int_equal(table->n_warnings, 1);
		assert_warned(table, "the primary GPT is damaged");
		assert_warned(table, damages[i].why);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void when_the_backup_is_damaged_the_primary_is_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct blk_mem *disk = good_disk(512);
		damages[i].damage(disk, LAST);
		struct table *table = read_table(disk);
		assert_good(table, 512);
		assert_int_equal(table->n_warnings, 1);
		assert_warned(table, "the backup GPT is damaged");
		assert_warned(table, damages[i].why);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void when_both_are_damaged_there_is_no_table_and_both_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		for (size_t k = 0; k < ARRAY_SIZE(damages); k++) {
			struct blk_mem *disk = good_disk(512);
			damages[i].damage(disk, 1);
			damages[k].damage(disk, LAST);
			struct table *table = read_table(disk);
			assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
			assert_int_equal(table->n_entries, 0);
			assert_int_equal(table->n_warnings, 1);
			assert_warned(table, "the GPT is damaged");
			assert_warned(table, damages[i].why);
			table_free(table);
			blk_unref(&disk->blk);
		}
}

static void copies_that_differ_are_told_of(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	poke(disk, LAST, 56, 1, 1);
	struct table *table = read_table(disk);
	assert_good(table, 512);
	assert_warned(table, "the two copies of the GPT differ");
	table_free(table);
	blk_unref(&disk->blk);
}

/* ---- the disk is not what it was
 * ----------------------------------------------------------------- */

static struct blk_mem *resized(struct blk_mem *disk, uint64_t sectors)
{
	struct blk_mem *other = blk_mem_new(sectors * 512, 512);
	memcpy(other->bytes, disk->bytes, MIN(disk->blk.size, other->blk.size));
	blk_unref(&disk->blk);
	return other;
}

static void an_enlarged_disk_finds_its_backup(void **state)
{
	(void)state;
	struct blk_mem *disk = resized(good_disk(512), 2 * SECTORS);
	struct table *table = read_table(disk);
	assert_good(table, 512);
	assert_int_equal(table->n_warnings, 0);
	table_free(table);

	static void (*const primary_damages[])(
		struct blk_mem *, uint64_t) = { wipe_header, break_header_crc, break_array_crc };
	for (size_t i = 0; i < ARRAY_SIZE(primary_damages); i++) {
		struct blk_mem *damaged = resized(good_disk(512), 2 * SECTORS);
		primary_damages[i](damaged, 1);
		table = read_table(damaged);
		assert_good(table, 512);
		assert_warned(table, "its backup is used");
		table_free(table);
		blk_unref(&damaged->blk);
	}
	blk_unref(&disk->blk);
}

static void a_disk_without_its_end_keeps_its_table(void **state)
{
	(void)state;
	struct blk_mem *disk = resized(good_disk(512), 600);
	struct table *table = read_table(disk);
	assert_good(table, 512);
	assert_warned(table,
		      "the end of the disk is missing: its GPT was made for 2048 sectors, and "
		      "600 are there");
	table_free(table);
	blk_unref(&disk->blk);
}

static void a_gpt_needs_no_protective_mbr_but_a_word(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	memset(disk->bytes, 0, 512);
	struct table *table = read_table(disk);
	assert_good(table, 512);
	assert_warned(table, "no protective MBR");
	table_free(table);

	/* But what an MBR says of its own is newer than a GPT that is left over. */
	make_mbr_entry(disk, 512, 0, 0, 0x07, 64, 100);
	table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_MBR);
	assert_int_equal(table->n_entries, 1);
	assert_int_equal(table->n_warnings, 0);
	table_free(table);

	/* And a backup alone, with nothing that points to it, is left over too. */
	memset(disk->bytes, 0, 1024);
	table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
	assert_int_equal(table->n_warnings, 0);
	table_free(table);
	blk_unref(&disk->blk);
}

static void in_a_hybrid_mbr_the_gpt_counts(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	make_mbr_entry(disk, 512, 0, 1, 0x07, 100, 400);
	struct table *table = read_table(disk);
	assert_good(table, 512);
	table_free(table);

	wipe_header(disk, 1);
	wipe_header(disk, LAST);
	table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_MBR);
	assert_int_equal(table->n_entries, 1);
	assert_int_equal(table->entries[0].number, 2);
	assert_warned(table, "the GPT is damaged");
	table_free(table);
	blk_unref(&disk->blk);
}

/* ---- entries that lie
 * ------------------------------------------------------------------------------ */

static void strange_entries_are_told_of_and_the_rest_is_kept(void **state)
{
	(void)state;
	static const struct {
		uint64_t first, last;
		size_t kept;
		const char *warning;
	} cases[] = {
		{ 1500, 1499, 2,
		  "partition 9 is left out: it ends (sector 1499) before it begins" },
		{ UINT64_MAX, 0, 2, "partition 9 is left out: it ends" },
		{ 1500, UINT64_MAX, 2, "no disk has a sector 18446744073709551615" },
		{ 0, UINT64_MAX, 2, "no disk has a sector" },
		{ 1500, INT64_MAX / 512, 2, "no disk has a sector" },
		{ 1600, INT64_MAX / 512 - 1, 3, "partition 9 lies outside of the area" },
		{ 1600, SECTORS + 100, 3, "partition 9 lies outside of the area" },
		{ 5, 10, 3, "partition 9 lies outside of the area" },
		{ 1499, 1600, 3, "partitions 3 and 9 overlap" },
		{ 100, 499, 3, "overlap" },
		{ 40, 1900, 3, "partitions 9 and 1 overlap" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *disk = good_disk(512);
		make_gpt_entry(disk, 512, 8, 0xA3, cases[i].first, cases[i].last);
		make_gpt_seal_both(disk, 512);
		struct table *table = read_table(disk);
		assert_int_equal(table->kind, LAYOUT_TABLE_GPT);
		assert_int_equal(table->n_entries, cases[i].kept);
		assert_warned(table, cases[i].warning);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void a_table_that_only_annoys_is_bounded(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	for (unsigned int i = 0; i < 128; i++)
		make_gpt_entry(disk, 512, i, 0xA4, 40 + i, 10);
	make_gpt_seal_both(disk, 512);
	struct table *table = read_table(disk);
	assert_int_equal(table->n_entries, 0);
	assert_int_equal(table->n_warnings, 16);
	table_free(table);
	blk_unref(&disk->blk);
}

static void a_table_without_room_for_entries_is_an_empty_one(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	poke(disk, 1, 80, 0, 4);
	poke(disk, LAST, 80, 0, 4);
	struct table *table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_GPT);
	assert_int_equal(table->n_entries, 0);
	for (size_t i = 0; i < table->n_metadata; i++)
		assert_true(table->metadata[i].length > 0);
	table_free(table);
	blk_unref(&disk->blk);
}

static void a_failing_read_is_damage_of_one_copy(void **state)
{
	(void)state;
	int errors = 0, warnings = 0;
	for (int n = 1;; n++) {
		struct blk_mem *disk = good_disk(512);
		disk->fail_at = n;
		struct table *table;
		struct error err = { 0 };
		int rc = table_read(&disk->blk, &table, &err);
		size_t told = 0;
		if (rc == 0) {
			assert_good(table, 512);
			told = table->n_warnings;
			table_free(table);
		} else {
			assert_int_equal(rc, -EIO);
			errors++;
		}
		blk_unref(&disk->blk);
		warnings += told > 0;
		if (rc == 0 && !told)
			break;
	}
	assert_int_equal(errors, 1);
	assert_int_equal(warnings, 4); /* header and array of each copy */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sector_sizes_are_read),
		cmocka_unit_test(an_image_of_large_sectors_is_known_by_its_gpt),
		cmocka_unit_test(when_the_primary_is_damaged_the_backup_is_used),
		cmocka_unit_test(when_the_backup_is_damaged_the_primary_is_used),
		cmocka_unit_test(when_both_are_damaged_there_is_no_table_and_both_reasons),
		cmocka_unit_test(copies_that_differ_are_told_of),
		cmocka_unit_test(an_enlarged_disk_finds_its_backup),
		cmocka_unit_test(a_disk_without_its_end_keeps_its_table),
		cmocka_unit_test(a_gpt_needs_no_protective_mbr_but_a_word),
		cmocka_unit_test(in_a_hybrid_mbr_the_gpt_counts),
		cmocka_unit_test(strange_entries_are_told_of_and_the_rest_is_kept),
		cmocka_unit_test(a_table_that_only_annoys_is_bounded),
		cmocka_unit_test(a_table_without_room_for_entries_is_an_empty_one),
		cmocka_unit_test(a_failing_read_is_damage_of_one_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
