/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * walk - see include/lunette/walk.h.
 *
 * No recursion: the directories from the root to the one at hand are a stack of levels, each with
 * the rest of its batch. Levels that were left are kept for the next directory of that depth.
 */
#include <errno.h>
#include <string.h>

#include "ino-set.h"
#include "lunette/util.h"
#include "lunette/walk.h"

#define NAMES_BYTES ((size_t)16 << 10)
#define ENTRY_BYTES 8 /* less than an entry of a directory takes on any disk */

/**
 * struct walk_level - a directory, and its batch
 * @path_len: of its path, which ends with '/'
 * @next: the position behind the batch; @more: there are entries behind it
 * @at: of @n entries, the first into which the walk has not gone yet
 * @used: bytes of @names
 */
struct walk_level {
	struct fs_walk_dir dir;
	size_t path_len;
	uint64_t next;
	bool more;
	size_t n, at;
	struct fs_walk_entry entries[FS_WALK_BATCH];
	size_t used;
	char names[NAMES_BYTES];
};

/**
 * struct fs_walk - where a walk is
 * @levels: @depth of them are in use, @n_levels are there
 * @seen: directories
 * @n_left: entries that may still come
 * @path: of the directory at hand
 */
struct fs_walk {
	struct fs *fs;
	const struct fs_walk_ops *ops;
	void *ctx;
	const atomic_bool *stop;
	size_t depth, n_levels;
	struct walk_level *levels[FS_WALK_DEPTH_MAX];
	struct ino_set seen;
	uint64_t n_left;
	char path[FS_WALK_PATH_BYTES];
};

static void leave(struct fs_walk *walk, const char *path, void *state)
{
	if (walk->ops->leave)
		walk->ops->leave(walk->ctx, path, state);
}

static void free_walk(struct fs_walk *walk)
{
	if (!walk)
		return;
	for (size_t i = 0; i < walk->n_levels; i++)
		free(walk->levels[i]);
	ino_set_clear(&walk->seen);
	free(walk);
}
DEFINE_CLEANUP(struct fs_walk *, free_walk)

/* What cannot be looked at is told, and the walk goes on; only what it needs itself ends it. */
static int tell_trouble(struct fs_walk *walk, const char *path, const struct error *why,
			struct error *err)
{
	if (why->code == -ENOMEM || why->code == -EINTR)
		return error_copy(err, why->code, why);
	return walk->ops->trouble(walk->ctx, path, why, err);
}

/* ---- down and up ---- */

static int push(struct fs_walk *walk, uint64_t ino, void *state, size_t path_len, struct error *err)
{
	if (walk->depth == walk->n_levels) {
		walk->levels[walk->depth] = malloc(sizeof(struct walk_level));
		if (!walk->levels[walk->depth])
			return error_set(err, -ENOMEM, "directories: %m");
		walk->n_levels++;
	}
	struct walk_level *level = walk->levels[walk->depth++];
	level->dir = (struct fs_walk_dir){ .path = walk->path, .ino = ino, .state = state };
	level->path_len = path_len;
	level->next = 0;
	level->more = true;
	level->n = level->at = 0;
	return 0;
}

static void pop(struct fs_walk *walk)
{
	const struct walk_level *level = walk->levels[--walk->depth];
	walk->path[level->path_len] = '\0';
	if (walk->depth > 0)
		leave(walk, walk->path, level->dir.state);
}

/* May it be walked? If so it counts as seen. */
static int check_dir(struct fs_walk *walk, uint64_t ino, size_t path_len, struct error *err)
{
	bool is_new = false;
	if (walk->depth == FS_WALK_DEPTH_MAX || path_len >= FS_WALK_PATH_BYTES)
		return error_set(err, -ENAMETOOLONG, "what is in it is too deep down");
	int rc = ino_set_add(&walk->seen, ino, &is_new, err);
	if (rc < 0)
		return rc;
	return is_new ? 0
		      : error_set(err, -EUCLEAN,
				  "this directory is inside itself, or in two places");
}

/* Into one of the entries of the directory at hand; its state is taken over. */
static int enter(struct fs_walk *walk, struct walk_level *above, struct fs_walk_entry *entry,
		 struct error *err)
{
	size_t len = strlen(entry->name), path_len = above->path_len + len + 1;
	struct error why = { 0 };
	int rc = check_dir(walk, entry->ino, path_len, &why);
	if (rc == 0 || path_len < FS_WALK_PATH_BYTES)
		memcpy(walk->path + above->path_len, entry->name, len + 1);
	if (rc == 0)
		rc = push(walk, entry->ino, entry->state, path_len, &why);
	if (rc == 0) {
		memcpy(walk->path + path_len - 1, "/", 2);
		return 0;
	}
	rc = tell_trouble(walk, walk->path, &why, err);
	if (path_len < FS_WALK_PATH_BYTES)
		memcpy(walk->path + path_len - 1, "/", 2);
	leave(walk, walk->path, entry->state);
	walk->path[above->path_len] = '\0';
	return rc;
}

/* After a failure: nobody comes to what was still to be walked. */
static void unwind(struct fs_walk *walk)
{
	while (walk->depth > 0) {
		struct walk_level *level = walk->levels[walk->depth - 1];
		walk->path[level->path_len] = '\0';
		for (; level->at < level->n; level->at++)
			if (level->entries[level->at].into)
				leave(walk, walk->path, level->entries[level->at].state);
		pop(walk);
	}
}

/* ---- batches ---- */

static int collect(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		   uint64_t next)
{
	struct walk_level *level = ctx;
	if (level->n == FS_WALK_BATCH || len >= NAMES_BYTES - level->used) {
		level->more = true;
		return 1;
	}
	char *copy = memcpy(level->names + level->used, name, len + 1);
	level->used += len + 1;
	level->entries[level->n++] =
		(struct fs_walk_entry){ .name = copy, .ino = ino, .type = type };
	level->next = next;
	return 0;
}

static int next_batch(struct fs_walk *walk, struct walk_level *level, struct error *err)
{
	struct error why = { 0 };
	if (walk->stop && atomic_load_explicit(walk->stop, memory_order_relaxed))
		return error_set(err, -EINTR, "interrupted");
	walk->path[level->path_len] = '\0';
	level->n = level->at = level->used = 0;
	level->more = false;
	int rc = fs_readdir(walk->fs, level->dir.ino, level->next, collect, level, &why);
	if (rc < 0) {
		/* What was listed before is good. */
		size_t end = level->path_len > 1 ? level->path_len - 1 : 1;
		walk->path[end] = '\0';
		rc = tell_trouble(walk, walk->path, &why, err);
		walk->path[level->path_len - 1] = '/';
	}
	if (rc < 0 || level->n == 0)
		return rc;
	if (walk->n_left < level->n)
		return error_set(err, -EUCLEAN, "its directories have no end");
	walk->n_left -= level->n;
	return walk->ops->visit(walk->ctx, &level->dir, level->entries, level->n, err);
}

static int step(struct fs_walk *walk, struct error *err)
{
	struct walk_level *level = walk->levels[walk->depth - 1];
	while (level->at < level->n) {
		struct fs_walk_entry *entry = &level->entries[level->at++];
		if (entry->into)
			return enter(walk, level, entry, err);
	}
	if (level->more)
		return next_batch(walk, level, err);
	pop(walk);
	return 0;
}

int fs_walk(struct fs *fs, const struct fs_walk_ops *ops, void *ctx, void *state,
	    const atomic_bool *stop, struct error *err)
{
	CLEANUP(free_walk_cleanup) struct fs_walk *walk = calloc(1, sizeof(*walk));
	if (!walk)
		return error_set(err, -ENOMEM, "directories: %m");
	walk->fs = fs;
	walk->ops = ops;
	walk->ctx = ctx;
	walk->stop = stop;
	walk->n_left = fs->blk->size / ENTRY_BYTES;
	walk->path[0] = '/';
	bool is_new;
	int rc = ino_set_add(&walk->seen, fs->root, &is_new, err);
	if (rc == 0)
		rc = push(walk, fs->root, state, 1, err);
	while (rc == 0 && walk->depth > 0)
		rc = step(walk, err);
	unwind(walk);
	return rc;
}
