/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-device - libntfs-3g's way down to the blk, and its way of saying what went wrong.
 *
 * The library reads through a table of device operations; ours read the cached blk, never write,
 * and stop a call that does not come to an end. What the library logs is kept, for the thread that
 * called it, so that it becomes part of our error instead of going to standard error.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

/* What the library said first during the present call of this thread: the rest is about it. */
static _Thread_local char said[160];

__attribute__((format(printf, 6, 0))) static int keep_words(const char *function, const char *file,
							    int line, u32 level, void *data,
							    const char *format, va_list args)
{
	(void)function;
	(void)file;
	(void)line;
	(void)data;
	if (said[0] != '\0' ||
	    !(level & (NTFS_LOG_LEVEL_ERROR | NTFS_LOG_LEVEL_PERROR | NTFS_LOG_LEVEL_CRITICAL)))
		return 0;
	vsnprintf(said, sizeof(said), format, args);
	for (char *c = said; *c; c++)
		if (*c == '\n')
			*c = ' ';
	size_t len = strlen(said);
	while (len > 0 && (said[len - 1] == ' ' || said[len - 1] == '.'))
		said[--len] = '\0';
	return 0;
}

static void take_log(void)
{
	ntfs_log_set_handler(keep_words);
}

static struct fs_ntfs *of(struct ntfs_device *dev)
{
	return dev->d_private;
}

static int device_open(struct ntfs_device *dev, int flags)
{
	(void)flags;
	NDevSetReadOnly(dev);
	return 0;
}

static int device_nothing(struct ntfs_device *dev)
{
	(void)dev;
	return 0;
}

/* Only asked by the library to find out whether there is a byte at @offset. */
static s64 device_seek(struct ntfs_device *dev, s64 offset, int whence)
{
	if (whence != SEEK_SET || offset < 0 || (uint64_t)offset >= of(dev)->fs.blk->size) {
		errno = EINVAL;
		return -1;
	}
	return offset;
}

/*
 * The library refuses a volume whose mirror of the first MFT records is stale, as it may be in a
 * snapshot of a running server. The MFT itself is what counts, so the mirror is read from there.
 */
static uint64_t without_mirror(const struct ntfs_boot *boot, uint64_t len, uint64_t off)
{
	uint64_t mirror = MAX(boot->cluster, 4 * boot->record);
	if (off >= boot->mirror && range_inside(len, off - boot->mirror, mirror))
		return boot->mft + (off - boot->mirror);
	return off;
}

static s64 device_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
	struct fs_ntfs *ntfs = of(dev);
	if (count < 0 || offset < 0) {
		errno = EINVAL;
		return -1;
	}
	int rc;
	if (ntfs->fuel == 0) {
		rc = error_set(&ntfs->dev_err, -EUCLEAN, "its structures lead round in circles");
	} else {
		ntfs->fuel--;
		rc = blk_read(ntfs->cache, buf, (size_t)count,
			      without_mirror(&ntfs->boot, (uint64_t)count, (uint64_t)offset),
			      &ntfs->dev_err);
	}
	if (rc < 0) {
		errno = EIO;
		return -1;
	}
	return count;
}

static s64 device_refuse_read(struct ntfs_device *dev, void *buf, s64 count)
{
	(void)dev;
	(void)buf;
	(void)count;
	errno = EOPNOTSUPP;
	return -1;
}

static s64 device_refuse_write(struct ntfs_device *dev, const void *buf, s64 count)
{
	(void)dev;
	(void)buf;
	(void)count;
	errno = EROFS;
	return -1;
}

static s64 device_refuse_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
	(void)offset;
	return device_refuse_write(dev, buf, count);
}

static int device_stat(struct ntfs_device *dev, struct stat *buf)
{
	*buf = (struct stat){ .st_mode = S_IFREG | 0444, .st_size = (off_t)of(dev)->fs.blk->size };
	return 0;
}

static int device_ioctl(struct ntfs_device *dev, unsigned long request, void *argp)
{
	(void)dev;
	(void)request;
	(void)argp;
	errno = EOPNOTSUPP;
	return -1;
}

static struct ntfs_device_operations device_ops = {
	.open = device_open,
	.close = device_nothing,
	.seek = device_seek,
	.read = device_refuse_read,
	.write = device_refuse_write,
	.pread = device_pread,
	.pwrite = device_refuse_pwrite,
	.sync = device_nothing,
	.stat = device_stat,
	.ioctl = device_ioctl,
};

void fs_ntfs_enter(struct fs_ntfs *ntfs, unsigned int fuel)
{
	pthread_mutex_lock(&ntfs->lock);
	ntfs->fuel = fuel;
	ntfs->dev_err.code = 0;
	said[0] = '\0';
	errno = 0;
}

void fs_ntfs_leave(struct fs_ntfs *ntfs)
{
	pthread_mutex_unlock(&ntfs->lock);
}

int fs_ntfs_error(struct fs_ntfs *ntfs, struct error *err, const char *fmt, ...)
{
	int code = -errno;
	char what[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);

	if (ntfs->dev_err.code) {
		/* What lies outside the volume was named by a damaged structure. */
		code = ntfs->dev_err.code == -ERANGE ? -EUCLEAN : ntfs->dev_err.code;
		return error_set(err, code, "NTFS: %s: %s", what, ntfs->dev_err.msg);
	}
	switch (-code) {
	case 0:
	case EIO:
	case EINVAL:
	case ENOENT:
	case ESPIPE:
	case ERANGE:
		code = -EUCLEAN;
		break;
	}
	return said[0] ? error_set(err, code, "NTFS: %s: %s", what, said)
		       : error_set(err, code, "NTFS: %s: %m", what);
}

int fs_ntfs_inode(struct fs_ntfs *ntfs, uint64_t ino, ntfs_inode **ret, struct error *err)
{
	ntfs_inode *ni = ntfs_inode_open(ntfs->vol, ino);
	if (!ni)
		return fs_ntfs_error(ntfs, err, "inode %llu", (unsigned long long)ino);
	*ret = ni;
	return 0;
}

int fs_ntfs_device_mount(struct fs_ntfs *ntfs, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, take_log);

	struct ntfs_device *dev = ntfs_device_alloc("volume", 0, &device_ops, ntfs);
	if (!dev)
		return error_set(err, -ENOMEM, "NTFS: %m");
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	int rc = 0;
	/* Read-only, the library looks neither at the log nor for a hibernated Windows. */
	ntfs_volume *vol = ntfs_device_mount(dev, NTFS_MNT_RDONLY);
	if (vol) {
		ntfs_set_shown_files(vol, FALSE, TRUE, FALSE);
		ntfs->vol = vol;
	} else {
		rc = fs_ntfs_error(ntfs, err, "open");
		ntfs_device_free(dev);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}
