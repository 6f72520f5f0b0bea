/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nbd-wire - the numbers of the NBD protocol that are used here, and its streams. All numbers are
 * big-endian.
 *
 * Source: the NBD project's doc/proto.md.
 */
#ifndef AGENT_NBD_WIRE_H
#define AGENT_NBD_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "lunette/blk.h"
#include "lunette/bytes.h"

#define NBD_MAGIC        UINT64_C(0x4e42444d41474943)
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define NBD_ANSWER_MAGIC UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST      0x25609513u
#define NBD_SIMPLE       0x67446698u
#define NBD_CHUNK        0x668e33efu

/* Of the handshake. */
#define NBD_FIXED_NEWSTYLE 1u
#define NBD_NO_ZEROES      2u

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED = 8,
	NBD_OPT_LIST_META = 9,
	NBD_OPT_SET_META = 10,
};

enum nbd_answer {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META = 4,
};
#define NBD_REP_UNSUPPORTED 0x80000001u
#define NBD_REP_INVALID     0x80000003u

enum { NBD_INFO_EXPORT = 0, NBD_INFO_BLOCK_SIZE = 3 };

/* Flags of an export: has flags, read-only, several connections see the same. */
#define NBD_EXPORT_FLAGS (1u | 2u | 256u)

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_DISCONNECT = 2,
	NBD_CMD_BLOCK_STATUS = 7,
};
#define NBD_FLAG_REQ_ONE 8u

#define NBD_CHUNK_DONE         1u
#define NBD_CHUNK_NONE         0u
#define NBD_CHUNK_DATA         1u
#define NBD_CHUNK_BLOCK_STATUS 5u
#define NBD_CHUNK_ERROR        0x8001u

#define NBD_STATE_HOLE 1u
#define NBD_STATE_ZERO 2u

/* The protocol's own: Linux has the same numbers, other systems need not. */
enum nbd_errno {
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};
#define NBD_WHY_MAX 4096 /* a string, in bytes */

/**
 * struct nbd - one conversation
 * @no_zeroes: the client does not want 124 bytes of nothing
 * @structured: it understands chunks
 * @allocation: it wants to know what is a hole, as context 1
 */
struct nbd {
	int in;
	int out;
	struct blk *blk;
	bool no_zeroes;
	bool structured;
	bool allocation;
};

/* Reads all of it. Return: 0; -ENODATA when the stream ends before its first byte; -EPROTO when it
 * ends later; negative errno. */
int nbd_get(struct nbd *nbd, void *buf, size_t len, struct error *err);

int nbd_put(struct nbd *nbd, const void *buf, size_t len, struct error *err);

/* Numbers to the wire. Each returns the place behind. */
static inline uint8_t *nbd_set16(uint8_t *p, unsigned int n)
{
	uint16_t be = htobe16((uint16_t)n);
	memcpy(p, &be, sizeof(be));
	return p + sizeof(be);
}

static inline uint8_t *nbd_set32(uint8_t *p, uint32_t n)
{
	n = htobe32(n);
	memcpy(p, &n, sizeof(n));
	return p + sizeof(n);
}

static inline uint8_t *nbd_set64(uint8_t *p, uint64_t n)
{
	n = htobe64(n);
	memcpy(p, &n, sizeof(n));
	return p + sizeof(n);
}

/* ---- nbd-options.c ---- */

/*
 * The handshake. Return: 1 when requests follow; 0 when the client went; negative errno.
 */
int nbd_negotiate(struct nbd *nbd, struct error *err);

#endif
