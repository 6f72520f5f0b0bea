/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree - what a mount shows, as nodes with numbers; it knows nothing of FUSE.
 *
 *   layout.json                    the document of `probe --json`
 *   disks/DISK.img                 each disk, whole
 *   volumes/VOL/image              each volume, whole, put together
 *   volumes/VOL/files/...          its files
 *   volumes/VOL/README             why they are not shown, where they are not
 *
 * Over finished backups the same stands in NAME/TIME/, and NAME/latest is a link to the newest.
 * TIME is "2026-11-28T150745Z", without colons, which rsync and SMB do not take.
 *
 * A node's number says all about it, so that a tree keeps nothing for the files that were looked at
 * and never has to be told that one is forgotten. File systems and restore points are opened when
 * first entered, and only so many are kept open.
 *
 * Any thread may call. Offsets, positions and node numbers may be anything: they come from outside.
 */
#ifndef LUNETTE_TREE_H
#define LUNETTE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/filesystem.h"
#include "lunette/layout.h"
#include "lunette/points.h"

#define TREE_ROOT 1

struct tree;

/**
 * struct tree_attr - a node's attributes
 * @stat: stat.ino is the node's number
 * @changes: it or its name may be another one in a second; else both may be kept for ever
 */
struct tree_attr {
	struct fs_stat stat;
	bool changes;
};

/**
 * tree_new_layout() - the tree of one set of disks
 * @layout: taken over, also on failure
 * @ret: to be freed with tree_free()
 *
 * Return: 0 or -ENOMEM.
 */
int tree_new_layout(struct layout *layout, struct tree **ret, struct error *err);

/**
 * tree_new_points() - the tree of finished backups
 * @points: borrowed; must outlive the tree
 *
 * Restore points that come or go show within two seconds.
 *
 * Return: 0; -ENOMEM; why they cannot be listed.
 */
int tree_new_points(struct points *points, struct tree **ret, struct error *err);

/**
 * tree_free() - close everything and free; nobody may be in a call
 * @tree: may be NULL
 */
void tree_free(struct tree *tree);
DEFINE_CLEANUP(struct tree *, tree_free)

/* Does what is shown change? Not for one set of disks. */
bool tree_changes(const struct tree *tree);

/* Bytes of all disks; 0 for finished backups. */
uint64_t tree_size(const struct tree *tree);

/* Bytes that should be asked for before they are wanted, so that the disks are never idle. */
uint64_t tree_read_ahead(const struct tree *tree);

/* Return: 0; -ENOENT when there is no such name; else why it cannot be told. */
int tree_lookup(struct tree *tree, uint64_t dir, const char *name, struct tree_attr *ret,
		struct error *err);
int tree_stat(struct tree *tree, uint64_t node, struct tree_attr *ret, struct error *err);

/**
 * tree_readdir() - list a directory from a position on (0 is the start)
 * @emit: gets node numbers, or 0 where finding one out costs more than listing it; may not call the
 *        tree
 */
int tree_readdir(struct tree *tree, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
		 struct error *err);

/* Reads up to @len bytes; fewer only at the end. */
int tree_read(struct tree *tree, uint64_t node, void *buf, size_t len, uint64_t off, size_t *ret,
	      struct error *err);

/**
 * tree_extent() - the run of a file's bytes at an offset
 *
 * Return: 0; -ERANGE when @off is not before its end; ...
 */
int tree_extent(struct tree *tree, uint64_t node, uint64_t off, struct blk_extent *ret,
		struct error *err);

/* The target, NUL-terminated, in @buf; relative, and it leads to no place out of "files". */
int tree_readlink(struct tree *tree, uint64_t node, char *buf, size_t size, struct error *err);

/* As the functions of struct fs_driver. */
int tree_listxattr(struct tree *tree, uint64_t node, char *buf, size_t size, size_t *ret,
		   struct error *err);
int tree_getxattr(struct tree *tree, uint64_t node, const char *name, void *buf, size_t size,
		  size_t *ret, struct error *err);

#endif
