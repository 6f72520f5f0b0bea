/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-files - file systems in the tree: everything from "files" downwards.
 *
 * A file system gets a slot when it is entered first and keeps it, so that its nodes' numbers stay
 * good while it is closed and opened again.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "link.h"
#include "tree-private.h"

/* ---- slots ---- */

/* Adds a slot; under the lock. */
static int add_slot(struct tree *tree, uint32_t point, uint32_t volume, uint32_t *ret,
		    struct error *err)
{
	if (tree->n_slots == NODE_SLOTS_MAX - 1)
		return error_set(
			err, -ENFILE,
			"too many volumes were entered since this was mounted: mount it anew");
	struct tree_slot **slots =
		reallocarray(tree->slots, tree->n_slots + 1, sizeof(*tree->slots));
	if (!slots)
		return error_set(err, -ENOMEM, "tree: %m");
	tree->slots = slots;
	struct tree_slot *slot = calloc(1, sizeof(*slot));
	if (!slot)
		return error_set(err, -ENOMEM, "tree: %m");
	slot->point = point;
	slot->volume = volume;
	slots[tree->n_slots++] = slot;
	*ret = tree->n_slots; /* slot 0 is the tree itself */
	return 0;
}

static int find_slot(struct tree *tree, uint32_t point, uint32_t volume, uint32_t *ret,
		     struct error *err)
{
	int rc = 0;
	uint32_t found = 0;
	pthread_mutex_lock(&tree->slots_lock);
	for (uint32_t i = 0; i < tree->n_slots && !found; i++)
		if (tree->slots[i]->point == point && tree->slots[i]->volume == volume)
			found = i + 1;
	if (!found)
		rc = add_slot(tree, point, volume, &found, err);
	pthread_mutex_unlock(&tree->slots_lock);
	if (rc == 0)
		*ret = found;
	return rc;
}

static struct tree_slot *slot_of(struct tree *tree, uint32_t number)
{
	pthread_mutex_lock(&tree->slots_lock);
	struct tree_slot *slot = number <= tree->n_slots ? tree->slots[number - 1] : NULL;
	pthread_mutex_unlock(&tree->slots_lock);
	return slot;
}

/* ---- opening ---- */

struct slot_opening {
	struct tree *tree;
	struct tree_slot *slot;
};

static int open_volume(const struct layout *layout, uint32_t index, void **ret, struct error *err)
{
	if (index >= layout->n_volumes || !layout->volumes[index].blk)
		return error_set(err, -ESTALE, "there is no such volume");
	struct fs_source source = { .blk = layout->volumes[index].blk };
	struct fs *fs = NULL;
	int rc = fs_open(&source, &fs, err);
	if (rc < 0)
		return error_wrap(err, rc, "volume %s", layout->volumes[index].name);
	*ret = fs;
	return 0;
}

static int open_slot(void *ctx, void **ret, struct error *err)
{
	const struct slot_opening *opening = ctx;
	struct tree_slot *slot = opening->slot;
	if (slot->damage)
		return error_set(err, -EUCLEAN, "%s", slot->damage);
	struct tree_open *open;
	struct error why = { 0 };
	int rc = tree_points_hold(opening->tree, slot->point, &open, err);
	if (rc < 0)
		return rc;
	rc = open_volume(open->layout, slot->volume, ret, &why);
	tree_points_release(opening->tree, slot->point);
	if (rc == -EUCLEAN)
		slot->damage = strdup(why.msg); /* only one thread opens a slot */
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}

void tree_files_close(void *fs)
{
	fs_close(fs);
}

int tree_files_hold(struct tree *tree, uint32_t number, struct fs **ret, struct error *err)
{
	struct tree_slot *slot = slot_of(tree, number);
	if (!slot)
		return error_set(err, -ESTALE, "there is no file system %" PRIu32, number);
	struct slot_opening opening = { .tree = tree, .slot = slot };
	void *fs;
	int rc = pool_hold(&tree->open_files, &slot->item, open_slot, &opening, &fs, err);
	if (rc < 0)
		return rc;
	*ret = fs;
	return 0;
}

void tree_files_release(struct tree *tree, uint32_t number)
{
	pool_release(&tree->open_files, &slot_of(tree, number)->item);
}

void tree_files_free(struct tree *tree)
{
	pool_destroy(&tree->open_files);
	for (uint32_t i = 0; i < tree->n_slots; i++) {
		free(tree->slots[i]->damage);
		free(tree->slots[i]);
	}
	free(tree->slots);
}

/* ---- answering ---- */

/* A link is as long as the target that is shown. Where that cannot be told now, ask again. */
static void size_link(struct fs *fs, uint64_t ino, struct tree_attr *attr)
{
	char target[PATH_MAX];
	attr->changes = link_read(fs, ino, target, sizeof(target), NULL) < 0;
	if (!attr->changes)
		attr->stat.size = strlen(target);
}

static int stat_ino(struct fs *fs, uint32_t slot, uint64_t ino, struct tree_attr *ret,
		    struct error *err)
{
	struct tree_attr attr = { .changes = false };
	int rc = fs_stat(fs, ino, &attr.stat, err);
	if (rc < 0)
		return rc;
	if (S_ISLNK(attr.stat.mode))
		size_link(fs, ino, &attr);
	attr.stat.ino = (uint64_t)slot << FS_INO_BITS | (ino & TREE_INO_MASK);
	*ret = attr;
	return 0;
}

int tree_files_root(struct tree *tree, uint32_t point, uint32_t volume, struct tree_attr *ret,
		    struct error *err)
{
	uint32_t slot = 0;
	struct fs *fs = NULL;
	int rc = find_slot(tree, point, volume, &slot, err);
	if (rc < 0)
		return rc;
	rc = tree_files_hold(tree, slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = stat_ino(fs, slot, fs->root, ret, err);
	tree_files_release(tree, slot);
	return rc;
}

int tree_files_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		      struct tree_attr *ret, struct error *err)
{
	struct fs *fs = NULL;
	uint64_t ino;
	int rc = tree_files_hold(tree, dir->slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = fs_lookup(fs, dir->ino, name, &ino, err);
	if (rc == 0)
		rc = stat_ino(fs, dir->slot, ino, ret, err);
	tree_files_release(tree, dir->slot);
	return rc;
}

int tree_files_stat(struct tree *tree, const struct tree_node *node, struct tree_attr *ret,
		    struct error *err)
{
	struct fs *fs = NULL;
	int rc = tree_files_hold(tree, node->slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = stat_ino(fs, node->slot, node->ino, ret, err);
	tree_files_release(tree, node->slot);
	return rc;
}

/* Turns a driver's inode numbers into the tree's. */
struct tree_renumbering {
	fs_emit_fn *emit;
	void *ctx;
	uint32_t slot;
};

static int renumber(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		    uint64_t next)
{
	const struct tree_renumbering *r = ctx;
	uint64_t number = (uint64_t)r->slot << FS_INO_BITS | (ino & TREE_INO_MASK);
	return r->emit(r->ctx, name, len, number, type, next);
}

int tree_files_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos,
		       fs_emit_fn *emit, void *ctx, struct error *err)
{
	struct fs *fs = NULL;
	int rc = tree_files_hold(tree, dir->slot, &fs, err);
	if (rc < 0)
		return rc;
	struct tree_renumbering r = { .emit = emit, .ctx = ctx, .slot = dir->slot };
	rc = fs_readdir(fs, dir->ino, pos, renumber, &r, err);
	tree_files_release(tree, dir->slot);
	return rc;
}

int tree_files_read(struct tree *tree, const struct tree_node *node, void *buf, size_t len,
		    uint64_t off, size_t *ret, struct error *err)
{
	struct fs *fs = NULL;
	int rc = tree_files_hold(tree, node->slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = fs_read(fs, node->ino, buf, len, off, ret, err);
	tree_files_release(tree, node->slot);
	return rc;
}

int tree_files_extent(struct tree *tree, const struct tree_node *node, uint64_t off,
		      struct blk_extent *ret, struct error *err)
{
	struct fs *fs = NULL;
	struct fs_run run;
	int rc = tree_files_hold(tree, node->slot, &fs, err);
	if (rc < 0)
		return rc;
	rc = fs_file_extent(fs, node->ino, off, &run, err);
	tree_files_release(tree, node->slot);
	if (rc == 0)
		*ret = (struct blk_extent){ .length = run.length, .zero = run.kind == FS_RUN_ZERO };
	return rc;
}
