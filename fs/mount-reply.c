/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-reply - what every answer to FUSE is made of: errors and the log, buffers, attributes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/clock.h"
#include "mount-private.h"

#define LOG_EACH_SECOND 5

/* ---- errors ---- */

/* Questions that may be answered with no: nobody wants these in a log. */
static bool is_no(int code)
{
	switch (-code) {
	case ENOENT:
	case ENODATA:
	case ERANGE:
	case ENOTDIR:
	case EISDIR:
	case EINVAL:
	case ENXIO:
	case EACCES:
	case ESTALE:
		return true;
	default:
		return false;
	}
}

/* At most so many sentences a second; says when it begins to leave some out. */
static bool may_log(struct mount *mount, bool *last)
{
	int64_t second = clock_now_ms() / 1000;
	pthread_mutex_lock(&mount->log_lock);
	if (second != mount->log_second) {
		mount->log_second = second;
		mount->log_n = 0;
	}
	unsigned int n = ++mount->log_n;
	pthread_mutex_unlock(&mount->log_lock);
	*last = n == LOG_EACH_SECOND;
	return n <= LOG_EACH_SECOND;
}

void mount_log(struct mount *mount, const char *doing, const struct error *err)
{
	bool last;
	if (!is_no(err->code) && may_log(mount, &last)) {
		char text[sizeof(err->msg) + 128];
		snprintf(text, sizeof(text), "%s: %s%s", doing, err->msg,
			 last ? " (more of these in this second are left out)" : "");
		mount->options->log(mount->options->ctx, text);
	}
}

void mount_fail(fuse_req_t req, const char *doing, const struct error *err)
{
	mount_log(fuse_req_userdata(req), doing, err);
	/* What is damaged here is not a file system that could be checked over there. */
	bool ours = err->code == -EUCLEAN || err->code == -EREMOTEIO;
	fuse_reply_err(req, ours ? EIO : -err->code);
}

/* ---- buffers ---- */

struct mount_buffer {
	size_t size;
	uint8_t bytes[];
};

static pthread_key_t buffer_key;

static void make_key(void)
{
	pthread_key_create(&buffer_key, free);
}

void *mount_buffer(size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_key);
	struct mount_buffer *buffer = pthread_getspecific(buffer_key);
	if (buffer && buffer->size >= size)
		return buffer->bytes;
	free(buffer);
	buffer = malloc(sizeof(*buffer) + size);
	pthread_setspecific(buffer_key, buffer);
	if (!buffer)
		return NULL;
	buffer->size = size;
	return buffer->bytes;
}

/* ---- attributes ---- */

struct stat mount_stat(const struct mount *mount, const struct fs_stat *st)
{
	uint32_t writing = S_ISLNK(st->mode) ? 0 : S_IWUSR | S_IWGRP | S_IWOTH;
	return (struct stat){
		.st_ino = st->ino,
		.st_mode = st->mode & ~writing,
		.st_nlink = st->nlink,
		.st_uid = st->uid == FS_NOBODY ? mount->uid : st->uid,
		.st_gid = st->gid == FS_NOBODY ? mount->gid : st->gid,
		.st_rdev = st->rdev,
		.st_size = (off_t)MIN(st->size, (uint64_t)INT64_MAX),
		.st_blksize = MOUNT_BLOCK,
		.st_blocks = (blkcnt_t)(st->allocated / 512 + (st->allocated % 512 != 0)),
		.st_atim = st->atime,
		.st_mtim = st->mtime,
		.st_ctim = st->ctime,
	};
}

void mount_entry(const struct mount *mount, const struct tree_attr *attr,
		 struct fuse_entry_param *ret)
{
	double timeout = attr->changes ? MOUNT_MOMENT : MOUNT_EVER;
	*ret = (struct fuse_entry_param){
		.ino = attr->stat.ino,
		.attr = mount_stat(mount, &attr->stat),
		.attr_timeout = timeout,
		.entry_timeout = timeout,
	};
}
