/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nbd - see nbd.h.
 *
 * The client is a stranger: a request of any length is served from one small buffer, and one that
 * does not fit the disk is refused without being looked at further.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nbd-wire.h"
#include "nbd.h"

#define PIECE       (256u << 10)
#define EXTENTS_MAX 1024

/* ---- replies ---- */

/* One of the client's. */
struct nbd_request {
	unsigned int flags;
	unsigned int type;
	uint64_t cookie;
	uint64_t off;
	uint32_t len;
};

static int put_simple(struct nbd *nbd, const struct nbd_request *r, uint32_t error,
		      struct error *err)
{
	uint8_t head[16];
	nbd_set64(nbd_set32(nbd_set32(head, NBD_SIMPLE), error), r->cookie);
	return nbd_put(nbd, head, sizeof(head), err);
}

static int put_chunk(struct nbd *nbd, const struct nbd_request *r, bool done, unsigned int type,
		     const void *payload, uint32_t len, struct error *err)
{
	uint8_t head[20], *p = nbd_set32(head, NBD_CHUNK);
	p = nbd_set16(nbd_set16(p, done ? NBD_CHUNK_DONE : 0), type);
	nbd_set32(nbd_set64(p, r->cookie), len);
	int rc = nbd_put(nbd, head, sizeof(head), err);
	return rc < 0 ? rc : nbd_put(nbd, payload, len, err);
}

/*
 * EIO says that these bytes cannot be read, and that others can: a client that saves what can be
 * saved goes on behind them. So it is said of nothing else; what the protocol has no word for is
 * that there is nothing more to be had here.
 */
static enum nbd_errno code_of_failure(int rc)
{
	switch (-rc) {
	case EIO:
		return NBD_EIO;
	case EPERM:
	case EACCES:
		return NBD_EPERM;
	case ENOMEM:
		return NBD_ENOMEM;
	case EINVAL:
	case ERANGE:
		return NBD_EINVAL;
	case EOVERFLOW:
		return NBD_EOVERFLOW;
	case EOPNOTSUPP:
		return NBD_ENOTSUP;
	default:
		return NBD_ESHUTDOWN;
	}
}

static int refuse(struct nbd *nbd, const struct nbd_request *r, enum nbd_errno code,
		  const char *why, struct error *err)
{
	uint8_t payload[6 + sizeof(((struct error *)NULL)->msg)];
	_Static_assert(sizeof(payload) <= NBD_WHY_MAX, "the protocol has room for every message");
	size_t len = nbd->structured ? strlen(why) : 0;
	memcpy(nbd_set16(nbd_set32(payload, code), (unsigned int)len), why, len);
	return nbd->structured
		       ? put_chunk(nbd, r, true, NBD_CHUNK_ERROR, payload, (uint32_t)(6 + len), err)
		       : put_simple(nbd, r, code, err);
}

/* ---- requests ---- */

/* Every piece is a chunk of its own: one that cannot be read spoils no other. */
static int serve_chunks(struct nbd *nbd, const struct nbd_request *r, uint8_t *piece,
			struct error *err)
{
	uint64_t off = r->off, end = r->off + r->len;
	while (off < end) {
		uint32_t take = (uint32_t)MIN(end - off, (uint64_t)PIECE);
		struct error why = { 0 };
		int rc = blk_read(nbd->blk, piece + 8, take, off, &why);
		if (rc < 0)
			return refuse(nbd, r, code_of_failure(rc), why.msg, err);
		nbd_set64(piece, off);
		off += take;
		rc = put_chunk(nbd, r, off == end, NBD_CHUNK_DATA, piece, take + 8, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* After the head of a simple reply there is no way to say that something went wrong but to go. */
static int serve_simple(struct nbd *nbd, const struct nbd_request *r, uint8_t *piece,
			struct error *err)
{
	uint64_t off = r->off, end = r->off + r->len;
	while (off < end) {
		size_t take = (size_t)MIN(end - off, (uint64_t)PIECE);
		int rc = blk_read(nbd->blk, piece, take, off, err);
		if (rc < 0 && off == r->off)
			return refuse(nbd, r, code_of_failure(rc), "", err);
		if (rc == 0 && off == r->off)
			rc = put_simple(nbd, r, 0, err);
		if (rc == 0)
			rc = nbd_put(nbd, piece, take, err);
		if (rc < 0)
			return rc;
		off += take;
	}
	return 0;
}

static int serve_status(struct nbd *nbd, const struct nbd_request *r, struct error *err)
{
	uint8_t payload[4 + EXTENTS_MAX * 8], *p = nbd_set32(payload, 1);
	uint64_t off = r->off, end = r->off + r->len;
	size_t most = r->flags & NBD_FLAG_REQ_ONE ? 1 : EXTENTS_MAX;
	for (size_t n = 0; off < end && n < most; n++) {
		struct blk_extent extent;
		if (blk_extent(nbd->blk, off, &extent, NULL) < 0)
			extent = (struct blk_extent){ .length = end - off };
		uint32_t len = (uint32_t)MIN(extent.length, end - off);
		p = nbd_set32(p, len);
		p = nbd_set32(p, extent.zero ? NBD_STATE_HOLE | NBD_STATE_ZERO : 0);
		off += len;
	}
	return put_chunk(nbd, r, true, NBD_CHUNK_BLOCK_STATUS, payload, (uint32_t)(p - payload),
			 err);
}

static int serve(struct nbd *nbd, const struct nbd_request *r, uint8_t *piece, struct error *err)
{
	if (r->len == 0 || !range_inside(r->len, r->off, nbd->blk->size))
		return refuse(nbd, r, NBD_EINVAL, "the disk is not that large", err);
	switch (r->type) {
	case NBD_CMD_READ:
		return nbd->structured ? serve_chunks(nbd, r, piece, err)
				       : serve_simple(nbd, r, piece, err);
	case NBD_CMD_BLOCK_STATUS:
		return nbd->allocation ? serve_status(nbd, r, err)
				       : refuse(nbd, r, NBD_EINVAL, "nobody asked for holes", err);
	default:
		return refuse(nbd, r, NBD_EINVAL, "there is no such request here", err);
	}
}

static int get_request(struct nbd *nbd, struct nbd_request *ret, struct error *err)
{
	uint8_t head[28];
	int rc = nbd_get(nbd, head, sizeof(head), err);
	if (rc < 0)
		return rc;
	*ret = (struct nbd_request){ .flags = (uint16_t)get_be(head + 4, 2),
				     .type = (uint16_t)get_be(head + 6, 2),
				     .cookie = get_be(head + 8, 8),
				     .off = get_be(head + 16, 8),
				     .len = (uint32_t)get_be(head + 24, 4) };
	/* The data of a write would come behind it, and it was told that there are none. */
	if ((uint32_t)get_be(head, 4) != NBD_REQUEST || ret->type == 1)
		return error_set(err, -EPROTO, "the NBD client sent a request that is none");
	return 0;
}

int nbd_serve(int in, int out, struct blk *blk, struct error *err)
{
	struct nbd nbd = { .in = in, .out = out, .blk = blk };
	CLEANUP(free_cleanup) uint8_t *piece = malloc(PIECE + 8);
	if (!piece)
		return error_set(err, -ENOMEM, "NBD: %m");
	int rc = nbd_negotiate(&nbd, err);
	if (rc <= 0)
		return rc;
	for (;;) {
		struct nbd_request r;
		rc = get_request(&nbd, &r, err);
		if (rc == -ENODATA || (rc == 0 && r.type == NBD_CMD_DISCONNECT))
			return 0;
		if (rc == 0)
			rc = serve(&nbd, &r, piece, err);
		if (rc < 0)
			return rc;
	}
}
