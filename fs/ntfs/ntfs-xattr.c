/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-xattr - alternate data streams, shown as extended attributes user.STREAM. */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#include "../name.h"

static const char USER[] = "user.";
#define USER_LEN (sizeof(USER) - 1)

/* Streams under which ntfs-3g keeps attributes that are not the user's. */
static const char HIDDEN[] = "ntfs-3g.";

/* An attribute list has at most 256 KiB of entries of at least 32 bytes. */
#define STREAMS_MAX 8192

/* Links and special files have no user attributes. */
static int has_xattrs(struct fs_ntfs *ntfs, ntfs_inode *ni, bool *ret, struct error *err)
{
	struct fs_stat st;
	int rc = fs_ntfs_inode_stat(ntfs, ni, &st, err);
	if (rc == 0)
		*ret = S_ISREG(st.mode) || S_ISDIR(st.mode);
	return rc;
}

/* A stream's name is shown as a file's: it may have a NUL in it. */
static void add_name(const ntfschar *units, size_t n_units, char *buf, size_t size, size_t *used)
{
	char name[UINT8_MAX * NTFS_UNIT_BYTES], shown[FS_NAME_MAX + 1];
	size_t n = fs_ntfs_name(units, n_units, name);
	size_t len = name_shown(name, n, 0, shown, sizeof(shown)) + 1;
	if (len == 1 || strncmp(shown, HIDDEN, sizeof(HIDDEN) - 1) == 0)
		return;
	if (*used + USER_LEN + len <= size) {
		memcpy(buf + *used, USER, USER_LEN);
		memcpy(buf + *used + USER_LEN, shown, len);
	}
	*used += USER_LEN + len;
}

static int list_streams(struct fs_ntfs *ntfs, ntfs_inode *ni, char *buf, size_t size, size_t *ret,
			struct error *err)
{
	ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(ni, NULL);
	if (!ctx)
		return error_set(err, -ENOMEM, "NTFS: %m");
	size_t used = 0;
	int rc = 0;
	int n = 0;
	while (n++ < STREAMS_MAX &&
	       ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0) {
		const ATTR_RECORD *a = ctx->attr;
		/* A large stream has several records; only the first one names it. */
		if (a->name_length == 0 || (a->non_resident && a->lowest_vcn))
			continue;
		const ntfschar *units =
			(const ntfschar *)((const uint8_t *)a + le16_to_cpu(a->name_offset));
		add_name(units, a->name_length, buf, size, &used);
		errno = 0;
	}
	if (errno != 0 && errno != ENOENT)
		rc = fs_ntfs_error(ntfs, err, "streams of inode %llu",
				   (unsigned long long)ni->mft_no);
	ntfs_attr_put_search_ctx(ctx);
	if (rc == 0)
		*ret = used;
	return rc;
}

int fs_ntfs_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
		      struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	bool any = false;
	size_t used = 0;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0)
		rc = has_xattrs(ntfs, ni, &any, err);
	if (rc == 0 && any)
		rc = list_streams(ntfs, ni, buf, size, &used, err);
	if (ni)
		ntfs_inode_close(ni);
	fs_ntfs_leave(ntfs);
	if (rc == 0)
		*ret = used;
	return rc;
}

static int get_stream(struct fs_ntfs *ntfs, ntfs_inode *ni, ntfschar *name, int len, void *buf,
		      size_t size, size_t *ret, struct error *err)
{
	bool any = false;
	int rc = has_xattrs(ntfs, ni, &any, err);
	if (rc < 0)
		return rc;
	errno = 0;
	CLEANUP(ntfs_attr_close_cleanup)
	ntfs_attr *na = any ? ntfs_attr_open(ni, AT_DATA, name, (u32)len) : NULL;
	if (!na && (!any || errno == ENOENT))
		return error_set(err, -ENODATA, "%m");
	if (!na || na->data_size < 0)
		return fs_ntfs_error(ntfs, err, "a stream of inode %llu",
				     (unsigned long long)ni->mft_no);
	if ((uint64_t)na->data_size <= size && na->data_size > 0) {
		errno = 0;
		if (ntfs_attr_pread(na, 0, na->data_size, buf) != na->data_size)
			return fs_ntfs_error(ntfs, err, "a stream of inode %llu",
					     (unsigned long long)ni->mft_no);
	}
	*ret = (size_t)na->data_size;
	return 0;
}

/* The stream that is listed by this name, and by no other. Returns how many units it has; 0: none.
 */
static size_t stream_meant(const char *name, ntfschar *units)
{
	char meant[FS_NAME_MAX], shown[FS_NAME_MAX + 1];
	uint64_t twin = 0;
	if (strncmp(name, USER, USER_LEN) != 0 || strlen(name + USER_LEN) > sizeof(meant))
		return 0;
	size_t len = name_meant(name + USER_LEN, meant, &twin);
	if (twin || name_shown(meant, len, 0, shown, sizeof(shown)) == 0 ||
	    strcmp(shown, name + USER_LEN) != 0)
		return 0;
	size_t n = fs_ntfs_units(meant, len, units);
	return n <= NTFS_MAX_NAME_LEN ? n : 0;
}

int fs_ntfs_getxattr(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size,
		     size_t *ret, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	ntfschar units[FS_NAME_MAX];
	size_t len = stream_meant(name, units);
	if (len == 0)
		return error_set(err, -ENODATA, "%m");

	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = get_stream(ntfs, ni, units, (int)len, buf, size, ret, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}
