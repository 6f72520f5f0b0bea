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

#include "lunette/filesystem.h"
#include "make-table.h"

/* Whether a blk of @size with @n pokes in it is known, and as what. */
struct poke {
	uint32_t at;
	const char *bytes;
	uint32_t len;
};
#define POKE(at, text)                         \
	{                                      \
		(at), (text), sizeof(text) - 1 \
	}
/* Enough for libblkid to look for ZFS, and for arrays of disks: not on what may be a floppy. */
#define SIZE       (64 << 20)
#define UUID_BYTES "\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe"

static void formats_are_named_with_label_and_uuid(void **state)
{
	(void)state;
	static const struct {
		const char *type, *label, *uuid;
		struct poke pokes[6];
	} cases[] = {
		{ "vfat",
		  "BOOT",
		  "1234-ABCD",
		  { POKE(0, "\xeb\x58\x90MSWIN4.1\0\x02\x08\x20\0\x02"), POKE(21, "\xf8"),
		    POKE(32, "\0\0\x10\0\x08"), POKE(44, "\2"),
		    POKE(66, "\x29\xcd\xab\x34\x12"
			     "BOOT       FAT32   "),
		    POKE(510, "\x55\xaa") } },
		{ "ext2",
		  "root",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(1080, "\x53\xef"), POKE(1024 + 0x60, "\2\0\0\0\3"),
		    POKE(1024 + 0x68, UUID_BYTES "root") } },
		{ "ext3",
		  "",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(1080, "\x53\xef"), POKE(1024 + 0x5C, "\4\0\0\0\2\0\0\0\3"),
		    POKE(1024 + 0x68, UUID_BYTES) } },
		{ "ext4",
		  "",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(1080, "\x53\xef"), POKE(1024 + 0x5C, "\4\0\0\0\x42\0\0\0\3"),
		    POKE(1024 + 0x68, UUID_BYTES) } },
		{ "swap",
		  "sw",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(4086, "SWAPSPACE2"), POKE(1024, "\1\0\0\0\x10"),
		    POKE(1036, UUID_BYTES "sw") } },
		{ "swap",
		  "",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(65526, "SWAPSPACE2"), POKE(1024, "\1\0\0\0\x10"),
		    POKE(1036, UUID_BYTES) } },
		{ "BitLocker", "", "", { POKE(0, "\xeb\x52\x90-FVE-FS-") } },
		{ "ReFS",
		  "",
		  "EFCDAB8967452301",
		  { POKE(0, "\0\0\0ReFS\0\0\0\0"), POKE(56, "\x01\x23\x45\x67\x89\xab\xcd\xef") } },
		{ "crypto_LUKS",
		  "",
		  "01234567-89ab",
		  { POKE(0, "LUKS\xba\xbe\0\1"), POKE(168, "01234567-89ab") } },
		/* One kind each for the places that are looked at last. */
		{ "zfs_member",
		  "",
		  "",
		  { POKE((131 << 10), "\x0c\xb1\xba"), POKE((132 << 10), "\x0c\xb1\xba"),
		    POKE((133 << 10), "\x0c\xb1\xba"), POKE((134 << 10), "\x0c\xb1\xba") } },
		{ "zfs_member",
		  "",
		  "",
		  { POKE(SIZE - (300 << 10), "\x0c\xb1\xba"),
		    POKE(SIZE - (301 << 10), "\x0c\xb1\xba"),
		    POKE(SIZE - (302 << 10), "\x0c\xb1\xba"),
		    POKE(SIZE - (303 << 10), "\x0c\xb1\xba") } },
		{ "VMFS_volume_member", "", "", { POKE(1 << 20, "\x0d\xd0\x01\xc0") } },
		{ "VMFS", "", "", { POKE(2 << 20, "\x5e\xf1\xab\x2f") } },
		{ "promise_fasttrack_raid_member",
		  "",
		  "",
		  { POKE(SIZE - 3087 * 512, "Promise Technology, Inc.") } },
		{ "isw_raid_member", "", "", { POKE(SIZE - 1024, "Intel Raid ISM Cfg Sig. ") } },
		/* The file system inside of a mirror shows through; the member is what it is. */
		{ "linux_raid_member",
		  "host:0",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(4096, "\xfc\x4e\x2b\xa9\1"), POKE(4096 + 16, UUID_BYTES "host:0"),
		    POKE(4096 + 144, "\x08"), POKE(1080, "\x53\xef") } },
		{ "linux_raid_member",
		  "host:1",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(SIZE - 8192, "\xfc\x4e\x2b\xa9\1"),
		    POKE(SIZE - 8192 + 16, UUID_BYTES "host:1"),
		    POKE(SIZE - 8192 + 144, "\xf0\xff\1"), POKE(1080, "\x53\xef") } },
		{ "linux_raid_member",
		  "",
		  "67452301-efcd-ab89-7654-3210fedcba98",
		  { POKE(SIZE - 65536, "\xfc\x4e\x2b\xa9\0\0\0\0\x5a"),
		    POKE(SIZE - 65536 + 20, "\x01\x23\x45\x67"),
		    POKE(SIZE - 65536 + 52, "\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe"),
		    POKE(1080, "\x53\xef") } },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *mem = blk_mem_new(SIZE, 512);
		for (size_t p = 0; p < 6 && cases[i].pokes[p].bytes; p++)
			memcpy(mem->bytes + cases[i].pokes[p].at, cases[i].pokes[p].bytes,
			       cases[i].pokes[p].len);
		struct fs_info info;
		assert_int_equal(fs_signature(&mem->blk, &info, NULL), 1);
		assert_string_equal(info.type, cases[i].type);
		assert_string_equal(info.label, cases[i].label);
		assert_string_equal(info.uuid, cases[i].uuid);
		blk_unref(&mem->blk);
	}
}

/* What the volume is known to be is no rival of it, nor are bad sectors where there is nothing. */
static void what_else_is_on_a_volume_is_named(void **state)
{
	(void)state;
	struct blk_mem *mem = blk_mem_new(SIZE, 512);
	char rival[32];
	memcpy(mem->bytes + 4086, "SWAPSPACE2", 10);
	put_le(mem->bytes + 1024, 1, 4);
	put_le(mem->bytes + 1028, 16, 4);
	assert_int_equal(fs_rival(&mem->blk, "ntfs", rival, sizeof(rival), NULL), 1);
	assert_string_equal(rival, "swap");
	assert_int_equal(fs_rival(&mem->blk, "swap", rival, sizeof(rival), NULL), 0);
	memcpy(mem->bytes + SIZE - 1024, "Intel Raid ISM Cfg Sig. ", 24);
	assert_int_equal(fs_rival(&mem->blk, "swap", rival, sizeof(rival), NULL), 1);
	assert_string_equal(rival, "isw_raid_member");
	mem->bad_from = SIZE - 512;
	mem->bad_to = SIZE;
	assert_int_equal(fs_rival(&mem->blk, "swap", rival, sizeof(rival), NULL), 0);
	blk_unref(&mem->blk);
	mem = blk_mem_new(0, 512);
	assert_int_equal(fs_rival(&mem->blk, "", rival, sizeof(rival), NULL), 0);
	blk_unref(&mem->blk);
}

static void nothing_is_named_on_blank_or_tiny_volumes(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 0, 1, 512, 4096, 70000, 200000 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct blk_mem *mem = blk_mem_new(sizes[i], 512);
		struct fs_info info;
		assert_int_equal(fs_signature(&mem->blk, &info, NULL), 0);
		blk_unref(&mem->blk);
	}
}

static void every_failing_read_is_told(void **state)
{
	(void)state;
	int failures = 0;
	for (int n = 1;; n++) {
		struct blk_mem *mem = blk_mem_new(SIZE, 512);
		mem->fail_at = n;
		struct fs_info info;
		struct error err = { 0 };
		int rc = fs_signature(&mem->blk, &info, &err);
		blk_unref(&mem->blk);
		if (rc == 0)
			break;
		assert_int_equal(rc, -EIO);
		failures++;
	}
	assert_int_equal(failures, 8); /* the beginning, the end, and six rare places */
}

/* Something that has no driver. */
static void make_swap(uint8_t *bytes)
{
	memcpy(bytes + 4086, "SWAPSPACE2", 10);
	bytes[1024] = 1;
	bytes[1028] = 16;
}

static struct layout *layout_of(struct blk_mem *disk)
{
	struct layout_input input = { &disk->blk, "x.img" };
	struct layout *layout;
	assert_int_equal(layout_new(&input, 1, NULL, &layout, NULL), 0);
	return layout;
}

static void a_whole_disk_is_a_volume_only_with_something_on_it(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(1 << 20, 512);
	struct layout *layout = layout_of(disk);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 0);
	layout_free(layout);

	make_swap(disk->bytes);
	layout = layout_of(disk);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 1);
	assert_string_equal(layout->volumes[0].name, "disk0");
	assert_string_equal(layout->volumes[0].filesystem, "swap");
	layout_free(layout);

	/* A partition stays one, with or without. */
	memset(disk->bytes, 0, 8192);
	make_mbr_entry(disk, 512, 0, 0, 0x83, 100, 100);
	make_mbr_entry(disk, 512, 0, 1, 0x83, 200, 100);
	make_swap(disk->bytes + 200 * 512);
	layout = layout_of(disk);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 2);
	assert_string_equal(layout->volumes[0].filesystem, "");
	assert_string_equal(layout->volumes[1].filesystem, "swap");
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void a_volume_that_cannot_be_read_is_a_warning(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(1 << 20, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x83, 100, 100);
	make_mbr_entry(disk, 512, 0, 1, 0x83, 200, 100);
	make_swap(disk->bytes + 200 * 512);
	struct layout *layout = layout_of(disk);
	atomic_store(&disk->reads, 0);
	disk->fail_at = 1;
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_warnings, 1);
	assert_non_null(strstr(layout->warnings[0], "volume disk0-p1: cannot tell"));
	assert_string_equal(layout->volumes[1].filesystem, "swap");
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void what_has_no_driver_cannot_be_opened(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(1 << 20, 512);
	struct fs *fs;
	struct error err = { 0 };
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &disk->blk }, &fs, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no file system that lunette knows"));
	make_swap(disk->bytes);
	assert_int_equal(fs_open(&(struct fs_source){ .blk = &disk->blk }, &fs, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "swap"));
	blk_unref(&disk->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_named_with_label_and_uuid),
		cmocka_unit_test(what_else_is_on_a_volume_is_named),
		cmocka_unit_test(nothing_is_named_on_blank_or_tiny_volumes),
		cmocka_unit_test(every_failing_read_is_told),
		cmocka_unit_test(a_whole_disk_is_a_volume_only_with_something_on_it),
		cmocka_unit_test(a_volume_that_cannot_be_read_is_a_warning),
		cmocka_unit_test(what_has_no_driver_cannot_be_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
