/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tree - which part of the tree answers for a node. See include/lunette/tree.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "tree-private.h"

/* ---- making and freeing ---- */

static struct tree *tree_alloc(void)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return NULL;
	tree->made = time(NULL);
	tree->read_ahead = BLK_PREFERRED * BLK_DEPTH;
	pthread_mutex_init(&tree->lock, NULL);
	pthread_mutex_init(&tree->slots_lock, NULL);
	pool_init(&tree->open_points, tree_open_free);
	pool_init(&tree->open_files, tree_files_close);
	return tree;
}

int tree_new_layout(struct layout *layout, struct tree **ret, struct error *err)
{
	CLEANUP(layout_free_cleanup) struct layout *owned = layout;
	CLEANUP(tree_free_cleanup) struct tree *tree = tree_alloc();
	if (!tree)
		return error_set(err, -ENOMEM, "tree: %m");
	if (layout->n_disks)
		tree->read_ahead = 0;
	for (size_t i = 0; i < layout->n_disks; i++) {
		const struct blk *disk = layout->disks[i].blk;
		tree->size += disk->size;
		tree->read_ahead = MAX(tree->read_ahead, (uint64_t)disk->preferred * disk->depth);
	}
	int rc = tree_open_new(steal(&owned), &tree->only, err);
	if (rc < 0)
		return rc;
	*ret = steal(&tree);
	return 0;
}

int tree_new_points(struct points *points, struct tree **ret, struct error *err)
{
	CLEANUP(tree_free_cleanup) struct tree *tree = tree_alloc();
	if (!tree)
		return error_set(err, -ENOMEM, "tree: %m");
	tree->points = points;
	int rc = tree_points_refresh(tree, err);
	if (rc < 0)
		return rc;
	*ret = steal(&tree);
	return 0;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	tree_files_free(tree);
	tree_points_free(tree);
	pthread_mutex_destroy(&tree->slots_lock);
	pthread_mutex_destroy(&tree->lock);
	free(tree);
}

bool tree_changes(const struct tree *tree)
{
	return tree->points != NULL;
}

uint64_t tree_size(const struct tree *tree)
{
	return tree->size;
}

uint64_t tree_read_ahead(const struct tree *tree)
{
	return tree->read_ahead;
}

/* ---- who answers ---- */

int tree_lookup(struct tree *tree, uint64_t dir, const char *name, struct tree_attr *ret,
		struct error *err)
{
	struct tree_node node = { 0 };
	int rc = tree_decode(tree, dir, &node, err);
	if (rc < 0)
		return rc;
	return node.kind == NODE_FILE ? tree_files_lookup(tree, &node, name, ret, err)
				      : tree_own_lookup(tree, &node, name, ret, err);
}

int tree_stat(struct tree *tree, uint64_t number, struct tree_attr *ret, struct error *err)
{
	struct tree_node node = { 0 };
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0)
		return rc;
	return node.kind == NODE_FILE ? tree_files_stat(tree, &node, ret, err)
				      : tree_own_stat(tree, &node, ret, err);
}

int tree_readdir(struct tree *tree, uint64_t dir, uint64_t pos, fs_emit_fn *emit, void *ctx,
		 struct error *err)
{
	struct tree_node node = { 0 };
	int rc = tree_decode(tree, dir, &node, err);
	if (rc < 0)
		return rc;
	return node.kind == NODE_FILE ? tree_files_readdir(tree, &node, pos, emit, ctx, err)
				      : tree_own_readdir(tree, &node, pos, emit, ctx, err);
}

int tree_read(struct tree *tree, uint64_t number, void *buf, size_t len, uint64_t off, size_t *ret,
	      struct error *err)
{
	struct tree_node node = { 0 };
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0)
		return rc;
	return node.kind == NODE_FILE ? tree_files_read(tree, &node, buf, len, off, ret, err)
				      : tree_own_read(tree, &node, buf, len, off, ret, err);
}

int tree_extent(struct tree *tree, uint64_t number, uint64_t off, struct blk_extent *ret,
		struct error *err)
{
	struct tree_node node = { 0 };
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0)
		return rc;
	return node.kind == NODE_FILE ? tree_files_extent(tree, &node, off, ret, err)
				      : tree_own_extent(tree, &node, off, ret, err);
}

int tree_readlink(struct tree *tree, uint64_t number, char *buf, size_t size, struct error *err)
{
	struct tree_node node = { 0 };
	struct fs *fs = NULL;
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0)
		return rc;
	if (node.kind == NODE_LATEST)
		return tree_points_latest(tree, node.index, buf, size, err);
	if (node.kind != NODE_FILE)
		return error_set(err, -EINVAL, "node %" PRIu64 " is not a link", number);
	rc = tree_files_hold(tree, node.slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = link_read(fs, node.ino, buf, size, err);
	tree_files_release(tree, node.slot);
	return rc;
}

int tree_listxattr(struct tree *tree, uint64_t number, char *buf, size_t size, size_t *ret,
		   struct error *err)
{
	struct tree_node node = { 0 };
	struct fs *fs = NULL;
	*ret = 0;
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0 || node.kind != NODE_FILE)
		return rc;
	rc = tree_files_hold(tree, node.slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = fs_listxattr(fs, node.ino, buf, size, ret, err);
	tree_files_release(tree, node.slot);
	return rc;
}

int tree_getxattr(struct tree *tree, uint64_t number, const char *name, void *buf, size_t size,
		  size_t *ret, struct error *err)
{
	struct tree_node node = { 0 };
	struct fs *fs = NULL;
	int rc = tree_decode(tree, number, &node, err);
	if (rc < 0)
		return rc;
	if (node.kind != NODE_FILE)
		return error_set(err, -ENODATA, "%m");
	rc = tree_files_hold(tree, node.slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = fs_getxattr(fs, node.ino, name, buf, size, ret, err);
	tree_files_release(tree, node.slot);
	return rc;
}
