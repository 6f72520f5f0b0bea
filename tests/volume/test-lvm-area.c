/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* What lies on a physical volume: labels, areas of metadata, and the text in them. */
#include <errno.h>

#include "lvm-fixture.h"
#include "lvm.h"

/* ---- labels and areas -------------------------------------------------------------------------
 */

static void a_label_is_found_in_any_of_four_sectors(void **state)
{
	(void)state;
	for (unsigned int sector = 0; sector < 5; sector++) {
		struct blk_mem *disk = blk_mem_new(SIZE, 512);
		make_lvm_label(disk, sector, 'A', START, LENGTH);
		struct lvm_label label;
		assert_int_equal(lvm_label_read(&disk->blk, &label, NULL), sector < 4);
		if (sector < 4) {
			assert_string_equal(label.id, "AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA");
			assert_int_equal(label.n_areas, 1);
			assert_int_equal(label.areas[0].start, START);
			assert_int_equal(label.areas[0].length, LENGTH);
		}
		blk_unref(&disk->blk);
	}
}

static void a_damaged_label_is_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t byte;
		bool seal;
	} cases[] = {
		{ 40, 0, false },   /* no longer what the checksum says */
		{ 40, '/', true },  /* not a UUID */
		{ 21, 2, true },    /* the header lies outside the sector */
		{ 117, 0xff, true } /* an area past the end */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct blk_mem *disk = blk_mem_new(SIZE, 512);
		make_lvm_label(disk, 1, 'A', START, LENGTH);
		disk->bytes[512 + cases[i].at] = cases[i].byte;
		if (cases[i].seal)
			make_lvm_label_seal(disk, 1);
		struct lvm_label label;
		assert_int_equal(lvm_label_read(&disk->blk, &label, NULL), -EUCLEAN);
		blk_unref(&disk->blk);
	}
}

static void a_label_whose_list_of_areas_has_no_end_is_refused(void **state)
{
	(void)state;
	struct blk_mem *disk = blk_mem_new(SIZE, 512);
	make_lvm_label(disk, 1, 'A', START, LENGTH);
	memset(disk->bytes + 512 + 72, 1, 512 - 72);
	make_lvm_label_seal(disk, 1);
	struct lvm_label label;
	assert_int_equal(lvm_label_read(&disk->blk, &label, NULL), -EUCLEAN);
	blk_unref(&disk->blk);
}

static void a_text_goes_round_the_ring(void **state)
{
	(void)state;
	struct fixture f;
	for (uint64_t off = LENGTH - 700; off < LENGTH; off += 99) {
		setup(&f, 1);
		make_lvm_area(f.disks[0], START, LENGTH, off, group(1, 1, ROOT));
		probe(&f);
		assert_non_null(layout_find(f.layout, "vg0-root"));
		teardown(&f);
	}
}

static void a_damaged_area_is_a_warning(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t byte;
		bool seal;
		const char *phrase;
	} cases[] = {
		{ 600, '#', false, "checksum of its text" },
		{ 100, 1, false, "its checksum is wrong" },
		{ 20, 2, true, "version 2" },
		{ 24, 1, true, "elsewhere" },
		{ 41, 0xff, true, "not inside it" },
		{ 51, 6, true, "more than 8388608 are not read" }, /* 100 MB */
		{ 50, 1, true, "not inside it" },
		{ 4, 'x', true, "there is none" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		setup(&f, 1);
		write_all(&f, group(1, 1, ROOT));
		f.disks[0]->bytes[START + cases[i].at] = cases[i].byte;
		if (cases[i].seal)
			make_lvm_area_seal(f.disks[0], START);
		probe(&f);
		/* It is stored as it is, then: nobody knows what is on it. */
		assert_int_equal(f.layout->n_volumes, 1);
		assert_string_equal(f.layout->volumes[0].name, "disk0");
		assert_true(warned(&f, cases[i].phrase));
		teardown(&f);
	}
}

static void the_newest_of_two_areas_holds(void **state)
{
	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		struct fixture f;
		setup(&f, 1);
		uint8_t *label = f.disks[0]->bytes + 512;
		uint64_t second = 40960, length = 16384; /* behind the first */
		memcpy(label + 120, &second, 8);
		memcpy(label + 128, &length, 8);
		make_lvm_label_seal(f.disks[0], 1);
		make_lvm_area(f.disks[0], START, LENGTH, 512,
			      group(newer ? 4 : 5, 1,
				    LV("first", SHOWN, LINEAR("1", "0", "1", "pv0", "0"))));
		make_lvm_area(f.disks[0], second, length, 512,
			      group(newer ? 5 : 4, 1,
				    LV("second", SHOWN, LINEAR("1", "0", "1", "pv0", "0"))));
		probe(&f);
		assert_int_equal(f.layout->n_volumes, 1);
		assert_string_equal(f.layout->volumes[0].name, newer ? "vg0-second" : "vg0-first");
		teardown(&f);
	}
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static int parse(const char *text, struct error *err)
{
	struct dm_config_tree *tree = NULL;
	int rc = lvm_text_parse(text, &tree, err);
	if (rc == 0)
		lvm_text_free(tree);
	return rc;
}

static void hostile_texts_are_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"a {",
		"a = [",
		"}",
		"= 1",
		"a { b\"{{{{ = 1 }", /* a quote inside a word hides nothing */
		"a { b5,\"{ = 1 }",
		"a { b = 5x\"{\" }",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error err = { 0 };
		if (parse(texts[i], &err) != -EUCLEAN)
			fail_msg("accepted: %s", texts[i]);
		assert_string_not_equal(err.msg, "");
	}
	assert_int_equal(
		parse("a { b = \"{{{{{{{{{{{{{{{{{{{{{{{{{\" c = [1, -2.5, 'x'] } # {{{", NULL), 0);
}

static void a_text_may_not_be_deep_or_crowded(void **state)
{
	(void)state;
	size_t n = 1 << 20;
	char *text = malloc(2 * n + 1);
	struct error err = { 0 };
	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "a{", 2);
	text[2 * n] = '\0';
	assert_int_equal(parse(text, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "deep"));
	for (size_t i = 0; i < n / 2; i++)
		memcpy(text + 4 * i, "a=1 ", 4);
	text[2 * n] = '\0';
	assert_int_equal(parse(text, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "entries"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_is_found_in_any_of_four_sectors),
		cmocka_unit_test(a_damaged_label_is_refused),
		cmocka_unit_test(a_label_whose_list_of_areas_has_no_end_is_refused),
		cmocka_unit_test(a_text_goes_round_the_ring),
		cmocka_unit_test(a_damaged_area_is_a_warning),
		cmocka_unit_test(the_newest_of_two_areas_holds),
		cmocka_unit_test(hostile_texts_are_refused),
		cmocka_unit_test(a_text_may_not_be_deep_or_crowded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
