/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount-private - what the files of the mount share.
 *
 *   mount.c        mounting and serving: sessions, signals, being ready
 *   mount-ops.c    what FUSE asks, answered by the tree
 *   mount-dir.c    listing directories
 *   mount-reply.c  what answers are made of
 *   mount-point.c  checking mount points, and unmounting
 */
#ifndef MOUNT_PRIVATE_H
#define MOUNT_PRIVATE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "lunette/mount.h"

/* The root answers this attribute, which is not listed, with the number of the process that serves.
 */
#define MOUNT_PID_XATTR "user.lunette.pid"

#define MOUNT_BLOCK 4096u

/* What the kernel may keep for ever, and what only for a moment. */
#define MOUNT_EVER   1e9
#define MOUNT_MOMENT 1.0

/**
 * struct mount - a mounted tree
 * @uid: and @gid: who mounts
 * @log_lock: covers the next two, which keep the log short when everything fails at once
 * @log_second: the present second of the log's clock; @log_n: sentences in it
 */
struct mount {
	struct tree *tree;
	const struct mount_options *options;
	struct fuse_session *session;
	const char *dir;
	uid_t uid;
	gid_t gid;
	pthread_mutex_t log_lock;
	time_t log_second;
	unsigned int log_n;
	struct error ready_err;
};

extern const struct fuse_lowlevel_ops mount_ops;

/* Log an error if it is one that the user should know of. */
void mount_log(struct mount *mount, const char *doing, const struct error *err);

/* The same, and reply with it. */
void mount_fail(fuse_req_t req, const char *doing, const struct error *err);

/* A buffer of this thread with @size bytes, freed when it ends; NULL without memory. */
void *mount_buffer(size_t size);

/*
 * How attributes are shown: what is nobody's belongs to who mounts, and nobody may write, whatever
 * permissions there are.
 */
struct stat mount_stat(const struct mount *mount, const struct fs_stat *st);
void mount_entry(const struct mount *mount, const struct tree_attr *attr,
		 struct fuse_entry_param *ret);

/* Anything but 0 for @fi: the kernel asks for attributes, too. */
void mount_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus);

#endif
