/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>

#include "md-fixture.h"
#include "md-super.h"

/* ---- arrays -----------------------------------------------------------------------------------
 */

static void members_make_an_array_and_are_not_volumes(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 3, MD_RAID5, 2);
	probe(&f);
	assert_int_equal(f.layout->n_groups, 1);
	assert_int_equal(f.layout->groups[0]->kind, LAYOUT_MD);
	assert_string_equal(f.layout->groups[0]->name, "array");
	assert_int_equal(f.layout->groups[0]->n_missing, 0);
	assert_int_equal(f.layout->n_volumes, 1);
	struct layout_volume *v = &f.layout->volumes[0];
	assert_string_equal(v->name, "array");
	assert_int_equal(v->type, LAYOUT_RAID5);
	assert_int_equal(v->size, 2 * 524288);
	assert_int_equal(v->state, LAYOUT_OK);
	assert_ptr_equal(v->group, f.layout->groups[0]);
	/* A backup must have the super-blocks. */
	assert_int_equal(f.layout->disks[0].metadata[0].start, 0);
	assert_int_equal(f.layout->disks[0].metadata[0].length, 131072);
	teardown(&f);
}

static void an_array_with_a_number_is_called_as_by_the_kernel(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].name = f.md[1].name = "host:12";
	probe(&f);
	assert_non_null(layout_find(f.layout, "md12"));
	teardown(&f);
	setup(&f, 2, MD_RAID1, 90);
	probe(&f);
	assert_non_null(layout_find(f.layout, "md7"));
	teardown(&f);
}

static void a_name_never_leaves_its_folder(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].name = f.md[1].name = "../../etc/passwd";
	probe(&f);
	assert_string_equal(f.layout->volumes[0].name, "_._.._etc_passwd");
	teardown(&f);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 4, MD_RAID5, 2);
	f.n = 3;
	probe(&f);
	assert_int_equal(f.layout->groups[0]->n_missing, 1);
	assert_string_equal(f.layout->groups[0]->missing[0], "member 3 of 4");
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_DEGRADED);
	assert_string_not_equal(f.layout->volumes[0].reason, "");
	layout_free(f.layout);
	f.n = 2;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_INCOMPLETE);
	assert_null(f.layout->volumes[0].blk);
	f.n = 4;
	teardown(&f);
}

static void a_stale_member_is_not_used(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].events = 8; /* member 1 went on alone */
	f.md[1].roles[0] = MD_ROLE_FAULTY;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_DEGRADED);
	assert_int_equal(byte_at(&f.layout->volumes[0], 0), 'b');
	assert_true(warned(&f, "disk0 is stale"));
	teardown(&f);
}

static void one_event_behind_is_still_good(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].events = 9;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_OK);
	layout_free(f.layout);
	f.md[1].roles[0] = MD_ROLE_FAULTY; /* unless the other one says that it failed */
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_DEGRADED);
	teardown(&f);
}

static void spares_and_replacements_have_no_place(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 4, MD_RAID5, 2);
	for (size_t i = 0; i < 4; i++) {
		f.md[i].raid_disks = 3;
		f.md[i].roles[3] = MD_ROLE_SPARE;
	}
	probe(&f);
	assert_int_equal(f.layout->n_volumes, 1);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_OK);
	assert_int_equal(f.layout->volumes[0].size, 2 * 524288);
	layout_free(f.layout);
	for (size_t i = 0; i < 4; i++)
		f.md[i].roles[3] = 0;
	f.md[3].features = 16 | 2;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_OK);
	assert_int_equal(byte_at(&f.layout->volumes[0], 0), 'a'); /* not 'd', the replacement */
	teardown(&f);
}

static void a_member_in_the_rebuilding_is_not_used(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].features = 2;
	f.md[0].recovered = 100;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_DEGRADED);
	assert_int_equal(byte_at(&f.layout->volumes[0], 0), 'b');
	assert_true(warned(&f, "is being rebuilt"));
	teardown(&f);
}

static void a_reshape_is_refused_by_name(void **state)
{
	(void)state;
	static const unsigned int minors[] = { 2, 90 };
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		struct fixture f;
		setup(&f, 2, MD_RAID1, minors[i]);
		f.md[0].features = f.md[1].features = 4;
		probe(&f);
		assert_int_equal(f.layout->volumes[0].state, LAYOUT_INCOMPLETE);
		assert_non_null(strstr(f.layout->volumes[0].reason, "reshaped"));
		teardown(&f);
	}
}

/* What waits in a journal may be the bitmap of what a file has already. */
static void a_journal_makes_its_array_doubtful(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 3, 5, 2);
	for (size_t i = 0; i < 3; i++)
		f.md[i].features = 1u << 9;
	probe(&f);
	assert_true(warned(&f, "has a write journal"));
	assert_int_equal(f.layout->n_volumes, 1);
	assert_int_equal(layout_is_doubted(f.layout, f.layout->volumes[0].blk, NULL), 1);
	teardown(&f);
}

static void a_damaged_record_makes_its_disk_doubtful(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 1, 0, 2);
	make_md(f.disks[0], &f.md[0]);
	f.disks[0]->bytes[make_md_offset(f.disks[0], 2) + 100] ^= 1;
	assert_int_equal(layout_new(f.inputs, 1, NULL, &f.layout, NULL), 0);
	assert_int_not_equal(f.layout->n_warnings, 0);
	assert_int_equal(layout_is_doubted(f.layout, f.layout->disks[0].blk, NULL), 1);
	teardown(&f);
}

static void an_array_that_cannot_be_is_a_reason_not_a_crash(void **state)
{
	(void)state;
	static const struct {
		int level;
		unsigned int disks, layout, chunk;
		uint64_t size;
	} cases[] = {
		{ MD_RAID5, 1, 2, 64, 512 }, /* no data beside the parity */
		{ MD_RAID6, 2, 2, 64, 512 },
		{ MD_RAID5, 3, 77, 64, 512 },       /* no such layout */
		{ MD_RAID10, 4, 0, 64, 512 },       /* no copies */
		{ MD_RAID10, 2, 0x103, 64, 512 },   /* more copies than members */
		{ MD_RAID10, 4, 0x20102, 64, 512 }, /* sets of members */
		{ MD_RAID5, 3, 2, 0, 512 },         /* no chunk */
		{ MD_RAID1, 2, 0, 0, 0 },           /* no size */
		{ 77, 2, 0, 64, 512 },              /* no such level */
		{ -4, 2, 0, 64, 512 },              /* multipath */
		{ MD_RAID5, 3, 2, 1u << 20, 512 },  /* a chunk larger than the members */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		setup(&f, cases[i].disks, cases[i].level, 2);
		for (size_t d = 0; d < f.n; d++) {
			f.md[d].layout = cases[i].layout;
			f.md[d].chunk = cases[i].chunk;
			f.md[d].size = cases[i].size;
			f.md[d].data_size = 1024;
		}
		probe(&f);
		assert_int_equal(f.layout->n_volumes, 1);
		assert_int_equal(f.layout->volumes[0].state, LAYOUT_INCOMPLETE);
		assert_string_not_equal(f.layout->volumes[0].reason, "");
		teardown(&f);
	}
}

static void a_member_smaller_than_it_says_is_not_used(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 2, MD_RAID1, 2);
	f.md[0].data_size = 100;
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_DEGRADED);
	assert_true(warned(&f, "smaller than the array needs"));
	teardown(&f);
}

/* ---- zones ------------------------------------------------------------------------------------
 */

/* Members of 2, 4 and 4 chunks: a zone over three, and one over two. */
static void setup_zones(struct fixture *f, unsigned int layout, uint32_t features)
{
	setup(f, 3, MD_RAID0, 2);
	for (unsigned int i = 0; i < 3; i++) {
		f->md[i].size = 0;
		f->md[i].data_size = i ? 4 * 128 + 5 : 2 * 128;
		f->md[i].layout = layout;
		f->md[i].features = features;
	}
}

static void members_that_differ_make_zones(void **state)
{
	(void)state;
	struct fixture f;
	setup_zones(&f, 2, 4096);
	probe(&f);
	struct layout_volume *v = &f.layout->volumes[0];
	assert_int_equal(v->type, LAYOUT_RAID0);
	assert_int_equal(v->size, 10 * 65536);
	static const char wanted[] = "abcabcbcbc";
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(byte_at(v, i * 65536), wanted[i]);
	teardown(&f);
	/* Six chunks in front make an even turn; see below for one that does not. */
	setup_zones(&f, 1, 4096);
	probe(&f);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(byte_at(&f.layout->volumes[0], i * 65536), wanted[i]);
	teardown(&f);
}

static void the_original_layout_goes_on_counting_across_zones(void **state)
{
	(void)state;
	struct fixture f;
	for (unsigned int layout = 1; layout <= 2; layout++) {
		setup_zones(&f, layout, 4096);
		f.md[0].data_size = 128; /* three chunks in front: odd */
		probe(&f);
		struct layout_volume *v = &f.layout->volumes[0];
		assert_int_equal(v->size, 9 * 65536);
		const char *wanted = layout == 1 ? "abccbcbcb" : "abcbcbcbc";
		for (uint64_t i = 0; i < 9; i++)
			assert_int_equal(byte_at(v, i * 65536), wanted[i]);
		teardown(&f);
	}
}

static void zones_of_an_unknown_layout_are_refused_by_name(void **state)
{
	(void)state;
	struct fixture f;
	setup_zones(&f, 2, 0);
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_INCOMPLETE);
	assert_non_null(strstr(f.layout->volumes[0].reason, "in which of two ways"));
	layout_free(f.layout);
	for (size_t i = 0; i < 3; i++)
		f.md[i].data_size = 256; /* one zone needs no layout */
	probe(&f);
	assert_int_equal(f.layout->volumes[0].state, LAYOUT_OK);
	teardown(&f);
}

static void a_linear_array_goes_from_member_to_member(void **state)
{
	(void)state;
	struct fixture f;
	setup_zones(&f, 0, 0);
	for (size_t i = 0; i < 3; i++) {
		f.md[i].level = MD_LINEAR;
		f.md[i].chunk = 0;
	}
	probe(&f);
	struct layout_volume *v = &f.layout->volumes[0];
	assert_int_equal(v->size, (256 + 2 * (512 + 5)) * 512);
	assert_int_equal(byte_at(v, 256 * 512 - 1), 'a');
	assert_int_equal(byte_at(v, 256 * 512), 'b');
	assert_int_equal(byte_at(v, v->size - 1), 'c');
	teardown(&f);
}

/* ---- several at once --------------------------------------------------------------------------
 */

static void clones_are_told_apart_by_their_events(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 4, MD_RAID0, 2);
	for (size_t i = 0; i < 4; i++) {
		f.md[i].raid_disks = 2;
		f.md[i].n_roles = 2;
		f.md[i].size = 0;
		f.md[i].data_size = 256;
		f.md[i].number = (unsigned int)i / 2; /* 0, 0, 1, 1 */
		f.md[i].events = i == 0 || i == 3 ? 10 : 20;
	}
	probe(&f);
	assert_int_equal(f.layout->n_volumes, 2);
	assert_int_equal(f.layout->n_warnings, 0);
	assert_string_equal(f.layout->volumes[0].name, "array");
	assert_string_equal(f.layout->volumes[1].name, "array~2");
	assert_int_equal(byte_at(&f.layout->volumes[0], 0), 'a');
	assert_int_equal(byte_at(&f.layout->volumes[0], 65536), 'd');
	assert_int_equal(byte_at(&f.layout->volumes[1], 0), 'b');
	assert_int_equal(byte_at(&f.layout->volumes[1], 65536), 'c');
	teardown(&f);
}

static void clones_that_are_equal_go_by_order_and_it_is_said(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 4, MD_RAID0, 2);
	for (size_t i = 0; i < 4; i++) {
		f.md[i].raid_disks = 2;
		f.md[i].n_roles = 2;
		f.md[i].size = 0;
		f.md[i].data_size = 256;
		f.md[i].number = (unsigned int)i % 2;
	}
	probe(&f);
	assert_int_equal(f.layout->n_volumes, 2);
	assert_int_equal(byte_at(&f.layout->volumes[0], 65536), 'b');
	assert_int_equal(byte_at(&f.layout->volumes[1], 65536), 'd');
	assert_true(warned(&f, "in the order of the disks"));
	teardown(&f);
}

static void the_last_partition_and_its_disk_are_told_apart(void **state)
{
	(void)state;
	/* One super-block at the end of both; the size that it says fits the one or the other. */
	for (int whole = 0; whole < 2; whole++) {
		struct fixture f;
		setup(&f, 1, MD_RAID1, 90);
		make_mbr_entry(f.disks[0], 512, 0, 0, 0xfd, 512, SIZE / 512 - 512);
		f.md[0].size = whole ? 960 : 512;
		probe(&f);
		assert_int_equal(f.layout->n_volumes, 1);
		assert_int_equal(f.layout->volumes[0].size, (whole ? 960 : 512) * 1024);
		assert_int_equal(f.layout->volumes[0].type, LAYOUT_RAID1);
		teardown(&f);
	}
}

/* A RAID-1 over a linear array of one member: its super-block is at the end of the inner array. */
static void arrays_of_arrays_are_found(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f, 1, MD_LINEAR, 2);
	f.md[0].size = 0;
	f.md[0].data_size = 1024;
	struct blk_mem *inner = blk_mem_new(1024 * 512, 512);
	make_md(inner, &(struct make_md){ .minor = 0,
					  .level = MD_RAID1,
					  .raid_disks = 1,
					  .size = 256,
					  .resync = UINT64_MAX,
					  .n_roles = 1,
					  .uuid = 0x22,
					  .name = "outer" });
	memcpy(f.disks[0]->bytes + 256 * 512, inner->bytes, 1024 * 512);
	probe(&f);
	assert_int_equal(f.layout->n_groups, 2);
	assert_int_equal(f.layout->n_volumes, 1);
	assert_string_equal(f.layout->volumes[0].name, "outer");
	assert_int_equal(f.layout->volumes[0].size, 256 * 1024);
	blk_unref(&inner->blk);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_make_an_array_and_are_not_volumes),
		cmocka_unit_test(an_array_with_a_number_is_called_as_by_the_kernel),
		cmocka_unit_test(a_name_never_leaves_its_folder),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_stale_member_is_not_used),
		cmocka_unit_test(one_event_behind_is_still_good),
		cmocka_unit_test(spares_and_replacements_have_no_place),
		cmocka_unit_test(a_member_in_the_rebuilding_is_not_used),
		cmocka_unit_test(a_reshape_is_refused_by_name),
		cmocka_unit_test(a_journal_makes_its_array_doubtful),
		cmocka_unit_test(a_damaged_record_makes_its_disk_doubtful),
		cmocka_unit_test(an_array_that_cannot_be_is_a_reason_not_a_crash),
		cmocka_unit_test(a_member_smaller_than_it_says_is_not_used),
		cmocka_unit_test(members_that_differ_make_zones),
		cmocka_unit_test(the_original_layout_goes_on_counting_across_zones),
		cmocka_unit_test(zones_of_an_unknown_layout_are_refused_by_name),
		cmocka_unit_test(a_linear_array_goes_from_member_to_member),
		cmocka_unit_test(clones_are_told_apart_by_their_events),
		cmocka_unit_test(clones_that_are_equal_go_by_order_and_it_is_said),
		cmocka_unit_test(the_last_partition_and_its_disk_are_told_apart),
		cmocka_unit_test(arrays_of_arrays_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
