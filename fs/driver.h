/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * driver - what a file-system driver has to bring. Only the front (fs.c) calls it, and sees to what
 * is said here of arguments; what a driver answers, the front checks.
 *
 * A driver recognises a file system on a blk, opens it, and answers questions about its inodes by
 * number. What it does not have is NULL, and the front gives the safe answer. Any thread may call
 * an open file system: a driver whose library is not thread-safe locks inside.
 */
#ifndef FS_DRIVER_H
#define FS_DRIVER_H

#include "lunette/filesystem.h"

/**
 * struct fs_driver - a file system's code; all but @probe, @remains and @open work on what @open
 * returned
 * @types: of file systems that it opens, "ext2", "ext3", ..., as @probe says them; ends with NULL
 * @left_out: what a backup leaves out by itself: patterns of files (not of directories) that the
 *            system makes anew and nobody wants back, ending with NULL; may be NULL
 * @probe: 1 and @ret set if it is on @blk, 0 if not, negative errno if @blk cannot be read
 * @remains: asked when nobody recognises what is on @blk: -EUCLEAN, with the reason, if it once was
 *           this file system, 0 if not; may be NULL
 * @open: fills in all of struct fs but @driver; of @source it takes its own references
 * @lookup: -ENOENT when there is no such name, of @len bytes, at least 1: any bytes, as @readdir
 *          has them
 * @stat: ino is filled in by the front
 * @readdir: from *position* @pos (0 is the start) until the end or until @emit says stop; names
 *           are those on the volume, whatever bytes they have, and need no NUL behind them. What a
 *           directory calls itself and its parent is left out
 * @read: bytes of a file, for FS_RUN_DRIVER; all of them inside the file. Fewer may come, in @ret,
 *        but not 0. NULL when there are no such runs
 * @file_extent: @off is less than the file's size. NULL: all is FS_RUN_DRIVER
 * @readlink: the target, NUL-terminated, in @buf; absolute ones begin at the volume's own root.
 * NULL when there are no links
 * @listxattr: names, each with its NUL; sets @ret to the size needed, and fills @buf if it fits in
 *             @size; NULL when there are none
 * @getxattr: the value, in the same way; -ENODATA when there is none
 * @used: @off is less than the blk's size. NULL: all is used
 * @file_blocks: all runs of the volume in which nothing lies but the data of this inode, all of its
 *               streams; in any order. NULL when that cannot be said
 * @links: each name of an inode, as @readdir has it, with its directory; there when @file_blocks
 * is. It also tells where absolute links lead
 * @fold: sets @ret, to be freed with free(), to what all spellings of a name, as the front shows
 * it, that mean the same file have in common; NULL when there is only one spelling
 */
struct fs_driver {
	const char *const *types;
	const char *const *left_out;
	int (*probe)(struct blk *blk, struct fs_info *ret, struct error *err);
	int (*remains)(struct blk *blk, struct error *err);
	int (*open)(const struct fs_source *source, struct fs **ret, struct error *err);
	void (*close)(struct fs *fs);
	int (*lookup)(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *ret,
		      struct error *err);
	int (*stat)(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err);
	int (*readdir)(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
		       struct error *err);
	int (*read)(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off, size_t *ret,
		    struct error *err);
	int (*file_extent)(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
			   struct error *err);
	int (*readlink)(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err);
	int (*listxattr)(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
			 struct error *err);
	int (*getxattr)(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size,
			size_t *ret, struct error *err);
	int (*used)(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err);
	int (*file_blocks)(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx,
			   struct error *err);
	int (*links)(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err);
	int (*fold)(struct fs *fs, const char *name, char **ret, struct error *err);
};

#endif
