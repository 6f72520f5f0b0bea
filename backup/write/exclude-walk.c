/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exclude-walk - see exclude-walk.h.
 *
 * The state of the patterns goes down with the walk: each directory has the one that its path leads
 * to, or, inside of what is left out, the directory at the top of that, for which bytes are
 * counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "exclude-walk.h"
#include "lunette/walk.h"

#define LINKS_MAX 1024 /* as many names as NTFS allows a file */

/**
 * struct exclude_dir - a directory of the walk
 * @top: the directory that matched, this one or one above; NULL where none has
 * @bytes: left out below @top and in it; of @top itself
 * @state: of the patterns, if there is no @top
 */
struct exclude_dir {
	struct exclude_dir *top;
	uint64_t bytes;
	uint64_t state[];
};

/**
 * struct exclude_search - a walk for what is left out
 * @state: of the entry at hand
 * @fatal: what failed is no trouble of the file system
 */
struct exclude_search {
	struct fs *fs;
	const struct pattern_set *set;
	const char *volume;
	struct exclude *to;
	const atomic_bool *stop;
	struct exclude_trouble *trouble;
	uint64_t *state;
	bool fatal;
};

/* What cannot be looked at is stored; only what the walk itself needs ends it. */
static int note_trouble(struct exclude_search *search, int rc, const struct error *why,
			struct error *err)
{
	if (rc >= 0)
		return rc;
	if (rc == -ENOMEM || search->fatal)
		return error_copy(err, rc, why);
	if (search->trouble->n++ == 0)
		search->trouble->first = *why;
	return 0;
}

/* ---- one file ---------------------------------------------------------------------------------
 */

static int add_run(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	struct exclude_search *search = ctx;
	uint64_t n_new;
	int rc = bits_file_set(search->to->bits, (start + EXCLUDE_GRANULE - 1) / EXCLUDE_GRANULE,
			       (start + length) / EXCLUDE_GRANULE, &n_new, err);
	search->fatal = rc < 0;
	if (rc == 0)
		search->to->bytes += n_new * EXCLUDE_GRANULE;
	return rc;
}

/**
 * struct link_names - the names of a file
 * @v: @n of them, to be freed; each with its directory
 */
struct link_names {
	size_t n;
	struct {
		uint64_t dir;
		char *name;
	} v[LINKS_MAX];
};

static int add_name(void *ctx, uint64_t dir, const char *name, size_t len, struct error *err)
{
	(void)len;
	struct link_names *names = ctx;
	if (names->n == LINKS_MAX)
		return error_set(err, -EUCLEAN, "a file has more than %d names", LINKS_MAX);
	char *copy = strdup(name);
	if (!copy)
		return error_set(err, -ENOMEM, "patterns: %m");
	names->v[names->n].dir = dir;
	names->v[names->n++].name = copy;
	return 0;
}

static void names_free(struct link_names *names)
{
	for (size_t i = 0; names && i < names->n; i++)
		free(names->v[i].name);
	free(names);
}
DEFINE_CLEANUP(struct link_names *, names_free)

static int get_names(struct fs *fs, uint64_t ino, struct link_names **ret, struct error *err)
{
	CLEANUP(names_free_cleanup) struct link_names *names = calloc(1, sizeof(*names));
	if (!names)
		return error_set(err, -ENOMEM, "patterns: %m");
	int rc = fs_links(fs, ino, add_name, names, err);
	if (rc < 0)
		return rc;
	if (names->n == 0)
		return error_set(err, -EUCLEAN, "inode %" PRIu64 " has no name", ino);
	*ret = steal(&names);
	return 0;
}

/* The state of a directory, which is found by going up from it to the root. @ret_out: it matches.
 */
static int state_of_dir(struct exclude_search *search, uint64_t ino, size_t depth, uint64_t *state,
			bool *ret_out, struct error *err)
{
	if (ino == search->fs->root) {
		pattern_start(search->set, state);
		*ret_out = false;
		return 0;
	}
	if (depth == FS_WALK_DEPTH_MAX)
		return error_set(err, -EUCLEAN, "inode %" PRIu64 " is not below the root", ino);
	CLEANUP(names_free_cleanup) struct link_names *names = NULL;
	CLEANUP(free_cleanup) char *folded = NULL;
	int rc = get_names(search->fs, ino, &names, err);
	if (rc == 0)
		rc = state_of_dir(search, names->v[0].dir, depth + 1, state, ret_out, err);
	if (rc == 0)
		rc = fs_fold(search->fs, names->v[0].name, &folded, err);
	if (rc == 0 && pattern_name(search->set, state, folded, true, state))
		*ret_out = true;
	return rc;
}

/* Is a file left out by every one of its names? */
static int all_names_match(struct exclude_search *search, uint64_t ino, bool *ret,
			   struct error *err)
{
	CLEANUP(names_free_cleanup) struct link_names *names = NULL;
	CLEANUP(free_cleanup)
	uint64_t *state = calloc(pattern_words(search->set), sizeof(*state));
	if (!state)
		return error_set(err, -ENOMEM, "patterns: %m");
	int rc = get_names(search->fs, ino, &names, err);
	bool all = true;
	for (size_t i = 0; rc == 0 && all && names->n > 1 && i < names->n; i++) {
		CLEANUP(free_cleanup) char *folded = NULL;
		rc = state_of_dir(search, names->v[i].dir, 0, state, &all, err);
		if (rc == 0)
			rc = fs_fold(search->fs, names->v[i].name, &folded, err);
		if (rc == 0 && pattern_name(search->set, state, folded, false, state))
			all = true;
	}
	*ret = all;
	return rc;
}

static int take_file(struct exclude_search *search, uint64_t ino, struct error *err)
{
	struct fs_stat st;
	struct error why = { 0 };
	uint64_t before = search->to->bytes;
	bool all = true;
	int rc = fs_stat(search->fs, ino, &st, &why);
	if (rc == 0 && st.nlink > 1 && !S_ISDIR(st.mode))
		rc = all_names_match(search, ino, &all, &why);
	if (rc == 0 && all)
		rc = fs_file_blocks(search->fs, ino, add_run, search, &why);
	search->to->files += search->to->bytes > before;
	return note_trouble(search, rc, &why, err);
}

/* ---- directories ------------------------------------------------------------------------------
 */

static struct exclude_dir *new_dir(const struct exclude_search *search, struct error *err)
{
	size_t words = pattern_words(search->set);
	struct exclude_dir *dir = calloc(1, sizeof(*dir) + words * sizeof(dir->state[0]));
	if (!dir)
		error_set(err, -ENOMEM, "patterns: %m");
	return dir;
}

/* Into a directory: one that matches has no @top above it and becomes it. */
static int go_into(struct exclude_search *search, struct fs_walk_entry *entry,
		   struct exclude_dir *top, bool matches, struct error *err)
{
	struct exclude_dir *dir = new_dir(search, err);
	if (!dir)
		return -ENOMEM;
	dir->top = matches ? dir : top;
	if (!dir->top)
		memcpy(dir->state, search->state,
		       pattern_words(search->set) * sizeof(dir->state[0]));
	entry->into = true;
	entry->state = dir;
	return 0;
}

static void list_match(struct exclude_search *search, const char *dir, const char *name,
		       uint64_t bytes)
{
	char *path = NULL;
	json_t *entry = NULL;
	if (json_array_size(search->to->list) < EXCLUDE_LIST_MAX &&
	    asprintf(&path, "%s%s", dir, name) >= 0)
		entry = json_pack("{s:s, s:s, s:I}", "volume", search->volume, "path", path,
				  "bytes", (json_int_t)bytes);
	if (!entry || json_array_append_new(search->to->list, entry) < 0)
		search->to->more++;
	free(path);
}

/* A directory that matched comes on the list when all that is below it was found. */
static void leave_dir(void *ctx, const char *path, void *state)
{
	struct exclude_dir *dir = state;
	if (dir->top == dir && dir->bytes > 0)
		list_match(ctx, path, "", dir->bytes);
	free(dir);
}

/* Leaves out a file, or a directory: its own streams now, and later all that is in it. @top: NULL
 * when it matches itself.
 */
static int take_entry(struct exclude_search *search, const struct fs_walk_dir *dir,
		      struct fs_walk_entry *entry, struct exclude_dir *top, bool is_dir,
		      struct error *err)
{
	uint64_t before = search->to->bytes;
	int rc = take_file(search, entry->ino, err);
	if (rc == 0 && is_dir)
		rc = go_into(search, entry, top, !top, err);
	uint64_t bytes = search->to->bytes - before;
	if (top)
		top->bytes += bytes;
	else if (entry->into)
		((struct exclude_dir *)entry->state)->bytes = bytes;
	else if (bytes > 0)
		list_match(search, dir->path, entry->name, bytes);
	return rc;
}

static int entry_is_dir(struct exclude_search *search, const struct fs_walk_entry *entry, bool *ret,
			struct error *err)
{
	struct fs_stat st = { .mode = entry->type };
	struct error why = { 0 };
	int rc = 0;
	if (entry->type == 0)
		rc = fs_stat(search->fs, entry->ino, &st, &why);
	*ret = rc == 0 && S_ISDIR(st.mode);
	return note_trouble(search, rc, &why, err);
}

static int visit_entry(struct exclude_search *search, const struct fs_walk_dir *dir,
		       struct fs_walk_entry *entry, struct error *err)
{
	const struct exclude_dir *above = dir->state;
	bool is_dir;
	int rc = entry_is_dir(search, entry, &is_dir, err);
	if (rc < 0)
		return rc;
	if (above->top)
		return take_entry(search, dir, entry, above->top, is_dir, err);
	CLEANUP(free_cleanup) char *folded = NULL;
	struct error why = { 0 };
	rc = fs_fold(search->fs, entry->name, &folded, &why);
	if (rc < 0)
		return note_trouble(search, rc, &why, err);
	if (pattern_name(search->set, above->state, folded, is_dir, search->state))
		return take_entry(search, dir, entry, NULL, is_dir, err);
	return is_dir && pattern_goes_on(search->set, search->state)
		       ? go_into(search, entry, NULL, false, err)
		       : 0;
}

static int visit(void *ctx, const struct fs_walk_dir *dir, struct fs_walk_entry *entries, size_t n,
		 struct error *err)
{
	struct exclude_search *search = ctx;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (search->stop && atomic_load_explicit(search->stop, memory_order_relaxed))
			return error_set(err, -EINTR, "interrupted");
		rc = visit_entry(search, dir, &entries[i], err);
	}
	return rc;
}

static int note_dir(void *ctx, const char *path, const struct error *why, struct error *err)
{
	struct exclude_search *search = ctx;
	struct error told;
	return note_trouble(search, error_set(&told, why->code, "'%.200s': %s", path, why->msg),
			    &told, err);
}

int exclude_walk(struct fs *fs, const struct pattern_set *set, const char *volume,
		 struct exclude *to, const atomic_bool *stop, struct exclude_trouble *trouble,
		 struct error *err)
{
	static const struct fs_walk_ops ops = { .visit = visit,
						.leave = leave_dir,
						.trouble = note_dir };
	CLEANUP(free_cleanup) uint64_t *state = calloc(pattern_words(set), sizeof(*state));
	if (!state)
		return error_set(err, -ENOMEM, "patterns: %m");
	struct exclude_search search = { .fs = fs,
					 .set = set,
					 .volume = volume,
					 .to = to,
					 .stop = stop,
					 .trouble = trouble,
					 .state = state };
	CLEANUP(free_cleanup) struct exclude_dir *root = new_dir(&search, err);
	if (!root)
		return -ENOMEM;
	pattern_start(set, root->state);
	return fs_walk(fs, &ops, &search, root, stop, err);
}
