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
#include "signature.h"

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
		  { POKE(11, "\0\x02"), POKE(67, "\xcd\xab\x34\x12"),
		    POKE(71, "BOOT       FAT32   "), POKE(510, "\x55\xaa") } },
		{ "vfat",
		  "",
		  "1234-ABCD",
		  { POKE(11, "\0\x02"), POKE(39, "\xcd\xab\x34\x12"),
		    POKE(43, "NO NAME    FAT16   "), POKE(510, "\x55\xaa") } },
		{ "exfat",
		  "",
		  "1234-ABCD",
		  { POKE(3, "EXFAT   "), POKE(100, "\xcd\xab\x34\x12"), POKE(510, "\x55\xaa") } },
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
		{ "xfs",
		  "data",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(0, "XFSB"), POKE(32, UUID_BYTES), POKE(108, "data") } },
		{ "btrfs",
		  "pool",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(65600, "_BHRfS_M"), POKE(65568, UUID_BYTES), POKE(65835, "pool") } },
		{ "swap",
		  "sw",
		  "01234567-89ab-cdef-1032-547698badcfe",
		  { POKE(4086, "SWAPSPACE2"), POKE(1024, "\1"), POKE(1036, UUID_BYTES "sw") } },
		{ "BitLocker", "", "", { POKE(3, "-FVE-FS-") } },
		{ "ReFS",
		  "",
		  "EFCDAB8967452301",
		  { POKE(3, "ReFS\0\0\0\0"), POKE(56, "\x01\x23\x45\x67\x89\xab\xcd\xef") } },
		{ "LVM2_member",
		  "",
		  "abcdef-ghij-klmn-opqr-stuv-wxyz-012345",
		  { POKE(512, "LABELONE"),
		    POKE(536, "LVM2 001abcdefghijklmnopqrstuvwxyz012345") } },
		/* The file system inside of a mirror shows through; the member is what it is. */
		{ "linux_raid",
		  "host:0",
		  "01234567:89abcdef:10325476:98badcfe",
		  { POKE(4096, "\xfc\x4e\x2b\xa9"), POKE(4096 + 16, UUID_BYTES "host:0"),
		    POKE(0, "XFSB") } },
		{ "linux_raid",
		  "host:1",
		  "01234567:89abcdef:10325476:98badcfe",
		  { POKE((1 << 20) - 8192, "\xfc\x4e\x2b\xa9"),
		    POKE((1 << 20) - 8192 + 16, UUID_BYTES "host:1"), POKE(0, "XFSB") } },
		{ "linux_raid",
		  "",
		  "",
		  { POKE((1 << 20) - 65536, "\xfc\x4e\x2b\xa9"), POKE(0, "XFSB") } },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *mem = blk_mem_new(1 << 20, 512);
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
		struct blk_mem *mem = blk_mem_new(1 << 20, 512);
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
	assert_int_equal(failures, 3); /* the head, and the two places at the end */
}

static struct layout *layout_of(struct blk_mem *disk)
{
	struct layout_input input = { &disk->blk, "x.img" };
	struct layout *layout;
	assert_int_equal(layout_new(&input, 1, &layout, NULL), 0);
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

	memcpy(disk->bytes, "XFSB", 4);
	layout = layout_of(disk);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 1);
	assert_string_equal(layout->volumes[0].name, "disk0");
	assert_string_equal(layout->volumes[0].filesystem, "xfs");
	layout_free(layout);

	/* A partition stays one, with or without. */
	memset(disk->bytes, 0, 4);
	make_mbr_entry(disk, 512, 0, 0, 0x83, 100, 100);
	make_mbr_entry(disk, 512, 0, 1, 0x83, 200, 100);
	memcpy(disk->bytes + 200 * 512, "XFSB", 4);
	layout = layout_of(disk);
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_volumes, 2);
	assert_string_equal(layout->volumes[0].filesystem, "");
	assert_string_equal(layout->volumes[1].filesystem, "xfs");
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void a_volume_that_cannot_be_read_is_a_warning(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(1 << 20, 512);
	make_mbr_entry(disk, 512, 0, 0, 0x83, 100, 100);
	make_mbr_entry(disk, 512, 0, 1, 0x83, 200, 100);
	memcpy(disk->bytes + 200 * 512, "XFSB", 4);
	struct layout *layout = layout_of(disk);
	atomic_store(&disk->reads, 0);
	disk->fail_at = 1;
	assert_int_equal(fs_identify(layout, NULL), 0);
	assert_int_equal(layout->n_warnings, 1);
	assert_non_null(strstr(layout->warnings[0], "volume disk0-p1: cannot tell"));
	assert_string_equal(layout->volumes[1].filesystem, "xfs");
	layout_free(layout);
	blk_unref(&disk->blk);
}

static void what_has_no_driver_cannot_be_opened(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(1 << 20, 512);
	struct fs *fs;
	struct error err = { 0 };
	assert_int_equal(fs_open(&disk->blk, &fs, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no file system that lunette knows"));
	memcpy(disk->bytes, "XFSB", 4);
	assert_int_equal(fs_open(&disk->blk, &fs, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "xfs"));
	blk_unref(&disk->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_named_with_label_and_uuid),
		cmocka_unit_test(nothing_is_named_on_blank_or_tiny_volumes),
		cmocka_unit_test(every_failing_read_is_told),
		cmocka_unit_test(a_whole_disk_is_a_volume_only_with_something_on_it),
		cmocka_unit_test(a_volume_that_cannot_be_read_is_a_warning),
		cmocka_unit_test(what_has_no_driver_cannot_be_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
