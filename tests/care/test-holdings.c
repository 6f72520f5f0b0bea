/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a restore point holds, from manifests that are made up. */
/* clang-format off */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "holdings.h"

#define DISKS                                                                                          \
	"\"disks\": [{\"name\": \"disk0\", \"size\": 0, \"sector_size\": 512, \"chunk_size\": 65536, " \
	"\"map\": {\"root\": \"" ZEROS "\", \"chunks\": 0}}]"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

#define TABLE  "\"disks\": [{\"name\": \"disk0\", \"id\": \"GPT1\"}]"
#define GROUPS "\"groups\": [{\"name\": \"vg\", \"id\": \"VG1\"}]"
#define PART(name, start, more)                                                                            \
	"{\"name\": \"" name                                                                               \
	"\", \"type\": \"basic\", \"filesystem\": \"ntfs\", \"state\": \"ok\", \"segments\": [{\"legs\": " \
	"[{\"disk\": \"disk0\", \"start\": " start "}]}]" more "}"

/* The keys, sorted, one a line. */
static const char *held(const char *members)
{
	static char text[4096];
	char manifest[4096];
	json_t *keys = NULL;
	struct error err;
	snprintf(manifest, sizeof(manifest), "{%s%s}", DISKS, members);
	json_t *point = json_loads(manifest, 0, NULL);
	assert_non_null(point);
	assert_int_equal(holdings_of(point, &keys, &err), 0);
	char *all = json_dumps(keys, JSON_SORT_KEYS | JSON_COMPACT);
	snprintf(text, sizeof(text), "%s", all);
	free(all);
	json_decref(keys);
	json_decref(point);
	return text;
}

static void without_a_layout_there_are_the_disks(void **state)
{
	(void)state;
	assert_string_equal(held(""), "{\"disk disk0\":true}");
	assert_string_equal(held(", \"layout\": {\"volumes\": 5, \"disks\": [7]}"),
			    "{\"disk disk0\":true}");
}

static void a_disk_is_told_by_its_table_or_by_what_the_job_knows(void **state)
{
	(void)state;
	assert_string_equal(held(", \"layout\": {" TABLE "}"), "{\"disk GPT1\":true}");
	assert_string_equal(
		held(", \"storage\": {\"luns\": [{\"identity\": \"naa.6\"}]}, \"layout\": {}"),
		"{\"disk naa.6\":true}");
}

static void a_partition_is_where_it_is_whatever_is_on_it(void **state)
{
	(void)state;
	static const char with[] =
		", \"stored_volumes\": [\"disk0-p1\"], \"layout\": {" TABLE
		", \"volumes\": [" PART("disk0-p1", "4096", ", \"uuid\": \"AAAA\"") "]}";
	static const char other[] = ", \"stored_volumes\": [\"c\"], \"layout\": {" TABLE
				    ", \"volumes\": [" PART("c", "4096", "") "]}";
	const char *keys = held(with);
	assert_string_equal(keys, "{\"disk GPT1\":true,\"volume at 4096 of GPT1\":true}");
	assert_string_equal(held(other), keys);
}

static void what_is_recognised_no_more_is_something_else(void **state)
{
	(void)state;
	assert_string_equal(
		held(", \"stored_volumes\": [\"a\", \"b\"], \"layout\": {" TABLE ", " GROUPS
		     ", \"volumes\": [{\"name\": \"a\", \"type\": \"basic\", \"state\": \"ok\", "
		     "\"filesystem\": null, \"segments\": [{\"legs\": [{\"disk\": \"disk0\", "
		     "\"start\": 4096}]}]}, {\"name\": \"b\", \"group\": \"vg\", \"state\": \"ok\"}]}"),
		"{\"disk GPT1\":true,\"unknown at 4096 of GPT1\":true,\"unknown b of VG1\":true}");
}

static void what_ends_with_its_disk_is_told_by_that_end(void **state)
{
	(void)state;
#define ENDS(size)                                                                                                             \
	held(", \"stored_volumes\": [\"a\"], \"layout\": {\"disks\": [{\"name\": \"disk0\", \"id\": \"GPT1\", \"size\": " size \
	     "}], \"volumes\": [{\"name\": \"a\", \"type\": \"basic\", \"state\": \"ok\", "                                    \
	     "\"filesystem\": \"xfs\", \"segments\": [{\"length\": 1000, \"legs\": [{\"disk\": "                               \
	     "\"disk0\", \"start\": 4096}]}]}]}")
	assert_string_equal(ENDS("5096"),
			    "{\"disk GPT1\":true,\"volume at 4096 of GPT1, to the end at "
			    "5096\":true}");
	assert_string_equal(ENDS("5097"), "{\"disk GPT1\":true,\"volume at 4096 of GPT1\":true}");
}

static void a_volume_of_a_group_is_told_by_the_group(void **state)
{
	(void)state;
	assert_string_equal(
		held(", \"stored_volumes\": [\"vg-a\", \"x\"], \"layout\": {" GROUPS
		     ", \"volumes\": [{\"name\": \"vg-a\", \"group\": \"vg\", \"state\": \"ok\", \"filesystem\": \"xfs\"}, "
		     "{\"name\": \"x\", \"uuid\": \"AAAA\", \"state\": \"degraded\"}]}"),
		"{\"disk disk0\":true,\"volume AAAA\":true,\"volume vg-a of VG1\":true}");
}

/* What is outside of chosen volumes need not be there: an unknown disk, for one. */
static void where_volumes_were_chosen_no_disk_is_held(void **state)
{
	(void)state;
#define TWO "\"layout\": {" TABLE ", \"volumes\": [" PART("a", "1", "") ", " PART("b", "2", "") "]}"
	assert_string_equal(held(", \"stored_volumes\": [\"b\"], " TWO),
			    "{\"volume at 2 of GPT1\":true}");
	assert_string_equal(held(", \"all_blocks\": true, " TWO),
			    "{\"disk GPT1\":true,\"volume at 1 of GPT1\":true,"
			    "\"volume at 2 of GPT1\":true}");
	assert_string_equal(
		held(", \"stored_volumes\": [\"a\"], \"layout\": {" TABLE
		     ", \"volumes\": [" PART("a", "1", "") ", {\"name\": \"b\", \"state\": "
							   "\"incomplete\"}]}"),
		"{\"disk GPT1\":true,\"volume at 1 of GPT1\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_layout_there_are_the_disks),
		cmocka_unit_test(a_disk_is_told_by_its_table_or_by_what_the_job_knows),
		cmocka_unit_test(a_partition_is_where_it_is_whatever_is_on_it),
		cmocka_unit_test(what_is_recognised_no_more_is_something_else),
		cmocka_unit_test(what_ends_with_its_disk_is_told_by_that_end),
		cmocka_unit_test(a_volume_of_a_group_is_told_by_the_group),
		cmocka_unit_test(where_volumes_were_chosen_no_disk_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
