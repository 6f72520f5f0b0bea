/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-own - the directories and files that the tree itself makes: what stands around the file
 * systems. Their content is the layout of a restore point, which is held open while it is asked.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tree-private.h"

/* ---- attributes ---- */

/* The bytes of an image, or the text of another file, which may be made in @buf; neither when there
 * is none of this index. */
static struct blk *bytes_of(struct tree *tree, const struct tree_node *node,
			    const struct tree_open *open, char buf[TREE_README_MAX],
			    const char **text)
{
	*text = NULL;
	if (node->kind == NODE_LAYOUT)
		*text = open->json;
	else if (node->kind == NODE_README &&
		 tree_readme(tree, node->point, node->index, open, buf))
		*text = buf;
	else if (node->kind == NODE_DISK && node->index < open->layout->n_disks)
		return open->layout->disks[node->index].blk;
	else if (node->kind == NODE_IMAGE && node->index < open->layout->n_volumes)
		return open->layout->volumes[node->index].blk;
	return NULL;
}

static bool is_file(enum node_kind kind)
{
	return kind == NODE_LAYOUT || kind == NODE_DISK || kind == NODE_IMAGE ||
	       kind == NODE_README;
}

/* A blk does not know how much of it is zeros without a walk, so images claim all their blocks. */
static int stat_file(struct tree *tree, const struct tree_node *node, const struct tree_open *open,
		     struct fs_stat *st, struct error *err)
{
	const char *text;
	char buf[TREE_README_MAX];
	struct blk *blk = bytes_of(tree, node, open, buf, &text);
	if (!blk && !text)
		return error_set(err, -ESTALE, "there is no such file");
	st->size = blk ? blk->size : strlen(text);
	st->allocated = st->size;
	st->mode = S_IFREG | 0444;
	return 0;
}

static int fill_stat(struct tree *tree, const struct tree_node *node, const struct tree_open *open,
		     struct tree_attr *ret, struct error *err)
{
	time_t when = tree_points_time(tree, node->point);
	struct tree_attr attr = {
		.stat = { .ino = tree_number(tree, node),
			  .nlink = 1,
			  .mode = S_IFDIR | 0555,
			  .uid = FS_NOBODY,
			  .gid = FS_NOBODY },
		.changes = node->kind <= NODE_LATEST,
	};
	if (node->kind <= NODE_LATEST)
		when = time(NULL);
	if (node->kind == NODE_LATEST)
		attr.stat.mode = S_IFLNK | 0777;
	if (is_file(node->kind)) {
		assert(open);
		int rc = stat_file(tree, node, open, &attr.stat, err);
		if (rc < 0)
			return rc;
	}
	attr.stat.atime = attr.stat.mtime = attr.stat.ctime = attr.stat.btime =
		(struct timespec){ .tv_sec = when };
	*ret = attr;
	return 0;
}

int tree_own_stat(struct tree *tree, const struct tree_node *node, struct tree_attr *ret,
		  struct error *err)
{
	if (!is_file(node->kind))
		return fill_stat(tree, node, NULL, ret, err);
	struct tree_open *open;
	int rc = tree_points_hold(tree, node->point, &open, err);
	if (rc < 0)
		return rc;
	rc = fill_stat(tree, node, open, ret, err);
	tree_points_release(tree, node->point);
	return rc;
}

/* ---- directories ---- */

#define DIR_NAME_MAX 512

/* The child of a directory at a position; false when there is none. @name has DIR_NAME_MAX bytes.
 */
static bool child_at(const struct tree_node *dir, const struct tree_open *open, uint64_t pos,
		     char *name, struct tree_node *ret)
{
	static const struct {
		const char *name;
		enum node_kind kind;
	} top[] = { { "layout.json", NODE_LAYOUT },
		    { "disks", NODE_DISKS },
		    { "volumes", NODE_VOLUMES } };
	const struct layout *layout = open->layout;
	struct tree_node child = { .point = dir->point, .index = (uint32_t)pos };
	if (dir->kind == NODE_POINT && pos < ARRAY_SIZE(top)) {
		child.kind = top[pos].kind;
		child.index = 0;
		strcpy(name, top[pos].name);
	} else if (dir->kind == NODE_DISKS && pos < layout->n_disks) {
		child.kind = NODE_DISK;
		snprintf(name, DIR_NAME_MAX, "%s.img", layout->disks[pos].name);
	} else if (dir->kind == NODE_VOLUMES && pos < layout->n_volumes) {
		child.kind = NODE_VOLUME;
		snprintf(name, DIR_NAME_MAX, "%s", layout->volumes[pos].name);
	} else if (dir->kind == NODE_VOLUMES && pos == layout->n_volumes && layout->untold &&
		   !layout_find(layout, "README")) {
		child.kind = NODE_README;
		strcpy(name, "README");
	} else {
		return false;
	}
	*ret = child;
	return pos < NODE_INDEX_MAX;
}

static const struct layout_volume *volume_of(const struct tree_node *dir,
					     const struct tree_open *open)
{
	return dir->index < open->layout->n_volumes ? &open->layout->volumes[dir->index] : NULL;
}

/* A volume's directory has "image" if it can be read, and "files" if they can be shown, or a
 * README.
 */
static bool has_image(const struct layout_volume *volume)
{
	return volume && volume->blk;
}

static bool has_readme(struct tree *tree, const struct tree_node *dir, const struct tree_open *open)
{
	char buf[TREE_README_MAX];
	return tree_readme(tree, dir->point, dir->index, open, buf);
}

static int lookup_in_volume(struct tree *tree, const struct tree_node *dir,
			    const struct tree_open *open, const char *name, struct tree_attr *ret,
			    struct error *err)
{
	const struct layout_volume *volume = volume_of(dir, open);
	struct tree_node image = { .kind = NODE_IMAGE, .point = dir->point, .index = dir->index };
	struct tree_node readme = image;
	readme.kind = NODE_README;
	if (has_image(volume) && strcmp(name, "image") == 0)
		return fill_stat(tree, &image, open, ret, err);
	if (strcmp(name, "README") == 0 && has_readme(tree, dir, open))
		return fill_stat(tree, &readme, open, ret, err);
	if (has_image(volume) && fs_can_open(volume->filesystem) && strcmp(name, "files") == 0) {
		int rc = tree_files_root(tree, dir->point, dir->index, ret, err);
		/* The volume is there; it is what lies on it that cannot be shown. */
		return rc == -ENOENT ? error_set(err, -EIO, "%s", err ? err->msg : "") : rc;
	}
	return error_set(err, -ENOENT, "%m");
}

static int lookup_in(struct tree *tree, const struct tree_node *dir, const struct tree_open *open,
		     const char *name, struct tree_attr *ret, struct error *err)
{
	if (dir->kind == NODE_VOLUME)
		return lookup_in_volume(tree, dir, open, name, ret, err);
	char text[DIR_NAME_MAX];
	struct tree_node child;
	for (uint64_t pos = 0; child_at(dir, open, pos, text, &child); pos++)
		if (strcmp(text, name) == 0)
			return fill_stat(tree, &child, open, ret, err);
	return error_set(err, -ENOENT, "%m");
}

static bool is_directory(enum node_kind kind)
{
	return !is_file(kind) && kind != NODE_LATEST;
}

int tree_own_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		    struct tree_attr *ret, struct error *err)
{
	if (!is_directory(dir->kind))
		return error_set(err, -ENOTDIR, "%m");
	struct tree_node child;
	if (dir->kind == NODE_ROOT || dir->kind == NODE_NAME) {
		int rc = tree_points_lookup(tree, dir, name, &child, err);
		return rc < 0 ? rc : fill_stat(tree, &child, NULL, ret, err);
	}
	struct tree_open *open;
	int rc = tree_points_hold(tree, dir->point, &open, err);
	if (rc < 0)
		return rc;
	rc = lookup_in(tree, dir, open, name, ret, err);
	tree_points_release(tree, dir->point);
	return rc;
}

static void list_volume(struct tree *tree, const struct tree_node *dir,
			const struct tree_open *open, uint64_t pos, fs_emit_fn *emit, void *ctx)
{
	const struct layout_volume *volume = volume_of(dir, open);
	struct tree_node image = { .kind = NODE_IMAGE, .point = dir->point, .index = dir->index };
	struct tree_node readme = image;
	readme.kind = NODE_README;
	if (pos == 0 && has_image(volume) &&
	    emit(ctx, "image", 5, tree_number(tree, &image), S_IFREG, 1))
		return;
	if (pos > 1 || !volume)
		return;
	/* The number of "files" is told when it is looked up. */
	if (has_readme(tree, dir, open))
		emit(ctx, "README", 6, tree_number(tree, &readme), S_IFREG, 2);
	else
		emit(ctx, "files", 5, 0, S_IFDIR, 2);
}

static void list(struct tree *tree, const struct tree_node *dir, const struct tree_open *open,
		 uint64_t pos, fs_emit_fn *emit, void *ctx)
{
	if (dir->kind == NODE_VOLUME) {
		list_volume(tree, dir, open, pos, emit, ctx);
		return;
	}
	char name[DIR_NAME_MAX];
	struct tree_node child;
	for (; child_at(dir, open, pos, name, &child); pos++)
		if (emit(ctx, name, strlen(name), tree_number(tree, &child),
			 is_file(child.kind) ? S_IFREG : S_IFDIR, pos + 1))
			return;
}

int tree_own_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos, fs_emit_fn *emit,
		     void *ctx, struct error *err)
{
	if (!is_directory(dir->kind))
		return error_set(err, -ENOTDIR, "%m");
	if (dir->kind == NODE_ROOT || dir->kind == NODE_NAME)
		return tree_points_readdir(tree, dir, pos, emit, ctx, err);
	struct tree_open *open;
	int rc = tree_points_hold(tree, dir->point, &open, err);
	if (rc < 0)
		return rc;
	list(tree, dir, open, pos, emit, ctx);
	tree_points_release(tree, dir->point);
	return 0;
}

/* ---- bytes ---- */

static int read_bytes(struct tree *tree, const struct tree_node *node, const struct tree_open *open,
		      void *buf, size_t len, uint64_t off, size_t *ret, struct error *err)
{
	const char *text;
	char made[TREE_README_MAX];
	struct blk *blk = bytes_of(tree, node, open, made, &text);
	if (!blk && !text)
		return error_set(err, -EISDIR, "%m");
	uint64_t size = blk ? blk->size : strlen(text);
	uint64_t left = off < size ? size - off : 0;
	len = (size_t)MIN((uint64_t)len, left);
	*ret = len;
	if (blk)
		return len ? blk_read(blk, buf, len, off, err) : 0;
	if (len)
		memcpy(buf, text + off, len);
	return 0;
}

int tree_own_read(struct tree *tree, const struct tree_node *node, void *buf, size_t len,
		  uint64_t off, size_t *ret, struct error *err)
{
	struct tree_open *open;
	int rc = tree_points_hold(tree, node->point, &open, err);
	if (rc < 0)
		return rc;
	rc = read_bytes(tree, node, open, buf, len, off, ret, err);
	tree_points_release(tree, node->point);
	return rc;
}

static int extent_of(struct tree *tree, const struct tree_node *node, const struct tree_open *open,
		     uint64_t off, struct blk_extent *ret, struct error *err)
{
	const char *text;
	char buf[TREE_README_MAX];
	struct blk *blk = bytes_of(tree, node, open, buf, &text);
	if (blk)
		return blk_extent(blk, off, ret, err);
	uint64_t size = text ? strlen(text) : 0;
	if (off >= size)
		return error_set(err, -ERANGE, "%m");
	*ret = (struct blk_extent){ .length = size - off };
	return 0;
}

int tree_own_extent(struct tree *tree, const struct tree_node *node, uint64_t off,
		    struct blk_extent *ret, struct error *err)
{
	struct tree_open *open;
	int rc = tree_points_hold(tree, node->point, &open, err);
	if (rc < 0)
		return rc;
	rc = extent_of(tree, node, open, off, ret, err);
	tree_points_release(tree, node->point);
	return rc;
}
