/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nbd-options - the handshake: what the client wants and what there is. See nbd.h. */
#include <errno.h>
#include <stdlib.h>

#include "nbd-wire.h"

/* The longest option that has a meaning here: names of 4096 bytes, and a few queries. */
#define OPTION_MAX 16384u
/* A client that goes on asking means no good. */
#define OPTIONS_MAX 64

#define CONTEXT    "base:allocation"
#define CONTEXT_ID 1u

/* What a client may ask for at once; and what suits a disk. */
#define BLOCK_MIN  1u
#define BLOCK_BEST 65536u
#define BLOCK_MAX  (32u << 20)

static int answer(struct nbd *nbd, uint32_t option, uint32_t type, const void *data, uint32_t len,
		  struct error *err)
{
	uint8_t head[20];
	nbd_set32(nbd_set32(nbd_set32(nbd_set64(head, NBD_ANSWER_MAGIC), option), type), len);
	int rc = nbd_put(nbd, head, sizeof(head), err);
	return rc < 0 ? rc : nbd_put(nbd, data, len, err);
}

static int acknowledge(struct nbd *nbd, uint32_t option, struct error *err)
{
	return answer(nbd, option, NBD_REP_ACK, NULL, 0, err);
}

/* Old clients end the handshake in this way, without an answer. */
static int answer_export_name(struct nbd *nbd, struct error *err)
{
	uint8_t reply[10 + 124] = { 0 };
	nbd_set16(nbd_set64(reply, nbd->blk->size), NBD_EXPORT_FLAGS);
	int rc = nbd_put(nbd, reply, nbd->no_zeroes ? 10 : sizeof(reply), err);
	return rc < 0 ? rc : 1;
}

/* There is one export, and whatever it is called it is meant. */
static int answer_list(struct nbd *nbd, struct error *err)
{
	static const uint8_t no_name[4];
	int rc = answer(nbd, NBD_OPT_LIST, NBD_REP_SERVER, no_name, sizeof(no_name), err);
	return rc < 0 ? rc : acknowledge(nbd, NBD_OPT_LIST, err);
}

static int answer_go(struct nbd *nbd, uint32_t option, const uint8_t *data, uint32_t len,
		     struct error *err)
{
	uint32_t name = len >= 6 ? (uint32_t)get_be(data, 4) : 0;
	if (len < 6 || name > len - 6 ||
	    (uint64_t)(uint16_t)get_be(data + 4 + name, 2) * 2 != len - 6 - name)
		return answer(nbd, option, NBD_REP_INVALID, NULL, 0, err);
	uint8_t export[12], block[14];
	nbd_set16(nbd_set64(nbd_set16(export, NBD_INFO_EXPORT), nbd->blk->size), NBD_EXPORT_FLAGS);
	nbd_set32(
		nbd_set32(nbd_set32(nbd_set16(block, NBD_INFO_BLOCK_SIZE), BLOCK_MIN), BLOCK_BEST),
		BLOCK_MAX);
	int rc = answer(nbd, option, NBD_REP_INFO, export, sizeof(export), err);
	if (rc == 0)
		rc = answer(nbd, option, NBD_REP_INFO, block, sizeof(block), err);
	if (rc == 0)
		rc = acknowledge(nbd, option, err);
	return rc < 0 ? rc : option == NBD_OPT_GO;
}

/* Whether one of the queries means the context that there is; -1 when they are not well formed. */
static int finds_context(const uint8_t *data, uint32_t len, bool listing)
{
	static const char context[] = CONTEXT;
	uint32_t name = len >= 8 ? (uint32_t)get_be(data, 4) : 0;
	if (len < 8 || name > len - 8)
		return -1;
	const uint8_t *p = data + 4 + name, *end = data + len;
	uint32_t queries = (uint32_t)get_be(p, 4);
	bool found = listing && queries == 0;
	p += 4;
	for (; queries; queries--) {
		if (end - p < 4 || (uint32_t)get_be(p, 4) > end - p - 4)
			return -1;
		uint32_t n = (uint32_t)get_be(p, 4);
		p += 4;
		found |= n == sizeof(context) - 1 && memcmp(p, context, n) == 0;
		found |= listing && n == 5 && memcmp(p, "base:", n) == 0;
		p += n;
	}
	return p == end ? found : -1;
}

static int answer_meta(struct nbd *nbd, uint32_t option, const uint8_t *data, uint32_t len,
		       struct error *err)
{
	int found = finds_context(data, len, option == NBD_OPT_LIST_META);
	if (found < 0 || !nbd->structured)
		return answer(nbd, option, NBD_REP_INVALID, NULL, 0, err);
	if (option == NBD_OPT_SET_META)
		nbd->allocation = found;
	uint8_t reply[4 + sizeof(CONTEXT) - 1];
	memcpy(nbd_set32(reply, CONTEXT_ID), CONTEXT, sizeof(CONTEXT) - 1);
	int rc = found ? answer(nbd, option, NBD_REP_META, reply, sizeof(reply), err) : 0;
	return rc < 0 ? rc : acknowledge(nbd, option, err);
}

/* Return: 1 when requests follow; 0 to go on; -ESHUTDOWN when the client has said good-bye. */
static int answer_option(struct nbd *nbd, uint32_t option, const uint8_t *data, uint32_t len,
			 struct error *err)
{
	int rc;
	switch (option) {
	case NBD_OPT_EXPORT_NAME:
		return answer_export_name(nbd, err);
	case NBD_OPT_LIST:
		return answer_list(nbd, err);
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return answer_go(nbd, option, data, len, err);
	case NBD_OPT_LIST_META:
	case NBD_OPT_SET_META:
		return answer_meta(nbd, option, data, len, err);
	case NBD_OPT_STRUCTURED:
		nbd->structured = true;
		return acknowledge(nbd, option, err);
	case NBD_OPT_ABORT:
		rc = acknowledge(nbd, option, err);
		return rc < 0 ? rc : error_set(err, -ESHUTDOWN, "the client has gone");
	default:
		return answer(nbd, option, NBD_REP_UNSUPPORTED, NULL, 0, err);
	}
}

static int greet(struct nbd *nbd, struct error *err)
{
	uint8_t hello[18], flags[4];
	nbd_set16(nbd_set64(nbd_set64(hello, NBD_MAGIC), NBD_OPTION_MAGIC),
		  NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	int rc = nbd_put(nbd, hello, sizeof(hello), err);
	if (rc == 0)
		rc = nbd_get(nbd, flags, sizeof(flags), err);
	if (rc < 0)
		return rc;
	if (!((uint32_t)get_be(flags, 4) & NBD_FIXED_NEWSTYLE))
		return error_set(err, -EPROTO, "the client speaks an old kind of NBD");
	nbd->no_zeroes = (uint32_t)get_be(flags, 4) & NBD_NO_ZEROES;
	return 0;
}

int nbd_negotiate(struct nbd *nbd, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *data = malloc(OPTION_MAX);
	if (!data)
		return error_set(err, -ENOMEM, "NBD: %m");
	int rc = greet(nbd, err);
	for (int i = 0; rc == 0 && i < OPTIONS_MAX; i++) {
		uint8_t head[16];
		rc = nbd_get(nbd, head, sizeof(head), err);
		if (rc < 0)
			break;
		uint32_t option = (uint32_t)get_be(head + 8, 4),
			 len = (uint32_t)get_be(head + 12, 4);
		if (get_be(head, 8) != NBD_OPTION_MAGIC || len > OPTION_MAX)
			return error_set(err, -EPROTO, "the client sent an option that is none");
		rc = nbd_get(nbd, data, len, err);
		if (rc == 0)
			rc = answer_option(nbd, option, data, len, err);
	}
	if (rc == 0)
		return error_set(err, -EPROTO, "the client asks for options only");
	return rc == -ENODATA || rc == -ESHUTDOWN ? 0 : rc;
}
