/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-nbd - what a program serves as NBD on its standard streams, as a blk.
 *
 * libnbd starts the program, and any thread may use its handle: one request after the other goes
 * over the stream. It is the way to a disk that only another machine can read: the program is ssh.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "lunette/source.h"
#include "lunette/util.h"

/* The longest read of one request, well below what every server takes. */
#define PIECE (4u << 20)
/* How far one question about extents reaches. */
#define REACH (1u << 30)

struct blk_nbd {
	struct blk blk;
	struct nbd_handle *nbd;
	bool allocation; /* the server can tell holes */
	char name[];
};

/* libnbd's text belongs to this thread. */
static int failed(struct error *err, const char *name, const char *what)
{
	int code = nbd_get_errno();
	return error_set(err, code > 0 ? -code : -EIO, "'%s': %s: %s", name, what, nbd_get_error());
}

static int nbd_blk_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct blk_nbd *b = (struct blk_nbd *)blk;
	while (len) {
		size_t take = MIN(len, (size_t)PIECE);
		if (nbd_pread(b->nbd, buf, take, off, 0) < 0)
			return failed(err, b->name, "read");
		buf = (char *)buf + take;
		len -= take;
		off += take;
	}
	return 0;
}

/* The answer to one question about extents, joined as long as they are of one kind. */
struct nbd_extents_answer {
	bool set;
	bool ended;
	struct blk_extent extent;
};

static int take_extents(void *ctx, const char *context, uint64_t off, uint32_t *entries, size_t n,
			int *error)
{
	struct nbd_extents_answer *a = ctx;
	(void)off;
	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
		return 0;
	for (size_t i = 0; i + 1 < n && !a->ended; i += 2) {
		bool zero = entries[i + 1] & LIBNBD_STATE_ZERO;
		if (!a->set)
			a->extent = (struct blk_extent){ .zero = zero };
		a->set = true;
		a->ended = zero != a->extent.zero;
		if (!a->ended)
			a->extent.length += entries[i];
	}
	return 0;
}

static int nbd_blk_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct blk_nbd *b = (struct blk_nbd *)blk;
	if (!b->allocation)
		return 0; /* all is data: the answer that was filled in in front */
	struct nbd_extents_answer a = { 0 };
	nbd_extent_callback callback = { .callback = take_extents, .user_data = &a };
	if (nbd_block_status(b->nbd, MIN(blk->size - off, (uint64_t)REACH), off, callback, 0) < 0)
		return failed(err, b->name, "ask for extents");
	if (a.extent.length)
		*ret = a.extent;
	return 0;
}

static void nbd_blk_destroy(struct blk *blk)
{
	struct blk_nbd *b = (struct blk_nbd *)blk;
	nbd_shutdown(b->nbd, 0);
	nbd_close(b->nbd);
	free(b);
}

static const struct blk_ops nbd_blk_ops = {
	.name = "nbd",
	.leaf = true,
	.read = nbd_blk_read,
	.extent = nbd_blk_extent,
	.destroy = nbd_blk_destroy,
};

int blk_nbd_open(char *const argv[], const char *name, struct blk **ret, struct error *err)
{
	size_t room = strlen(name) + 1;
	struct blk_nbd *b = calloc(1, sizeof(*b) + room);
	if (!b)
		return error_set(err, -ENOMEM, "open '%s': %m", name);
	memcpy(b->name, name, room);
	b->nbd = nbd_create();
	int rc = 0;
	int64_t size = -1;
	if (!b->nbd || nbd_add_meta_context(b->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
	    nbd_connect_command(b->nbd, (char **)argv) < 0 || (size = nbd_get_size(b->nbd)) < 0)
		rc = failed(err, name, "connect");
	if (rc < 0) {
		nbd_close(b->nbd);
		free(b);
		return rc;
	}
	b->allocation = nbd_can_meta_context(b->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
	blk_init(&b->blk, &nbd_blk_ops, (uint64_t)size, 512);
	b->blk.depth = 2; /* the handle answers one at a time: another is ready when it has */
	*ret = &b->blk;
	return 0;
}
