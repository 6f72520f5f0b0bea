/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-report - which LUNs a target says that it has.
 *
 * A LUN's address has 8 bytes, and several forms; libiscsi sends those that a number stands for.
 */
#include <errno.h>
#include <string.h>

#include "lun.h"

/*
 * Source: SAM-5, 4.7: address method (7:6 of the first byte).
 *   0  peripheral: bus (5:0), which is 0 for what is the target's own; number, 1 byte
 *   1  flat: number, 14 bits
 *   2  logical unit, 3 extended: neither is a number of the target's own
 * What stands in the other 6 bytes are further levels, on the way to a LUN of somebody else.
 */
static int number_of(const uint8_t address[8])
{
	static const uint8_t none[6];
	if (memcmp(address + 2, none, sizeof(none)) != 0)
		return -1;
	switch (address[0] >> 6) {
	case 0:
		return address[0] == 0 ? address[1] : -1;
	case 1:
		return (int)get_be(address, 2) & 0x3fff;
	default:
		return -1;
	}
}

static bool is_there(const struct lun_report *report, const struct lun_reported *lun)
{
	for (size_t i = 0; i < report->n; i++)
		if (lun->lun >= 0 ? report->luns[i].lun == lun->lun
				  : memcmp(report->luns[i].address, lun->address, 8) == 0)
			return true;
	return false;
}

/*
 * Source: SPC-4, 6.33, REPORT LUNS parameter data.
 *   0  length of the list, 4 bytes
 *   8  addresses of 8 bytes
 */
void lun_parse_report(const uint8_t *buf, size_t len, struct lun_report *ret)
{
	uint64_t length = len < 8 ? 0 : get_be(buf, 4);
	uint64_t came = len < 8 ? 0 : (len - 8) / 8;
	*ret = (struct lun_report){ .told = length / 8 };
	ret->missing = len < 8 || length % 8 || ret->told > came || ret->told > LUN_REPORT_MAX;
	for (uint64_t i = 0; i < MIN(ret->told, came) && ret->n < LUN_REPORT_MAX; i++) {
		struct lun_reported lun;
		memcpy(lun.address, buf + 8 + 8 * i, sizeof(lun.address));
		lun.lun = number_of(lun.address);
		if (is_there(ret, &lun))
			ret->missing = true; /* in the place of another one */
		else
			ret->luns[ret->n++] = lun;
	}
}

static struct scsi_task *make_report(int arg)
{
	return scsi_reportluns_cdb(0, arg);
}

int lun_report_ask(struct lun_session *s, int64_t deadline, struct lun_report *ret,
		   struct error *err)
{
	const struct lun_question question = { make_report, 8 + 8 * LUN_REPORT_MAX, lun_judge };
	struct lun_answer a;
	char why[LUN_WHY_MAX];
	int rc = lun_ask(s, &question, deadline, &a, err);
	if (rc < 0)
		return rc;
	if (a.status != SCSI_STATUS_GOOD)
		return error_set(err, -EREMOTEIO, "REPORT LUNS: %s",
				 lun_why(a.status, &a.sense, why));
	lun_parse_report(a.data, a.len, ret);
	return 0;
}
