/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-inode - attributes of inodes, and what kind of file each is, as ntfs-3g shows them.
 *
 * NTFS has no owners and permissions as Unix has them: everything is nobody's, and everybody may do
 * all with it but write to what is marked as read-only.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#define SECONDS_1601_TO_1970 11644473600ll

/* NTFS counts 100 ns from 1601; times before 1970 are rounded down, as everywhere in Unix. */
static struct timespec to_timespec(ntfs_time time)
{
	int64_t ticks = sle64_to_cpu(time);
	int64_t sec = ticks / 10000000;
	int64_t rest = ticks % 10000000;
	if (rest < 0) {
		rest += 10000000;
		sec--;
	}
	return (struct timespec){ .tv_sec = sec - SECONDS_1601_TO_1970, .tv_nsec = rest * 100 };
}

/* A directory's size is that of its index. */
static void stat_directory(ntfs_inode *ni, struct fs_stat *st)
{
	if (!test_nino_flag(ni, KnownSize)) {
		CLEANUP(ntfs_attr_close_cleanup)
		ntfs_attr *na = ntfs_attr_open(ni, AT_INDEX_ALLOCATION, NTFS_INDEX_I30, 4);
		st->size = na ? (uint64_t)na->data_size : 0;
		st->allocated = na ? (uint64_t)na->allocated_size : 0;
	}
	st->mode = S_IFDIR | 0777;
	st->nlink = 1; /* find(1) takes it for "not known" */
}

/* The device number of a WSL device lies in an extended attribute. */
static int wsl_device(ntfs_inode *ni, struct fs_stat *st, uint32_t mode)
{
	dev_t rdev = 0;
	if (ntfs_ea_check_wsldev(ni, &rdev) != 0)
		return 1;
	st->rdev = (uint32_t)rdev;
	st->mode = mode;
	return 0;
}

/* Returns 0 if it is one of the special files that WSL makes. */
static int stat_wsl(ntfs_inode *ni, struct fs_stat *st)
{
	CLEANUP(free_cleanup) REPARSE_POINT *reparse = ntfs_get_reparse_point(ni);
	if (!reparse || ntfs_reparse_check_wsl(ni, reparse) != 0)
		return 1;
	switch (reparse->reparse_tag) {
	case IO_REPARSE_TAG_AF_UNIX:
		st->mode = S_IFSOCK | 0666;
		return 0;
	case IO_REPARSE_TAG_LX_FIFO:
		st->mode = S_IFIFO | 0666;
		return 0;
	case IO_REPARSE_TAG_LX_CHR:
		return wsl_device(ni, st, S_IFCHR | 0666);
	case IO_REPARSE_TAG_LX_BLK:
		return wsl_device(ni, st, S_IFBLK | 0666);
	default:
		return 1;
	}
}

/*
 * Every other reparse point is shown as a link, to the tag's number if it is none: a deduplicated
 * or system-compressed file holds no data where reading would look, so it is not shown as a file.
 */
static int stat_reparse(struct fs_ntfs *ntfs, ntfs_inode *ni, struct fs_stat *st, struct error *err)
{
	if (stat_wsl(ni, st) == 0)
		return 0;
	CLEANUP(free_cleanup) char *target = NULL;
	int rc = fs_ntfs_link(ntfs, ni, &target, err);
	if (rc < 0)
		return rc;
	st->mode = S_IFLNK | 0777;
	st->size = strlen(target);
	return 0;
}

static int stat_file(struct fs_ntfs *ntfs, ntfs_inode *ni, struct fs_stat *st, struct error *err)
{
	uint32_t may = ni->flags & FILE_ATTR_READONLY ? 0444 : 0666;
	st->mode = S_IFREG | may;
	if (!(ni->flags & FILE_ATTR_SYSTEM))
		return 0;
	CLEANUP(free_cleanup) char *target = NULL;
	int rc = fs_ntfs_interix(ntfs, ni, &st->mode, &st->rdev, &target, err);
	if (rc < 0)
		return rc;
	if (target)
		st->size = strlen(target);
	st->mode |= S_ISLNK(st->mode) ? 0777 : may;
	return 0;
}

int fs_ntfs_inode_stat(struct fs_ntfs *ntfs, ntfs_inode *ni, struct fs_stat *ret, struct error *err)
{
	struct fs_stat st = {
		.ino = ni->mft_no,
		.size = ni->data_size > 0 ? (uint64_t)ni->data_size : 0,
		.allocated = ni->allocated_size > 0 ? (uint64_t)ni->allocated_size : 0,
		.nlink = le16_to_cpu(ni->mrec->link_count),
		.uid = FS_NOBODY,
		.gid = FS_NOBODY,
		.atime = to_timespec(ni->last_access_time),
		.mtime = to_timespec(ni->last_data_change_time),
		.ctime = to_timespec(ni->last_mft_change_time),
		.btime = to_timespec(ni->creation_time),
	};
	int rc = 0;
	if (ni->flags & FILE_ATTR_REPARSE_POINT)
		rc = stat_reparse(ntfs, ni, &st, err);
	else if (ni->mrec->flags & MFT_RECORD_IS_DIRECTORY)
		stat_directory(ni, &st);
	else
		rc = stat_file(ntfs, ni, &st, err);
	if (rc < 0)
		return rc;
	*ret = st;
	return 0;
}

int fs_ntfs_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = fs_ntfs_inode_stat(ntfs, ni, ret, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}
