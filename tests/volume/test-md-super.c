/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What one member says of its array: super-blocks of every version. */
#include <errno.h>
#include <stdio.h>

#include "md-fixture.h"
#include "md-super.h"

/* ---- super-blocks -----------------------------------------------------------------------------
 */

static void every_version_is_read_where_it_belongs(void **state)
{
	(void)state;
	static const struct {
		unsigned int minor;
		bool big;
		const char *version;
		uint64_t start;
	} cases[] = {
		{ 0, false, "1.0", 131072 }, { 1, false, "1.1", 131072 },
		{ 2, false, "1.2", 131072 }, { 90, false, "0.90", 0 },
		{ 90, true, "0.90", 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		setup(&f, 3, MD_RAID5, cases[i].minor);
		f.md[1].big = cases[i].big;
		make_md(f.disks[1], &f.md[1]);
		struct md_super s;
		assert_int_equal(md_super_read(&f.disks[1]->blk, &s, NULL), 1);
		assert_string_equal(s.version, cases[i].version);
		assert_int_equal(s.level, MD_RAID5);
		assert_int_equal(s.layout, 2);
		assert_int_equal(s.chunk, 65536);
		assert_int_equal(s.raid_disks, 3);
		assert_int_equal(s.size, 524288);
		assert_int_equal(s.events, 10);
		assert_int_equal(s.number, 1);
		assert_int_equal(md_role(&s, 2), 2);
		assert_int_equal(md_role(&s, s.n_roles), MD_ROLE_SPARE);
		assert_int_equal(s.data_start, cases[i].start);
		assert_true(s.clean);
		assert_false(s.reshaping);
		assert_string_equal(s.name, cases[i].minor == 90 ? "7" : "array");
		if (cases[i].minor != 90)
			assert_string_equal(s.uuid, "11111111:11111111:11111111:11111111");
		teardown(&f);
	}
}

static void a_wrong_checksum_is_damage(void **state)
{
	(void)state;
	static const unsigned int minors[] = { 0, 1, 2, 90 };
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		struct fixture f;
		setup(&f, 1, MD_RAID1, minors[i]);
		make_md(f.disks[0], &f.md[0]);
		f.disks[0]->bytes[make_md_offset(f.disks[0], minors[i]) + 100] ^= 1;
		struct md_super s;
		struct error err = { 0 };
		assert_int_equal(md_super_read(&f.disks[0]->blk, &s, &err), -EUCLEAN);
		assert_non_null(strstr(err.msg, "checksum"));
		teardown(&f);
	}
}

static void hostile_numbers_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t byte;
	} cases[] = {
		{ 93, 0x80 },  /* 32768 members */
		{ 135, 0x80 }, /* data at 2^63 sectors */
		{ 143, 0xff }, /* data of 2^64 bytes */
		{ 11, 0x80 },  /* a feature that is not known */
		{ 222, 1 },    /* more roles than there is room for */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		setup(&f, 1, MD_RAID1, 2);
		make_md(f.disks[0], &f.md[0]);
		f.disks[0]->bytes[4096 + cases[i].at] = cases[i].byte;
		if (cases[i].at != 222)
			make_md_seal(f.disks[0], &f.md[0]);
		struct md_super s;
		assert_int_equal(md_super_read(&f.disks[0]->blk, &s, NULL), -EUCLEAN);
		teardown(&f);
	}
}

static void a_disk_too_small_or_unreadable_is_no_member(void **state)
{
	(void)state;
	struct md_super s;
	struct blk_mem *small = blk_mem_new(512, 512);
	assert_int_equal(md_super_read(&small->blk, &s, NULL), 0);
	blk_unref(&small->blk);
	struct fixture f;
	setup(&f, 1, MD_RAID1, 0);
	make_md(f.disks[0], &f.md[0]);
	for (int i = 1; i <= 3; i++) {
		f.disks[0]->fail_at = f.disks[0]->reads + i;
		assert_int_equal(md_super_read(&f.disks[0]->blk, &s, NULL), -EIO);
	}
	assert_int_equal(md_super_read(&f.disks[0]->blk, &s, NULL), 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_read_where_it_belongs),
		cmocka_unit_test(a_wrong_checksum_is_damage),
		cmocka_unit_test(hostile_numbers_are_refused),
		cmocka_unit_test(a_disk_too_small_or_unreadable_is_no_member),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
