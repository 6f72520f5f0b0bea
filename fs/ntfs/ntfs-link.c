/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-link - where symbolic links and junctions lead to.
 *
 * The library looks for a target with a drive's letter on this volume, and puts it below the mount
 * point that it is told, as it does one that it did not find, in a folder ".NTFS-3G". What is told
 * here is where on the volume that is, "/Users/x": the mount point is taken away again.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#include <assert.h>
#include <limits.h>
#include <sys/sysmacros.h>

/* Never the beginning of a path; the library puts '/' behind it. */
#define TOP     "\001"
#define TOP_LEN 1

/* What ntfs-3g shows for a reparse point that it cannot follow. */
static int show_tag(ntfs_inode *ni, char **ret, struct error *err)
{
	CLEANUP(free_cleanup) REPARSE_POINT *reparse = ntfs_get_reparse_point(ni);
	unsigned int tag = reparse ? le32_to_cpu(reparse->reparse_tag) : 0;
	if (asprintf(ret, "unsupported reparse tag 0x%08x", tag) < 0)
		return error_set(err, -ENOMEM, "NTFS: link: %m");
	return 0;
}

static int reparse_link(struct fs_ntfs *ntfs, ntfs_inode *ni, char **ret, struct error *err)
{
	ntfs->vol->abs_mnt_point = TOP;
	CLEANUP(free_cleanup) char *target = ntfs_make_symlink(ni, TOP);
	if (!target && ntfs->dev_err.code)
		return fs_ntfs_error(ntfs, err, "link of inode %llu",
				     (unsigned long long)ni->mft_no);
	if (!target || *target == '\0')
		return show_tag(ni, ret, err);
	if (strncmp(target, TOP "/", TOP_LEN + 1) == 0)
		memmove(target, target + TOP_LEN, strlen(target + TOP_LEN) + 1);
	/* Behind another link in it the library leaves it as it was. */
	for (char *c = target; *c; c++)
		if (*c == '\\')
			*c = '/';
	*ret = steal(&target);
	return 0;
}

/* A device file of Interix says its number in two 64-bit fields. */
static bool interix_device(const INTX_FILE *file, s64 size, uint32_t *mode, uint32_t *rdev)
{
	if (size != offsetof(INTX_FILE, device_end))
		return false;
	if (file->magic == INTX_BLOCK_DEVICE)
		*mode = S_IFBLK;
	else if (file->magic == INTX_CHARACTER_DEVICE)
		*mode = S_IFCHR;
	else
		return false;
	*rdev = (uint32_t)makedev((unsigned int)le64_to_cpu(file->major),
				  (unsigned int)le64_to_cpu(file->minor));
	return true;
}

static int interix_content(struct fs_ntfs *ntfs, ntfs_attr *na, uint32_t *mode, uint32_t *rdev,
			   char **target, struct error *err)
{
	CLEANUP(free_cleanup) INTX_FILE *file = malloc((size_t)na->data_size);
	if (!file)
		return error_set(err, -ENOMEM, "NTFS: %m");
	errno = 0;
	if (ntfs_attr_pread(na, 0, na->data_size, file) != na->data_size) {
		if (errno == EACCES || errno == EOPNOTSUPP)
			return 0; /* encrypted: nothing of Interix */
		return fs_ntfs_error(ntfs, err, "inode %llu", (unsigned long long)na->ni->mft_no);
	}
	if (interix_device(file, na->data_size, mode, rdev) || file->magic != INTX_SYMBOLIC_LINK)
		return 0;
	const void *units = (const uint8_t *)file + offsetof(INTX_FILE, target);
	size_t n_units = ((size_t)na->data_size - offsetof(INTX_FILE, target)) / sizeof(ntfschar);
	if (ntfs_ucstombs(units, (int)n_units, target, 0) < 0)
		return fs_ntfs_error(ntfs, err, "link of inode %llu",
				     (unsigned long long)na->ni->mft_no);
	*mode = S_IFLNK;
	return 0;
}

int fs_ntfs_interix(struct fs_ntfs *ntfs, ntfs_inode *ni, uint32_t *ret_mode, uint32_t *ret_rdev,
		    char **ret_target, struct error *err)
{
	*ret_mode = S_IFREG;
	*ret_rdev = 0;
	*ret_target = NULL;
	errno = 0;
	CLEANUP(ntfs_attr_close_cleanup) ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0);
	if (!na) {
		if (errno == ENOENT)
			return 0;
		return fs_ntfs_error(ntfs, err, "inode %llu", (unsigned long long)ni->mft_no);
	}
	if (na->data_size <= 1 && !(ni->flags & FILE_ATTR_HIDDEN))
		*ret_mode = na->data_size == 0 ? S_IFIFO : S_IFSOCK;
	s64 longest = (s64)sizeof(INTX_FILE_TYPES) + (s64)sizeof(ntfschar) * PATH_MAX;
	if (na->data_size <= (s64)sizeof(INTX_FILE_TYPES) || na->data_size > longest)
		return 0;
	return interix_content(ntfs, na, ret_mode, ret_rdev, ret_target, err);
}

int fs_ntfs_link(struct fs_ntfs *ntfs, ntfs_inode *ni, char **ret, struct error *err)
{
	if (ni->flags & FILE_ATTR_REPARSE_POINT)
		return reparse_link(ntfs, ni, ret, err);
	uint32_t mode = S_IFREG;
	uint32_t rdev;
	char *target = NULL;
	if (ni->flags & FILE_ATTR_SYSTEM) {
		int rc = fs_ntfs_interix(ntfs, ni, &mode, &rdev, &target, err);
		if (rc < 0)
			return rc;
	}
	if (!target)
		return error_set(err, -EINVAL, "NTFS: inode %llu is not a link",
				 (unsigned long long)ni->mft_no);
	*ret = target;
	return 0;
}

int fs_ntfs_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	CLEANUP(free_cleanup) char *target = NULL;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = fs_ntfs_link(ntfs, ni, &target, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	if (rc < 0)
		return rc;
	assert(target);
	if (strlen(target) >= size)
		return error_set(err, -ENAMETOOLONG, "NTFS: inode %llu: link: %m",
				 (unsigned long long)ino);
	strcpy(buf, target);
	return 0;
}
