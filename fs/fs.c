/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fs - the front of every driver. See include/lunette/filesystem.h; fs/driver.h is the other side.
 *
 * The one idea: a driver reads what a stranger wrote, so its answers are as good as a stranger's.
 * Each is looked at once, here, and what comes out can be used without another thought: runs have a
 * length and lie in the file and the volume, listings go on, names are names.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "front.h"
#include "lunette/util.h"
#include "name.h"

/* ---- inodes ---- */

/*
 * Sizes of files, so that a read may end where the file ends without asking the driver, whose lock
 * may be held. Each slot is guarded by a number that is odd while somebody writes it: who reads in
 * between, or comes second to write, does without.
 */
static void remember_size(struct fs *fs, uint64_t ino, uint64_t size)
{
	struct fs_size *slot = &fs->sizes[ino % FS_SIZES];
	unsigned int turn = atomic_load_explicit(&slot->turn, memory_order_relaxed);
	if (turn % 2 || !atomic_compare_exchange_strong(&slot->turn, &turn, turn + 1))
		return;
	atomic_store_explicit(&slot->key, ino + 1, memory_order_release);
	atomic_store_explicit(&slot->size, size, memory_order_release);
	atomic_store_explicit(&slot->turn, turn + 2, memory_order_release);
}

static bool recall_size(struct fs *fs, uint64_t ino, uint64_t *ret)
{
	struct fs_size *slot = &fs->sizes[ino % FS_SIZES];
	unsigned int turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
	uint64_t key = atomic_load_explicit(&slot->key, memory_order_acquire);
	uint64_t size = atomic_load_explicit(&slot->size, memory_order_acquire);
	if (turn % 2 || !front_is_ino(ino) || key != ino + 1 ||
	    atomic_load_explicit(&slot->turn, memory_order_relaxed) != turn)
		return false;
	*ret = size;
	return true;
}

int fs_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	struct fs_stat st = { 0 };
	if (!front_is_ino(ino))
		return error_set(err, -ESTALE, "there is no inode %" PRIu64, ino);
	int rc = fs->driver->stat(fs, ino, &st, err);
	if (rc < 0)
		return rc;
	if (!front_is_type(st.mode))
		return front_damaged(ino, "it is of no known kind", err);
	if (st.size > INT64_MAX)
		return front_damaged(ino, "its size is impossible", err);
	st.ino = ino;
	if (S_ISREG(st.mode))
		remember_size(fs, ino, st.size);
	*ret = st;
	return 0;
}

int fs_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size, struct error *err)
{
	if (!fs->driver->readlink)
		return error_set(err, -EINVAL, "inode %" PRIu64 " is not a link", ino);
	int rc = fs->driver->readlink(fs, ino, buf, size, err);
	if (rc < 0)
		return rc;
	return memchr(buf, '\0', size) ? 0 : front_damaged(ino, "its link does not end", err);
}

/* ---- bytes of files ---- */

static int file_size(struct fs *fs, uint64_t ino, uint64_t *ret, struct error *err)
{
	struct fs_stat st;
	if (recall_size(fs, ino, ret))
		return 0;
	int rc = fs_stat(fs, ino, &st, err);
	if (rc < 0)
		return rc;
	if (S_ISDIR(st.mode))
		return error_set(err, -EISDIR, "inode %" PRIu64 ": %m", ino);
	*ret = st.size;
	return 0;
}

/* The run at an offset of a file of @size bytes, which is more than @off. */
static int run_at(struct fs *fs, uint64_t ino, uint64_t size, uint64_t off, struct fs_run *ret,
		  struct error *err)
{
	struct fs_run run = { .length = size - off, .kind = FS_RUN_DRIVER };
	int rc = fs->driver->file_extent ? fs->driver->file_extent(fs, ino, off, &run, err) : 0;
	if (rc == -ERANGE)
		return front_damaged(ino, "it ends before its size", err);
	if (rc < 0)
		return rc;
	if (run.length == 0)
		return front_damaged(ino, "a run of it is empty", err);
	run.length = MIN(run.length, size - off);
	if (run.kind == FS_RUN_DATA && !range_inside(run.length, run.start, fs->blk->size))
		return front_damaged(ino, "a run of it lies outside the volume", err);
	*ret = run;
	return 0;
}

int fs_file_extent(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret, struct error *err)
{
	uint64_t size = 0;
	int rc = file_size(fs, ino, &size, err);
	if (rc < 0)
		return rc;
	if (off >= size)
		return error_set(err, -ERANGE,
				 "inode %" PRIu64 ": offset %" PRIu64 " is past its end", ino, off);
	return run_at(fs, ino, size, off, ret, err);
}

static int read_by_driver(struct fs *fs, uint64_t ino, uint8_t *buf, size_t len, uint64_t off,
			  struct error *err)
{
	if (!fs->driver->read)
		return front_damaged(ino, "nobody can tell where its bytes are", err);
	while (len > 0) {
		size_t n = 0;
		int rc = fs->driver->read(fs, ino, buf, len, off, &n, err);
		if (rc < 0)
			return rc;
		if (n == 0)
			return front_damaged(ino, "it ends before its size", err);
		if (n > len)
			return front_damaged(ino, "more was read of it than was asked for", err);
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* Plain data comes from the blk, whatever the driver does with its lock. */
static int read_run(struct fs *fs, uint64_t ino, const struct fs_run *run, uint8_t *buf, size_t len,
		    uint64_t off, struct error *err)
{
	switch (run->kind) {
	case FS_RUN_DATA:
		return blk_read(fs->blk, buf, len, run->start, err);
	case FS_RUN_ZERO:
		memset(buf, 0, len);
		return 0;
	case FS_RUN_DRIVER:
		break;
	}
	return read_by_driver(fs, ino, buf, len, off, err);
}

int fs_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off, size_t *ret,
	    struct error *err)
{
	uint64_t size = 0;
	int rc = file_size(fs, ino, &size, err);
	if (rc < 0)
		return rc;
	len = off < size ? (size_t)MIN((uint64_t)len, size - off) : 0;
	for (size_t done = 0, n; done < len; done += n) {
		struct fs_run run;
		rc = run_at(fs, ino, size, off + done, &run, err);
		if (rc < 0)
			return rc;
		n = (size_t)MIN(run.length, (uint64_t)(len - done));
		rc = read_run(fs, ino, &run, (uint8_t *)buf + done, n, off + done, err);
		if (rc < 0)
			return rc;
	}
	*ret = len;
	return 0;
}

/* ---- extended attributes ---- */

int fs_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
		 struct error *err)
{
	size_t need = 0;
	int rc = fs->driver->listxattr ? fs->driver->listxattr(fs, ino, buf, size, &need, err) : 0;
	if (rc < 0)
		return rc;
	if (need > 0 && need <= size && buf[need - 1] != '\0')
		return front_damaged(ino, "the names of its attributes do not end", err);
	*ret = need;
	return 0;
}

int fs_getxattr(struct fs *fs, uint64_t ino, const char *name, void *buf, size_t size, size_t *ret,
		struct error *err)
{
	if (!fs->driver->getxattr)
		return error_set(err, -ENODATA, "%m");
	return fs->driver->getxattr(fs, ino, name, buf, size, ret, err);
}

/* ---- the volume ---- */

int fs_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err)
{
	uint64_t size = fs->blk->size;
	if (off >= size)
		return error_set(err, -ERANGE, "offset %" PRIu64 " is past the end of the volume",
				 off);
	struct fs_used run = { .length = size - off, .used = true };
	int rc = fs->driver->used ? fs->driver->used(fs, off, &run, err) : 0;
	if (rc < 0)
		return rc;
	if (run.length == 0)
		return error_set(err, -EUCLEAN,
				 "what is used of the volume at %" PRIu64 " cannot be told", off);
	run.length = MIN(run.length, size - off);
	*ret = run;
	return 0;
}

const char *const *fs_left_out(const struct fs *fs)
{
	static const char *const nothing[] = { NULL };
	return fs->driver->left_out ? fs->driver->left_out : nothing;
}

bool fs_knows_blocks(const struct fs *fs)
{
	return fs->driver->file_blocks && fs->driver->links;
}

/* The runs, or the names, of one inode on their way. */
struct passing {
	const struct fs *fs;
	uint64_t ino;
	fs_blocks_fn *blocks;
	fs_link_fn *link;
	void *ctx;
};

static int check_blocks(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	const struct passing *passing = ctx;
	if (length == 0 || !range_inside(length, start, passing->fs->blk->size))
		return front_damaged(passing->ino, "a run of it lies outside the volume", err);
	return passing->blocks(passing->ctx, length, start, err);
}

int fs_file_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx, struct error *err)
{
	struct passing passing = { .fs = fs, .ino = ino, .blocks = fn, .ctx = ctx };
	if (!fs->driver->file_blocks)
		return 0;
	return fs->driver->file_blocks(fs, ino, check_blocks, &passing, err);
}

static int check_link(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	const struct passing *passing = ctx;
	char shown[FS_NAME_MAX + 1];
	size_t n = name_shown(name, len, 0, shown, sizeof(shown));
	if (!front_is_ino(dir) || n == 0)
		return front_damaged(passing->ino, "a name of it is none", err);
	return passing->link(passing->ctx, dir, shown, n, err);
}

int fs_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx, struct error *err)
{
	struct passing passing = { .ino = ino, .link = fn, .ctx = ctx };
	if (!fs->driver->links)
		return error_set(err, -EOPNOTSUPP, "inode %" PRIu64 ": its names cannot be told",
				 ino);
	return fs->driver->links(fs, ino, check_link, &passing, err);
}

int fs_fold(struct fs *fs, const char *name, char **ret, struct error *err)
{
	if (fs->driver->fold)
		return fs->driver->fold(fs, name, ret, err);
	char *copy = strdup(name);
	if (!copy)
		return error_set(err, -ENOMEM, "'%.200s': %m", name);
	*ret = copy;
	return 0;
}

void fs_close(struct fs *fs)
{
	if (fs)
		fs->driver->close(fs);
}
