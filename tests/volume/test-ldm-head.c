/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The private header and the table of contents: copies, and every field hostile. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "ldm.h"
#include "make-ldm.h"

#define SIZE  (3u << 20)
#define LAST  (SIZE / 512 - 1)
#define FRONT (6u * 512)

/* A group of one disk, and what a test needs of it. */
struct fixture {
	struct make_ldm *group;
	struct blk *blk;
	uint8_t *front, *primary, *secondary, *toc1, *toc2;
};

static int setup(void **state)
{
	static struct fixture f;
	f.group = make_ldm_new("TestDg0", 9);
	make_ldm_add_disk(f.group, SIZE, 512, false);
	make_ldm_write(f.group);
	f.blk = &f.group->disks[0].mem->blk;
	f.front = f.group->disks[0].mem->bytes + FRONT;
	f.primary = make_ldm_private(f.group, 0, 2047);
	f.secondary = make_ldm_private(f.group, 0, 1856);
	f.toc1 = make_ldm_private(f.group, 0, 1);
	f.toc2 = make_ldm_private(f.group, 0, 2046);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	make_ldm_free(((struct fixture *)*state)->group);
	return 0;
}

static int find(const struct fixture *f, struct ldm_head *head, unsigned int *damaged)
{
	return ldm_head_find(f->blk, 512, 0, head, damaged, NULL);
}

static void a_header_says_where_everything_is(void **state)
{
	const struct fixture *f = *state;
	struct ldm_head head;
	assert_int_equal(ldm_head_parse(f->front, SIZE, &head, NULL), 0);
	char guid[LDM_GUID_TEXT], expected[37];
	make_ldm_guid(f->group, 0, expected);
	assert_string_equal(ldm_guid_text(&head.disk, guid), expected);
	assert_string_equal(head.group_name, "TestDg0");
	assert_int_equal(head.version, 2 << 16 | 12);
	assert_int_equal(head.sector, 512);
	assert_int_equal(head.public_start, 63 * 512);
	assert_int_equal(head.private_start, SIZE - (1 << 20));
	assert_int_equal(head.private_size, 1 << 20);
	assert_int_equal(head.primary, 2047 * 512);
	assert_int_equal(head.secondary, 1856 * 512);
	assert_int_equal(head.toc[0], 512);
	assert_int_equal(head.toc[1], 2046 * 512);
}

/* A field of a structure and a value that cannot be right. */
struct field {
	size_t at;
	unsigned int bytes;
	uint64_t value;
};

static void no_field_of_a_header_is_believed(void **state)
{
	const struct fixture *f = *state;
	static const struct field fields[] = {
		{ 0x0c, 2, 3 },
		{ 0x10f, 4, 0 },
		{ 0x10f, 4, 511 },
		{ 0x10f, 4, 256 },
		{ 0x10f, 4, 1u << 17 },
		{ 0x30, 1, 'g' },
		{ 0x38, 1, 'a' },
		{ 0x54, 1, 'a' },
		{ 0xb0, 1, 0 },
		{ 0x11b, 8, UINT64_MAX },
		{ 0x11b, 8, INT64_MAX / 512 },
		{ 0x123, 8, UINT64_MAX / 512 },
		{ 0x12b, 8, UINT64_MAX },
		{ 0x12b, 8, LAST },
		{ 0x133, 8, UINT64_MAX },
		{ 0x133, 8, LAST },
		{ 0x133, 8, 0 },
		{ 0x133, 8, 3 },
		{ 0x20, 8, 2048 },
		{ 0x20, 8, UINT64_MAX },
		{ 0x28, 8, UINT64_MAX / 512 },
		{ 0x13b, 8, 2048 },
		{ 0x143, 8, UINT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint8_t sector[512];
		memcpy(sector, f->front, 512);
		put_be(sector + fields[i].at, fields[i].value, fields[i].bytes);
		make_ldm_seal(sector);
		struct ldm_head head;
		struct error err = { 0 };
		int rc = ldm_head_parse(sector, SIZE, &head, &err);
		if (rc != -EBADMSG && rc != -ENOTSUP)
			fail_msg("field at %zu: %d", fields[i].at, rc);
		assert_int_equal(err.code, rc);
		assert_string_not_equal(err.msg, "");
	}
}

static void a_private_region_of_gigabytes_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct ldm_head head;
	put_be(f->front + 0x12b, 0, 8);
	put_be(f->front + 0x133, UINT64_C(1) << 23, 8);
	make_ldm_seal(f->front);
	assert_int_equal(ldm_head_parse(f->front, UINT64_C(1) << 40, &head, NULL), -EBADMSG);
}

static void every_flipped_bit_of_a_header_shows(void **state)
{
	const struct fixture *f = *state;
	for (size_t bit = 64; bit < 4096; bit++) {
		struct ldm_head head;
		f->front[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ldm_head_parse(f->front, SIZE, &head, NULL), -EBADMSG);
		f->front[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void any_one_copy_of_the_header_is_enough(void **state)
{
	const struct fixture *f = *state;
	uint8_t *const copies[] = { f->front, f->primary, f->secondary };
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(copies); j++)
			if (j != i)
				copies[j][100] ^= 1;
		struct ldm_head head;
		unsigned int damaged;
		assert_int_equal(find(f, &head, &damaged), 0);
		assert_int_equal(damaged, 2);
		for (size_t j = 0; j < ARRAY_SIZE(copies); j++)
			if (j != i)
				copies[j][100] ^= 1;
	}
	struct ldm_head head;
	unsigned int damaged;
	assert_int_equal(find(f, &head, &damaged), 0);
	assert_int_equal(damaged, 0);
}

static void a_region_that_does_not_end_with_the_disk_is_found(void **state)
{
	/* Rounded to a cylinder, or on a LUN that has grown. */
	struct fixture f = *(struct fixture *)*state;
	f.blk->size -= 100 * 512;
	struct make_ldm_disk *d = &f.group->disks[0];
	memset(d->mem->bytes, 0, SIZE);
	d->private_start -= 300;
	d->public_size -= 300;
	make_ldm_write_disk(f.group, 0);
	struct ldm_head head;
	unsigned int damaged;
	assert_int_equal(find(&f, &head, &damaged), 0);
	assert_int_equal(head.private_start, d->private_start * 512);
	assert_int_equal(damaged, 0);
}

static void the_newest_copy_of_the_header_counts(void **state)
{
	const struct fixture *f = *state;
	put_be(f->secondary + 0x18, 7, 8);
	put_be(f->secondary + 0x13b, 3, 8);
	make_ldm_seal(f->secondary);
	struct ldm_head head;
	unsigned int damaged;
	assert_int_equal(find(f, &head, &damaged), 0);
	assert_int_equal(head.sequence, 7);
	assert_int_equal(head.toc[0], 3 * 512);
}

static void the_header_of_another_disk_is_no_copy(void **state)
{
	const struct fixture *f = *state;
	put_be(f->primary + 0x18, 7, 8);
	f->primary[0x30] ^= 1;
	make_ldm_seal(f->primary);
	struct ldm_head head;
	unsigned int damaged;
	assert_int_equal(find(f, &head, &damaged), 0);
	assert_int_equal(head.sequence, 1);
	assert_int_equal(damaged, 1);
}

static void what_is_wrong_with_the_only_copies_is_said(void **state)
{
	const struct fixture *f = *state;
	struct ldm_head head;
	struct error err;
	unsigned int damaged;
	f->front[100] ^= 1;
	f->primary[100] ^= 1;
	f->secondary[100] ^= 1;
	assert_int_equal(ldm_head_find(f->blk, 512, 0, &head, &damaged, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "checksum"));
	memset(f->group->disks[0].mem->bytes, 0, SIZE);
	assert_int_equal(ldm_head_find(f->blk, 512, 0, &head, &damaged, &err), -ENOENT);
}

static void a_read_error_costs_one_copy(void **state)
{
	const struct fixture *f = *state;
	struct blk_mem *mem = f->group->disks[0].mem;
	struct ldm_head head;
	struct ldm_toc toc;
	unsigned int damaged;
	for (int i = 1; i <= 4; i++) {
		mem->reads = 0;
		mem->fail_at = i;
		assert_int_equal(find(f, &head, &damaged), 0);
		assert_int_equal(damaged, i > 1); /* the first is read once more */
	}
	for (int i = 1; i <= 2; i++) {
		mem->reads = 0;
		mem->fail_at = i;
		assert_int_equal(ldm_toc_find(f->blk, &head, &toc, NULL), 0);
	}
}

static void disks_too_small_for_anything_have_no_header(void **state)
{
	(void)state;
	for (uint64_t size = 1; size < 8192; size += 511) {
		struct blk_mem *mem = blk_mem_new(size, 512);
		struct ldm_head head;
		unsigned int damaged;
		assert_int_equal(ldm_head_find(&mem->blk, 512, 0, &head, &damaged, NULL), -ENOENT);
		assert_int_equal(ldm_head_find(&mem->blk, 4096, size, &head, &damaged, NULL),
				 -ENOENT);
		blk_unref(&mem->blk);
	}
}

/* ---- the table of contents ------------------------------------------------------------------- */

static void the_newest_table_of_contents_that_the_header_names_counts(void **state)
{
	const struct fixture *f = *state;
	struct ldm_head head;
	struct ldm_toc toc;
	unsigned int damaged;
	assert_int_equal(find(f, &head, &damaged), 0);
	assert_int_equal(ldm_toc_find(f->blk, &head, &toc, NULL), 0);
	assert_int_equal(toc.config_start, head.private_start + 17 * 512);
	assert_int_equal(toc.config_size, 1481 * 512);

	put_be(f->toc2 + 0x0c, 2, 8);
	put_be(f->toc2 + 0x24 + 10, 18, 8);
	make_ldm_seal(f->toc2);
	/* One that is no longer current, where 2003 R2 leaves it; its number would win. */
	memcpy(f->toc1 + 512, f->toc1, 512);
	put_be(f->toc1 + 512 + 0x0c, 9, 8);
	make_ldm_seal(f->toc1 + 512);
	assert_int_equal(ldm_toc_find(f->blk, &head, &toc, NULL), 0);
	assert_int_equal(toc.sequence, 2);
	assert_int_equal(toc.config_start, head.private_start + 18 * 512);

	/* With both gone it is better than nothing. */
	f->toc1[300] ^= 1;
	f->toc2[300] ^= 1;
	assert_int_equal(ldm_toc_find(f->blk, &head, &toc, NULL), 0);
	assert_int_equal(toc.sequence, 9);
	f->toc1[512 + 300] ^= 1;
	struct error err;
	assert_int_equal(ldm_toc_find(f->blk, &head, &toc, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "checksum"));
}

static void no_field_of_a_table_of_contents_is_believed(void **state)
{
	const struct fixture *f = *state;
	static const struct field fields[] = {
		{ 0x00, 1, 'X' },
		{ 0x24, 1, 0 },
		{ 0x24, 1, 'X' },
		{ 0x2a, 1, 'X' },
		{ 0x24 + 8, 2, 1 },
		{ 0x24 + 8, 2, 4 },
		{ 0x24 + 10, 8, 2048 },
		{ 0x24 + 10, 8, UINT64_MAX },
		{ 0x24 + 10, 8, UINT64_MAX / 512 },
		{ 0x24 + 18, 8, 0 },
		{ 0x24 + 18, 8, 2032 },
		{ 0x24 + 18, 8, UINT64_MAX },
		{ 0x24 + 18, 8, UINT64_MAX / 512 },
	};
	struct ldm_head head;
	unsigned int damaged;
	assert_int_equal(find(f, &head, &damaged), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint8_t sector[512];
		memcpy(sector, f->toc1, 512);
		put_be(sector + fields[i].at, fields[i].value, fields[i].bytes);
		make_ldm_seal(sector);
		struct ldm_toc toc;
		if (ldm_toc_parse(sector, &head, &toc, NULL) != -EBADMSG)
			fail_msg("field at %zu", fields[i].at);
	}
	uint8_t full[512];
	memcpy(full, f->toc1, 512);
	memset(full + 0x24, 'x', 512 - 0x24);
	make_ldm_seal(full);
	struct ldm_toc toc;
	assert_int_equal(ldm_toc_parse(full, &head, &toc, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_header_says_where_everything_is, setup, teardown),
		cmocka_unit_test_setup_teardown(no_field_of_a_header_is_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_private_region_of_gigabytes_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(every_flipped_bit_of_a_header_shows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(any_one_copy_of_the_header_is_enough, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_region_that_does_not_end_with_the_disk_is_found,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_newest_copy_of_the_header_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_header_of_another_disk_is_no_copy, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_with_the_only_copies_is_said, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_read_error_costs_one_copy, setup, teardown),
		cmocka_unit_test(disks_too_small_for_anything_have_no_header),
		cmocka_unit_test_setup_teardown(
			the_newest_table_of_contents_that_the_header_names_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(no_field_of_a_table_of_contents_is_believed, setup,
						teardown),
	};
	return cmocka_run_group_tests_name("ldm headers", tests, NULL, NULL);
}
