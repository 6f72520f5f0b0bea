/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree-private - what the files of the tree share.
 *
 * From the top down; each needs those below it only:
 *
 *   tree.c         which kind of node answers what
 *   tree-own.c     the directories that the tree itself makes
 *   tree-readme.c  why a volume shows no files
 *   tree-files.c   file systems: opening them, and everything below "files"
 *   tree-points.c  restore points: their directories' names, opening them
 *   tree-node.c    the numbers of nodes
 *   link.c         where links lead
 */
#ifndef TREE_PRIVATE_H
#define TREE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "lunette/tree.h"
#include "pool.h"

/*
 * A node's number: 16 bits of slot, 48 of what the slot makes of them. Slot 0 is the tree itself,
 * others are file systems in the order in which they were entered, and below them are inodes.
 * Slot 0 has 24 bits of point, 4 of kind and 20 of index. The root is number 1, as FUSE wants it.
 */
enum node_kind {
	NODE_ROOT,
	NODE_NAME,   /* index: of the name */
	NODE_LATEST, /* index: of the name */
	NODE_POINT,
	NODE_LAYOUT,
	NODE_DISKS,
	NODE_DISK, /* index: of the disk */
	NODE_VOLUMES,
	NODE_VOLUME, /* index: of the volume */
	NODE_IMAGE,  /* index: of the volume */
	NODE_README, /* index: of the volume; behind the last one: of all */
	NODE_FILE,   /* in slot > 0 */
};

#define NODE_POINTS_MAX (1u << 24)
#define NODE_INDEX_MAX  (1u << 20)
#define NODE_SLOTS_MAX  (1u << 16)

struct tree_node {
	enum node_kind kind;
	uint32_t point;
	uint32_t index;
	uint32_t slot;
	uint64_t ino;
};

/**
 * struct tree_open - an open restore point
 * @json: layout.json
 */
struct tree_open {
	struct layout *layout;
	char *json;
};

/**
 * struct tree_name - what backups are called
 * @index: into tree.names
 * @dir: its directory
 * @seen: the listing in which it was seen last
 */
struct tree_name {
	uint32_t index;
	char *name;
	char *dir;
	uint64_t seen;
};

/**
 * struct tree_point - a restore point that was listed once; they are few, and are never forgotten,
 * because the kernel may remember its number
 * @number: index into tree.all
 * @name: index into tree.names
 * @time: of the backup; every directory and image of it shows it
 */
struct tree_point {
	char id[65];
	uint32_t number;
	uint32_t name;
	char *dir;
	uint64_t seen;
	time_t time;
	struct pool_item item;
};

/**
 * struct tree_slot - a file system that was entered once
 * @point: and @volume: where it is
 * @damage: why it cannot be opened, which in a snapshot does not change; NULL while not known
 */
struct tree_slot {
	uint32_t point;
	uint32_t volume;
	char *_Atomic damage;
	struct pool_item item;
};

/**
 * struct tree - a mount's content
 * @points: NULL for one set of disks, which then is restore point 0 and always open: @only
 * @made: when the tree was made
 * @lock: covers names, points and the listing; entries stay where they are once made
 * @names_by_name, @names_by_dir, @all_by_id, @all_by_dir: the same for tfind(); of the last, the
 *						    directory of one name
 * @listing: number of the last listing; @listed: when it was, as clock_now_ms()
 * @slots_lock: covers @slots and @n_slots
 */
struct tree {
	struct points *points;
	uint64_t size;
	uint64_t read_ahead;
	time_t made;
	pthread_mutex_t lock;
	uint64_t listing;
	int64_t listed;
	uint32_t n_names;
	struct tree_name **names;
	void *names_by_name, *names_by_dir;
	uint32_t n_points;
	struct tree_point **all;
	void *all_by_id, *all_by_dir;
	struct pool open_points;
	struct tree_open *only;
	pthread_mutex_t slots_lock;
	uint32_t n_slots;
	struct tree_slot **slots;
	struct pool open_files;
};

#define TREE_INO_MASK ((1ull << FS_INO_BITS) - 1)

/* ---- tree-node.c ---- */

uint64_t tree_number(const struct tree *tree, const struct tree_node *node);

/* Return: 0; -ESTALE when no node can have that number. */
int tree_decode(const struct tree *tree, uint64_t number, struct tree_node *ret, struct error *err);

/* ---- tree-own.c: nodes of slot 0 ---- */

int tree_own_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		    struct tree_attr *ret, struct error *err);
int tree_own_stat(struct tree *tree, const struct tree_node *node, struct tree_attr *ret,
		  struct error *err);
int tree_own_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos, fs_emit_fn *emit,
		     void *ctx, struct error *err);
int tree_own_read(struct tree *tree, const struct tree_node *node, void *buf, size_t len,
		  uint64_t off, size_t *ret, struct error *err);
int tree_own_extent(struct tree *tree, const struct tree_node *node, uint64_t off,
		    struct blk_extent *ret, struct error *err);

/* ---- tree-readme.c ---- */

#define TREE_README_MAX 2048

/* What is in the README of a volume; false where it has files instead. */
bool tree_readme(struct tree *tree, uint32_t point, uint32_t index, const struct tree_open *open,
		 char buf[TREE_README_MAX]);

/* ---- tree-points.c ---- */

/* Lists restore points anew if the last listing is old. */
int tree_points_refresh(struct tree *tree, struct error *err);

int tree_points_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		       struct tree_node *ret, struct error *err);
int tree_points_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos,
			fs_emit_fn *emit, void *ctx, struct error *err);

/* The directory of a name's newest restore point. */
int tree_points_latest(struct tree *tree, uint32_t name, char *buf, size_t size, struct error *err);

/* When a restore point was made; 0 when there is none of this number. */
time_t tree_points_time(struct tree *tree, uint32_t point);

/* Opens a restore point, until tree_points_release(). */
int tree_points_hold(struct tree *tree, uint32_t point, struct tree_open **ret, struct error *err);
void tree_points_release(struct tree *tree, uint32_t point);

void tree_points_free(struct tree *tree);
void tree_open_free(void *open);
int tree_open_new(struct layout *layout, struct tree_open **ret, struct error *err);

/* ---- tree-files.c ---- */

/* The node "files" of a volume. */
int tree_files_root(struct tree *tree, uint32_t point, uint32_t volume, struct tree_attr *ret,
		    struct error *err);

/* Opens a slot's file system, until tree_files_release(). */
int tree_files_hold(struct tree *tree, uint32_t slot, struct fs **ret, struct error *err);
void tree_files_release(struct tree *tree, uint32_t slot);

int tree_files_lookup(struct tree *tree, const struct tree_node *dir, const char *name,
		      struct tree_attr *ret, struct error *err);
int tree_files_stat(struct tree *tree, const struct tree_node *node, struct tree_attr *ret,
		    struct error *err);
int tree_files_readdir(struct tree *tree, const struct tree_node *dir, uint64_t pos,
		       fs_emit_fn *emit, void *ctx, struct error *err);
int tree_files_read(struct tree *tree, const struct tree_node *node, void *buf, size_t len,
		    uint64_t off, size_t *ret, struct error *err);
int tree_files_extent(struct tree *tree, const struct tree_node *node, uint64_t off,
		      struct blk_extent *ret, struct error *err);

void tree_files_free(struct tree *tree);
void tree_files_close(void *fs);

#endif
