/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which disk of a restore point a disk was: never a guess. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

#include "parent-match.h"

#define A "ntfs 0A 1"
#define B "ntfs 0B 1"

/* A disk with up to two marks; NULL where there are fewer. */
static struct match_disk disk(const char *name, const char *lun, const char *table,
			      const char *first, const char *second)
{
	struct match_disk ret = { .name = name, .lun = lun, .table = table, .size = 4096 };
	const char *texts[] = { first, second };
	for (size_t i = 0; i < 2; i++)
		if (texts[i]) {
			ret.marks[ret.n_marks].off = i * 512;
			snprintf(ret.marks[ret.n_marks++].text, sizeof(ret.marks[0].text), "%s",
				 texts[i]);
		}
	return ret;
}

/* Two disks each: which old one each of the new ones is, as "01", or "-" for none. */
static const char *found(const struct match_disk *now, const struct match_disk *old, bool in_order)
{
	static char ret[3];
	const struct match_sides sides = {
		.now = now, .n_now = 2, .old = old, .n_old = 2, .in_order = in_order
	};
	for (size_t i = 0; i < 2; i++) {
		const char *why = NULL;
		size_t n = match_find(&sides, i, &why);
		ret[i] = n == SIZE_MAX ? '-' : (char)('0' + n);
		assert_int_equal(n == SIZE_MAX, why != NULL);
	}
	return ret;
}

static void a_disk_is_told_by_what_is_on_it(void **state)
{
	(void)state;
	const struct match_disk a = disk("disk0", "", "", A, NULL);
	const struct match_disk b = disk("disk1", "", "", B, NULL);
	const struct match_disk straight[] = { a, b }, turned[] = { b, a };
	assert_string_equal(found(straight, straight, false), "01");
	assert_string_equal(found(turned, straight, false), "10");
	/* Whoever says that the order is the same is not believed when the disks say otherwise. */
	struct match_disk renamed[] = { b, a };
	renamed[0].name = "disk0";
	renamed[1].name = "disk1";
	assert_string_equal(found(renamed, straight, true), "10");
}

static void tables_and_members_tell_as_well(void **state)
{
	(void)state;
	const struct match_disk old[] = { disk("disk0", "", "1111", NULL, NULL),
					  disk("disk1", "", "2222", NULL, NULL) };
	const struct match_disk now[] = { disk("disk0", "", "2222", NULL, NULL),
					  disk("disk1", "", "1111", NULL, NULL) };
	assert_string_equal(found(now, old, false), "10");
	const struct match_disk legs[] = { disk("disk0", "", "", "md 77 m0", NULL),
					   disk("disk1", "", "", "md 77 m1", NULL) };
	const struct match_disk other[] = { disk("disk0", "", "", "md 77 m1", NULL),
					    disk("disk1", "", "", "md 77 m0", NULL) };
	assert_string_equal(found(other, legs, false), "10");
}

static void what_could_be_two_is_none(void **state)
{
	(void)state;
	const struct match_disk clones[] = { disk("disk0", "", "1111", A, NULL),
					     disk("disk1", "", "1111", A, NULL) };
	assert_string_equal(found(clones, clones, false), "--");
	assert_string_equal(found(clones, clones, true), "01");
	const struct match_disk blank[] = { disk("disk0", "", "", NULL, NULL),
					    disk("disk1", "", "", NULL, NULL) };
	assert_string_equal(found(blank, blank, false), "--");
	assert_string_equal(found(blank, blank, true), "01");
	/* A signature of zeros is none. */
	const struct match_disk zero[] = { disk("disk0", "", "00000000", NULL, NULL),
					   disk("disk1", "", "", NULL, NULL) };
	assert_string_equal(found(zero, zero, false), "--");
	/* One that is new may look like one that was there. */
	const struct match_disk old[] = { disk("disk0", "", "1111", A, NULL),
					  disk("disk1", "", "2222", B, NULL) };
	assert_string_equal(found(clones, old, false), "--");
}

static void the_storage_tells_clones_apart(void **state)
{
	(void)state;
	const struct match_disk old[] = { disk("disk0", "naa.1", "1111", A, NULL),
					  disk("disk1", "naa.2", "1111", A, NULL) };
	const struct match_disk now[] = { disk("disk0", "naa.2", "1111", A, NULL),
					  disk("disk1", "naa.1", "1111", A, NULL) };
	assert_string_equal(found(now, old, false), "10");
	/* But not what was given the name of another one since. */
	const struct match_disk reused[] = { disk("disk0", "naa.2", "1111", B, NULL),
					     disk("disk1", "naa.3", "1111", A, NULL) };
	assert_string_equal(found(reused, old, false), "--");
}

static void what_has_changed_is_another_disk(void **state)
{
	(void)state;
	const struct match_disk old[] = { disk("disk0", "", "1111", A, B),
					  disk("disk1", "", "2222", A, NULL) };
	struct match_disk now[] = { disk("disk0", "", "1111", A, A),
				    disk("disk1", "", "2222", A, NULL) };
	assert_string_equal(found(now, old, false), "-1");
	/* More or less of the same is the same. */
	now[0] = disk("disk0", "", "1111", NULL, NULL);
	now[1] = disk("disk1", "", "2222", A, B);
	assert_string_equal(found(now, old, false), "01");
	now[1].size *= 2;
	assert_string_equal(found(now, old, false), "0-");
}

static void the_only_one_needs_no_name(void **state)
{
	(void)state;
	const struct match_disk blank = disk("disk0", "", "", NULL, NULL);
	struct match_disk other = disk("disk0", "", "", A, NULL);
	struct match_sides sides = { &blank, 1, &blank, 1, false };
	const char *why = NULL;
	assert_int_equal(match_find(&sides, 0, &why), 0);
	sides.now = &other;
	assert_int_equal(match_find(&sides, 0, &why), 0);
	struct match_disk third = disk("disk0", "", "", B, NULL);
	sides.old = &third;
	assert_int_equal(match_find(&sides, 0, &why), SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_told_by_what_is_on_it),
		cmocka_unit_test(tables_and_members_tell_as_well),
		cmocka_unit_test(what_could_be_two_is_none),
		cmocka_unit_test(the_storage_tells_clones_apart),
		cmocka_unit_test(what_has_changed_is_another_disk),
		cmocka_unit_test(the_only_one_needs_no_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
