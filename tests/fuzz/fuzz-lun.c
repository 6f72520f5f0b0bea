/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz-lun - what a LUN answers; the first byte says to which question. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lun.h"

static void report(const uint8_t *data, size_t size)
{
	static struct lun_report report;
	lun_parse_report(data, size, &report);
	fuzz_check(report.n <= LUN_REPORT_MAX && report.n <= size / 8);
	fuzz_check(report.n <= report.told);
	for (size_t i = 0; i < report.n; i++)
		fuzz_check(report.luns[i].lun >= -1 && report.luns[i].lun <= 16383);
}

static void extents(const uint8_t *data, size_t size)
{
	static struct lun_extents ext;
	lun_parse_extents(data, size, 4096, 512, 1 << 20, &ext);
	fuzz_check(ext.n <= LUN_EXTENTS);
	for (size_t i = 0; i < ext.n; i++)
		fuzz_check(ext.start[i] < ext.start[i + 1] && ext.start[i + 1] <= 1 << 20);
}

static void who(const uint8_t *data, size_t size)
{
	struct lun_identity was = { .id = "naa.6000000000000001" };
	struct lun_identity limits = { .sector = 512 };
	fuzz_check(lun_identity_confirm(&was, data, size, NULL) <= 0);
	was = (struct lun_identity){ .serial = "SN" };
	fuzz_check(lun_identity_confirm(&was, data, size, NULL) <= 0);
	lun_parse_limits(data, size, &limits);
	fuzz_check(limits.transfer >= 512 && limits.transfer % 512 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const answers[])(const uint8_t *data, size_t size) = { report, extents, who };
	if (size > 0)
		answers[data[0] % ARRAY_SIZE(answers)](data + 1, size - 1);
	return 0;
}
