/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target-file - restores to a new image file or to a block device.
 *
 * Its one idea: both are a descriptor that takes pwrite() and fallocate(), which punches a hole in
 * a file and has a device write zeros by itself. Only getting hold of them differs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lunette/target.h"

struct target_file {
	struct target target;
	int fd;
	int dirfd; /* of a new file, whose name must reach stable storage too; else -1 */
	char path[];
};

static int file_write(struct target *target, const void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	struct target_file *file = (struct target_file *)target;
	while (len) {
		ssize_t n = pwrite(file->fd, buf, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "write '%s' at offset %" PRIu64 ": %m",
					 file->path, off);
		buf = (const char *)buf + n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

static int write_zeros(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	static const char zeros[256 * 1024];
	while (len) {
		size_t n = (size_t)MIN(len, (uint64_t)sizeof(zeros));
		int rc = file_write(target, zeros, n, off, err);
		if (rc < 0)
			return rc;
		len -= n;
		off += n;
	}
	return 0;
}

static int file_zero(struct target *target, uint64_t len, uint64_t off, struct error *err)
{
	struct target_file *file = (struct target_file *)target;
	int rc;
	do {
		rc = fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			       (off_t)len);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	/* Not possible on this file system or device, or not for half a sector. */
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
		return write_zeros(target, len, off, err);
	return error_set(err, -errno, "zero %" PRIu64 " bytes of '%s' at offset %" PRIu64 ": %m",
			 len, file->path, off);
}

static int file_flush(struct target *target, struct error *err)
{
	struct target_file *file = (struct target_file *)target;
	if (fsync(file->fd) < 0)
		return error_set(err, -errno, "flush '%s': %m", file->path);
	if (file->dirfd >= 0 && fsync(file->dirfd) < 0)
		return error_set(err, -errno, "flush the directory of '%s': %m", file->path);
	return 0;
}

static void file_destroy(struct target *target)
{
	struct target_file *file = (struct target_file *)target;
	if (file->fd >= 0)
		close(file->fd);
	if (file->dirfd >= 0)
		close(file->dirfd);
	free(file);
}

static const struct target_ops file_ops = {
	.name = "file",
	.write = file_write,
	.zero = file_zero,
	.flush = file_flush,
	.destroy = file_destroy,
};

static struct target_file *file_new(const char *path, uint64_t size)
{
	size_t room = strlen(path) + 1;
	struct target_file *file = malloc(sizeof(*file) + room);
	if (!file)
		return NULL;
	file->target = (struct target){ .ops = &file_ops, .size = size };
	file->fd = -1;
	file->dirfd = -1;
	memcpy(file->path, path, room);
	return file;
}

static int open_directory_of(const char *path)
{
	CLEANUP(free_cleanup) char *copy = strdup(path);
	return copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/*
 * Whoever names a path among the devices means a device. It may not be there, after a slip of the
 * pen or when a disk is gone: a file would be made in memory, and be lost with it. /dev/shm is for
 * files.
 */
static bool is_among_devices(const char *path)
{
	CLEANUP(free_cleanup) char *copy = strdup(path);
	CLEANUP(free_cleanup) char *folder = copy ? realpath(dirname(copy), NULL) : NULL;
	if (!folder) /* what is not known is the safe answer */
		return true;
	size_t len = strlen(folder);
	if (strncmp(folder, "/dev", 4) != 0 || (len > 4 && folder[4] != '/'))
		return false;
	return strncmp(folder, "/dev/shm", 8) != 0 || (len > 8 && folder[8] != '/');
}

/* Of what is no file nobody is told to remove it. */
static int cannot_create(const char *path, int rc, struct error *err)
{
	struct stat st;
	if (rc != -EEXIST)
		return error_set(err, rc, "create '%s': %m", path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, rc, "'%s' is a directory: give the path of a new file in it",
				 path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, rc, "'%s' is neither a block device nor a new file", path);
	return error_set(err, rc,
			 "'%s' is there already, and is not overwritten: remove it, or give "
			 "another path",
			 path);
}

int target_file_create(const char *path, uint64_t size, struct target **ret, struct error *err)
{
	if (size > INT64_MAX)
		return error_set(err, -EFBIG, "create '%s' with %" PRIu64 " bytes: %m", path, size);
	struct target_file *file = file_new(path, size);
	if (!file)
		return error_set(err, -ENOMEM, "create '%s': %m", path);
	CLEANUP(target_free_cleanup) struct target *target = &file->target;
	file->dirfd = open_directory_of(path);
	if (file->dirfd < 0)
		return error_set(err, -errno, "create '%s': the directory that it is to be in: %m",
				 path);
	if (is_among_devices(path) && access(path, F_OK) < 0)
		return error_set(err, -ENODEV,
				 "there is no device '%s', and no file is made among the devices",
				 path);
	file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (file->fd < 0)
		return cannot_create(path, -errno, err);
	if (ftruncate(file->fd, (off_t)size) < 0) {
		int rc = -errno;
		unlink(path);
		return error_set(err, rc, "create '%s' with %" PRIu64 " bytes: %m", path, size);
	}
	*ret = steal(&target);
	return 0;
}

static int in_use(const char *path, struct error *err)
{
	int rc = error_set(err, -EBUSY, "'%s' is mounted or otherwise in use", path);
	return error_mark(err, rc, ERROR_KIND_BUSY);
}

int target_device_open(const char *path, uint64_t size, struct target **ret, struct error *err)
{
	struct target_file *file = file_new(path, size);
	if (!file)
		return error_set(err, -ENOMEM, "open '%s': %m", path);
	CLEANUP(target_free_cleanup) struct target *target = &file->target;
	/* Asked before it is opened: opening a fifo or a tape for writing has effects of its own.
	 */
	struct stat st;
	if (stat(path, &st) < 0)
		return error_set(err, -errno, "open '%s': %m", path);
	if (!S_ISBLK(st.st_mode))
		return error_set(err, -ENOTBLK, "'%s' is not a block device", path);
	/* O_EXCL: the kernel refuses what is mounted, or held by LVM, MD or another restore. */
	file->fd = open(path, O_WRONLY | O_EXCL | O_CLOEXEC);
	if (file->fd < 0)
		return errno == EBUSY ? in_use(path, err)
				      : error_set(err, -errno, "open '%s' for writing: %m", path);
	uint64_t room;
	int locked = 0;
	if (ioctl(file->fd, BLKROGET, &locked) == 0 && locked)
		return error_set(err, -EROFS,
				 "block device '%s' is read-only, and nothing was written; where "
				 "it is meant: blockdev --setrw",
				 path);
	if (fstat(file->fd, &st) < 0 || !S_ISBLK(st.st_mode) ||
	    ioctl(file->fd, BLKGETSIZE64, &room) < 0)
		return error_set(err, -EIO, "size of block device '%s' is not to be had", path);
	if (room < size)
		return error_set(err, -ENOSPC,
				 "block device '%s' is too small: it has %" PRIu64
				 " bytes, %" PRIu64 " are needed",
				 path, room, size);
	*ret = steal(&target);
	return 0;
}
