/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * filesystem - the interface behind which every file-system driver stands, all of it read-only.
 *
 * A driver recognises a file system on a blk, opens it, and answers questions about its inodes by
 * number. Two of its answers make lunette fast: fs_file_extent() says where a file's plain bytes
 * lie, so that they are read straight from the blk, in parallel, without the library's lock; and
 * fs_used() says which bytes of the volume are in use, so that a backup reads nothing else.
 *
 * Any thread may call an open file system: a driver whose library is not thread-safe locks inside.
 */
#ifndef LUNETTE_FILESYSTEM_H
#define LUNETTE_FILESYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/layout.h"

/* Inode numbers of a driver must fit in this many bits: the tree keeps the rest for itself. */
#define FS_INO_BITS 48
#define FS_NAME_MAX 1024

struct fs;

/**
 * struct fs_info - what is known of a file system without opening it
 * @size: bytes of the volume that it takes for itself; 0 where that is not known
 * @type: "ntfs", ...
 * @label: UTF-8, may be cut; "" when it has none
 * @uuid: as the file system's own tools print it; "" when it has none
 */
struct fs_info {
	uint64_t size;
	char type[32];
	char label[256];
	char uuid[40];
};

/**
 * struct fs_stat - an inode's attributes
 * @mode: type and permissions, never a write bit
 * @size: bytes, as read() will find them
 * @allocated: bytes that it takes on the volume
 */
struct fs_stat {
	uint64_t ino;
	uint64_t size;
	uint64_t allocated;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev;
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime;
};

enum fs_run_kind {
	FS_RUN_DATA,   /* plain bytes at fs_run.start of the volume */
	FS_RUN_ZERO,   /* reads as zeros */
	FS_RUN_DRIVER, /* only fs_read() can tell: resident, compressed, ... */
};

/**
 * struct fs_run - the run of a file's bytes at an offset
 * @length: bytes, at least 1
 * @start: byte offset in the volume, for FS_RUN_DATA
 */
struct fs_run {
	uint64_t length;
	uint64_t start;
	enum fs_run_kind kind;
};

/**
 * struct fs_used - the run of a volume's bytes at an offset
 * @length: bytes, at least 1
 * @used: false only if the file system says that nobody will ever read these bytes
 */
struct fs_used {
	uint64_t length;
	bool used;
};

/**
 * typedef fs_emit_fn - one directory entry
 * @name: UTF-8 bytes as the driver has them, without '/' and NUL, never "." or ".."
 * @type: S_IFMT bits where the driver knows them at no cost, else 0
 * @next: the position that continues behind this entry
 *
 * Return: 0 to go on, 1 to stop in front of this entry.
 */
typedef int fs_emit_fn(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		       uint64_t next);

/**
 * typedef fs_blocks_fn - one run of the volume's bytes that hold a file's data
 *
 * It must not call the driver. Return: 0 to go on; a negative errno, recorded in @err, ends it.
 */
typedef int fs_blocks_fn(void *ctx, uint64_t length, uint64_t start, struct error *err);

/**
 * typedef fs_link_fn - one of the names by which an inode is known
 * @dir: the directory that the name is in
 *
 * It must not call the driver. Return: 0 to go on; a negative errno, recorded in @err, ends it.
 */
typedef int fs_link_fn(void *ctx, uint64_t dir, const char *name, struct error *err);

/**
 * struct fs_driver - a file system's code; all but @probe work on what @open returned
 * @probe: 1 and @ret set if it is on @blk, 0 if not, negative errno if @blk cannot be read
 * @remains: asked when nobody recognises what is on @blk: -EUCLEAN, with the reason, if it once was
 *           this file system, 0 if not; may be NULL
 * @open: the driver takes its own reference to @blk
 * @lookup: -ENOENT when there is no such name
 * @readdir: from *position* @pos (0 is the start) until the end or until @emit says stop
 * @read: any kind of file; clipped at its end; bytes read in @ret
 * @file_extent: @off is less than the file's size; the run is clipped to it
 * @readlink: the target, NUL-terminated, in @buf
 * @listxattr: names, each with its NUL; sets @ret to the size needed, and fills @buf if it fits in
 *             @size; NULL when the driver has none
 * @getxattr: the value, in the same way; -ENODATA when there is none
 * @used: @off is less than the blk's size
 * @file_blocks: all runs of the volume in which nothing lies but the data of this inode, all of its
 *               streams; in any order. NULL when that cannot be said
 * @links: each name of an inode, with its directory; there when @file_blocks is
 * @fold: sets @ret, to be freed with free(), to what all spellings of a name that mean the same
 *        file have in common; NULL when there is only one spelling
 */
struct fs_driver {
	const char *name;
	int (*probe)(struct blk *blk, struct fs_info *ret, struct error *err);
	int (*remains)(struct blk *blk, struct error *err);
	int (*open)(struct blk *blk, struct fs **ret, struct error *err);
	void (*close)(struct fs *fs);
	int (*lookup)(struct fs *fs, uint64_t dir, const char *name, uint64_t *ret,
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

/**
 * struct fs - the head of every driver's own struct
 * @blk: the volume; the driver holds a reference
 * @root: inode number of the root directory
 */
struct fs {
	const struct fs_driver *driver;
	struct blk *blk;
	uint64_t root;
};

/**
 * fs_identify() - fill in file system, label and UUID of a layout's volumes
 *
 * A whole disk without a table on which nothing is recognised is taken out of the layout: it was a
 * guess. What cannot be read becomes a warning of the layout.
 *
 * Return: 0 or -ENOMEM.
 */
int fs_identify(struct layout *layout, struct error *err);

/**
 * fs_can_open() - is there a driver for a kind of file system?
 * @type: as in struct fs_info
 */
bool fs_can_open(const char *type);

/**
 * fs_open() - open the file system on a volume with the driver that recognises it
 *
 * Return: 0; -ENOTSUP when no driver knows what is on it; -EUCLEAN when it is damaged; the blk's
 * error.
 */
int fs_open(struct blk *blk, struct fs **ret, struct error *err);

/**
 * fs_close() - close and free
 * @fs: may be NULL
 */
void fs_close(struct fs *fs);
DEFINE_CLEANUP(struct fs *, fs_close)

#endif
