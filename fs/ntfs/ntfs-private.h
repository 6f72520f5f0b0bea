/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-private - what the files of the NTFS driver share.
 *
 * libntfs-3g sits in the middle: above it these files, below it a struct ntfs_device that reads our
 * blk. The library is not thread-safe, so one lock a volume is held around every call of it
 * (fs_ntfs_enter, fs_ntfs_leave). File data does not need it: see ntfs-data.c.
 *
 *   ntfs-boot.c    the boot sector and the label, without the library
 *   ntfs-device.c  the library's way down to the blk, and its way of saying what went wrong
 *   ntfs.c         opening, directories: the driver table
 *   ntfs-name.c    names as bytes, and back
 *   ntfs-inode.c   attributes, kinds of file
 *   ntfs-link.c    where links lead to
 *   ntfs-xattr.c   alternate data streams
 *   ntfs-data.c    where a file's bytes lie, and reading them
 *   ntfs-used.c    which bytes of the volume are in use
 *   ntfs-blocks.c  which of them are a file's alone, and all of its names
 *   ntfs-log.c     which more may be, where the volume was in use itself
 *   ntfs-mft.c     which the files say are theirs
 *   ntfs-ranges.c  ranges of clusters
 */
#ifndef NTFS_PRIVATE_H
#define NTFS_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lunette/filesystem.h"

/* ---- ntfs-boot.c ---- */

/**
 * struct ntfs_boot - what the boot sector says, checked
 * @size: bytes of the whole file system, the sector behind it with the copy of the boot sector
 * excluded
 * @cluster: bytes
 * @n_clusters: whole ones
 * @mft: byte offset of the first MFT record
 * @record: bytes of an MFT record
 */
struct ntfs_boot {
	uint64_t size;
	uint64_t n_clusters;
	uint64_t mft;
	uint64_t mirror;
	uint64_t serial;
	uint32_t cluster;
	uint32_t record;
};

/**
 * fs_ntfs_boot_read() - read and check the boot sector
 *
 * Return: 1; 0 when this is not NTFS; -EUCLEAN when it is, but damaged; the blk's error.
 */
int fs_ntfs_boot_read(struct blk *blk, struct ntfs_boot *ret, struct error *err);

/* What a record or a page is protected in, whatever the sectors of its disk are. */
#define NTFS_SECTOR 512u

/**
 * fs_ntfs_fix_up() - undo the protection of a record, or a page of the log, against torn writes
 * @record: @size bytes, whole sectors
 *
 * The last two bytes of each sector lie in a table in its head, and one number stands in their
 * places. Return: whether it was written whole; what there is of a torn one is made good all the
 * same.
 */
bool fs_ntfs_fix_up(uint8_t *record, uint32_t size);

int fs_ntfs_remains(struct blk *blk, struct error *err);
int fs_ntfs_probe(struct blk *blk, struct fs_info *ret, struct error *err);

/* ---- the library's side; the including file has asked for it ---- */

#ifdef NTFS_WANT_LIBRARY

/* The library's headers include nothing of what they use. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#include <ntfs-3g/types.h>
#include <ntfs-3g/layout.h>
#include <ntfs-3g/volume.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/reparse.h>
#include <ntfs-3g/ea.h>
#include <ntfs-3g/logging.h>
#pragma GCC diagnostic pop
/* clang-format on */

struct ntfs_files;
struct ntfs_bitmap;

/**
 * struct fs_ntfs - an open volume
 * @cache: @fs.blk behind a cache, for metadata
 * @lock: held around every use of the library, and of the next three
 * @dev_err: why the device could not be read, during the present call; code 0 when it could
 * @fuel: how many more reads the present call may do: the library trusts the links on the disk
 *        and would follow a loop of them for ever
 */
struct fs_ntfs {
	struct fs fs;
	struct ntfs_boot boot;
	struct blk *cache;
	pthread_mutex_t lock;
	struct error dev_err;
	unsigned int fuel;
	ntfs_volume *vol;
	struct ntfs_files *files;
	struct ntfs_bitmap *bitmap;
};

/* No sane structure needs as many reads for one question. */
#define FS_NTFS_FUEL 100000

/* ---- ntfs-device.c ---- */

/* Opens @ntfs->vol. */
int fs_ntfs_device_mount(struct fs_ntfs *ntfs, struct error *err);

/* Take the lock and begin a call of the library; end it. */
void fs_ntfs_enter(struct fs_ntfs *ntfs, unsigned int fuel);
void fs_ntfs_leave(struct fs_ntfs *ntfs);

/**
 * fs_ntfs_error() - turn the failure of a library call into an error; under the lock
 *
 * Return: the device's error if there was one; -EUCLEAN for what the library calls EIO or EINVAL,
 * for it found damage; else errno.
 */
int fs_ntfs_error(struct fs_ntfs *ntfs, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Opens an inode, under the lock. */
int fs_ntfs_inode(struct fs_ntfs *ntfs, uint64_t ino, ntfs_inode **ret, struct error *err);

static inline void ntfs_inode_close_cleanup(ntfs_inode **ni)
{
	if (*ni)
		ntfs_inode_close(*ni);
}

static inline void ntfs_attr_close_cleanup(ntfs_attr **na)
{
	if (*na)
		ntfs_attr_close(*na);
}

/* ---- ntfs-name.c ---- */

/* Bytes that a unit of a name takes at most. */
#define NTFS_UNIT_BYTES 3

/**
 * fs_ntfs_name() - a name's bytes
 * @ret: room for NTFS_UNIT_BYTES a unit; gets no NUL
 *
 * Return: how many they are.
 */
size_t fs_ntfs_name(const ntfschar *units, size_t n_units, char *ret);

/**
 * fs_ntfs_units() - the name that has these bytes
 * @ret: room for @len units
 *
 * Return: how many units they are; 0 if no name has these bytes.
 */
size_t fs_ntfs_units(const char *name, size_t len, ntfschar *ret);

/* ---- ntfs-inode.c ---- */

int fs_ntfs_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err);

/* The same of an open inode, under the lock. */
int fs_ntfs_inode_stat(struct fs_ntfs *ntfs, ntfs_inode *ni, struct fs_stat *ret,
		       struct error *err);

/* ---- ntfs-link.c ---- */

int fs_ntfs_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err);

/**
 * fs_ntfs_link() - what a reparse point or an Interix link shows as its target; under the lock
 * @ret: to be freed with free()
 */
int fs_ntfs_link(struct fs_ntfs *ntfs, ntfs_inode *ni, char **ret, struct error *err);

/**
 * fs_ntfs_interix() - what kind of Interix file an inode with the system flag is; under the lock
 * @ret_mode: S_IFREG when it is none
 * @ret_rdev: of a device
 * @ret_target: of a link, to be freed with free(); else NULL
 */
int fs_ntfs_interix(struct fs_ntfs *ntfs, ntfs_inode *ni, uint32_t *ret_mode, uint32_t *ret_rdev,
		    char **ret_target, struct error *err);

/* ---- ntfs-xattr.c ---- */

int fs_ntfs_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
		      struct error *err);
int fs_ntfs_getxattr(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size,
		     size_t *ret, struct error *err);

/* ---- ntfs-data.c ---- */

int fs_ntfs_files_new(struct ntfs_files **ret, struct error *err);
void fs_ntfs_files_free(struct ntfs_files *files);

int fs_ntfs_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off, size_t *ret,
		 struct error *err);
int fs_ntfs_file_extent(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
			struct error *err);

/**
 * fs_ntfs_read_whole() - read all of @len bytes of a file that has no holes
 *
 * For $Bitmap: where it lies nowhere, or ends too early, it does not say that nothing is used.
 *
 * Return: 0; -EUCLEAN when some of the bytes lie nowhere; else as fs_ntfs_read().
 */
int fs_ntfs_read_whole(struct fs_ntfs *ntfs, uint64_t ino, void *buf, size_t len, uint64_t off,
		       struct error *err);

/* ---- ntfs-ranges.c ---- */

/* Clusters from @first up to, not including, @stop. */
struct ntfs_range {
	uint64_t first;
	uint64_t stop;
};

/**
 * struct ntfs_ranges - ranges of clusters, in order and apart from each other
 * @v: to be freed with free()
 * @room: ranges that @v has room for
 */
struct ntfs_ranges {
	struct ntfs_range *v;
	size_t n;
	size_t room;
};

/* Past half of this, ranges become one that holds all of the volume. */
#define NTFS_RANGES_MAX (1u << 20)

/* Adds those of them that are inside the volume; afterwards they are in no order. */
int fs_ntfs_ranges_add(struct ntfs_ranges *ranges, uint64_t n_clusters, uint64_t first,
		       uint64_t stop, struct error *err);

/* Puts them in order and apart from each other. */
void fs_ntfs_ranges_merge(struct ntfs_ranges *ranges);

/* Index of the first range that ends behind @cluster; they are in order. */
size_t fs_ntfs_ranges_find(const struct ntfs_ranges *ranges, uint64_t cluster);

/* ---- ntfs-mft.c ---- */

/* A run of clusters. Return: 0 to go on; a negative errno ends it. */
typedef int ntfs_clusters_fn(void *ctx, uint64_t first, uint64_t stop, struct error *err);

/**
 * fs_ntfs_mft_clusters() - every run of clusters that a record in use says is its own
 *
 * It reads all of $MFT. All of the runs are inside the volume, in any order.
 */
int fs_ntfs_mft_clusters(struct fs_ntfs *ntfs, ntfs_clusters_fn *fn, void *ctx, struct error *err);

/* ---- ntfs-log.c ---- */

/**
 * fs_ntfs_log_ranges() - the clusters that are allocated, or may be, as soon as the log is replayed
 * @ret: none if the volume was unmounted in an orderly way; all clusters inside the volume
 *
 * It may read all of $LogFile, which has 64 MiB as a rule.
 */
int fs_ntfs_log_ranges(struct fs_ntfs *ntfs, struct ntfs_ranges *ret, struct error *err);

/* ---- ntfs-used.c ---- */

int fs_ntfs_bitmap_new(struct ntfs_bitmap **ret, struct error *err);
void fs_ntfs_bitmap_free(struct ntfs_bitmap *bitmap);
int fs_ntfs_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err);

/* What the log names, read when it is first asked for; it stays as it is. */
int fs_ntfs_log_known(struct fs_ntfs *ntfs, const struct ntfs_ranges **ret, struct error *err);

/* ---- ntfs-blocks.c ---- */

int fs_ntfs_file_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx,
			struct error *err);
int fs_ntfs_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err);
int fs_ntfs_fold(struct fs *fs, const char *name, char **ret, struct error *err);

#endif
#endif
