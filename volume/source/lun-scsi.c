/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-scsi - what a LUN says of itself.
 *
 * Its one idea: answers are bytes from a stranger. They arrive in a buffer of ours, and every
 * length in them is checked against what has really come.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lun.h"
#include "lunette/clock.h"
#include "lunette/hex.h"

/* ---- questions ---- */

static struct scsi_task *make_inquiry(int page)
{
	return page < 0 ? scsi_cdb_inquiry(0, 0, 96) : scsi_cdb_inquiry(1, page, LUN_VPD_MAX);
}

static struct scsi_task *make_ready(int arg)
{
	(void)arg;
	return scsi_cdb_testunitready();
}

static struct scsi_task *make_capacity(int arg)
{
	(void)arg;
	return scsi_cdb_readcapacity16();
}

/* ---- text ---- */

/* ASCII from a LUN, without blanks around it and without anything that a terminal might obey. */
static void copy_text(char *dst, size_t room, const uint8_t *src, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len && n < room - 1; i++) {
		bool blank = src[i] == ' ' || src[i] == '\0';
		if (blank && n == 0)
			continue;
		dst[n++] = blank ? ' ' : isprint(src[i]) ? (char)src[i] : '?';
	}
	while (n && dst[n - 1] == ' ')
		n--;
	dst[n] = '\0';
}

/* ---- identity ---- */

/*
 * Source: SPC-4, 6.4.2, standard INQUIRY data.
 *   0   peripheral qualifier (7:5), peripheral device type (4:0)
 *   8   vendor, 8 bytes of ASCII
 *   16  product, 16 bytes of ASCII
 */
static int get_inquiry(struct lun_session *s, int64_t deadline, struct lun_identity *id,
		       struct error *err)
{
	const struct lun_question question = { make_inquiry, -1, lun_judge_who };
	struct lun_answer a;
	int rc = lun_ask(s, &question, deadline, &a, err);
	if (rc < 0)
		return rc;
	char why[LUN_WHY_MAX];
	if (a.status != SCSI_STATUS_GOOD && lun_judge(a.status, &a.sense) != LUN_GONE)
		return error_set(err, -EIO, "INQUIRY: %s", lun_why(a.status, &a.sense, why));
	if (a.status != SCSI_STATUS_GOOD || a.data[0] == 0x7f)
		return error_set(err, -ENOENT, "the target has no LUN %d", s->login->url.lun);
	if (a.len < 36)
		return error_set(err, -EPROTO, "INQUIRY: the answer has only %zu bytes", a.len);
	enum scsi_inquiry_peripheral_device_type type = a.data[0] & 0x1fu;
	if (a.data[0] >> 5 || type)
		return error_set(err, -ENODEV, "LUN %d is not a disk, but %s", s->login->url.lun,
				 a.data[0] >> 5 ? "is not connected" : scsi_devtype_to_str(type));
	copy_text(id->vendor, sizeof(id->vendor), a.data + 8, 8);
	copy_text(id->product, sizeof(id->product), a.data + 16, 16);
	return 0;
}

static int get_ready(struct lun_session *s, int64_t deadline, struct error *err)
{
	const struct lun_question question = { make_ready, 0, lun_judge };
	struct lun_answer a;
	int rc = lun_ask(s, &question, deadline, &a, err);
	if (rc < 0 || a.status == SCSI_STATUS_GOOD)
		return rc;
	char why[LUN_WHY_MAX];
	return error_set(err, -EBUSY, "LUN %d is not ready: %s", s->login->url.lun,
			 lun_why(a.status, &a.sense, why));
}

/*
 * Source: SBC-3, 5.16.2, READ CAPACITY (16) parameter data.
 *   0   last logical block, 8 bytes
 *   8   bytes of a logical block, 4 bytes
 *   14  bit 6, LBPRZ: unmapped blocks read as zeros
 */
static int get_capacity(struct lun_session *s, int64_t deadline, struct lun_identity *id,
			struct error *err)
{
	const struct lun_question question = { make_capacity, 0, lun_judge };
	struct lun_answer a;
	int rc = lun_ask(s, &question, deadline, &a, err);
	if (rc < 0)
		return rc;
	char why[LUN_WHY_MAX];
	if (a.status != SCSI_STATUS_GOOD)
		return error_set(err, -EIO, "READ CAPACITY: %s", lun_why(a.status, &a.sense, why));
	if (a.len < 12)
		return error_set(err, -EPROTO, "READ CAPACITY: the answer has only %zu bytes",
				 a.len);
	uint64_t last = get_be(a.data, 8);
	uint64_t sector = get_be(a.data + 8, 4);
	if (!is_power_of_2(sector) || sector < 512 || sector > LUN_SECTOR_MAX ||
	    last >= INT64_MAX / sector)
		return error_set(err, -EPROTO,
				 "READ CAPACITY: %" PRIu64 " blocks of %" PRIu64 " bytes cannot be",
				 last + 1, sector);
	id->sector = (uint32_t)sector;
	id->size = (last + 1) * sector;
	id->unmapped_is_zero = a.len >= 15 && a.data[14] & 0x40;
	return 0;
}

/* Of a VPD page: 1 page code, 2 length of what follows the 4 bytes of the head. Return: how much of
 * that there is. */
static size_t page_length(const uint8_t *page, size_t len, int code)
{
	return len > 4 && page[1] == code ? MIN((size_t)get_be(page + 2, 2), len - 4) : 0;
}

/* Has all of the page come, as far as it was asked for? */
static bool is_whole(const uint8_t *page, size_t len, int code)
{
	return len >= 4 && page[1] == code &&
	       len >= MIN(get_be(page + 2, 2) + 4, (uint64_t)LUN_VPD_MAX);
}

/* So often a page that came cut is asked for: some targets count wrongly, and then it is all there
 * is. */
#define CUT_PAGES 5

/*
 * A page that names the LUN. It may lack any: then there is an empty one. But that it could not
 * tell, just now, does not say that it lacks it.
 */
static int get_name(struct lun_session *s, int page, int64_t deadline, struct lun_answer *a,
		    struct lun_identity *id, const uint8_t **body, size_t *len, struct error *err)
{
	const struct lun_question question = { make_inquiry, page, lun_judge_who };
	char why[LUN_WHY_MAX];
	bool good = false, cut = true;
	for (int i = 0; i < CUT_PAGES && cut; i++) {
		int rc = lun_ask(s, &question, deadline, a, err);
		if (rc < 0)
			return rc;
		good = a->status == SCSI_STATUS_GOOD;
		cut = good && !is_whole(a->data, a->len, page);
	}
	if (!good && lun_judge_who(a->status, &a->sense) != LUN_FAIL)
		return error_set(err, -EREMOTEIO, "INQUIRY for page 0x%02x: %s", (unsigned int)page,
				 lun_why(a->status, &a->sense, why));
	id->cut = id->cut || cut;
	*body = a->data + 4;
	*len = good ? page_length(a->data, a->len, page) : 0;
	return 0;
}

/* What it lacks here, or cannot tell, has no limits. */
static int get_limits(struct lun_session *s, int64_t deadline, struct lun_identity *id,
		      struct error *err)
{
	const struct lun_question question = { make_inquiry, 0xb0, lun_judge };
	struct lun_answer a;
	int rc = lun_ask(s, &question, deadline, &a, err);
	if (rc < 0)
		return rc;
	bool good = a.status == SCSI_STATUS_GOOD;
	lun_parse_limits(a.data + 4, good ? page_length(a.data, a.len, 0xb0) : 0, id);
	return 0;
}

/* How well a designator tells LUNs apart; 0: not at all. */
static int rank_of(int type, const uint8_t *d, size_t len)
{
	switch (type) {
	case 3: /* NAA: 2, 5 and 6 are assigned once in the world, 3 is not */
		if (len != 8 && len != 16)
			return 0;
		return d[0] >> 4 == 3 ? 1 : 4;
	case 2: /* EUI-64 */
		return len == 8 || len == 12 || len == 16 ? 3 : 0;
	case 1: /* T10 vendor */
		return len > 8 ? 2 : 0;
	default:
		return 0;
	}
}

/*
 * Source: SPC-4, 7.8.6, device identification. Designators one behind the other:
 *   1  association (5:4), 0 is the LUN; designator type (3:0)
 *   3  length of the designator
 *   4  designator
 */
void lun_parse_designators(const uint8_t *p, size_t len, char *ret)
{
	int best = 0;
	while (len >= 4 && p[3] && (size_t)p[3] + 4 <= len) {
		int type = p[1] & 0x0f;
		const uint8_t *d = p + 4;
		int rank = p[1] & 0x30 ? 0 : rank_of(type, d, p[3]);
		if (rank > best) {
			best = rank;
			if (type == 1) {
				memcpy(ret, "t10.", 4);
				copy_text(ret + 4, 256, d, p[3]);
			} else {
				memcpy(ret, type == 3 ? "naa." : "eui.", 4);
				hex_text(d, p[3], ret + 4);
			}
		}
		len -= (size_t)p[3] + 4;
		p += (size_t)p[3] + 4;
	}
}

/*
 * Source: SBC-3, 6.5.3, block limits; offsets without the head of 4 bytes.
 *   4  most blocks of a transfer, 0: no limit
 *   8  best number of blocks of a transfer, 0: unknown
 */
void lun_parse_limits(const uint8_t *body, size_t len, struct lun_identity *id)
{
	uint64_t most = len >= 8 ? get_be(body + 4, 4) * id->sector : 0;
	uint64_t best = len >= 12 ? get_be(body + 8, 4) * id->sector : 0;
	uint64_t transfer = LUN_TRANSFER;
	/* Small transfers are "best" only for disks that have no network in front. */
	if (best >= LUN_TRANSFER / 4)
		transfer = MIN(transfer, best);
	if (most)
		transfer = MIN(transfer, most);
	id->transfer = (uint32_t)MAX(transfer - transfer % id->sector, (uint64_t)id->sector);
}

int lun_identify(struct lun_session *s, int64_t deadline, struct lun_identity *ret,
		 struct error *err)
{
	struct lun_identity id = { 0 };
	struct lun_answer a;
	const uint8_t *body;
	size_t len;
	int rc = get_inquiry(s, deadline, &id, err);
	if (rc == 0)
		rc = get_ready(s, deadline, err);
	if (rc == 0)
		rc = get_capacity(s, deadline, &id, err);
	if (rc == 0)
		rc = get_name(s, 0x80, deadline, &a, &id, &body, &len, err);
	if (rc)
		return rc;
	copy_text(id.serial, sizeof(id.serial), body, len);
	rc = get_name(s, 0x83, deadline, &a, &id, &body, &len, err);
	if (rc < 0)
		return rc;
	lun_parse_designators(body, len, id.id);
	rc = get_limits(s, deadline, &id, err);
	if (rc < 0)
		return rc;
	*ret = id;
	return 0;
}

int lun_identity_check(const struct lun_identity *was, const struct lun_identity *is,
		       struct error *err)
{
	bool named = strcmp(was->id, is->id) == 0 && strcmp(was->serial, is->serial) == 0;
	if (!named && is->cut)
		return error_set(err, -EPROTO, "INQUIRY: of what names the LUN not all has come");
	if (strcmp(was->id, is->id) != 0)
		return error_set(err, -ESTALE, "this is another LUN now: it was '%s', it is '%s'",
				 was->id, is->id);
	if (strcmp(was->serial, is->serial) != 0)
		return error_set(err, -ESTALE,
				 "this is another LUN now: its serial number was '%s', it is '%s'",
				 was->serial, is->serial);
	if (was->size != is->size || was->sector != is->sector)
		return error_set(err, -ESTALE,
				 "its size has changed from %" PRIu64 " to %" PRIu64 " bytes",
				 was->size, is->size);
	return 0;
}

int lun_identity_page(const struct lun_identity *id)
{
	return id->id[0] ? 0x83 : id->serial[0] ? 0x80 : 0;
}

int lun_identity_confirm(const struct lun_identity *was, const uint8_t *page, size_t len,
			 struct error *err)
{
	struct lun_identity is = *was;
	int code = lun_identity_page(was);
	if (len && page[0] >> 5)
		return error_set(err, -ENODEV, "the target has no such LUN any more");
	size_t n = page_length(page, len, code);
	is.cut = !is_whole(page, len, code);
	if (code == 0x83) {
		is.id[0] = '\0';
		lun_parse_designators(page + 4, n, is.id);
	} else if (code == 0x80) {
		copy_text(is.serial, sizeof(is.serial), page + 4, n);
	}
	return lun_identity_check(was, &is, err);
}
