/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-nbd - what a program serves as NBD on its standard streams, as a blk.
 *
 * libnbd starts the program, and any thread may use its handle: one request after the other goes
 * over the stream. It is the way to a disk that only another machine can read: the program is ssh.
 *
 * libnbd is loaded when it is first wanted: what it needs in turn (TLS, XML, tables of characters)
 * would be half of the time that every start of the program takes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "lunette/source.h"
#include "lunette/util.h"

/* The longest read of one request, well below what every server takes. */
#define PIECE (4u << 20)
/* How far one question about extents reaches. */
#define REACH (1u << 30)

/* ---- the library ------------------------------------------------------------------------------
 */

#define LIBRARY "libnbd.so.0"

static struct nbd_library {
	__typeof__(nbd_create) *create;
	__typeof__(nbd_close) *close;
	__typeof__(nbd_shutdown) *shutdown;
	__typeof__(nbd_add_meta_context) *add_meta_context;
	__typeof__(nbd_connect_command) *connect_command;
	__typeof__(nbd_get_size) *get_size;
	__typeof__(nbd_can_meta_context) *can_meta_context;
	__typeof__(nbd_pread) *pread;
	__typeof__(nbd_block_status) *block_status;
	__typeof__(nbd_get_errno) *get_errno;
	__typeof__(nbd_get_error) *get_error;
	char why[256]; /* it cannot be had; "" when it can */
} nbd;

static void load(void)
{
	const struct {
		const char *name;
		void **ret;
	} functions[] = {
		{ "nbd_create", (void **)&nbd.create },
		{ "nbd_close", (void **)&nbd.close },
		{ "nbd_shutdown", (void **)&nbd.shutdown },
		{ "nbd_add_meta_context", (void **)&nbd.add_meta_context },
		{ "nbd_connect_command", (void **)&nbd.connect_command },
		{ "nbd_get_size", (void **)&nbd.get_size },
		{ "nbd_can_meta_context", (void **)&nbd.can_meta_context },
		{ "nbd_pread", (void **)&nbd.pread },
		{ "nbd_block_status", (void **)&nbd.block_status },
		{ "nbd_get_errno", (void **)&nbd.get_errno },
		{ "nbd_get_error", (void **)&nbd.get_error },
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < ARRAY_SIZE(functions); i++) {
		*functions[i].ret = dlsym(library, functions[i].name);
		if (!*functions[i].ret)
			library = NULL;
	}
	if (!library)
		snprintf(nbd.why, sizeof(nbd.why), "%s", dlerror());
}

static int need_library(struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, load);
	return nbd.why[0] ? error_set(err, -ENOENT, "NBD needs " LIBRARY ": %s", nbd.why) : 0;
}

/* ---- the blk ----------------------------------------------------------------------------------
 */

struct blk_nbd {
	struct blk blk;
	struct nbd_handle *nbd;
	bool allocation; /* the server can tell holes */
	char name[];
};

/* libnbd's text belongs to this thread. */
static int failed(struct error *err, const char *name, const char *what)
{
	int code = nbd.get_errno();
	return error_set(err, code > 0 ? -code : -EREMOTEIO, "'%s': %s: %s", name, what,
			 nbd.get_error());
}

static int nbd_blk_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct blk_nbd *b = (struct blk_nbd *)blk;
	while (len) {
		size_t take = MIN(len, (size_t)PIECE);
		if (nbd.pread(b->nbd, buf, take, off, 0) < 0)
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
	if (nbd.block_status(b->nbd, MIN(blk->size - off, (uint64_t)REACH), off, callback, 0) < 0)
		return failed(err, b->name, "ask for extents");
	if (a.extent.length)
		*ret = a.extent;
	return 0;
}

static void nbd_blk_destroy(struct blk *blk)
{
	struct blk_nbd *b = (struct blk_nbd *)blk;
	nbd.shutdown(b->nbd, 0);
	nbd.close(b->nbd);
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
	int rc = need_library(err);
	if (rc < 0)
		return rc;
	size_t room = strlen(name) + 1;
	struct blk_nbd *b = calloc(1, sizeof(*b) + room);
	if (!b)
		return error_set(err, -ENOMEM, "open '%s': %m", name);
	memcpy(b->name, name, room);
	b->nbd = nbd.create();
	int64_t size = -1;
	if (!b->nbd || nbd.add_meta_context(b->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
	    nbd.connect_command(b->nbd, (char **)argv) < 0 || (size = nbd.get_size(b->nbd)) < 0)
		rc = failed(err, name, "connect");
	if (rc < 0) {
		nbd.close(b->nbd);
		free(b);
		return rc;
	}
	b->allocation = nbd.can_meta_context(b->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
	blk_init(&b->blk, &nbd_blk_ops, (uint64_t)size, 512);
	b->blk.depth = 2; /* the handle answers one at a time: another is ready when it has */
	*ret = &b->blk;
	return 0;
}
