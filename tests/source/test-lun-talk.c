/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "lun-talk.h"
#include "lunette/util.h"

#define TAG 0x11223344u

static struct lun_talk talk;
static struct error err;

static void put(uint8_t *p, uint32_t n)
{
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

/* A PDU in one piece: @head is changed at @opcode, @flags and the tag. Return: its length. */
static size_t pdu(uint8_t *buf, int opcode, int flags, uint32_t tag, const void *data, size_t len)
{
	buf[0] = (uint8_t)opcode;
	buf[1] = (uint8_t)flags;
	put(buf + 4, (uint32_t)len);
	put(buf + 16, tag);
	if (len)
		memcpy(buf + 48, data, len);
	return 48 + ((len + 3) & ~(size_t)3);
}

static int from(const uint8_t *buf, size_t len)
{
	struct lun_talk_step did;
	int rc = 0;
	err = (struct error){ 0 };
	for (; len && rc == 0; buf += did.n, len -= did.n)
		rc = lun_talk_from(&talk, buf, len, &did, &err);
	return rc;
}

static int from_pdu(int opcode, int flags, uint32_t tag, const void *data, size_t len)
{
	uint8_t buf[1024] = { 0 };
	return from(buf, pdu(buf, opcode, flags, tag, data, len));
}

static void ask(int opcode, uint32_t tag, uint32_t expected)
{
	uint8_t buf[48] = { 0 };
	pdu(buf, opcode, expected ? 0xc1 : 0x81, tag, NULL, 0);
	put(buf + 20, expected);
	assert_int_equal(lun_talk_to(&talk, buf, sizeof(buf), NULL), 0);
}

static int answer_login(const char *keys, size_t len)
{
	talk = (struct lun_talk){ 0 };
	ask(0x43, 1, 0);
	return from_pdu(0x23, 0x87, 1, keys, len);
}
#define LOGIN(keys) answer_login(keys, sizeof(keys))

/* A session in which one READ of 100 bytes was asked for. */
static void begin(void)
{
	assert_int_equal(LOGIN("HeaderDigest=None\0MaxRecvDataSegmentLength=8192"), 0);
	ask(0x01, TAG, 100);
}

/* A piece of data of it: @len zeros. @flags: 0x81: with the status. */
static int piece(uint32_t tag, uint32_t number, uint32_t place, size_t len, int flags)
{
	static const uint8_t zeros[512];
	uint8_t buf[1024] = { 0 };
	size_t n = pdu(buf, 0x25, flags, tag, zeros, len);
	put(buf + 36, number);
	put(buf + 40, place);
	return from(buf, n);
}

static void refused(int rc, const char *why)
{
	assert_int_equal(rc, -EPROTO);
	assert_non_null(strstr(err.msg, why));
}

static void data_in_pieces_is_counted(void **state)
{
	(void)state;
	bool gap = true;
	begin();
	assert_int_equal(piece(TAG, 0, 0, 61, 0), 0);
	assert_int_equal(piece(TAG, 1, 61, 39, 0x81), 0);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 100);
	assert_false(gap);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 0);
}

static void a_status_without_data_goes_nowhere(void **state)
{
	(void)state;
	static const uint32_t places[] = { 0, 61, 100 };
	bool gap = true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		begin();
		assert_int_equal(piece(TAG, 0, 0, 61, 0), 0);
		assert_int_equal(piece(TAG, 1, places[i], 0, 0x81), 0);
		assert_int_equal(lun_talk_got(&talk, TAG, &gap), 61);
		assert_false(gap);
	}
}

static void bytes_may_come_one_by_one(void **state)
{
	(void)state;
	static const uint8_t zeros[100];
	uint8_t buf[1024] = { 0 };
	bool gap;
	begin();
	size_t len = pdu(buf, 0x25, 0x81, TAG, zeros, 99);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(from(buf + i, 1), 0);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 99);
	ask(0x01, TAG + 1, 100);
	assert_int_equal(piece(TAG + 1, 0, 0, 100, 0x81), 0);
}

static void what_is_asked_meanwhile_does_not_disturb_data_that_is_coming(void **state)
{
	(void)state;
	static const uint8_t zeros[100];
	uint8_t buf[1024] = { 0 };
	bool gap;
	begin();
	size_t len = pdu(buf, 0x25, 0x81, TAG, zeros, 100);
	assert_int_equal(from(buf, 60), 0);
	for (uint32_t i = 1; i < LUN_TALK_TASKS; i++)
		ask(0x01, TAG + i, 100);
	assert_int_equal(from(buf + 60, len - 60), 0);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 100);
	assert_int_equal(piece(TAG + 1, 0, 0, 100, 0x81), 0);
}

static void steps_end_with_heads_and_with_pdus(void **state)
{
	(void)state;
	static const uint8_t zeros[8];
	struct lun_talk_step did;
	uint32_t tag;
	uint32_t place;
	size_t len;
	uint8_t buf[104] = { 0 };
	begin();
	pdu(buf, 0x25, 0, TAG, zeros, 5);
	put(buf + 40, 3);
	assert_false(lun_talk_data(&talk, &tag, &place, &len));
	assert_int_equal(lun_talk_from(&talk, buf, sizeof(buf), &did, NULL), 0);
	assert_true(did.n == 48 && did.head == 48 && !did.whole);
	assert_true(lun_talk_data(&talk, &tag, &place, &len));
	assert_true(tag == TAG && place == 3 && len == 5);
	lun_talk_skip(&talk, 2, &did);
	assert_true(did.n == 2 && !did.head && !did.whole);
	assert_true(lun_talk_data(&talk, &tag, &place, &len));
	assert_true(place == 5 && len == 3);
	assert_int_equal(lun_talk_from(&talk, buf + 50, sizeof(buf) - 50, &did, NULL), 0);
	assert_true(did.n == 6 && did.whole);
	assert_false(lun_talk_data(&talk, &tag, &place, &len));
}

static void gaps_are_told(void **state)
{
	(void)state;
	bool gap = false;
	begin();
	assert_int_equal(piece(TAG, 0, 1, 99, 0x81), 0);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 99);
	assert_true(gap);
	ask(0x01, TAG + 1, 100);
	assert_int_equal(piece(TAG + 1, 1, 0, 100, 0x81), 0);
	assert_int_equal(lun_talk_got(&talk, TAG + 1, &gap), 100);
	assert_true(gap);
}

static void what_cannot_be_data_ends_the_session(void **state)
{
	(void)state;
	begin();
	refused(piece(TAG, 0, 0, 101, 0x81), "more than was asked for");
	begin();
	refused(piece(TAG, 0, 1, 100, 0x81), "more than was asked for");
	begin();
	refused(piece(TAG, 0, 0xffffffff, 100, 0x81), "more than was asked for");
	begin();
	assert_int_equal(piece(TAG, 0, 0, 50, 0), 0);
	refused(piece(TAG, 1, 49, 50, 0x81), "there already");
	begin();
	refused(piece(TAG, 0, 0, 100, 0x41), "acknowledged");
	begin();
	refused(piece(TAG, 0, 0, 100, 0x01), "before the end");
	begin();
	uint8_t buf[48] = { 0, 0, 0, 2 };
	pdu(buf, 0x25, 0x81, TAG, NULL, 0);
	refused(from(buf, sizeof(buf)), "not good");
}

static void answers_have_a_question(void **state)
{
	(void)state;
	begin();
	refused(piece(TAG + 1, 0, 0, 100, 0x81), "not asked");
	begin();
	assert_int_equal(piece(TAG, 0, 0, 100, 0x81), 0);
	refused(piece(TAG, 0, 0, 100, 0x81), "not asked");
	begin();
	assert_int_equal(from_pdu(0x21, 0x80, TAG, NULL, 0), 0);
	refused(from_pdu(0x21, 0x80, TAG, NULL, 0), "not asked");
	begin();
	refused(from_pdu(0x26, 0x80, TAG, NULL, 0), "another kind");
	begin();
	refused(from_pdu(0x20, 0x80, TAG, NULL, 0), "an echo");
	begin();
	refused(from_pdu(0x31, 0x80, TAG, NULL, 0), "asks for data");
	begin();
	refused(from_pdu(0x23, 0x87, TAG, NULL, 0), "another kind");
	begin();
	refused(from_pdu(0x32, 0x80, 0xffffffff, NULL, 0), "wants the session to end");
	begin();
	refused(from_pdu(0x3f, 0x80, 0xffffffff, NULL, 0), "rejects");
	begin();
	refused(from_pdu(0x21, 0x00, TAG, NULL, 0), "not final");
	begin();
	uint8_t buf[48] = { 0, 0, 1 };
	pdu(buf, 0x21, 0x80, TAG, NULL, 0);
	refused(from(buf, sizeof(buf)), "response 0x01");
}

static void heads_are_what_was_agreed_on(void **state)
{
	(void)state;
	uint8_t buf[48] = { 0 };
	begin();
	pdu(buf, 0x21, 0x80, TAG, NULL, 0);
	buf[4] = 1;
	refused(from(buf, sizeof(buf)), "longer than heads");
	begin();
	buf[4] = 0;
	put(buf + 4, LUN_TALK_DATA + 1);
	refused(from(buf, sizeof(buf)), "more data at once");
}

static void nops_are_heard_but_no_storm(void **state)
{
	(void)state;
	begin();
	int rc = 0;
	int n = 0;
	for (; n < 1000; n++)
		rc |= from_pdu(0x20, 0x80, 0xffffffff, NULL, 0);
	assert_int_equal(rc, 0);
	for (; n < 100000 && rc == 0; n++)
		rc = from_pdu(0x20, 0x80, 0xffffffff, NULL, 0);
	refused(rc, "storm");
}

static int sense(const void *data, size_t len)
{
	uint8_t buf[1024] = { 0, 0, 0, 2 };
	begin();
	return from(buf, pdu(buf, 0x21, 0x80, TAG, data, len));
}
#define SENSE(s) sense(s, sizeof(s) - 1)

static void sense_data_is_all_there(void **state)
{
	(void)state;
	assert_int_equal(SENSE("\0\x12\x70\0\3\0\0\0\0\x0a\0\0\0\0\x11\0\0\0\0\0"), 0);
	assert_int_equal(SENSE("\0\x08\x72\3\x11\0\0\0\0\0"), 0);
	assert_int_equal(SENSE("\0\x0c\x72\3\x11\0\0\0\0\4\2\2\0\0"), 0);
	refused(SENSE(""), "not there");
	refused(SENSE("\0\x12"), "not there");
	refused(SENSE("\0\x12\x70\0\3\0\0\0\0\x0a\0\0\0\0\x11\0\0\0\0"), "not there");
	refused(SENSE("\0\x0d\x70\0\3\0\0\0\0\x0a\0\0\0\0\x11"), "cut off");
	refused(SENSE("\0\x07\x72\3\x11\0\0\0\0"), "cut off");
	refused(SENSE("\0\x08\x72\3\x11\0\0\0\0\1"), "cut off");
	refused(SENSE("\0\x0c\x72\3\x11\0\0\0\0\4\2\3\0\0"), "cut off");
	refused(SENSE("\0\x0e\x00\0\3\0\0\0\0\x0a\0\0\0\0\x11\0"), "unknown kind");
}

static void a_login_says_what_can_be(void **state)
{
	(void)state;
	assert_int_equal(LOGIN("MaxBurstLength=0x10000\0TargetPortalGroupTag=1\0DataDigest=None"),
			 0);
	refused(LOGIN("MaxRecvDataSegmentLength=0"), "MaxRecvDataSegmentLength that cannot be");
	refused(LOGIN("A=1\0MaxBurstLength=16777216"), "MaxBurstLength that cannot be");
	refused(LOGIN("FirstBurstLength=8k"), "FirstBurstLength that cannot be");
	assert_int_equal(LOGIN("MaxBurstLength=Irrelevant\0FirstBurstLength=Irrelevant"), 0);
	refused(LOGIN("MaxRecvDataSegmentLength=Irrelevant"), "MaxRecvDataSegmentLength that");
	refused(LOGIN("DataDigest=CRC32C"), "data digests");
	refused(LOGIN("key"), "without a value");
	refused(answer_login("A=1", 3), "no end");
	talk = (struct lun_talk){ 0 };
	ask(0x43, 1, 0);
	refused(from_pdu(0x24, 0x80, 1, NULL, 0), "other than the answer to a login");
	refused(LOGIN("A=1") ? 0 : from_pdu(0x23, 0x87, 1, NULL, 0), "not asked");
}

static void digests_lie_behind_heads_when_the_login_is_done(void **state)
{
	(void)state;
	uint8_t buf[104] = { 0 };
	uint8_t command[52] = { 0 };
	bool gap;
	assert_int_equal(LOGIN("HeaderDigest=CRC32C"), 0);
	pdu(command, 0x01, 0xc1, TAG, NULL, 0);
	put(command + 20, 100);
	assert_int_equal(lun_talk_to(&talk, command, sizeof(command), NULL), 0);
	pdu(buf, 0x25, 0x81, TAG, NULL, 0);
	put(buf + 4, 50);
	assert_int_equal(from(buf, sizeof(buf)), 0);
	assert_int_equal(lun_talk_got(&talk, TAG, &gap), 50);
}

static void the_table_of_tasks_is_used_again(void **state)
{
	(void)state;
	begin();
	for (uint32_t i = 1; i < 1000; i++) {
		ask(0x01, TAG + i, 100);
		assert_int_equal(from_pdu(0x21, 0x80, TAG + i, NULL, 0), 0);
	}
	uint8_t buf[48] = { 0 };
	int rc = 0;
	for (uint32_t i = 0; i < 1000 && rc == 0; i++) {
		pdu(buf, 0x01, 0xc1, TAG + 5000 + i, NULL, 0);
		rc = lun_talk_to(&talk, buf, sizeof(buf), &err);
	}
	refused(rc, "more commands in flight");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_in_pieces_is_counted),
		cmocka_unit_test(a_status_without_data_goes_nowhere),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(what_is_asked_meanwhile_does_not_disturb_data_that_is_coming),
		cmocka_unit_test(steps_end_with_heads_and_with_pdus),
		cmocka_unit_test(gaps_are_told),
		cmocka_unit_test(what_cannot_be_data_ends_the_session),
		cmocka_unit_test(answers_have_a_question),
		cmocka_unit_test(heads_are_what_was_agreed_on),
		cmocka_unit_test(nops_are_heard_but_no_storm),
		cmocka_unit_test(sense_data_is_all_there),
		cmocka_unit_test(a_login_says_what_can_be),
		cmocka_unit_test(digests_lie_behind_heads_when_the_login_is_done),
		cmocka_unit_test(the_table_of_tasks_is_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
