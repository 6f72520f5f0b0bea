/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * filesystem - what is asked of a file system, whatever driver reads it; all of it read-only.
 *
 * These functions are the front of every driver: they check what is asked once, clip the answer to
 * the file or the volume, give the safe answer where a driver has none, and take from a driver
 * nothing that would stop a caller short, lead it in a circle or out of the volume: that is
 * -EUCLEAN, as other damage is. Nobody else calls a driver (fs/driver.h).
 *
 * Two answers make lunette fast: fs_read() reads a file's plain bytes straight from the blk, in
 * parallel, without the lock of a driver's library; and fs_used() says which bytes of the volume
 * are in use, so that a backup reads nothing else.
 *
 * Names are told, and asked for, as a path can have them: nearly all of them are as they are on the
 * volume; a '/' or a NUL in a name, and what is called "." or "..", is spelled with a '%' (see
 * fs/name.h), and so is one that damage has given to several files of a directory. No two are told
 * as the same, and none is left out.
 *
 * Any thread may call an open file system. Inode numbers may be anything: they come from outside.
 */
#ifndef LUNETTE_FILESYSTEM_H
#define LUNETTE_FILESYSTEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/layout.h"

/* Inode numbers fit in this many bits: the tree keeps the rest for itself. */
#define FS_INO_BITS 48
#define FS_NAME_MAX 1024 /* bytes, without a NUL */

struct fs;
struct fs_driver;

/**
 * struct fs_info - what is known of a file system without opening it
 * @size: bytes of the volume that it takes for itself; 0 where that is not known
 * @type: "ntfs", ...
 * @label: UTF-8, may be cut; "" when it has none
 * @uuid: as the file system's own tools print it; "" when it has none
 * @member: UUID of this one of the members of an array or a file system that has several, where
 *          fs_signature() was asked; else ""
 */
struct fs_info {
	uint64_t size;
	char type[32];
	char label[256];
	char uuid[40];
	char member[40];
};

/* An owner or a group where the file system knows none. */
#define FS_NOBODY UINT32_MAX

/**
 * struct fs_stat - an inode's attributes, as they are on the volume
 * @mode: type and permissions
 * @uid: and @gid: may be FS_NOBODY
 * @size: bytes, as fs_read() will find them
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
 * @name: bytes, UTF-8 as a rule, without '/', never "." or ".."; a NUL follows
 * @type: S_IFMT bits where the driver knows them at no cost, else 0
 * @next: the position that continues behind this entry, larger than that of any before
 *
 * It must not call the file system.
 * Return: 0 to go on, 1 to stop in front of this entry.
 */
typedef int fs_emit_fn(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		       uint64_t next);

/**
 * typedef fs_blocks_fn - one run of the volume's bytes that hold a file's data
 *
 * It must not call the file system. Return: 0 to go on; a negative errno, recorded in @err, ends
 * it.
 */
typedef int fs_blocks_fn(void *ctx, uint64_t length, uint64_t start, struct error *err);

/**
 * typedef fs_link_fn - one of the names by which an inode is known
 * @dir: the directory that the name is in
 * @name: as fs_emit_fn() has it
 *
 * It must not call the file system. Return: 0 to go on; a negative errno, recorded in @err, ends
 * it.
 */
typedef int fs_link_fn(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err);

/**
 * struct fs_size - the size of a file that was looked at lately
 * @turn: odd while it is being written
 * @key: inode number and 1; 0 is none
 */
struct fs_size {
	atomic_uint turn;
	_Atomic uint64_t key;
	_Atomic uint64_t size;
};

#define FS_SIZES 2048

/**
 * struct fs - an open file system; the head of every driver's own struct, which begins zeroed
 * @driver: who answers, filled in by fs_open(); only fs.c calls it
 * @blk: the volume; the driver holds a reference
 * @root: inode number of the root directory
 * @sizes: the front's own: what it takes to end a file where it ends without asking each time
 */
struct fs {
	const struct fs_driver *driver;
	struct blk *blk;
	uint64_t root;
	struct fs_size sizes[FS_SIZES];
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
 * fs_signature() - type, label and UUIDs of what is on a blk, as libblkid names it
 *
 * Return: 1 and @ret set if it is known, 0 if not, negative errno if @blk cannot be read.
 */
int fs_signature(struct blk *blk, struct fs_info *ret, struct error *err);

/**
 * fs_rival() - what else has its records on a blk: what was there before, or what came later
 * @own: the type that it is known to be, which is no rival
 * @ret: of @size bytes: the name of one, as libblkid says it
 *
 * What cannot be read says nothing.
 *
 * Return: 1 and @ret set if there is one, 0 if not, negative errno.
 */
int fs_rival(struct blk *blk, const char *own, char *ret, size_t size, struct error *err);

/**
 * struct fs_source - what a file system is opened from
 * @blk: the volume
 *
 * All of it is borrowed: a driver takes references of its own to what it keeps. Where a file system
 * has more than one volume, or its journal elsewhere, that becomes a member here, NULL when it is
 * not there, so that other drivers need not know.
 */
struct fs_source {
	struct blk *blk;
};

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
int fs_open(const struct fs_source *source, struct fs **ret, struct error *err);

/**
 * fs_close() - close and free
 * @fs: may be NULL
 */
void fs_close(struct fs *fs);
DEFINE_CLEANUP(struct fs *, fs_close)

/* Return: 0; -ENOENT when there is no such name. */
int fs_lookup(struct fs *fs, uint64_t dir, const char *name, uint64_t *ret, struct error *err);
int fs_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err);

/**
 * fs_readdir() - list a directory
 * @pos: 0 is the start; else what came as @next
 *
 * Entries that nobody could use, because of their name or number, are left out, and make it fail
 * with -EUCLEAN when all others of this call were listed.
 */
int fs_readdir(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
	       struct error *err);

/**
 * fs_read() - read a file's bytes
 * @ret: bytes read: @len, or less at the end of the file, where fs_stat() says that it is
 */
int fs_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off, size_t *ret,
	    struct error *err);

/**
 * fs_file_extent() - the run of a file's bytes at an offset
 * @ret: ends in the file; plain bytes lie in the volume
 *
 * Return: 0; -ERANGE when @off is not before the file's end; ...
 */
int fs_file_extent(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
		   struct error *err);

/**
 * fs_readlink() - a link's target as it is on the volume
 * @buf: NUL-terminated on return. It is not to be followed here: an absolute target is meant below
 *       the volume's own root, and a relative one may climb out (fs/link.h)
 *
 * Return: 0; -EINVAL when it is no link; ...
 */
int fs_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err);

/**
 * fs_listxattr() - the names of extended attributes, each with its NUL
 * @ret: the size that they need; @buf is filled if they fit in @size
 */
int fs_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
		 struct error *err);

/* The value, in the same way. Return: 0; -ENODATA when there is none; ... */
int fs_getxattr(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size, size_t *ret,
		struct error *err);

/**
 * fs_used() - the run of the volume's bytes at an offset
 *
 * Where a driver cannot tell, everything is used.
 *
 * Return: 0; -ERANGE when @off is not before the volume's end; ...
 */
int fs_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err);

/* Patterns of files that a backup leaves out by itself, "/pagefile.sys"; ends with NULL. */
const char *const *fs_left_out(const struct fs *fs);

/* Can it say which blocks are a file's alone, and by which names it is known? */
bool fs_knows_blocks(const struct fs *fs);

/**
 * fs_file_blocks() - all runs of the volume in which nothing lies but the data of an inode
 *
 * All of its streams, in any order. None where the driver cannot tell.
 */
int fs_file_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx, struct error *err);

/**
 * fs_links() - each name of an inode, with its directory
 *
 * Return: 0; -EOPNOTSUPP where the driver cannot tell; ...
 */
int fs_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err);

/**
 * fs_fold() - what all spellings of a name that mean the same file have in common
 * @ret: to be freed with free(); as @name where there is only one spelling
 */
int fs_fold(struct fs *fs, const char *name, char **ret, struct error *err);

#endif
