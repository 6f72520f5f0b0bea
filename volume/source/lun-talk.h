/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lun-talk - what goes over the wire to a target and back, as it is allowed to.
 *
 * libiscsi believes a target: it looks at no number of a piece of data and hardly at its place,
 * asks for no answer that nobody gave, and has loops that a target leads. So both directions of a
 * connection are read here first, head by head, and whatever cannot be an answer to what was asked
 * ends the session before libiscsi sees it. What cannot be told: other bytes of the right length in
 * the right place.
 *
 * Source: RFC 7143, chapter 11. All numbers are big-endian.
 */
#ifndef LUN_TALK_H
#define LUN_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"

enum {
	LUN_TALK_TASKS = 128,   /* that wait for an answer, or for who wants to know what came */
	LUN_TALK_BODY = 8192,   /* of a PDU that is looked at; a login has no more */
	LUN_TALK_DATA = 262144, /* of any PDU: libiscsi says to the target that it takes so much */
	LUN_TALK_NOPS = 1000,   /* in a second */
};

/**
 * struct lun_talk_task - what was asked
 * @answer: opcode of its answer; 0: the place is free
 * @tag: of it and of its answer
 * @expected: bytes of data that are to come
 * @got: of these, in their order
 * @pieces: PDUs that they came in
 * @gap: a piece was not behind the one before it
 * @done: it was answered
 */
struct lun_talk_task {
	uint8_t answer;
	uint32_t tag;
	uint32_t expected;
	uint32_t got;
	uint32_t pieces;
	bool gap;
	bool done;
};

/**
 * struct lun_talk_way - one direction
 * @head: of the PDU that is on its way, with its digest, @head_len bytes so far
 * @left: bytes of data and padding that are still to come of it, of @data_len
 * @body: the first bytes of data, of which @at are there
 */
struct lun_talk_way {
	uint8_t head[52];
	size_t head_len;
	size_t left;
	size_t data_len;
	size_t at;
	uint8_t body[LUN_TALK_BODY];
};

/**
 * struct lun_talk - a connection, from its first byte; begins with zeros
 * @full: the login is done
 * @digest: heads have a digest behind them, since then
 * @nops: that came since @nops_since
 */
struct lun_talk {
	struct lun_talk_way to, from;
	struct lun_talk_task tasks[LUN_TALK_TASKS];
	bool full;
	bool digest;
	bool digest_next;
	unsigned int nops;
	int64_t nops_since;
};

/* What goes to the target, in any pieces. Return: 0; -EPROTO: more than can be. */
int lun_talk_to(struct lun_talk *talk, const uint8_t *buf, size_t len, struct error *err);

/**
 * struct lun_talk_step - what was looked at
 * @n: bytes, at least one
 * @head: with them a head of so many bytes is there, in @from of the talk; or 0
 * @whole: with them a PDU is
 */
struct lun_talk_step {
	size_t n;
	size_t head;
	bool whole;
};

/* The next of what came from it: of a head, or of data. Return: 0; -EPROTO: what cannot be. */
int lun_talk_from(struct lun_talk *talk, const uint8_t *buf, size_t len, struct lun_talk_step *ret,
		  struct error *err);

/* The same of so many bytes that lun_talk_data() told of. */
void lun_talk_skip(struct lun_talk *talk, size_t len, struct lun_talk_step *ret);

/*
 * Whether data of a Data-In comes next; and where it belongs, when heads have no digest.
 *
 * @ret_place: in what was asked for under @ret_tag, @ret_len: bytes, without those that fill up
 */
bool lun_talk_data(const struct lun_talk *talk, uint32_t *ret_tag, uint32_t *ret_place,
		   size_t *ret_len);

/*
 * How much data came for a command that was answered; it is forgotten.
 *
 * @ret_gap: and not all of it in its place. Return: 0 bytes for one that is not known.
 */
size_t lun_talk_got(struct lun_talk *talk, uint32_t tag, bool *ret_gap);

#endif
