/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exclude-walk - see exclude-walk.h.
 *
 * Directories are listed in pieces, and walked one inside the other, so that memory grows with the
 * depth only, which is bounded. A damaged disk may lead in circles: a directory is not walked
 * inside itself, and there are not more entries than a volume has room for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "exclude-walk.h"

#define DEPTH_MAX   2048
#define PATH_BYTES  ((size_t)128 << 10) /* no path that Windows can make is longer */
#define ENTRY_BYTES 64                  /* less than an entry of a directory takes on any disk */
#define PIECE_MAX   64
#define PIECE_BYTES ((size_t)16 << 10)
#define LINKS_MAX   1024 /* as many names as NTFS allows a file */

/**
 * struct walk - where the walk is
 * @path: of the directory at hand, beginning and ending with '/'; @len bytes
 * @dirs: the directories above, and it; @depth of them
 * @n_left: entries that may still come
 * @fatal: what failed is no trouble of the file system
 */
struct walk {
	struct fs *fs;
	const struct pattern_set *set;
	const char *volume;
	struct exclude *to;
	const atomic_bool *stop;
	struct exclude_trouble *trouble;
	char *path;
	size_t len;
	size_t depth;
	uint64_t dirs[DEPTH_MAX];
	uint64_t n_left;
	bool fatal;
};

/* What cannot be looked at is stored; only what the walk itself needs ends it. */
static int note_trouble(struct walk *walk, int rc, const struct error *why, struct error *err)
{
	if (rc >= 0)
		return rc;
	if (rc == -ENOMEM || walk->fatal)
		return error_set(err, rc, "%s", why->msg);
	if (walk->trouble->n++ == 0)
		walk->trouble->first = *why;
	return 0;
}

/* ---- one file ---------------------------------------------------------------------------------
 */

static int add_run(void *ctx, uint64_t length, uint64_t start, struct error *err)
{
	struct walk *walk = ctx;
	uint64_t n_new;
	int rc = bits_file_set(walk->to->bits, (start + EXCLUDE_GRANULE - 1) / EXCLUDE_GRANULE,
			       (start + length) / EXCLUDE_GRANULE, &n_new, err);
	walk->fatal = rc < 0;
	if (rc == 0)
		walk->to->bytes += n_new * EXCLUDE_GRANULE;
	return rc;
}

/**
 * struct names - the names of a file
 * @v: @n of them, to be freed; each with its directory
 */
struct names {
	size_t n;
	struct {
		uint64_t dir;
		char *name;
	} v[LINKS_MAX];
};

static int add_name(void *ctx, uint64_t dir, const char *name, struct error *err)
{
	struct names *names = ctx;
	if (names->n == LINKS_MAX)
		return error_set(err, -EUCLEAN, "a file has more than %d names", LINKS_MAX);
	char *copy = strdup(name);
	if (!copy)
		return error_set(err, -ENOMEM, "patterns: %m");
	names->v[names->n].dir = dir;
	names->v[names->n++].name = copy;
	return 0;
}

static void names_free(struct names *names)
{
	for (size_t i = 0; names && i < names->n; i++)
		free(names->v[i].name);
	free(names);
}
DEFINE_CLEANUP(struct names *, names_free)

static int get_names(struct fs *fs, uint64_t ino, struct names **ret, struct error *err)
{
	CLEANUP(names_free_cleanup) struct names *names = calloc(1, sizeof(*names));
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
static int state_of_dir(struct walk *walk, uint64_t ino, size_t depth, uint64_t *state,
			bool *ret_out, struct error *err)
{
	if (ino == walk->fs->root) {
		pattern_start(walk->set, state);
		*ret_out = false;
		return 0;
	}
	if (depth == DEPTH_MAX)
		return error_set(err, -EUCLEAN, "inode %" PRIu64 " is not below the root", ino);
	CLEANUP(names_free_cleanup) struct names *names = NULL;
	CLEANUP(free_cleanup) char *folded = NULL;
	int rc = get_names(walk->fs, ino, &names, err);
	if (rc == 0)
		rc = state_of_dir(walk, names->v[0].dir, depth + 1, state, ret_out, err);
	if (rc == 0)
		rc = fs_fold(walk->fs, names->v[0].name, &folded, err);
	if (rc == 0 && pattern_name(walk->set, state, folded, true, state))
		*ret_out = true;
	return rc;
}

/* Is a file left out by every one of its names? */
static int all_names_match(struct walk *walk, uint64_t ino, bool *ret, struct error *err)
{
	CLEANUP(names_free_cleanup) struct names *names = NULL;
	CLEANUP(free_cleanup)
	uint64_t *state = calloc(pattern_words(walk->set), sizeof(*state));
	if (!state)
		return error_set(err, -ENOMEM, "patterns: %m");
	int rc = get_names(walk->fs, ino, &names, err);
	bool all = true;
	for (size_t i = 0; rc == 0 && all && names->n > 1 && i < names->n; i++) {
		CLEANUP(free_cleanup) char *folded = NULL;
		rc = state_of_dir(walk, names->v[i].dir, 0, state, &all, err);
		if (rc == 0)
			rc = fs_fold(walk->fs, names->v[i].name, &folded, err);
		if (rc == 0 && pattern_name(walk->set, state, folded, false, state))
			all = true;
	}
	*ret = all;
	return rc;
}

static int take_file(struct walk *walk, uint64_t ino, struct error *err)
{
	struct fs_stat st;
	struct error why = { 0 };
	uint64_t before = walk->to->bytes;
	bool all = true;
	int rc = fs_stat(walk->fs, ino, &st, &why);
	if (rc == 0 && st.nlink > 1 && !S_ISDIR(st.mode))
		rc = all_names_match(walk, ino, &all, &why);
	if (rc == 0 && all)
		rc = fs_file_blocks(walk->fs, ino, add_run, walk, &why);
	walk->to->files += walk->to->bytes > before;
	return note_trouble(walk, rc, &why, err);
}

/* ---- directories ------------------------------------------------------------------------------
 */

/**
 * struct piece - some entries of a directory
 * @next: the position behind the last of them
 * @full: there are more
 */
struct piece {
	size_t n;
	struct piece_entry {
		uint64_t ino;
		uint32_t type;
		const char *name;
	} entries[PIECE_MAX];
	uint64_t next;
	bool full;
	size_t used;
	char names[PIECE_BYTES];
};

static int add_entry(void *ctx, const char *name, size_t len, uint64_t ino, uint32_t type,
		     uint64_t next)
{
	struct piece *piece = ctx;
	if (piece->n == PIECE_MAX || len >= PIECE_BYTES - piece->used) {
		piece->full = true;
		return 1;
	}
	char *copy = piece->names + piece->used;
	memcpy(copy, name, len);
	copy[len] = '\0';
	piece->used += len + 1;
	piece->entries[piece->n++] = (struct piece_entry){ .ino = ino, .type = type, .name = copy };
	piece->next = next;
	return 0;
}

static int walk_dir(struct walk *walk, uint64_t ino, const uint64_t *state, struct error *err);

/* Walks into a directory. @state: NULL when all that is in it is left out. */
static int enter_dir(struct walk *walk, const struct piece_entry *entry, const uint64_t *state,
		     struct error *err)
{
	struct error why = { 0 };
	size_t len = strlen(entry->name);
	if (walk->depth == DEPTH_MAX || len + 2 > PATH_BYTES - walk->len)
		return note_trouble(
			walk,
			error_set(&why, -ENAMETOOLONG, "'%.200s' is too deep down", entry->name),
			&why, err);
	for (size_t i = 0; i < walk->depth; i++)
		if (walk->dirs[i] == entry->ino)
			return note_trouble(walk,
					    error_set(&why, -EUCLEAN,
						      "directory '%.200s' is inside itself",
						      entry->name),
					    &why, err);
	size_t before = walk->len;
	memcpy(walk->path + walk->len, entry->name, len);
	walk->len += len;
	walk->path[walk->len++] = '/';
	walk->path[walk->len] = '\0';
	int rc = walk_dir(walk, entry->ino, state, err);
	walk->len = before;
	walk->path[before] = '\0';
	return rc;
}

/* Leaves out a file, or a directory: its own streams, and all that is in it. */
static int take_entry(struct walk *walk, const struct piece_entry *entry, bool is_dir,
		      struct error *err)
{
	int rc = take_file(walk, entry->ino, err);
	return rc == 0 && is_dir ? enter_dir(walk, entry, NULL, err) : rc;
}

static void list_match(struct walk *walk, const char *name, bool is_dir, uint64_t bytes)
{
	char *path = NULL;
	json_t *entry = NULL;
	if (json_array_size(walk->to->list) < EXCLUDE_LIST_MAX &&
	    asprintf(&path, "%s%s%s", walk->path, name, is_dir ? "/" : "") >= 0)
		entry = json_pack("{s:s, s:s, s:I}", "volume", walk->volume, "path", path, "bytes",
				  (json_int_t)bytes);
	if (!entry || json_array_append_new(walk->to->list, entry) < 0)
		walk->to->more++;
	free(path);
}

/* An entry matches: it comes on the list, once, with all that is below. */
static int take_match(struct walk *walk, const struct piece_entry *entry, bool is_dir,
		      struct error *err)
{
	uint64_t before = walk->to->bytes;
	int rc = take_entry(walk, entry, is_dir, err);
	if (walk->to->bytes > before)
		list_match(walk, entry->name, is_dir, walk->to->bytes - before);
	return rc;
}

static int entry_is_dir(struct walk *walk, const struct piece_entry *entry, bool *ret,
			struct error *err)
{
	struct fs_stat st = { .mode = entry->type };
	struct error why = { 0 };
	int rc = 0;
	if (entry->type == 0)
		rc = fs_stat(walk->fs, entry->ino, &st, &why);
	*ret = rc == 0 && S_ISDIR(st.mode);
	return note_trouble(walk, rc, &why, err);
}

static int visit(struct walk *walk, const struct piece_entry *entry, const uint64_t *dir_state,
		 uint64_t *state, struct error *err)
{
	bool is_dir;
	int rc = entry_is_dir(walk, entry, &is_dir, err);
	if (rc < 0)
		return rc;
	if (!dir_state)
		return take_entry(walk, entry, is_dir, err);
	CLEANUP(free_cleanup) char *folded = NULL;
	struct error why = { 0 };
	rc = fs_fold(walk->fs, entry->name, &folded, &why);
	if (rc < 0)
		return note_trouble(walk, rc, &why, err);
	if (pattern_name(walk->set, dir_state, folded, is_dir, state))
		return take_match(walk, entry, is_dir, err);
	return is_dir && pattern_goes_on(walk->set, state) ? enter_dir(walk, entry, state, err) : 0;
}

static int visit_piece(struct walk *walk, const struct piece *piece, const uint64_t *dir_state,
		       uint64_t *state, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < piece->n; i++) {
		if (walk->stop && atomic_load_explicit(walk->stop, memory_order_relaxed))
			return error_set(err, -EINTR, "interrupted");
		if (walk->n_left == 0) {
			walk->fatal = true;
			return error_set(err, -EUCLEAN,
					 "its directories lead in circles: "
					 "leave nothing out of it");
		}
		walk->n_left--;
		rc = visit(walk, &piece->entries[i], dir_state, state, err);
	}
	return rc;
}

static int walk_dir(struct walk *walk, uint64_t ino, const uint64_t *state, struct error *err)
{
	CLEANUP(free_cleanup) struct piece *piece = malloc(sizeof(*piece));
	CLEANUP(free_cleanup)
	uint64_t *scratch = calloc(pattern_words(walk->set), sizeof(*scratch));
	if (!piece || !scratch)
		return error_set(err, -ENOMEM, "patterns: %m");
	walk->dirs[walk->depth++] = ino;
	piece->next = 0;
	int rc;
	do {
		struct error why = { 0 };
		piece->n = piece->used = 0;
		piece->full = false;
		rc = fs_readdir(walk->fs, ino, piece->next, add_entry, piece, &why);
		if (rc < 0)
			piece->full = false; /* what was listed before is good */
		rc = note_trouble(walk, rc, &why, err);
		if (rc == 0)
			rc = visit_piece(walk, piece, state, scratch, err);
	} while (rc == 0 && piece->full);
	walk->depth--;
	return rc;
}

int exclude_walk(struct fs *fs, const struct pattern_set *set, const char *volume,
		 struct exclude *to, const atomic_bool *stop, struct exclude_trouble *trouble,
		 struct error *err)
{
	CLEANUP(free_cleanup) struct walk *walk = calloc(1, sizeof(*walk));
	CLEANUP(free_cleanup) char *path = malloc(PATH_BYTES);
	CLEANUP(free_cleanup) uint64_t *state = calloc(pattern_words(set), sizeof(*state));
	if (!walk || !path || !state)
		return error_set(err, -ENOMEM, "patterns: %m");
	*walk = (struct walk){ .fs = fs,
			       .set = set,
			       .volume = volume,
			       .to = to,
			       .stop = stop,
			       .trouble = trouble,
			       .path = strcpy(path, "/"),
			       .len = 1,
			       .n_left = fs->blk->size / ENTRY_BYTES };
	pattern_start(set, state);
	return walk_dir(walk, fs->root, state, err);
}
