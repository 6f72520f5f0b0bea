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

/* Names of attributes are no longer than this on Linux; whoever lists one cannot ask for it. */
#define SHOWN_MAX (255 - USER_LEN)

struct stream_name {
	size_t len;
	char shown[FS_NAME_MAX + 1];
};

/* FNV-1a, in the bits that a number behind a name has. Source: RFC 9923. */
static uint64_t number_of(const char *name, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	hash &= (UINT64_C(1) << FS_INO_BITS) - 1;
	return hash ? hash : 1;
}

/*
 * A stream's name is shown as a file's: it may have a NUL in it. One that is too long is cut, and a
 * number stands behind it, by which it is told from others that begin so.
 */
static void show_stream(const ntfschar *units, size_t n_units, struct stream_name *ret)
{
	char name[UINT8_MAX * NTFS_UNIT_BYTES];
	size_t n = fs_ntfs_name(units, n_units, name);
	uint64_t number = number_of(name, n);
	ret->len = name_shown(name, n, 0, ret->shown, sizeof(ret->shown));
	while (ret->len > SHOWN_MAX) {
		n = MIN(n - 1, SHOWN_MAX);
		while (((uint8_t)name[n] & 0xc0) == 0x80)
			n--;
		ret->len = name_shown(name, n, number, ret->shown, sizeof(ret->shown));
	}
}

/* Return: whether it was the one that was looked for. */
typedef bool stream_fn(void *ctx, const ntfschar *units, size_t n_units);

/* Whoever calls it has the inode to himself. */
static int each_stream(struct fs_ntfs *ntfs, ntfs_inode *ni, stream_fn *fn, void *ctx,
		       struct error *err)
{
	ntfs_attr_search_ctx *search = ntfs_attr_get_search_ctx(ni, NULL);
	if (!search)
		return error_set(err, -ENOMEM, "NTFS: %m");
	bool found = false;
	int rc = 0;
	int n = 0;
	errno = 0;
	while (n++ < STREAMS_MAX && !found &&
	       ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, search) == 0) {
		const ATTR_RECORD *a = search->attr;
		/* A large stream has several records; only the first one names it. */
		if (a->name_length != 0 && !(a->non_resident && a->lowest_vcn))
			found = fn(ctx,
				   (const ntfschar *)((const uint8_t *)a +
						      le16_to_cpu(a->name_offset)),
				   a->name_length);
		errno = 0;
	}
	if (errno != 0 && errno != ENOENT)
		rc = fs_ntfs_error(ntfs, err, "streams of inode %llu",
				   (unsigned long long)ni->mft_no);
	ntfs_attr_put_search_ctx(search);
	return rc;
}

struct stream_list {
	char *buf;
	size_t size;
	size_t used;
};

static bool add_name(void *ctx, const ntfschar *units, size_t n_units)
{
	struct stream_list *list = ctx;
	struct stream_name name;
	show_stream(units, n_units, &name);
	size_t len = name.len + 1;
	if (name.len == 0 || strncmp(name.shown, HIDDEN, sizeof(HIDDEN) - 1) == 0)
		return false;
	if (list->used + USER_LEN + len <= list->size) {
		memcpy(list->buf + list->used, USER, USER_LEN);
		memcpy(list->buf + list->used + USER_LEN, name.shown, len);
	}
	list->used += USER_LEN + len;
	return false;
}

int fs_ntfs_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
		      struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	bool any = false;
	struct stream_list list = { .buf = buf, .size = size };
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0)
		rc = has_xattrs(ntfs, ni, &any, err);
	if (rc == 0 && any)
		rc = each_stream(ntfs, ni, add_name, &list, err);
	if (ni)
		ntfs_inode_close(ni);
	fs_ntfs_leave(ntfs);
	if (rc == 0)
		*ret = list.used;
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

/* A stream that is looked for by what is shown of it. */
struct stream_search {
	const char *shown;
	size_t len;
	ntfschar units[NTFS_MAX_NAME_LEN];
};

static bool is_shown_so(void *ctx, const ntfschar *units, size_t n_units)
{
	struct stream_search *search = ctx;
	struct stream_name name;
	show_stream(units, n_units, &name);
	if (name.len == 0 || strcmp(name.shown, search->shown) != 0)
		return false;
	search->len = n_units;
	memcpy(search->units, units, n_units * sizeof(*units));
	return true;
}

/* The stream that is listed by this name, and by no other. @ret->len is 0 when there is none. */
static int find_stream(struct fs_ntfs *ntfs, ntfs_inode *ni, const char *name,
		       struct stream_search *ret, struct error *err)
{
	char meant[FS_NAME_MAX];
	ntfschar units[FS_NAME_MAX];
	uint64_t number = 0;
	ret->len = 0;
	if (strncmp(name, USER, USER_LEN) != 0 || strlen(name + USER_LEN) > SHOWN_MAX)
		return 0;
	ret->shown = name + USER_LEN;
	size_t len = name_meant(ret->shown, meant, &number);
	if (number)
		return each_stream(ntfs, ni, is_shown_so, ret, err);
	size_t n = fs_ntfs_units(meant, len, units);
	if (n > 0 && n <= NTFS_MAX_NAME_LEN)
		is_shown_so(ret, units, n);
	return 0;
}

int fs_ntfs_getxattr(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size,
		     size_t *ret, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	struct stream_search found;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0)
		rc = find_stream(ntfs, ni, name, &found, err);
	if (rc == 0 && found.len == 0)
		rc = error_set(err, -ENODATA, "%m");
	if (rc == 0)
		rc = get_stream(ntfs, ni, found.units, (int)found.len, buf, size, ret, err);
	if (ni)
		ntfs_inode_close(ni);
	fs_ntfs_leave(ntfs);
	return rc;
}
