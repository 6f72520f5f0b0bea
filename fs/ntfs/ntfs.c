/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs - the NTFS driver: opening a volume, finding names, listing directories.
 *
 * What is shown is what ntfs-3g shows with its default options: long names only, metadata files
 * left out of listings, names as UTF-8. A name on NTFS may have any character, and be "..": what a
 * path cannot have is the front's to spell.
 */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

#include <assert.h>

#include "drivers.h"
#include "lunette/blk-cache.h"

#define CACHE_BYTES (8u << 20)

/* ---- opening ---- */

static void ntfs_close(struct fs *fs)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	if (ntfs->vol)
		ntfs_umount(ntfs->vol, TRUE);
	fs_ntfs_files_free(ntfs->files);
	fs_ntfs_bitmap_free(ntfs->bitmap);
	blk_unref(ntfs->cache);
	blk_unref(fs->blk);
	pthread_mutex_destroy(&ntfs->lock);
	free(ntfs);
}

static int open_parts(struct fs_ntfs *ntfs, struct error *err)
{
	int rc = fs_ntfs_boot_read(ntfs->fs.blk, &ntfs->boot, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return error_set(err, -ENOTSUP, "NTFS: there is none on this volume");
	if (ntfs->boot.size > ntfs->fs.blk->size)
		return error_set(
			err, -EUCLEAN,
			"NTFS: the file system has %llu bytes, but its volume only %llu: its "
			"end is missing",
			(unsigned long long)ntfs->boot.size,
			(unsigned long long)ntfs->fs.blk->size);
	rc = blk_cache_new(ntfs->fs.blk, CACHE_BYTES, &ntfs->cache, err);
	if (rc < 0)
		return rc;
	rc = fs_ntfs_files_new(&ntfs->files, err);
	if (rc < 0)
		return rc;
	rc = fs_ntfs_bitmap_new(&ntfs->bitmap, err);
	if (rc < 0)
		return rc;
	return fs_ntfs_device_mount(ntfs, err);
}

static int ntfs_open(const struct fs_source *source, struct fs **ret, struct error *err)
{
	struct fs_ntfs *ntfs = calloc(1, sizeof(*ntfs));
	if (!ntfs)
		return error_set(err, -ENOMEM, "NTFS: %m");
	ntfs->fs = (struct fs){ .blk = blk_ref(source->blk), .root = FILE_root };
	pthread_mutex_init(&ntfs->lock, NULL);
	int rc = open_parts(ntfs, err);
	if (rc < 0) {
		ntfs_close(&ntfs->fs);
		return rc;
	}
	*ret = &ntfs->fs;
	return 0;
}

/* ---- finding names ---- */

static int lookup_locked(struct fs_ntfs *ntfs, uint64_t dir, const ntfschar *name, int len,
			 uint64_t *ret, struct error *err)
{
	CLEANUP(ntfs_inode_close_cleanup) ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, dir, &ni, err);
	if (rc < 0)
		return rc;
	if (!(ni->mrec->flags & MFT_RECORD_IS_DIRECTORY))
		return error_set(err, -ENOTDIR, "NTFS: inode %llu: %m", (unsigned long long)dir);
	errno = 0;
	u64 mref = ntfs_inode_lookup_by_name(ni, name, len);
	if (mref == (u64)-1)
		return errno == ENOENT
			       ? error_set(err, -ENOENT, "%m")
			       : fs_ntfs_error(ntfs, err, "look up a name in directory %llu",
					       (unsigned long long)dir);
	*ret = MREF(mref);
	return 0;
}

static int ntfs_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *ret,
		       struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	ntfschar units[NTFS_MAX_NAME_LEN * NTFS_UNIT_BYTES];
	size_t n = len <= ARRAY_SIZE(units) ? fs_ntfs_units(name, len, units) : 0;
	if (n == 0 || n > NTFS_MAX_NAME_LEN)
		return error_set(err, -ENOENT, "%m"); /* no name on NTFS can be that */

	fs_ntfs_enter(ntfs, FS_NTFS_FUEL);
	int rc = lookup_locked(ntfs, dir, units, (int)n, ret, err);
	fs_ntfs_leave(ntfs);
	return rc;
}

/* ---- listing directories ---- */

/* The library makes up "." and ".." at positions 0 and 1; others may be called that, too. */
#define DOTS 2

/**
 * struct ntfs_listing - one call of ntfs_list()
 * @from: entries at positions before it were listed already
 * @stopped: by @emit
 */
struct ntfs_listing {
	fs_emit_fn *emit;
	void *ctx;
	uint64_t from;
	bool stopped;
};

/* What the directory knows of a type at no cost; only stat() can tell about the others. */
static uint32_t entry_type(unsigned int dt)
{
	switch (dt) {
	case NTFS_DT_DIR:
		return S_IFDIR;
	case NTFS_DT_REG:
		return S_IFREG;
	case NTFS_DT_LNK:
		return S_IFLNK;
	default:
		return 0;
	}
}

/* Called by the library, under the lock. Anything but 0 stops the listing. */
static int list_entry(void *ctx, const ntfschar *units, const int n_units, const int name_type,
		      const s64 pos, const MFT_REF mref, const unsigned dt)
{
	struct ntfs_listing *list = ctx;
	char name[NTFS_MAX_NAME_LEN * NTFS_UNIT_BYTES];
	if (pos < DOTS || name_type == FILE_NAME_DOS || (uint64_t)pos < list->from)
		return 0;
	assert(n_units <= NTFS_MAX_NAME_LEN); /* one byte says it on the disk */
	size_t n = fs_ntfs_name(units, (size_t)n_units, name);
	/* An entry is found again at its own position, so the one behind it from the next byte. */
	if (list->emit(list->ctx, name, n, MREF(mref), entry_type(dt), (uint64_t)pos + 1) == 0)
		return 0;
	list->stopped = true;
	return -1;
}

/*
 * The library walks the bitmap of a directory's index bit by bit, however large it claims to be.
 * Both must be possible on a volume of this size.
 */
static int check_index_size(struct fs_ntfs *ntfs, ntfs_inode *ni, struct error *err)
{
	CLEANUP(ntfs_attr_close_cleanup)
	ntfs_attr *blocks = ntfs_attr_open(ni, AT_INDEX_ALLOCATION, NTFS_INDEX_I30, 4);
	if (!blocks)
		return 0; /* a small directory has none; whatever else is wrong the library says */
	CLEANUP(ntfs_attr_close_cleanup)
	ntfs_attr *bits = ntfs_attr_open(ni, AT_BITMAP, NTFS_INDEX_I30, 4);
	uint64_t size = (uint64_t)blocks->data_size;
	uint64_t n_bits = bits ? (uint64_t)bits->data_size : 0;
	if (size > ntfs->boot.size || n_bits > size / 512 / 8 + 8)
		return error_set(err, -EUCLEAN,
				 "NTFS: directory %llu: its index has an impossible size",
				 (unsigned long long)ni->mft_no);
	return 0;
}

/* 0 when the directory has no index root, which the library will say. */
static uint64_t index_block_size(ntfs_inode *ni)
{
	uint64_t size = 0;
	ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(ni, NULL);
	if (!ctx)
		return 0;
	if (ntfs_attr_lookup(AT_INDEX_ROOT, NTFS_INDEX_I30, 4, CASE_SENSITIVE, 0, NULL, 0, ctx) ==
	    0) {
		const INDEX_ROOT *root = (const void *)((const uint8_t *)ctx->attr +
							le16_to_cpu(ctx->attr->value_offset));
		size = le32_to_cpu(root->index_block_size);
	}
	ntfs_attr_put_search_ctx(ctx);
	return size;
}

/*
 * Where the library has to begin to list from a position on. It takes the bits of the index blocks
 * from the start of a byte of their bitmap, wherever in it the position is, and would list blocks
 * that are not in use: so it begins with the first of the eight blocks that share that byte.
 */
static s64 begin_at(const struct fs_ntfs *ntfs, ntfs_inode *ni, uint64_t pos)
{
	uint64_t root = ntfs->vol->mft_record_size;
	if (pos < root || pos > INT64_MAX)
		return pos < root ? (s64)pos : INT64_MAX;
	uint64_t group = 8 * index_block_size(ni);
	uint64_t inside = pos - root;
	return (s64)(root + (group ? inside - inside % group : inside));
}

static int readdir_locked(struct fs_ntfs *ntfs, uint64_t dir, uint64_t pos,
			  struct ntfs_listing *list, struct error *err)
{
	CLEANUP(ntfs_inode_close_cleanup) ntfs_inode *ni = NULL;
	int rc = fs_ntfs_inode(ntfs, dir, &ni, err);
	if (rc < 0)
		return rc;
	if (!(ni->mrec->flags & MFT_RECORD_IS_DIRECTORY))
		return error_set(err, -ENOTDIR, "NTFS: inode %llu: %m", (unsigned long long)dir);
	rc = check_index_size(ntfs, ni, err);
	if (rc < 0)
		return rc;
	s64 at = begin_at(ntfs, ni, pos);
	errno = 0;
	if (ntfs_readdir(ni, &at, list, list_entry) == 0 || list->stopped)
		return 0;
	return fs_ntfs_error(ntfs, err, "directory %llu", (unsigned long long)dir);
}

static int ntfs_list(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
		     struct error *err)
{
	struct fs_ntfs *ntfs = (struct fs_ntfs *)fs;
	struct ntfs_listing list = { .emit = emit, .ctx = ctx, .from = pos };
	/* Each index block and each entry of a special kind costs a few reads, and there may be
	 * many. */
	fs_ntfs_enter(ntfs, UINT32_MAX);
	int rc = readdir_locked(ntfs, dir, pos, &list, err);
	fs_ntfs_leave(ntfs);
	return rc;
}

/* What Windows makes anew, always at the root. */
static const char *const page_files[] = { "/pagefile.sys", "/swapfile.sys", "/hiberfil.sys", NULL };

static const char *const types[] = { "ntfs", NULL };

const struct fs_driver fs_ntfs_driver = {
	.types = types,
	.left_out = page_files,
	.probe = fs_ntfs_probe,
	.remains = fs_ntfs_remains,
	.open = ntfs_open,
	.close = ntfs_close,
	.lookup = ntfs_lookup,
	.stat = fs_ntfs_stat,
	.readdir = ntfs_list,
	.read = fs_ntfs_read,
	.file_extent = fs_ntfs_file_extent,
	.readlink = fs_ntfs_readlink,
	.listxattr = fs_ntfs_listxattr,
	.getxattr = fs_ntfs_getxattr,
	.used = fs_ntfs_used,
	.file_blocks = fs_ntfs_file_blocks,
	.links = fs_ntfs_links,
	.fold = fs_ntfs_fold,
};
