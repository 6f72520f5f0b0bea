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

/* A copy without a byte behind it, so that a sanitizer sees a parser that goes too far. */
static uint8_t *exactly(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	return copy;
}

static const char *designators(const void *bytes, size_t len)
{
	static char id[sizeof(((struct lun_identity *)NULL)->id)];
	id[0] = '\0';
	uint8_t *body = exactly(bytes, len);
	lun_parse_designators(body, len, id);
	free(body);
	return id;
}
#define DESIGNATORS(s) designators(s, sizeof(s) - 1)

#define T10                \
	"\x02\x01\x00\x0c" \
	"ACME    disk"
#define EUI                \
	"\x01\x02\x00\x08" \
	"\x00\x11\x22\x33\x44\x55\x66\x77"
#define NAA3               \
	"\x01\x03\x00\x08" \
	"\x30\x00\x00\x00\x00\x00\x00\x01"
#define NAA6               \
	"\x01\x03\x00\x10" \
	"\x60\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03"
#define PORT               \
	"\x01\x13\x00\x08" \
	"\x50\x00\x00\x00\x00\x00\x00\x09"

static void the_best_name_of_a_lun_is_taken(void **state)
{
	(void)state;
	assert_string_equal(DESIGNATORS(T10), "t10.ACME    disk");
	assert_string_equal(DESIGNATORS(T10 EUI), "eui.0011223344556677");
	assert_string_equal(DESIGNATORS(NAA6 T10 EUI), "naa.60000000000000020000000000000003");
	assert_string_equal(DESIGNATORS(EUI NAA3), "eui.0011223344556677");
	assert_string_equal(DESIGNATORS(NAA3), "naa.3000000000000001");
	/* What names the port is not the LUN's. */
	assert_string_equal(DESIGNATORS(PORT), "");
	assert_string_equal(DESIGNATORS(PORT T10), "t10.ACME    disk");
}

static void names_that_do_not_fit_their_page_are_not_read(void **state)
{
	(void)state;
	static const char whole[] = T10 NAA6;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		assert_string_equal(designators(whole, len), len < 16 ? "" : "t10.ACME    disk");
	assert_string_equal(DESIGNATORS("\x01\x03\x00\xff\x60"), "");
	assert_string_equal(DESIGNATORS("\x01\x03\x00\x00" NAA6), "");
	/* The longest there can be, and nothing in it that a terminal would obey. */
	char longest[4 + 255] = { 2, 1, 0, (char)255 };
	memset(longest + 4, 0x1b, 255);
	const char *id = designators(longest, sizeof(longest));
	assert_int_equal(strlen(id), 4 + 255);
	assert_null(strchr(id, 0x1b));
}

static uint32_t transfer(const void *bytes, size_t len, uint32_t sector)
{
	struct lun_identity id = { .sector = sector };
	uint8_t *body = exactly(bytes, len);
	lun_parse_limits(body, len, &id);
	free(body);
	return id.transfer;
}

static void commands_keep_to_the_limits_of_the_target(void **state)
{
	(void)state;
	static const struct {
		uint8_t body[12];
		uint32_t sector, transfer;
	} cases[] = {
		{ { 0 }, 512, LUN_TRANSFER },
		{ { [7] = 128 }, 512, 65536 },         /* at most 128 blocks */
		{ { [6] = 0x10 }, 512, LUN_TRANSFER }, /* at most 4096 blocks */
		{ { [7] = 1 }, 4096, 4096 },           /* at most one */
		{ { [10] = 0x01 }, 512, 131072 },      /* best: 256 blocks */
		{ { [11] = 8 }, 512, LUN_TRANSFER },   /* best: 8, not for us */
		{ { 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255 }, 65536, LUN_TRANSFER },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(transfer(cases[i].body, 12, cases[i].sector), cases[i].transfer);
	for (size_t len = 0; len < 8; len++)
		assert_int_equal(transfer("\0\0\0\0\0\0\0\1", len, 512), LUN_TRANSFER);
}

/* ---- GET LBA STATUS ---- */

static uint8_t answer[8 + 16 * (LUN_EXTENTS + 4)];

static void descriptor(size_t i, uint64_t first, uint32_t blocks, uint8_t status)
{
	uint8_t *d = answer + 8 + 16 * i;
	for (int b = 0; b < 8; b++)
		d[b] = (uint8_t)(first >> (56 - 8 * b));
	for (int b = 0; b < 4; b++)
		d[8 + b] = (uint8_t)(blocks >> (24 - 8 * b));
	d[12] = status;
	uint32_t len = 4 + 16 * ((uint32_t)i + 1);
	for (int b = 0; b < 4; b++)
		answer[b] = (uint8_t)(len >> (24 - 8 * b));
}

static struct lun_extents parse(size_t len, uint64_t off, uint64_t size)
{
	struct lun_extents ext = { 0 };
	uint8_t *copy = exactly(answer, len);
	lun_parse_extents(copy, len, off, 512, size, &ext);
	free(copy);
	assert_true(ext.n <= LUN_EXTENTS);
	for (size_t i = 0; i < ext.n; i++)
		assert_true(ext.start[i] < ext.start[i + 1] && ext.start[i + 1] <= size);
	return ext;
}

static void runs_follow_each_other(void **state)
{
	(void)state;
	memset(answer, 0, sizeof(answer));
	descriptor(0, 90, 20, 0); /* begins before what was asked for */
	descriptor(1, 110, 5, 1);
	descriptor(2, 115, 1000, 2); /* anchored: not known to be zero; past the end */
	struct lun_extents ext = parse(8 + 48, 100 * 512, 200 * 512);
	assert_int_equal(ext.n, 3);
	assert_int_equal(ext.start[0], 100 * 512);
	assert_int_equal(ext.start[1], 110 * 512);
	assert_int_equal(ext.start[2], 115 * 512);
	assert_int_equal(ext.start[3], 200 * 512);
	assert_true(!ext.zero[0] && ext.zero[1] && !ext.zero[2]);
	/* Only what has really come counts. */
	assert_int_equal(parse(8 + 47, 100 * 512, 200 * 512).n, 2);
	assert_int_equal(parse(8, 100 * 512, 200 * 512).n, 0);
	assert_int_equal(parse(3, 100 * 512, 200 * 512).n, 0);
	assert_int_equal(parse(0, 100 * 512, 200 * 512).n, 0);
}

static void answers_without_sense_say_nothing(void **state)
{
	(void)state;
	static const struct {
		uint64_t first;
		uint32_t blocks;
	} cases[] = { { 101, 5 },
		      { 100, 0 },
		      { 50, 50 },
		      { UINT64_MAX, 7 },
		      { UINT64_MAX - 3, UINT32_MAX } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(answer, 0, sizeof(answer));
		descriptor(0, cases[i].first, cases[i].blocks, 1);
		assert_int_equal(parse(24, 100 * 512, 200 * 512).n, 0);
	}
	/* A gap ends what is believed. */
	memset(answer, 0, sizeof(answer));
	descriptor(0, 100, 10, 1);
	descriptor(1, 111, 10, 1);
	struct lun_extents ext = parse(40, 100 * 512, 200 * 512);
	assert_int_equal(ext.n, 1);
	assert_int_equal(ext.start[1], 110 * 512);
}

static void more_runs_than_were_asked_for_do_no_harm(void **state)
{
	(void)state;
	memset(answer, 0, sizeof(answer));
	for (size_t i = 0; i < LUN_EXTENTS + 4; i++)
		descriptor(i, i, 1, i & 1);
	assert_int_equal(parse(sizeof(answer), 0, 1 << 20).n, LUN_EXTENTS);
}

/* How many answers of runs of @length are paid for, in @n_runs each, every other one zero or none.
 */
static unsigned int questions(uint64_t length, size_t n_runs, bool zeros)
{
	struct lun_extents ext = { .credit = (uint64_t)LUN_EXTENT_QUESTIONS * LUN_EXTENT_COST };
	unsigned int n = 0;
	while (n < 10000) {
		ext.n = n_runs;
		for (size_t i = 0; i < n_runs; i++) {
			ext.start[i + 1] = ext.start[i] + length;
			ext.zero[i] = zeros && i % 2;
		}
		n++;
		if (!lun_extents_earn(&ext))
			break;
	}
	return n;
}

static void who_tells_little_is_asked_little(void **state)
{
	(void)state;
	/* Block by block, in use or not: a question a block is more than a READ. */
	assert_in_range(questions(512, 1, false), 1, LUN_EXTENT_QUESTIONS + 1);
	assert_in_range(questions(512, LUN_EXTENTS, true), 1, LUN_EXTENT_QUESTIONS + 8);
	/* Runs of 64 KiB in the answers' full length, and large ones, are worth it for ever. */
	assert_int_equal(questions(65536, LUN_EXTENTS, true), 10000);
	assert_int_equal(questions(LUN_EXTENT_COST, 1, false), 10000);
	/* What was gained once does not pay for ever. */
	struct lun_extents ext = { .n = 1, .start = { 0, UINT64_MAX }, .zero = { true } };
	assert_true(lun_extents_earn(&ext));
	assert_in_range(ext.credit, 0, (uint64_t)LUN_EXTENT_QUESTIONS * LUN_EXTENT_COST);
}

/* ---- what a LUN is known by ---- */

static void another_lun_is_noticed(void **state)
{
	(void)state;
	const struct lun_identity was = {
		.id = "naa.1", .serial = "S", .size = 512, .sector = 512
	};
	struct error err = { 0 };
	struct lun_identity is = was;
	assert_int_equal(lun_identity_check(&was, &is, &err), 0);
	strcpy(is.id, "naa.2");
	assert_int_equal(lun_identity_check(&was, &is, &err), -ESTALE);
	/* What came cut proves neither; what is all the same in it does. */
	is.cut = true;
	assert_int_equal(lun_identity_check(&was, &is, &err), -EPROTO);
	strcpy(is.id, was.id);
	assert_int_equal(lun_identity_check(&was, &is, &err), 0);
	is = was;
	strcpy(is.serial, "T");
	assert_int_equal(lun_identity_check(&was, &is, &err), -ESTALE);
	is = was;
	is.size = 1024;
	assert_int_equal(lun_identity_check(&was, &is, &err), -ESTALE);
	is = was;
	is.sector = 4096;
	assert_int_equal(lun_identity_check(&was, &is, &err), -ESTALE);
}

static int confirm(const struct lun_identity *was, const void *page, size_t len)
{
	struct error err = { 0 };
	uint8_t *copy = exactly(page, len);
	int rc = lun_identity_confirm(was, copy, len, &err);
	free(copy);
	return rc;
}

static void a_lun_says_by_one_page_that_it_is_still_itself(void **state)
{
	(void)state;
	static const char page[] = "\0\x83\0\x24" T10 NAA6;
	struct lun_identity was = { .id = "naa.60000000000000020000000000000003", .serial = "S1" };
	assert_int_equal(lun_identity_page(&was), 0x83);
	assert_int_equal(confirm(&was, page, sizeof(page) - 1), 0);
	/* A page that was cut, another one, or none at all is no proof, neither way. */
	for (size_t len = 0; len < sizeof(page) - 1; len++)
		assert_int_equal(confirm(&was, page, len), -EPROTO);
	assert_int_equal(confirm(&was, "\0\x80\0\2S1", 6), -EPROTO);
	assert_int_equal(confirm(&was, "\0\x83\0\0", 4), -ESTALE);
	assert_int_equal(confirm(&was, "\x7f\x83\0\0", 4), -ENODEV);
	strcpy(was.id, "naa.60000000000000020000000000000004");
	assert_int_equal(confirm(&was, page, sizeof(page) - 1), -ESTALE);
	was.id[0] = '\0';
	assert_int_equal(lun_identity_page(&was), 0x80);
	assert_int_equal(confirm(&was, "\0\x80\0\2S1", 6), 0);
	assert_int_equal(confirm(&was, "\0\x80\0\2S2", 6), -ESTALE);
	was.serial[0] = '\0';
	assert_int_equal(lun_identity_page(&was), 0);
}

static void complaints_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		int status, key, ascq;
		enum lun_verdict verdict;
	} cases[] = {
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_UNIT_ATTENTION, 0x2900, LUN_RETRY },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_UNIT_ATTENTION, 0x3f0e, LUN_SUSPECT },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_UNIT_ATTENTION, 0x2a09, LUN_SUSPECT },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_NOT_READY, 0x0401, LUN_RETRY },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_NOT_READY, 0x3a00, LUN_FAIL },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_ILLEGAL_REQUEST, 0x2500, LUN_GONE },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_ILLEGAL_REQUEST, 0x2000, LUN_FAIL },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_MEDIUM_ERROR, 0x1100, LUN_FAIL },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_RECOVERED_ERROR, 0x1701, LUN_DONE },
		{ SCSI_STATUS_CHECK_CONDITION, SCSI_SENSE_NO_SENSE, 0, LUN_DONE },
		{ SCSI_STATUS_RESERVATION_CONFLICT, 0, 0, LUN_FAIL },
		{ SCSI_STATUS_BUSY, 0, 0, LUN_RETRY },
		{ SCSI_STATUS_TASK_SET_FULL, 0, 0, LUN_RETRY },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scsi_sense sense = { .key = (enum scsi_sense_key)cases[i].key,
					    .ascq = cases[i].ascq };
		assert_int_equal(lun_judge(cases[i].status, &sense), cases[i].verdict);
		/* Whoever asks who it is asks again, but for what it does not understand. */
		enum lun_verdict who = cases[i].verdict;
		if (who == LUN_FAIL && cases[i].ascq != 0x2000)
			who = LUN_RETRY;
		assert_int_equal(lun_judge_who(cases[i].status, &sense), who);
	}
	/* What it says of an earlier command, it says instead of carrying out this one. */
	for (unsigned char type = 0x71; type <= 0x73; type += 2) {
		struct scsi_sense late = { .error_type = type, .key = SCSI_SENSE_RECOVERED_ERROR };
		assert_int_equal(lun_judge(SCSI_STATUS_CHECK_CONDITION, &late), LUN_RETRY);
	}
}

static void every_complaint_has_words(void **state)
{
	(void)state;
	char text[LUN_WHY_MAX];
	for (int key = 0; key < 256; key++)
		for (int ascq = 0; ascq < 0x10000; ascq += 0x100) {
			struct scsi_sense sense = { .key = (enum scsi_sense_key)key, .ascq = ascq };
			const char *why = lun_why(SCSI_STATUS_CHECK_CONDITION, &sense, text);
			assert_null(strstr(why, "(null)"));
		}
	struct scsi_sense medium = { .key = SCSI_SENSE_MEDIUM_ERROR, .ascq = 0x1100 };
	assert_string_equal(lun_why(SCSI_STATUS_CHECK_CONDITION, &medium, text),
			    "MEDIUM ERROR, unrecovered read error (0x1100)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_name_of_a_lun_is_taken),
		cmocka_unit_test(names_that_do_not_fit_their_page_are_not_read),
		cmocka_unit_test(commands_keep_to_the_limits_of_the_target),
		cmocka_unit_test(runs_follow_each_other),
		cmocka_unit_test(answers_without_sense_say_nothing),
		cmocka_unit_test(more_runs_than_were_asked_for_do_no_harm),
		cmocka_unit_test(who_tells_little_is_asked_little),
		cmocka_unit_test(another_lun_is_noticed),
		cmocka_unit_test(a_lun_says_by_one_page_that_it_is_still_itself),
		cmocka_unit_test(complaints_are_told_apart),
		cmocka_unit_test(every_complaint_has_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
