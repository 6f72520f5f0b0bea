/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * direct - see direct.h.
 *
 * The kernel has a cache for a disk, another for each of its partitions and another for each volume
 * on it, and they do not know of each other: a disk that is in use can only be read past them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"
#include "lunette/source.h"
#include "lunette/util.h"

/* No device has larger sectors; memory and offsets are aligned to this. */
#define ALIGN 4096u
#define PIECE (64u << 10)

struct direct {
	struct blk blk;
	int fd;
	char path[];
};

static int read_piece(struct direct *d, uint8_t *piece, size_t len, uint64_t off, struct error *err)
{
	size_t have = 0;
	while (have < len) {
		ssize_t n = pread(d->fd, piece + have, PIECE - have, (off_t)(off + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "read '%s' at offset %" PRIu64 ": %m",
					 d->path, off);
		if (n == 0)
			return error_set(err, -EIO, "'%s' ends at offset %" PRIu64, d->path,
					 off + have);
		have += (size_t)n;
	}
	return 0;
}

static int direct_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct direct *d = (struct direct *)blk;
	CLEANUP(free_cleanup) uint8_t *piece = aligned_alloc(ALIGN, PIECE);
	if (!piece)
		return error_set(err, -ENOMEM, "read '%s': %m", d->path);
	while (len) {
		uint64_t from = off & ~(uint64_t)(ALIGN - 1);
		size_t skip = (size_t)(off - from), take = MIN(len, PIECE - skip);
		int rc = read_piece(d, piece, skip + take, from, err);
		if (rc < 0)
			return rc;
		memcpy(buf, piece + skip, take);
		buf = (char *)buf + take;
		len -= take;
		off += take;
	}
	return 0;
}

static void direct_destroy(struct blk *blk)
{
	struct direct *d = (struct direct *)blk;
	close(d->fd);
	free(d);
}

static const struct blk_ops direct_ops = {
	.name = "direct",
	.leaf = true,
	.read = direct_read,
	.destroy = direct_destroy,
};

int direct_open(const char *path, struct blk **ret, struct error *err)
{
	CLEANUP(blk_unref_cleanup) struct blk *measured = NULL;
	int rc = blk_file_open(path, &measured, err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "open '%s': %m", path);
	size_t room = strlen(path) + 1;
	struct direct *d = malloc(sizeof(*d) + room);
	if (!d)
		return error_set(err, -ENOMEM, "open '%s': %m", path);
	blk_init(&d->blk, &direct_ops, measured->size, measured->sector);
	memcpy(d->path, path, room);
	d->fd = steal_fd(&fd);
	*ret = &d->blk;
	return 0;
}
