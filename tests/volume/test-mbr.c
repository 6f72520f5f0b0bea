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

#define SECTORS 1024

static struct table *read_table(struct blk_mem *disk)
{
	struct table *table;
	struct error err = { 0 };
	assert_int_equal(table_read(&disk->blk, &table, &err), 0);
	return table;
}

static void assert_entry(const struct table *table, size_t i, unsigned int number, uint64_t start,
			 uint64_t length, const char *type)
{
	assert_true(i < table->n_entries);
	assert_int_equal(table->entries[i].number, number);
	assert_int_equal(table->entries[i].start, start * table->sector);
	assert_int_equal(table->entries[i].length, length * table->sector);
	assert_string_equal(table->entries[i].type, type);
}

static void assert_warned(const struct table *table, const char *of)
{
	for (size_t i = 0; i < table->n_warnings; i++)
		if (strstr(table->warnings[i], of))
			return;
	fail_msg("no warning of '%s' among %zu", of, table->n_warnings);
}

/* Three primary partitions, and an extended one from 500 to 900 with three logical ones in it. */
static struct blk_mem *good_disk(uint32_t sector)
{
	struct blk_mem *disk = blk_mem_new((uint64_t)SECTORS * sector, sector);
	put_le(disk->bytes + 440, 0xCAFE0001, 4);
	make_mbr_entry(disk, sector, 0, 0, 0x07, 64, 100);
	make_mbr_entry(disk, sector, 0, 1, 0x0F, 500, 400);
	make_mbr_entry(disk, sector, 0, 3, 0x83, 200, 300);
	disk->bytes[446] = 0x80;
	make_mbr_entry(disk, sector, 500, 0, 0x83, 10, 90);
	make_mbr_entry(disk, sector, 500, 1, 0x05, 100, 100);
	make_mbr_entry(disk, sector, 600, 0, 0x82, 10, 90);
	make_mbr_entry(disk, sector, 600, 1, 0x05, 200, 200);
	make_mbr_entry(disk, sector, 700, 0, 0x0B, 10, 190);
	return disk;
}

static void partitions_are_numbered_as_the_kernel_counts(void **state)
{
	(void)state;
	static const uint32_t sizes[] = { 512, 4096 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct blk_mem *disk = good_disk(sizes[i]);
		struct table *table = read_table(disk);
		assert_int_equal(table->kind, LAYOUT_TABLE_MBR);
		assert_string_equal(table->id, "cafe0001");
		assert_int_equal(table->n_entries, 5);
		assert_entry(table, 0, 1, 64, 100, "07");
		assert_entry(table, 1, 4, 200, 300, "83");
		assert_entry(table, 2, 5, 510, 90, "83");
		assert_entry(table, 3, 6, 610, 90, "82");
		assert_entry(table, 4, 7, 710, 190, "0b");
		assert_int_equal(table->n_warnings, 0);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void metadata_is_the_boot_area_and_every_boot_record(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	struct table *table = read_table(disk);
	static const struct layout_range wanted[] = {
		{ 0, 64 * 512 }, { 500 * 512, 512 }, { 600 * 512, 512 }, { 700 * 512, 512 }
	};
	assert_int_equal(table->n_metadata, ARRAY_SIZE(wanted));
	assert_memory_equal(table->metadata, wanted, sizeof(wanted));
	table_free(table);
	blk_unref(&disk->blk);
}

static void the_boot_area_is_bounded_and_inside_the_disk(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(8 << 20, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x07, 8192, 1024);
	struct table *table = read_table(disk);
	assert_int_equal(table->n_metadata, 1);
	assert_int_equal(table->metadata[0].length, 1 << 20);
	table_free(table);

	disk->blk.size = 100000; /* cut */
	table = read_table(disk);
	assert_int_equal(table->n_metadata, 1);
	assert_int_equal(table->metadata[0].length, 100000);
	table_free(table);
	blk_unref(&disk->blk);
}

static void chain_loop(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, 100, 100);
}

static void chain_to_itself(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, 200, 100);
}

static void chain_outside(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, 400, 100);
}

static void chain_far_outside(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, UINT32_MAX, UINT32_MAX);
}

static void chain_without_record(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, 390, 10);
}

static void chain_into_partition(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 1, 0x05, 20, 10);
}

static void logical_outside(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 0, 0x0B, 10, 191);
}

static void logical_on_its_record(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 700, 0, 0x0B, 0, 190);
}

static void logical_overlap(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 600, 0, 0x82, 10, 120);
}

static void primary_overlap(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 0, 0, 0x07, 64, 137);
}

static void extended_past_the_end(struct blk_mem *disk)
{
	make_mbr_entry(disk, 512, 0, 1, 0x0F, 500, 40000);
	make_mbr_entry(disk, 512, 700, 1, 0x05, 30000, 10);
}

static void strange_chains_are_told_of_and_the_rest_is_kept(void **state)
{
	(void)state;
	static const struct {
		void (*damage)(struct blk_mem *disk);
		const char *warning;
	} cases[] = {
		{ chain_loop, "is a loop: it comes back to sector 600" },
		{ chain_to_itself, "is a loop: it comes back to sector 700" },
		{ chain_outside, "leaves the extended partition, to sector 900" },
		{ chain_far_outside, "leaves the extended partition, to sector 4294967795" },
		{ chain_without_record, "ends at sector 890: there is no boot record" },
		{ chain_into_partition, "boot record at sector 520 lies inside of partition 5" },
		{ logical_outside, "logical partition 7 is not inside the extended partition" },
		{ logical_on_its_record, "logical partition 7 overlaps its own boot record" },
		{ logical_overlap, "partitions 6 and 7 overlap" },
		{ primary_overlap, "partitions 1 and 4 overlap" },
		{ extended_past_the_end, "ends at sector 30500: read of 512 bytes" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *disk = good_disk(512);
		cases[i].damage(disk);
		struct table *table = read_table(disk);
		assert_warned(table, cases[i].warning);
		assert_int_equal(table->n_entries, 5);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void a_chain_longer_than_any_ends(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(4096 * 512, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x05, 1, 4000);
	for (uint32_t i = 0; i < 1000; i++) {
		make_mbr_entry(disk, 512, 1 + 2 * i, 0, 0x83, 1, 1);
		make_mbr_entry(disk, 512, 1 + 2 * i, 1, 0x05, 2 * i + 2, 2);
	}
	struct table *table = read_table(disk);
	assert_int_equal(table->n_entries, 255);
	assert_warned(table, "more than 255 logical partitions");
	table_free(table);
	blk_unref(&disk->blk);
}

static void a_container_with_nothing_in_it_is_no_fault(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(SECTORS * 512, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x05, 100, 900);
	struct table *table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_MBR);
	assert_int_equal(table->n_entries, 0);
	assert_int_equal(table->n_warnings, 0);
	table_free(table);
	blk_unref(&disk->blk);
}

/* What FAT and NTFS write in front: a jump, parameters, then code where the entries would be. */
static void boot_sector(struct blk_mem *disk, const char *name)
{
	memcpy(disk->bytes, "\xEB\x52\x90", 3);
	memcpy(disk->bytes + 3, name, 8);
	put_le(disk->bytes + 11, 512, 2);
	disk->bytes[13] = 8;
	disk->bytes[14] = 32;
	disk->bytes[16] = 2;
	disk->bytes[21] = 0xF8;
	put_le(disk->bytes + 510, 0xAA55, 2);
}

static void the_boot_sector_of_a_file_system_is_no_table(void **state)
{
	(void)state;
	static const char *const names[] = { "NTFS    ", "EXFAT   ", "-FVE-FS-", "mkfs.fat" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (int code = 0; code < 3; code++) {
			struct blk_mem *disk = blk_mem_new(SECTORS * 512, 512);
			boot_sector(disk, names[i]);
			if (code == 1) /* a text */
				memcpy(disk->bytes + 446, "Remove disks or other media", 27);
			if (code == 2) /* by chance entries, but not of this disk */
				make_mbr_entry(disk, 512, 0, 2, 0x41, 7, 0x69767265);
			struct table *table = read_table(disk);
			assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
			assert_int_equal(table->n_entries, 0);
			assert_int_equal(table->n_metadata, 0);
			assert_int_equal(table->n_warnings, 0);
			table_free(table);
			blk_unref(&disk->blk);
		}
}

static void a_table_behind_the_remains_of_a_boot_sector_counts(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	boot_sector(disk, "MSDOS5.0");
	make_mbr_entry(disk, 512, 0, 3, 0x83, 0, 0);
	struct table *table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_MBR);
	assert_int_equal(table->n_entries, 4);
	table_free(table);
	blk_unref(&disk->blk);
}

static void what_is_no_table_is_none(void **state)
{
	(void)state;
	struct blk_mem *disk = good_disk(512);
	disk->bytes[446 + 16] = 0x7F; /* no such flag */
	struct table *table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
	table_free(table);

	disk->bytes[446 + 16] = 0;
	disk->bytes[511] = 0;
	table = read_table(disk);
	assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
	table_free(table);
	blk_unref(&disk->blk);

	static const uint64_t sizes[] = { 0, 1, 511 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		disk = blk_mem_new(sizes[i], 512);
		table = read_table(disk);
		assert_int_equal(table->kind, LAYOUT_TABLE_NONE);
		table_free(table);
		blk_unref(&disk->blk);
	}
}

static void a_failing_read_ends_in_an_error_or_a_warning(void **state)
{
	(void)state;
	int errors = 0, warnings = 0;
	for (int n = 1;; n++) {
		struct blk_mem *disk = good_disk(512);
		disk->fail_at = n;
		struct table *table;
		struct error err = { 0 };
		int rc = table_read(&disk->blk, &table, &err);
		size_t told = rc == 0 ? table->n_warnings : 0;
		if (rc == 0)
			table_free(table);
		blk_unref(&disk->blk);
		if (rc < 0) {
			assert_int_equal(rc, -EIO);
			assert_non_null(strstr(err.msg, "first sector"));
			errors++;
		} else if (told) {
			warnings++;
		} else {
			break;
		}
	}
	assert_int_equal(errors, 1);
	assert_int_equal(warnings, 3); /* one a boot record of the chain */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partitions_are_numbered_as_the_kernel_counts),
		cmocka_unit_test(metadata_is_the_boot_area_and_every_boot_record),
		cmocka_unit_test(the_boot_area_is_bounded_and_inside_the_disk),
		cmocka_unit_test(strange_chains_are_told_of_and_the_rest_is_kept),
		cmocka_unit_test(a_chain_longer_than_any_ends),
		cmocka_unit_test(a_container_with_nothing_in_it_is_no_fault),
		cmocka_unit_test(the_boot_sector_of_a_file_system_is_no_table),
		cmocka_unit_test(a_table_behind_the_remains_of_a_boot_sector_counts),
		cmocka_unit_test(what_is_no_table_is_none),
		cmocka_unit_test(a_failing_read_ends_in_an_error_or_a_warning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
