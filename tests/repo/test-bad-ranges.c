/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "lunette/bad-ranges.h"
#include "lunette/json.h"

static void what_touches_is_one_range(void **state)
{
	(void)state;
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	assert_int_equal(bad_ranges_bytes(&bad), 0);
	assert_null(bad_ranges_next(&bad, 0));
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(bad_ranges_add(&bad, 512, i * 512 + (i / 10) * 512, NULL), 0);
	assert_int_equal(bad.n, 4);
	assert_int_equal(bad.ranges[1].start, 11 * 512);
	assert_int_equal(bad.ranges[1].length, 10 * 512);
	assert_int_equal(bad_ranges_bytes(&bad), 40 * 512);
}

static void each_is_found_by_any_of_its_bytes_and_no_other(void **state)
{
	(void)state;
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	for (uint64_t i = 1; i <= 20; i++)
		assert_int_equal(bad_ranges_add(&bad, 10, i * 100, NULL), 0);
	for (uint64_t off = 0; off < 2200; off++)
		for (uint64_t length = 1; length < 130; length += 43) {
			const struct bad_range *want = NULL;
			for (size_t i = bad.n; i-- > 0;)
				if (bad.ranges[i].start < off + length &&
				    off < bad.ranges[i].start + 10)
					want = &bad.ranges[i];
			assert_ptr_equal(bad_ranges_in(&bad, length, off), want);
		}
	assert_ptr_equal(bad_ranges_next(&bad, 109), &bad.ranges[0]);
	assert_ptr_equal(bad_ranges_next(&bad, 110), &bad.ranges[1]);
	assert_null(bad_ranges_next(&bad, 2010));
}

static void what_is_cut_off_is_not_there(void **state)
{
	(void)state;
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	bad_ranges_cut(&bad, 0);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(bad_ranges_add(&bad, 10, i * 100, NULL), 0);
	bad_ranges_cut(&bad, 410);
	assert_int_equal(bad_ranges_bytes(&bad), 40);
	bad_ranges_cut(&bad, 300);
	assert_int_equal(bad.n, 2);
	bad_ranges_cut(&bad, 203);
	assert_int_equal(bad_ranges_bytes(&bad), 13);
	assert_int_equal(bad_ranges_add(&bad, 5, 203, NULL), 0);
	assert_int_equal(bad.n, 2);
	bad_ranges_cut(&bad, 0);
	assert_int_equal(bad.n, 0);
}

static int parse(const char *text, struct bad_ranges *ret)
{
	CLEANUP(json_decref_cleanup) json_t *list = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(list);
	return bad_ranges_parse(list, 10000, ret, NULL);
}

static void a_manifest_gives_back_what_it_was_given(void **state)
{
	(void)state;
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	CLEANUP(bad_ranges_clear) struct bad_ranges back = { 0 };
	assert_int_equal(bad_ranges_parse(NULL, 0, &back, NULL), 0);
	assert_int_equal(back.n, 0);
	assert_int_equal(bad_ranges_add(&bad, 1, 0, NULL), 0);
	assert_int_equal(bad_ranges_add(&bad, 100, 9900, NULL), 0);
	CLEANUP(json_decref_cleanup) json_t *list = bad_ranges_json(&bad);
	assert_int_equal(bad_ranges_parse(list, 10000, &back, NULL), 0);
	assert_int_equal(back.n, 2);
	assert_memory_equal(back.ranges, bad.ranges, 2 * sizeof(*bad.ranges));
}

static void lists_that_are_none_are_refused(void **state)
{
	(void)state;
	static const char *const lists[] = {
		"{}",
		"1",
		"[1]",
		"[{}]",
		"[{\"start\": 1}]",
		"[{\"start\": -1, \"length\": 5}]",
		"[{\"start\": 1, \"length\": 0}]",
		"[{\"start\": 1, \"length\": -9223372036854775808}]",
		"[{\"start\": 1.5, \"length\": 5}]",
		"[{\"start\": 9999, \"length\": 2}]",
		"[{\"start\": 10001, \"length\": 1}]",
		"[{\"start\": 9223372036854775807, \"length\": 9223372036854775807}]",
		"[{\"start\": 1, \"length\": 5}, {\"start\": 5, \"length\": 1}]",
		"[{\"start\": 10, \"length\": 5}, {\"start\": 5, \"length\": 1}]",
	};
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
		assert_int_equal(parse(lists[i], &bad), -EUCLEAN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_touches_is_one_range),
		cmocka_unit_test(each_is_found_by_any_of_its_bytes_and_no_other),
		cmocka_unit_test(what_is_cut_off_is_not_there),
		cmocka_unit_test(a_manifest_gives_back_what_it_was_given),
		cmocka_unit_test(lists_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
