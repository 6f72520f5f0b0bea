/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * walk - through a file system's directories, whatever is done on the way.
 *
 * Entries of a directory come in batches, in the order that it has them; whoever visits them says
 * into which directories the walk goes, which it does before the next batch. A batch may be worked
 * on by several threads.
 *
 * A damaged disk may lead anywhere: a directory is walked once, however many names it has; paths
 * are no longer than any that can be used; there are not more entries than the volume has room for.
 * Memory grows with the depth, which is bounded, and by a few bits a directory.
 */
#ifndef LUNETTE_WALK_H
#define LUNETTE_WALK_H

#include <stdatomic.h>

#include "lunette/filesystem.h"

#define FS_WALK_BATCH      64
#define FS_WALK_DEPTH_MAX  2048
#define FS_WALK_PATH_BYTES ((size_t)128 << 10) /* no path that Windows can make is longer */

/**
 * struct fs_walk_dir - the directory at hand
 * @path: from the root, "/" or "/a/b/"
 * @state: what visit() put there for it
 */
struct fs_walk_dir {
	const char *path;
	uint64_t ino;
	void *state;
};

/**
 * struct fs_walk_entry - one of its entries
 * @type: S_IFMT bits; 0 where only fs_stat() can tell
 * @into: to be set if this is a directory into which the walk is to go
 * @state: to be set for that directory, whatever it is
 */
struct fs_walk_entry {
	const char *name;
	uint64_t ino;
	uint32_t type;
	bool into;
	void *state;
};

/**
 * struct fs_walk_ops - who walks; any negative errno, recorded in @err, ends the walk
 * @visit: looks at @n entries, at least 1, of a directory. They are gone when it returns
 * @leave: once for each entry that was marked @into, when it was walked, could not be, or nobody
 *         will any more, because something has failed; @path ends with '/'. May be NULL
 * @trouble: a directory could not be listed, or not to its end, or is not walked; @path has no '/'
 *           behind it but that of the root
 */
struct fs_walk_ops {
	int (*visit)(void *ctx, const struct fs_walk_dir *dir, struct fs_walk_entry *entries,
		     size_t n, struct error *err);
	void (*leave)(void *ctx, const char *path, void *state);
	int (*trouble)(void *ctx, const char *path, const struct error *why, struct error *err);
};

/**
 * fs_walk() - walk, beginning with the root
 * @state: of the root; there is no @leave for it
 * @stop: when it becomes true this ends with -EINTR; may be NULL
 *
 * Return: 0; -EINTR; -ENOMEM; -EUCLEAN when there is no end of it; what @ops returned.
 */
int fs_walk(struct fs *fs, const struct fs_walk_ops *ops, void *ctx, void *state,
	    const atomic_bool *stop, struct error *err);

#endif
