/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lun-talk - see lun-talk.h. */
#include "lun-talk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/bytes.h"
#include "lunette/clock.h"
#include "lunette/util.h"

/* Opcodes: of what is sent, and of what comes. */
enum {
	NOP_OUT = 0x00,
	COMMAND = 0x01,
	LOGIN = 0x03,
	TEXT = 0x04,
	LOGOUT = 0x06,
	NOP_IN = 0x20,
	RESPONSE = 0x21,
	LOGIN_RESPONSE = 0x23,
	TEXT_RESPONSE = 0x24,
	DATA_IN = 0x25,
	LOGOUT_RESPONSE = 0x26,
	R2T = 0x31,
	ASYNC = 0x32,
	REJECT = 0x3f,
};

/* The second byte of a head. */
enum { FINAL = 0x80, ACKNOWLEDGE = 0x40, STATUS = 0x01, READS = 0x40, CONTINUE = 0x40 };

#define NO_TAG          0xffffffffu
#define CHECK_CONDITION 2

#define HEAD_LEN 48u

static int broken(struct error *err, const char *what)
{
	return error_set(err, -EPROTO, "the target breaks the protocol: %s", what);
}

/* ---- tasks ---- */

static struct lun_talk_task *find(struct lun_talk *talk, uint32_t tag)
{
	for (size_t i = 0; i < LUN_TALK_TASKS; i++)
		if (talk->tasks[i].answer && talk->tasks[i].tag == tag)
			return &talk->tasks[i];
	return NULL;
}

size_t lun_talk_got(struct lun_talk *talk, uint32_t tag, bool *ret_gap)
{
	struct lun_talk_task *task = find(talk, tag);
	*ret_gap = task && task->gap;
	if (!task)
		return 0;
	task->answer = 0;
	return task->got;
}

/* Nobody wants to know of it any more, or ever will: its answer has come, down to the last byte. */
static bool is_over(const struct lun_talk *talk, const struct lun_talk_task *task)
{
	const struct lun_talk_way *from = &talk->from;
	bool coming =
		from->head_len >= HEAD_LEN && (uint32_t)get_be(from->head + 16, 4) == task->tag;
	return !task->answer || (task->done && !coming);
}

static int asked(struct lun_talk *talk, struct error *err)
{
	static const uint8_t answers[] = {
		[COMMAND] = RESPONSE,
		[LOGIN] = LOGIN_RESPONSE,
		[TEXT] = TEXT_RESPONSE,
		[LOGOUT] = LOGOUT_RESPONSE,
	};
	const uint8_t *head = talk->to.head;
	uint32_t tag = (uint32_t)get_be(head + 16, 4);
	uint8_t opcode = head[0] & 0x3f;
	if (opcode >= ARRAY_SIZE(answers) || !answers[opcode])
		return 0;
	/* Each turn of a login has the same tag. */
	struct lun_talk_task *task = find(talk, tag);
	for (size_t i = 0; i < LUN_TALK_TASKS && !task; i++)
		if (is_over(talk, &talk->tasks[i]))
			task = &talk->tasks[i];
	if (!task)
		return error_set(err, -EPROTO, "more commands in flight than can be");
	*task = (struct lun_talk_task){
		.answer = answers[opcode],
		.tag = tag,
		.expected =
			opcode == COMMAND && head[1] & READS ? (uint32_t)get_be(head + 20, 4) : 0,
	};
	return 0;
}

/* ---- heads ---- */

/*
 * 36  number of the piece, 40  where its data goes. No bytes in front may be missing, and none may
 * come again: data in order was agreed on. A piece without data, which only brings the status, goes
 * nowhere.
 */
static int heard_data(struct lun_talk_task *task, const uint8_t *head, size_t len,
		      struct error *err)
{
	uint64_t place = get_be(head + 40, 4);
	if (head[1] & ACKNOWLEDGE)
		return broken(err, "it wants data to be acknowledged");
	if (place + len > task->expected)
		return broken(err, "data that is more than was asked for");
	if (len && place < task->got)
		return broken(err, "data that was there already");
	if ((len && place > task->got) || get_be(head + 36, 4) != task->pieces)
		task->gap = true;
	task->got += (uint32_t)len;
	task->pieces++;
	if (!(head[1] & STATUS))
		return 0;
	if (!(head[1] & FINAL))
		return broken(err, "a status before the end of the data");
	if (head[3])
		return broken(err, "data, and a status that is not good");
	task->done = true;
	return 0;
}

static int heard_response(struct lun_talk_task *task, const uint8_t *head, struct error *err)
{
	if (head[2])
		return error_set(err, -EPROTO, "the target failed with response 0x%02x", head[2]);
	if ((head[1] & (FINAL | ACKNOWLEDGE)) != FINAL)
		return broken(err, "a response that is not final");
	task->done = true;
	return 0;
}

static int heard_nop(struct lun_talk *talk, const uint8_t *head, struct error *err)
{
	int64_t now = clock_now_ms();
	if (get_be(head + 16, 4) != NO_TAG)
		return broken(err, "an echo of what was not sent");
	if (now - talk->nops_since >= 1000) {
		talk->nops_since = now;
		talk->nops = 0;
	}
	return ++talk->nops > LUN_TALK_NOPS ? broken(err, "a storm of NOPs") : 0;
}

/* 2  status class, 36. What the target says of itself in another turn is still the login. */
static int heard_login(struct lun_talk *talk, struct lun_talk_task *task, size_t len,
		       struct error *err)
{
	if (talk->full)
		return broken(err, "the answer to a login that is done");
	if (len > LUN_TALK_BODY)
		return broken(err, "a login that is too long");
	task->answer = 0;
	return 0;
}

static int heard_head(struct lun_talk *talk, struct error *err)
{
	const uint8_t *head = talk->from.head;
	size_t len = talk->from.data_len;
	uint8_t opcode = head[0] & 0x3f;
	if (head[4])
		return broken(err, "a head that is longer than heads are");
	if (talk->from.left > LUN_TALK_DATA)
		return broken(err, "more data at once than was agreed on");
	if (!talk->full && opcode != LOGIN_RESPONSE)
		return broken(err, "something other than the answer to a login");
	switch (opcode) {
	case NOP_IN:
		return heard_nop(talk, head, err);
	case R2T:
		return broken(err, "it asks for data, of which there is none");
	case REJECT:
		return error_set(err, -EPROTO,
				 "the target rejects what was sent, for reason 0x%02x", head[2]);
	case ASYNC:
		return error_set(err, -EPROTO, "the target wants the session to end, event %u",
				 head[36]);
	}
	struct lun_talk_task *task = find(talk, (uint32_t)get_be(head + 16, 4));
	if (!task || task->done)
		return broken(err, "an answer to what was not asked");
	if (opcode == LOGIN_RESPONSE && task->answer == opcode)
		return heard_login(talk, task, len, err);
	if (opcode == DATA_IN && task->answer == RESPONSE)
		return heard_data(task, head, len, err);
	if (opcode != task->answer)
		return broken(err, "an answer of another kind than was asked for");
	if (opcode == RESPONSE)
		return heard_response(task, head, err);
	task->answer = 0;
	return 0;
}

/* ---- bodies ---- */

/*
 * 0  length of what follows, 2 bytes
 * 2  response code: 0x70, 0x71: key at 2, its cause at 12; 0x72, 0x73: at 1 and 2, length of
 * descriptors at 7
 */
static int heard_sense(const struct lun_talk_way *way, struct error *err)
{
	const uint8_t *sense = way->body + 2;
	size_t have = way->data_len < 2 ? 0 : MIN(way->data_len, sizeof(way->body)) - 2;
	size_t len = have ? get_be(way->body, 2) : 0;
	if (len == 0 || len > have)
		return broken(err, "sense data that is not there");
	bool fixed = (sense[0] & 0x7e) == 0x70;
	if (!fixed && (sense[0] & 0x7e) != 0x72)
		return broken(err, "sense data of an unknown kind");
	if (len < (fixed ? 14 : 8))
		return broken(err, "sense data that is cut off");
	size_t end = fixed ? 0 : 8 + (size_t)sense[7];
	for (size_t at = 8; at < end; at += 2 + (size_t)sense[at + 1])
		if (at + 2 > len || at + 2 + sense[at + 1] > len)
			return broken(err, "sense data that is cut off");
	return 0;
}

static bool is_length(const char *value)
{
	char *end;
	long n = strtol(value, &end, 0);
	return end != value && !*end && n >= 512 && n < 1 << 24;
}

/*
 * @needed: a target may also say that a length does not matter: that of bursts where it lists
 * targets, and that of first bursts where none may be sent unasked.
 */
static int heard_key(struct lun_talk *talk, const char *key, struct error *err)
{
	static const struct {
		const char *key;
		bool needed;
	} lengths[] = {
		{ "MaxRecvDataSegmentLength", true },
		{ "MaxBurstLength", false },
		{ "FirstBurstLength", false },
	};
	const char *value = strchr(key, '=');
	if (!value)
		return broken(err, "a key without a value in the login");
	size_t len = (size_t)(value++ - key);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		if (strlen(lengths[i].key) == len && memcmp(key, lengths[i].key, len) == 0 &&
		    !is_length(value) && (lengths[i].needed || strcmp(value, "Irrelevant") != 0))
			return error_set(err, -EPROTO,
					 "the target breaks the protocol: a %s that cannot be",
					 lengths[i].key);
	if (strncmp(key, "DataDigest=", 11) == 0 && strcmp(value, "None") != 0)
		return broken(err, "it wants data digests, which were not offered");
	if (strncmp(key, "HeaderDigest=", 13) == 0)
		talk->digest_next = strcmp(value, "CRC32C") == 0;
	return 0;
}

/* 36  status class: good or not; second byte: on to the next stage, which is the full session. */
static int heard_keys(struct lun_talk *talk, struct error *err)
{
	const struct lun_talk_way *way = &talk->from;
	const char *key = (const char *)way->body;
	const char *end = key + way->data_len;
	if (way->data_len && end[-1])
		return broken(err, "a login whose last key has no end");
	for (; key < end && *key; key += strlen(key) + 1) {
		int rc = heard_key(talk, key, err);
		if (rc < 0)
			return rc;
	}
	if (way->head[36] == 0 && (way->head[1] & 0x83) == 0x83) {
		talk->full = true;
		talk->digest = talk->digest_next;
	}
	return 0;
}

static int heard_body(struct lun_talk *talk, struct error *err)
{
	const struct lun_talk_way *way = &talk->from;
	switch (way->head[0] & 0x3f) {
	case LOGIN_RESPONSE:
		return heard_keys(talk, err);
	case RESPONSE:
		return way->head[3] == CHECK_CONDITION ? heard_sense(way, err) : 0;
	default:
		return 0;
	}
}

/* ---- streams ---- */

/* The first bytes of data are kept, to be looked at. */
static void keep_data(struct lun_talk_way *way, const uint8_t *buf, size_t len)
{
	size_t data = MIN(len, way->data_len - way->at);
	if (way->at < sizeof(way->body))
		memcpy(way->body + way->at, buf, MIN(data, sizeof(way->body) - way->at));
}

/* The data of a PDU, as far as it is there. Return: bytes. */
static size_t take_data(struct lun_talk_way *way, size_t len)
{
	size_t n = MIN(len, way->left);
	way->at += MIN(n, way->data_len - way->at);
	way->left -= n;
	return n;
}

/* The head of a PDU. Return: bytes; @ret_whole: that was all of it. */
static size_t take_head(struct lun_talk_way *way, size_t size, const uint8_t *buf, size_t len,
			bool *ret_whole)
{
	size_t n = MIN(len, size - way->head_len);
	memcpy(way->head + way->head_len, buf, n);
	way->head_len += n;
	*ret_whole = way->head_len == size;
	if (*ret_whole) {
		way->data_len = get_be(way->head + 5, 3);
		way->left = (way->data_len + 3) & ~(size_t)3;
		way->at = 0;
	}
	return n;
}

typedef int heard_fn(struct lun_talk *talk, struct error *err);

static int step(struct lun_talk *talk, struct lun_talk_way *way, heard_fn *on_head,
		heard_fn *on_body, const uint8_t *buf, size_t len, struct lun_talk_step *ret,
		struct error *err)
{
	int rc = 0;
	size_t size = HEAD_LEN + (talk->digest ? 4 : 0);
	*ret = (struct lun_talk_step){ 0 };
	if (way->head_len < size) {
		bool there;
		ret->n = take_head(way, size, buf, len, &there);
		ret->head = there ? size : 0;
		if (there)
			rc = on_head(talk, err);
	} else {
		keep_data(way, buf, len);
		ret->n = take_data(way, len);
	}
	ret->whole = way->head_len == size && way->left == 0;
	if (rc == 0 && ret->whole) {
		rc = on_body ? on_body(talk, err) : 0;
		way->head_len = 0;
	}
	return rc;
}

int lun_talk_to(struct lun_talk *talk, const uint8_t *buf, size_t len, struct error *err)
{
	struct lun_talk_step did;
	int rc = 0;
	for (; len && rc == 0; buf += did.n, len -= did.n)
		rc = step(talk, &talk->to, asked, NULL, buf, len, &did, err);
	return rc;
}

int lun_talk_from(struct lun_talk *talk, const uint8_t *buf, size_t len, struct lun_talk_step *ret,
		  struct error *err)
{
	return step(talk, &talk->from, heard_head, heard_body, buf, len, ret, err);
}

void lun_talk_skip(struct lun_talk *talk, size_t len, struct lun_talk_step *ret)
{
	struct lun_talk_way *way = &talk->from;
	*ret = (struct lun_talk_step){ .n = take_data(way, len), .whole = way->left == 0 };
	if (ret->whole)
		way->head_len = 0;
}

bool lun_talk_data(const struct lun_talk *talk, uint32_t *ret_tag, uint32_t *ret_place,
		   size_t *ret_len)
{
	const struct lun_talk_way *way = &talk->from;
	if (talk->digest || way->head_len < HEAD_LEN || (way->head[0] & 0x3f) != DATA_IN)
		return false;
	*ret_tag = (uint32_t)get_be(way->head + 16, 4);
	*ret_place = (uint32_t)(get_be(way->head + 40, 4) + way->at);
	*ret_len = way->data_len - way->at;
	return true;
}
