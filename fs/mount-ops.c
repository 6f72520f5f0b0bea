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

static struct mount *of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct mount *mount = of(req);
	struct error err = { 0 };
	struct tree_attr attr;
	struct fuse_entry_param entry = { 0 };
	int rc = tree_lookup(mount->tree, dir, name, &attr, &err);
	if (rc == 0)
		mount_entry(mount, &attr, &entry);
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
	struct stat st = mount_stat(of(req), &attr.stat);
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
		.f_bsize = MOUNT_BLOCK,
		.f_frsize = MOUNT_BLOCK,
		.f_blocks = tree_size(of(req)->tree) / MOUNT_BLOCK,
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
