/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blk-file - an image file or a block device as a blk.
 *
 * Its one idea: the kernel already knows everything. Size and sector come from the device, holes
 * from SEEK_DATA, and pread() may be called by any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lunette/source.h"

struct blk_file {
	struct blk blk;
	int fd;
	bool holes; /* the kernel can tell holes from data here */
	char path[];
};

static int file_read(struct blk *blk, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct blk_file *file = (struct blk_file *)blk;
	while (len) {
		ssize_t n = pread(file->fd, buf, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "read '%s' at offset %" PRIu64 ": %m",
					 file->path, off);
		if (n == 0)
			return error_set(
				err, -EREMOTEIO,
				"'%s' was cut off while it was read: it ended at offset %" PRIu64
				" of %" PRIu64,
				file->path, off, blk->size);
		buf = (char *)buf + n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

/* SEEK_DATA says ENXIO for a hole up to the end, but also for a file that was cut off meanwhile. */
static int last_hole(struct blk_file *file, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct stat st;
	if (fstat(file->fd, &st) < 0)
		return error_set(err, -errno, "stat '%s': %m", file->path);
	if ((uint64_t)st.st_size < file->blk.size)
		return error_set(err, -EREMOTEIO,
				 "'%s' was cut off while it was read: it has %" PRIu64
				 " bytes, not %" PRIu64,
				 file->path, (uint64_t)st.st_size, file->blk.size);
	*ret = (struct blk_extent){ .length = file->blk.size - off, .zero = true };
	return 0;
}

static int file_extent(struct blk *blk, uint64_t off, struct blk_extent *ret, struct error *err)
{
	struct blk_file *file = (struct blk_file *)blk;
	if (!file->holes)
		return 0;
	off_t data = lseek(file->fd, (off_t)off, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return last_hole(file, off, ret, err);
	if (data > (off_t)off) {
		*ret = (struct blk_extent){ .length = (uint64_t)data - off, .zero = true };
		return 0;
	}
	/* What the kernel cannot tell is data: the answer that was filled in in front. */
	off_t hole = data < 0 ? -1 : lseek(file->fd, (off_t)off, SEEK_HOLE);
	if (hole > (off_t)off)
		ret->length = (uint64_t)hole - off;
	return 0;
}

static void file_destroy(struct blk *blk)
{
	struct blk_file *file = (struct blk_file *)blk;
	close(file->fd);
	free(file);
}

static const struct blk_ops file_ops = {
	.name = "file",
	.leaf = true,
	.read = file_read,
	.extent = file_extent,
	.destroy = file_destroy,
};

/* The device's own size and logical sector; an image file has sectors of 512 bytes. */
static int measure(int fd, const char *path, uint64_t *size, uint32_t *sector, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "stat '%s': %m", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR,
				 "'%s' is a directory, not an image file or block device", path);
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		*sector = 512;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return error_set(err, -EINVAL, "'%s' is neither an image file nor a block device",
				 path);
	int logical;
	if (ioctl(fd, BLKGETSIZE64, size) < 0 || ioctl(fd, BLKSSZGET, &logical) < 0)
		return error_set(err, -errno, "block device '%s': %m", path);
	if (logical < 512 || logical > 65536 || !is_power_of_2((uint64_t)logical))
		return error_set(err, -EINVAL, "block device '%s' has sectors of %d bytes", path,
				 logical);
	*sector = (uint32_t)logical;
	return 0;
}

int blk_file_open(const char *path, struct blk **ret, struct error *err)
{
	/* O_NONBLOCK: a fifo must not keep us waiting for somebody who writes to it. */
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, -errno, "open '%s': %m", path);
	uint64_t size = 0;
	uint32_t sector = 0;
	int rc = measure(fd, path, &size, &sector, err);
	if (rc < 0)
		return rc;
	size_t room = strlen(path) + 1;
	struct blk_file *file = malloc(sizeof(*file) + room);
	if (!file)
		return error_set(err, -ENOMEM, "open '%s': %m", path);
	blk_init(&file->blk, &file_ops, size, sector);
	memcpy(file->path, path, room);
	/* Where it is unsupported (block devices) it fails with EINVAL; a file all hole is ENXIO.
	 */
	file->holes = lseek(fd, 0, SEEK_DATA) >= 0 || errno == ENXIO;
	file->fd = steal_fd(&fd);
	*ret = &file->blk;
	return 0;
}
