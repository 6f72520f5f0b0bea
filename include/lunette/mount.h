/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount - shows a tree at a mount point, by FUSE.
 */
#ifndef LUNETTE_MOUNT_H
#define LUNETTE_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "lunette/error.h"
#include "lunette/tree.h"

/* As the kernel lists it in /proc/self/mountinfo. */
#define MOUNT_FSTYPE "fuse.lunette"

/**
 * struct mount_options - how to mount
 * @allow_other: other users may look, too
 * @ready: called once, from another thread, when the mount answers; anything but 0 unmounts again;
 *         may be NULL
 * @log: called with a sentence for the log, from any thread; not too often
 */
struct mount_options {
	bool allow_other;
	int (*ready)(void *ctx, struct error *err);
	void (*log)(void *ctx, const char *sentence);
	void *ctx;
};

/**
 * mount_check() - can something be mounted there?
 * @ret: its real path, to be freed with free()
 *
 * Return: 0; -ENOENT, -ENOTDIR, -ENOTEMPTY, -EBUSY when it is a mount point already, ...
 */
int mount_check(const char *dir, char **ret, struct error *err);

/**
 * mount_run() - mount, and serve until somebody unmounts, or SIGTERM, SIGINT or SIGHUP comes
 * @dir: as mount_check() returned it
 *
 * To be called from the main thread, which handles these signals meanwhile.
 *
 * Return: 0 when it was unmounted; why it could not be mounted or served.
 */
int mount_run(struct tree *tree, const char *dir, const struct mount_options *options,
	      struct error *err);

/**
 * mount_end() - unmount, and wait until the process that serves is gone
 * @dir: the mount point
 *
 * A mount whose server died is cleaned up, too, and so is one whose server answers nothing.
 *
 * Return: 0; -EINVAL when it is no mount of lunette; -EBUSY when it is in use; -ETIMEDOUT when it
 * is unmounted but its process does not end, or did not answer; ...
 */
int mount_end(const char *dir, struct error *err);

#endif
