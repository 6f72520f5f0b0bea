/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * toy-fs - a small file system and its driver, whose methods a test replaces by wrong ones. It is
 * the only driver of a program that includes this: its table stands in for the one of fs/.
 *
 *   /dir/ (2)       /dir/inner (7), /dir/deep/ (8), /dir/deep/down (9)
 *   /plain (3)      TOY_PLAIN bytes that lie in the volume
 *   /zeros (4)      a hole
 *   /packed (5)     only the driver can read it
 *   /link (6)       to "plain"
 *
 * Bytes of file n lie at n * TOY_ROOM, and the i-th one is toy_byte(n, i).
 */
#ifndef TOY_FS_H
#define TOY_FS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blk-mem.h"
#include "drivers.h"
#include "lunette/layout.h"
#include "lunette/util.h"

#define TOY_SIZE   ((uint64_t)16 << 20)
#define TOY_ROOM   ((uint64_t)64 << 10)
#define TOY_PLAIN  10000u
#define TOY_ZEROS  20000u
#define TOY_PACKED 3000u
#define TOY_ROOT   1

struct toy_node {
	uint64_t dir, ino;
	const char *name;
	uint32_t mode;
	uint64_t size;
};

static const struct toy_node toy_nodes[] = {
	{ 0, TOY_ROOT, "", S_IFDIR | 0755, 0 },
	{ TOY_ROOT, 2, "dir", S_IFDIR | 0755, 0 },
	{ TOY_ROOT, 3, "plain", S_IFREG | 0640, TOY_PLAIN },
	{ TOY_ROOT, 4, "zeros", S_IFREG | 0644, TOY_ZEROS },
	{ TOY_ROOT, 5, "packed", S_IFREG | 0644, TOY_PACKED },
	{ TOY_ROOT, 6, "link", S_IFLNK | 0777, 5 },
	{ 2, 7, "inner", S_IFREG | 0644, 100 },
	{ 2, 8, "deep", S_IFDIR | 0755, 0 },
	{ 8, 9, "down", S_IFREG | 0644, 100 },
};

static inline uint8_t toy_byte(uint64_t ino, uint64_t i)
{
	return (uint8_t)(ino * 37 + i * 11 + i / 251);
}

static inline const struct toy_node *toy_find(uint64_t ino)
{
	for (size_t i = 0; i < ARRAY_SIZE(toy_nodes); i++)
		if (toy_nodes[i].ino == ino)
			return &toy_nodes[i];
	return NULL;
}

static inline int toy_probe(struct blk *blk, struct fs_info *ret, struct error *err)
{
	char magic[8];
	int rc = blk->size < TOY_SIZE ? 0 : blk_read(blk, magic, sizeof(magic), 0, err);
	if (rc < 0 || blk->size < TOY_SIZE || memcmp(magic, "a toy fs", 8) != 0)
		return rc;
	*ret = (struct fs_info){ .type = "toy2", .size = TOY_SIZE };
	return 1;
}

static struct fs_driver toy_driver;

static inline int toy_open(const struct fs_source *source, struct fs **ret, struct error *err)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	if (!fs)
		return error_set(err, -ENOMEM, "toy: %m");
	fs->blk = blk_ref(source->blk);
	fs->root = TOY_ROOT;
	*ret = fs;
	return 0;
}

static inline void toy_close(struct fs *fs)
{
	blk_unref(fs->blk);
	free(fs);
}

static inline int toy_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len,
			     uint64_t *ret, struct error *err)
{
	(void)fs;
	for (size_t i = 0; i < ARRAY_SIZE(toy_nodes); i++)
		if (toy_nodes[i].dir == dir && strlen(toy_nodes[i].name) == len &&
		    memcmp(toy_nodes[i].name, name, len) == 0) {
			*ret = toy_nodes[i].ino;
			return 0;
		}
	return error_set(err, -ENOENT, "%m");
}

static inline int toy_stat(struct fs *fs, uint64_t ino, struct fs_stat *ret, struct error *err)
{
	const struct toy_node *node = toy_find(ino);
	(void)fs;
	if (!node)
		return error_set(err, -ESTALE, "%m");
	*ret = (struct fs_stat){ .mode = node->mode, .size = node->size, .nlink = 1 };
	return 0;
}

static inline int toy_readdir(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
			      void *ctx, struct error *err)
{
	(void)fs, (void)err;
	for (uint64_t i = pos; i < ARRAY_SIZE(toy_nodes); i++) {
		const struct toy_node *node = &toy_nodes[i];
		if (node->dir == dir && emit(ctx, node->name, strlen(node->name), node->ino,
					     node->mode & S_IFMT, i + 1))
			break;
	}
	return 0;
}

static inline int toy_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off,
			   size_t *ret, struct error *err)
{
	(void)fs, (void)err;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = toy_byte(ino, off + i);
	*ret = len;
	return 0;
}

static inline int toy_extent(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
			     struct error *err)
{
	const struct toy_node *node = toy_find(ino);
	(void)fs, (void)err;
	*ret = (struct fs_run){ .length = node->size - off,
				.start = ino * TOY_ROOM + off,
				.kind = ino == 5   ? FS_RUN_DRIVER
					: ino == 4 ? FS_RUN_ZERO
						   : FS_RUN_DATA };
	return 0;
}

static inline int toy_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size,
			       struct error *err)
{
	(void)fs, (void)ino, (void)err;
	snprintf(buf, size, "plain");
	return 0;
}

static inline int toy_used(struct fs *fs, uint64_t off, struct fs_used *ret, struct error *err)
{
	(void)err;
	uint64_t border = 16 * TOY_ROOM;
	*ret = (struct fs_used){ .length = (off < border ? border : fs->blk->size) - off,
				 .used = off < border };
	return 0;
}

static inline int toy_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx,
			     struct error *err)
{
	(void)fs;
	return S_ISREG(toy_find(ino)->mode) ? fn(ctx, 4096, ino * TOY_ROOM, err) : 0;
}

static inline int toy_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx,
			    struct error *err)
{
	(void)fs;
	const struct toy_node *node = toy_find(ino);
	return fn(ctx, node->dir, node->name, strlen(node->name), err);
}

static const char *const toy_types[] = { "toy", "toy2", NULL };
static const char *const toy_left_out[] = { "/packed", NULL };

static const struct fs_driver toy_right = {
	.types = toy_types,
	.left_out = toy_left_out,
	.probe = toy_probe,
	.open = toy_open,
	.close = toy_close,
	.lookup = toy_lookup,
	.stat = toy_stat,
	.readdir = toy_readdir,
	.read = toy_read,
	.file_extent = toy_extent,
	.readlink = toy_readlink,
	.used = toy_used,
	.file_blocks = toy_blocks,
	.links = toy_links,
};

const struct fs_driver *const fs_drivers[] = { &toy_driver, NULL };

/* A volume with this file system, and the driver as it should be. */
static inline struct blk_mem *toy_volume(void)
{
	struct blk_mem *mem = blk_mem_new(TOY_SIZE, 512);
	toy_driver = toy_right;
	memcpy(mem->bytes, "a toy fs", 8);
	for (size_t i = 0; i < ARRAY_SIZE(toy_nodes); i++)
		for (uint64_t k = 0; S_ISREG(toy_nodes[i].mode) && k < TOY_ROOM; k++)
			mem->bytes[toy_nodes[i].ino * TOY_ROOM + k] = toy_byte(toy_nodes[i].ino, k);
	return mem;
}

/* A disk that is such a volume, which is then called "disk0". */
static inline struct layout *toy_layout(void)
{
	struct blk *disk = &toy_volume()->blk;
	struct layout_input input = { .blk = disk, .source = "toy" };
	struct layout *layout = NULL;
	struct error err;
	if (layout_new(&input, 1, NULL, &layout, &err) != 0 || fs_identify(layout, &err) != 0 ||
	    layout->n_volumes != 1)
		abort();
	blk_unref(disk);
	return layout;
}

/* ---- what a driver may do wrong; each replaces the method of its name --------------------------
 */

static inline int wrong_extent_empty(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
				     struct error *err)
{
	int rc = toy_extent(fs, ino, off, ret, err);
	ret->length = 0;
	return rc;
}

/* Some of it first, so that a caller is on its way. */
static inline int wrong_extent_empty_later(struct fs *fs, uint64_t ino, uint64_t off,
					   struct fs_run *ret, struct error *err)
{
	int rc = toy_extent(fs, ino, off, ret, err);
	ret->length = off < 64 ? 64 - off : 0;
	return rc;
}

static inline int wrong_extent_long(struct fs *fs, uint64_t ino, uint64_t off, struct fs_run *ret,
				    struct error *err)
{
	int rc = toy_extent(fs, ino, off, ret, err);
	ret->length = UINT64_MAX;
	return rc;
}

static inline int wrong_extent_outside(struct fs *fs, uint64_t ino, uint64_t off,
				       struct fs_run *ret, struct error *err)
{
	int rc = toy_extent(fs, ino, off, ret, err);
	ret->start = TOY_SIZE - 50;
	ret->kind = FS_RUN_DATA;
	return rc;
}

static inline int wrong_extent_ends_early(struct fs *fs, uint64_t ino, uint64_t off,
					  struct fs_run *ret, struct error *err)
{
	int rc = off < 64 ? toy_extent(fs, ino, off, ret, err) : error_set(err, -ERANGE, "%m");
	ret->length = off < 64 ? 64 - off : 0;
	return rc;
}

static inline int wrong_read_nothing(struct fs *fs, uint64_t ino, void *buf, size_t len,
				     uint64_t off, size_t *ret, struct error *err)
{
	(void)fs, (void)ino, (void)buf, (void)len, (void)off, (void)err;
	*ret = 0;
	return 0;
}

static inline int wrong_read_too_much(struct fs *fs, uint64_t ino, void *buf, size_t len,
				      uint64_t off, size_t *ret, struct error *err)
{
	int rc = toy_read(fs, ino, buf, len, off, ret, err);
	*ret = len + 1;
	return rc;
}

/* Not wrong: a few at a time. */
static inline int slow_read(struct fs *fs, uint64_t ino, void *buf, size_t len, uint64_t off,
			    size_t *ret, struct error *err)
{
	return toy_read(fs, ino, buf, MIN(len, (size_t)7), off, ret, err);
}

static inline int wrong_stat_kind(struct fs *fs, uint64_t ino, struct fs_stat *ret,
				  struct error *err)
{
	int rc = toy_stat(fs, ino, ret, err);
	ret->mode = 0644;
	return rc;
}

static inline int wrong_stat_size(struct fs *fs, uint64_t ino, struct fs_stat *ret,
				  struct error *err)
{
	int rc = toy_stat(fs, ino, ret, err);
	ret->size = UINT64_MAX;
	return rc;
}

static inline int wrong_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len,
			       uint64_t *ret, struct error *err)
{
	int rc = toy_lookup(fs, dir, name, len, ret, err);
	*ret = UINT64_C(1) << FS_INO_BITS;
	return rc;
}

/* Each of its entries stands at the same position: whoever goes on there sees it again. */
static inline int wrong_readdir_stuck(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
				      void *ctx, struct error *err)
{
	(void)fs, (void)pos, (void)err, (void)dir;
	while (emit(ctx, "again", 5, 3, S_IFREG, 5) == 0)
		;
	return 0;
}

/* From the start whatever was asked for. */
static inline int wrong_readdir_restarts(struct fs *fs, uint64_t dir, uint64_t pos,
					 fs_emit_fn *emit, void *ctx, struct error *err)
{
	(void)pos;
	return toy_readdir(fs, dir, 0, emit, ctx, err);
}

/* Goes on although it was told to stop. */
static inline int wrong_readdir_deaf(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
				     void *ctx, struct error *err)
{
	(void)fs, (void)err;
	for (uint64_t i = pos; i < ARRAY_SIZE(toy_nodes); i++)
		if (toy_nodes[i].dir == dir)
			emit(ctx, toy_nodes[i].name, strlen(toy_nodes[i].name), toy_nodes[i].ino, 0,
			     i + 1);
	return 0;
}

/* In the root: two that are right, and between them all that no name or number can be. */
static inline int wrong_readdir_names(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
				      void *ctx, struct error *err)
{
	static char too_long[FS_NAME_MAX + 1];
	const struct {
		const char *name;
		size_t len;
		uint64_t ino;
		uint32_t type;
	} entries[] = {
		{ "plain", 5, 3, S_IFREG },
		{ "", 0, 3, 0 },
		{ too_long, sizeof(too_long), 3, 0 },
		{ "number", 6, UINT64_C(1) << FS_INO_BITS, 0 },
		{ "kind", 4, 3, 0170000 },
		{ "zeros, and more", 5, 4, S_IFREG }, /* no NUL behind it */
	};
	if (dir != TOY_ROOT)
		return toy_readdir(fs, dir, pos, emit, ctx, err);
	memset(too_long, 'x', sizeof(too_long));
	for (uint64_t i = pos; i < ARRAY_SIZE(entries); i++)
		if (emit(ctx, entries[i].name, entries[i].len, entries[i].ino, entries[i].type,
			 i + 1))
			break;
	return 0;
}

/* Directories that hold themselves, and each other. */
static inline int wrong_readdir_circles(struct fs *fs, uint64_t dir, uint64_t pos, fs_emit_fn *emit,
					void *ctx, struct error *err)
{
	static const struct {
		const char *name;
		uint64_t ino;
	} entries[] = { { "dir", 2 }, { "deep", 8 }, { "root", TOY_ROOT } };
	(void)fs, (void)err;
	if (dir != TOY_ROOT && dir != 2 && dir != 8)
		return error_set(err, -ENOTDIR, "%m");
	for (uint64_t i = pos; i < ARRAY_SIZE(entries); i++)
		if (emit(ctx, entries[i].name, strlen(entries[i].name), entries[i].ino, S_IFDIR,
			 i + 1))
			break;
	return 0;
}

static inline int wrong_readlink(struct fs *fs, uint64_t ino, char *buf, size_t size,
				 struct error *err)
{
	(void)fs, (void)ino, (void)err;
	memset(buf, 'x', size);
	return 0;
}

static inline int wrong_listxattr(struct fs *fs, uint64_t ino, char *buf, size_t size, size_t *ret,
				  struct error *err)
{
	(void)fs, (void)ino, (void)err;
	if (size > 0)
		memset(buf, 'x', MIN(size, (size_t)8));
	*ret = 8;
	return 0;
}

static inline int wrong_used_empty(struct fs *fs, uint64_t off, struct fs_used *ret,
				   struct error *err)
{
	int rc = toy_used(fs, off, ret, err);
	ret->length = 0;
	return rc;
}

static inline int wrong_used_long(struct fs *fs, uint64_t off, struct fs_used *ret,
				  struct error *err)
{
	int rc = toy_used(fs, off, ret, err);
	ret->length = UINT64_MAX;
	return rc;
}

static inline int wrong_blocks(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx,
			       struct error *err)
{
	(void)fs, (void)ino;
	return fn(ctx, 4096, TOY_SIZE - 512, err);
}

static inline int wrong_blocks_empty(struct fs *fs, uint64_t ino, fs_blocks_fn *fn, void *ctx,
				     struct error *err)
{
	(void)fs, (void)ino;
	return fn(ctx, 0, 0, err);
}

static inline int wrong_links(struct fs *fs, uint64_t ino, fs_link_fn *fn, void *ctx,
			      struct error *err)
{
	(void)fs, (void)ino;
	return fn(ctx, TOY_ROOT, "", 0, err);
}

#endif
