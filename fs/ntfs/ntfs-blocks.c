/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-blocks - which clusters hold nothing but a file's data, by which names a file is known, and
 * what its names are when case does not count: what it takes to leave files out of a backup.
 *
 * All of a file's streams are its data. Each attribute record has the runs of its own part, so that
 * nothing is kept, however many runs a file has. A hole has no cluster, and resident data lies in
 * the MFT and is none of this. What the log of an unclean volume names is not given away: replaying
 * it may make such a cluster another file's.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

static inline void search_cleanup(ntfs_attr_search_ctx **search)
{
	if (*search)
		ntfs_attr_put_search_ctx(*search);
}

static int damaged(const ntfs_inode *ni, const char *why, struct error *err)
{
	return error_set(err, -EUCLEAN, "NTFS: inode %llu: %s", (unsigned long long)ni->mft_no,
			 why);
}

/* ---- clusters ---- */

/**
 * struct ntfs_blocks - one call of fs_ntfs_file_blocks()
 * @log: clusters that are nobody's for sure
 */
struct ntfs_blocks {
	struct fs_ntfs *ntfs;
	const struct ntfs_ranges *log;
	fs_blocks_fn *fn;
	void *ctx;
};

/* A run of clusters, without what the log has of it. */
static int emit_run(const struct ntfs_blocks *blocks, uint64_t first, uint64_t stop,
		    struct error *err)
{
	uint64_t cluster = blocks->ntfs->boot.cluster;
	size_t i = fs_ntfs_ranges_find(blocks->log, first);
	while (first < stop) {
		bool logged = i < blocks->log->n && blocks->log->v[i].first < stop;
		uint64_t until = logged ? MAX(blocks->log->v[i].first, first) : stop;
		int rc = first == until ? 0
					: blocks->fn(blocks->ctx, (until - first) * cluster,
						     first * cluster, err);
		if (rc < 0)
			return rc;
		first = logged ? blocks->log->v[i++].stop : stop;
	}
	return 0;
}

static int emit_runs(const struct ntfs_blocks *blocks, const ntfs_inode *ni,
		     const ATTR_RECORD *attr, struct error *err)
{
	struct fs_ntfs *ntfs = blocks->ntfs;
	errno = 0;
	CLEANUP(free_cleanup)
	runlist_element *runs = ntfs_mapping_pairs_decompress(ntfs->vol, attr, NULL);
	if (!runs)
		return fs_ntfs_error(ntfs, err, "data of inode %llu",
				     (unsigned long long)ni->mft_no);
	int rc = 0;
	for (const runlist_element *run = runs; rc == 0 && run->length > 0; run++) {
		if (run->lcn < 0)
			continue;
		if (!range_inside((uint64_t)run->length, (uint64_t)run->lcn, ntfs->boot.n_clusters))
			return damaged(ni, "a run of it lies outside the volume", err);
		rc = emit_run(blocks, (uint64_t)run->lcn, (uint64_t)(run->lcn + run->length), err);
	}
	return rc;
}

static int emit_inode(const struct ntfs_blocks *blocks, ntfs_inode *ni, struct error *err)
{
	CLEANUP(search_cleanup) ntfs_attr_search_ctx *search = ntfs_attr_get_search_ctx(ni, NULL);
	if (!search)
		return error_set(err, -ENOMEM, "NTFS: %m");
	errno = 0;
	while (ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, search) == 0) {
		int rc = search->attr->non_resident ? emit_runs(blocks, ni, search->attr, err) : 0;
		if (rc < 0)
			return rc;
		errno = 0;
	}
	return errno == ENOENT ? 0
			       : fs_ntfs_error(blocks->ntfs, err, "streams of inode %llu",
					       (unsigned long long)ni->mft_no);
}

int fs_ntfs_file_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	struct ntfs_blocks blocks = { .ntfs = ntfs, .fn = fn, .ctx = ctx };
	if (ino < FILE_first_user)
		return 0; /* the file system's own */
	int rc = fs_ntfs_log_known(ntfs, &blocks.log, err);
	if (rc < 0)
		return rc;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = emit_inode(&blocks, ni, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}

/* ---- names ---- */

static int emit_name(ntfs_inode *ni, const ATTR_RECORD *attr, fs_link_fn *fn, void *ctx,
		     struct error *err)
{
	size_t len = le32_to_cpu(attr->value_length), at = le16_to_cpu(attr->value_offset);
	const FILE_NAME_ATTR *name = (const void *)((const uint8_t *)attr + at);
	if (attr->non_resident || !range_inside(len, at, le32_to_cpu(attr->length)) ||
	    len < sizeof(*name) || len - sizeof(*name) < 2u * name->file_name_length)
		return damaged(ni, "a name of it is damaged", err);
	if (name->file_name_type == FILE_NAME_DOS)
		return 0; /* the short form of another one */
	const ntfschar *units = (const void *)((const uint8_t *)name + sizeof(*name));
	char text[UINT8_MAX * NTFS_UNIT_BYTES];
	size_t n = fs_ntfs_name(units, name->file_name_length, text);
	return fn(ctx, MREF_LE(name->parent_directory), text, n, err);
}

static int emit_names(struct fs_ntfs *ntfs, ntfs_inode *ni, fs_link_fn *fn, void *ctx,
		      struct error *err)
{
	CLEANUP(search_cleanup) ntfs_attr_search_ctx *search = ntfs_attr_get_search_ctx(ni, NULL);
	if (!search)
		return error_set(err, -ENOMEM, "NTFS: %m");
	errno = 0;
	while (ntfs_attr_lookup(AT_FILE_NAME, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, search) == 0) {
		int rc = emit_name(ni, search->attr, fn, ctx, err);
		if (rc < 0)
			return rc;
		errno = 0;
	}
	return errno == ENOENT ? 0
			       : fs_ntfs_error(ntfs, err, "names of inode %llu",
					       (unsigned long long)ni->mft_no);
}

int fs_ntfs_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, ino, &ni, err);
	if (rc == 0) {
		rc = emit_names(ntfs, ni, fn, ctx, err);
		ntfs_inode_close(ni);
	}
	fs_ntfs_leave(ntfs);
	return rc;
}

/* The table of upper case letters is the volume's own, and does not change. */
int fs_ntfs_fold(struct fs *fs, const char *name, char **ret, struct error *err)
{
	const ntfs_volume *vol = ((struct fs_ntfs *)fs)->vol;
	size_t len = strlen(name);
	CLEANUP(free_cleanup) ntfschar *units = reallocarray(NULL, len + 1, sizeof(*units));
	if (!units)
		return error_set(err, -ENOMEM, "NTFS: '%.200s': %m", name);
	size_t n = fs_ntfs_units(name, len, units);
	if (n == 0 && len > 0)
		return error_set(err, -EINVAL, "NTFS: '%.200s' is not UTF-8", name);
	char *text = malloc(n * NTFS_UNIT_BYTES + 1);
	if (!text)
		return error_set(err, -ENOMEM, "NTFS: '%.200s': %m", name);
	ntfs_name_upcase(units, (u32)n, vol->upcase, vol->upcase_len);
	text[fs_ntfs_name(units, n, text)] = '\0';
	*ret = text;
	return 0;
}
