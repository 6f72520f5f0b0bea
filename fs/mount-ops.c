/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount-ops - what FUSE asks, answered by the tree.
 *
 * NOTES ON THREADS: libfuse calls these from several threads at once. Nothing here is shared but
 * the tree, which any thread may call, and the log. There are no handles: a file's number says all
 * about it, so the kernel is told not to ask for files to be opened at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mount-private.h"

#define LOG_EACH_SECOND 5
#define BLOCK           4096u

static struct mount *of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

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
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&mount->log_lock);
	if (now.tv_sec != mount->log_second) {
		mount->log_second = now.tv_sec;
		mount->log_n = 0;
	}
	unsigned int n = ++mount->log_n;
	pthread_mutex_unlock(&mount->log_lock);
	*last = n == LOG_EACH_SECOND;
	return n <= LOG_EACH_SECOND;
}

void mount_fail(fuse_req_t req, const char *doing, const struct error *err)
{
	struct mount *mount = of(req);
	bool last;
	if (!is_no(err->code) && may_log(mount, &last)) {
		char text[sizeof(err->msg) + 128];
		snprintf(text, sizeof(text), "%s: %s%s", doing, err->msg,
			 last ? " (more of these in this second are left out)" : "");
		mount->options->log(mount->options->ctx, text);
	}
	/* What is damaged here is not a file system that could be checked over there. */
	fuse_reply_err(req, err->code == -EUCLEAN ? EIO : -err->code);
}

/* ---- buffers ---- */

struct buffer {
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
	struct buffer *buffer = pthread_getspecific(buffer_key);
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

static struct stat to_stat(const struct fs_stat *st)
{
	return (struct stat){
		.st_ino = st->ino,
		.st_mode = st->mode,
		.st_nlink = st->nlink,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_rdev = st->rdev,
		.st_size = (off_t)MIN(st->size, (uint64_t)INT64_MAX),
		.st_blksize = BLOCK,
		.st_blocks = (blkcnt_t)(st->allocated / 512 + (st->allocated % 512 != 0)),
		.st_atim = st->atime,
		.st_mtim = st->mtime,
		.st_ctim = st->ctime,
	};
}

void mount_entry(const struct tree_attr *attr, struct fuse_entry_param *ret)
{
	double timeout = attr->changes ? MOUNT_MOMENT : MOUNT_EVER;
	*ret = (struct fuse_entry_param){
		.ino = attr->stat.ino,
		.attr = to_stat(&attr->stat),
		.attr_timeout = timeout,
		.entry_timeout = timeout,
	};
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct mount *mount = of(req);
	struct error err = { 0 };
	struct tree_attr attr;
	struct fuse_entry_param entry = { 0 };
	int rc = tree_lookup(mount->tree, dir, name, &attr, &err);
	if (rc == 0)
		mount_entry(&attr, &entry);
	else if (rc == -ENOENT && !tree_changes(mount->tree))
		entry.entry_timeout = MOUNT_EVER; /* what is not there never will be */
	else {
		mount_fail(req, name, &err);
		return;
	}
	fuse_reply_entry(req, &entry);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	struct error err = { 0 };
	struct tree_attr attr;
	if (tree_stat(of(req)->tree, ino, &attr, &err) < 0) {
		mount_fail(req, "attributes", &err);
		return;
	}
	struct stat st = to_stat(&attr.stat);
	fuse_reply_attr(req, &st, attr.changes ? MOUNT_MOMENT : MOUNT_EVER);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct error err = { 0 };
	char target[4096];
	if (tree_readlink(of(req)->tree, ino, target, sizeof(target), &err) < 0)
		mount_fail(req, "read a link", &err);
	else
		fuse_reply_readlink(req, target);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	(void)ino;
	struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = tree_size(of(req)->tree) / BLOCK,
		.f_namemax = 1023,
		.f_flag = ST_RDONLY | ST_NOSUID | ST_NODEV,
	};
	fuse_reply_statfs(req, &st);
}

/* ---- files ---- */

/* ENOSYS means: no file of this mount needs to be opened, ever; and what was read may be kept. */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *mount = of(req);
	struct tree_attr attr;
	if (!tree_changes(mount->tree)) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->cache_readdir = fi->keep_cache =
		tree_stat(mount->tree, ino, &attr, NULL) == 0 && !attr.changes;
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	(void)fi;
	struct error err = { 0 };
	size_t n = 0;
	void *buf = mount_buffer(size);
	if (!buf)
		fuse_reply_err(req, ENOMEM);
	else if (tree_read(of(req)->tree, ino, buf, size, (uint64_t)off, &n, &err) < 0)
		mount_fail(req, "read a file", &err);
	else
		fuse_reply_buf(req, buf, n);
}

/* There is a hole behind every file's end, where SEEK_HOLE stops and SEEK_DATA finds nothing. */
static int seek(struct tree *tree, uint64_t ino, uint64_t off, bool hole, uint64_t *ret,
		struct error *err)
{
	struct tree_attr attr;
	int rc = tree_stat(tree, ino, &attr, err);
	if (rc < 0)
		return rc;
	if (off >= attr.stat.size)
		return error_set(err, -ENXIO, "%m");
	struct blk_extent ext;
	for (; off < attr.stat.size; off += ext.length) {
		rc = tree_extent(tree, ino, off, &ext, err);
		if (rc < 0)
			return rc;
		if (ext.zero == hole)
			break;
	}
	if (!hole && off >= attr.stat.size)
		return error_set(err, -ENXIO, "%m");
	*ret = MIN(off, attr.stat.size);
	return 0;
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	(void)fi;
	struct error err = { 0 };
	uint64_t found = 0;
	if (off < 0 || (whence != SEEK_DATA && whence != SEEK_HOLE))
		fuse_reply_err(req, EINVAL);
	else if (seek(of(req)->tree, ino, (uint64_t)off, whence == SEEK_HOLE, &found, &err) < 0)
		mount_fail(req, "find a hole", &err);
	else
		fuse_reply_lseek(req, (off_t)found);
}

/* ---- directories ---- */

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	mount_readdir(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	mount_readdir(req, ino, size, off, true);
}

/* ---- extended attributes ---- */

/* The tree says how much there is; the kernel asks for that first with a size of 0. */
static void reply_xattr(fuse_req_t req, const char *buf, size_t size, size_t used)
{
	if (size == 0)
		fuse_reply_xattr(req, used);
	else if (used > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, buf, used);
}

static void reply_pid(fuse_req_t req, size_t size)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)getpid());
	reply_xattr(req, text, size, (size_t)len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct error err = { 0 };
	size_t used = 0;
	if (ino == TREE_ROOT && strcmp(name, MOUNT_PID_XATTR) == 0) {
		reply_pid(req, size);
		return;
	}
	char *buf = mount_buffer(size + 1);
	if (!buf)
		fuse_reply_err(req, ENOMEM);
	else if (tree_getxattr(of(req)->tree, ino, name, buf, size, &used, &err) < 0)
		mount_fail(req, name, &err);
	else
		reply_xattr(req, buf, size, used);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct error err = { 0 };
	size_t used = 0;
	char *buf = mount_buffer(size + 1);
	if (!buf)
		fuse_reply_err(req, ENOMEM);
	else if (tree_listxattr(of(req)->tree, ino, buf, size, &used, &err) < 0)
		mount_fail(req, "list attributes", &err);
	else
		reply_xattr(req, buf, size, used);
}

/* ---- beginning ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *mount = userdata;
	/* Splicing was slower than copying wherever it was measured. */
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				      FUSE_CAP_SPLICE_MOVE | FUSE_CAP_READDIRPLUS_AUTO |
				      FUSE_CAP_AUTO_INVAL_DATA);
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS |
				       FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO);
	if (!tree_changes(mount->tree))
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	conn->max_background = 32;
	conn->congestion_threshold = 24;
}

const struct fuse_lowlevel_ops mount_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.lseek = op_lseek,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
};
