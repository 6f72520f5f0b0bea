/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lun.h"

/* A list of @n addresses of which the first @came came, said to have @length bytes. */
static struct lun_report *parse(uint32_t length, const uint8_t (*addresses)[8], size_t came,
				size_t rest)
{
	size_t len = 8 + 8 * came + rest;
	uint8_t *bytes = calloc(1, len); /* no more, for the sanitizer */
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(length >> (24 - 8 * i));
	memcpy(bytes + 8, addresses, 8 * came);
	struct lun_report *report = calloc(1, sizeof(*report));
	lun_parse_report(bytes, len, report);
	free(bytes);
	return report;
}

static void addresses_become_numbers_where_they_are_some(void **state)
{
	(void)state;
	static const struct {
		uint8_t address[8];
		int lun;
	} cases[] = {
		{ { 0, 0 }, 0 },
		{ { 0, 255 }, 255 },
		{ { 0x41, 0x2c }, 300 },
		{ { 0x7f, 0xff }, 16383 },
		{ { 1, 5 }, -1 },             /* on another bus */
		{ { 0x80, 5 }, -1 },          /* logical unit addressing */
		{ { 0xd2, 0, 0, 5 }, -1 },    /* extended flat */
		{ { 0xc1, 1 }, -1 },          /* well known: REPORT LUNS itself */
		{ { 0, 5, 0, 1 }, -1 },       /* of somebody behind it */
		{ { 0x40, 5, [7] = 1 }, -1 }, /* however far */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lun_report *report = parse(8, &cases[i].address, 1, 0);
		assert_int_equal(report->n, 1);
		assert_false(report->missing);
		assert_int_equal(report->luns[0].lun, cases[i].lun);
		assert_memory_equal(report->luns[0].address, cases[i].address, 8);
		free(report);
	}
}

static void only_what_has_come_counts(void **state)
{
	(void)state;
	static const uint8_t three[3][8] = { { 0, 1 }, { 0, 2 }, { 0, 3 } };
	static const struct {
		uint32_t length;
		size_t came, rest, n;
		bool missing;
	} cases[] = {
		{ 24, 3, 0, 3, false },        { 24, 3, 7, 3, false },
		{ 16, 3, 0, 2, false }, /* what lies behind is none of it */
		{ 24, 2, 7, 2, true },         { 24, 0, 0, 0, true },
		{ 20, 3, 0, 2, true }, /* half of one */
		{ UINT32_MAX, 3, 0, 3, true }, { 0, 0, 0, 0, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lun_report *report =
			parse(cases[i].length, three, cases[i].came, cases[i].rest);
		assert_int_equal(report->n, cases[i].n);
		assert_int_equal(report->told, cases[i].length / 8);
		assert_int_equal(report->missing, cases[i].missing);
		free(report);
	}
	struct lun_report report;
	for (size_t len = 0; len < 8; len++) {
		uint8_t *bytes = calloc(1, len + 1);
		lun_parse_report(bytes, len, &report);
		assert_true(report.n == 0 && report.missing);
		free(bytes);
	}
}

static void a_lun_that_comes_twice_stands_for_one_that_did_not(void **state)
{
	(void)state;
	static const uint8_t twice[4][8] = { { 0, 1 }, { 0x80, 1 }, { 0x40, 1 }, { 0x80, 1 } };
	struct lun_report *report = parse(32, twice, 4, 0);
	assert_int_equal(report->n, 2);
	assert_true(report->missing);
	free(report);
}

static void more_than_anybody_has_is_cut_and_said(void **state)
{
	(void)state;
	static uint8_t many[LUN_REPORT_MAX + 2][8];
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i][0] = (uint8_t)(0x40 | i >> 8);
		many[i][1] = (uint8_t)i;
	}
	struct lun_report *report = parse(8 * LUN_REPORT_MAX, many, LUN_REPORT_MAX, 0);
	assert_int_equal(report->n, LUN_REPORT_MAX);
	assert_false(report->missing);
	free(report);
	report = parse(8 * (LUN_REPORT_MAX + 1), many, LUN_REPORT_MAX + 1, 0);
	assert_int_equal(report->n, LUN_REPORT_MAX);
	assert_true(report->missing);
	free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_become_numbers_where_they_are_some),
		cmocka_unit_test(only_what_has_come_counts),
		cmocka_unit_test(a_lun_that_comes_twice_stands_for_one_that_did_not),
		cmocka_unit_test(more_than_anybody_has_is_cut_and_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
