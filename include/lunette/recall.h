/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recall - what this machine remembers of a repository's restore points.
 *
 * A manifest never changes, and its name is its digest. So what lists say of it, its brief, is read
 * once, and kept in memory and in a file of this machine. Which restore points there are is asked
 * of the store each time, with the size and time of each object: one that is not as it was then is
 * read again.
 *
 * The file is nobody's truth. One that is not there, damaged, of another version or not ours, or
 * that cannot be written, costs time and nothing else. Of an encrypted repository it is a box of
 * the repository's own, so that nothing of it lies on this machine in clear, and nobody without the
 * key can make one. It is replaced as a whole; of several programs the last one's is there, which
 * knows what its lists needed.
 */
#ifndef LUNETTE_RECALL_H
#define LUNETTE_RECALL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lunette/repo.h"
#include "lunette/store.h"

struct keys;
struct recall;

/**
 * recall_new() - nothing is remembered yet
 * @folder: for the file, see repo_cache_folder(); NULL: it is forgotten with the process
 * @forgotten: of restore points that are forgotten, and can be brought back
 */
int recall_new(const char *folder, bool forgotten, struct recall **ret, struct error *err);
void recall_free(struct recall *recall); /* @recall may be NULL */
DEFINE_CLEANUP(struct recall *, recall_free)

/**
 * typedef recall_damaged_fn - told of a restore point that cannot be read
 */
typedef void recall_damaged_fn(void *ctx, const struct error *why);

/**
 * recall_list() - the restore points that there are now, in no order. Any thread.
 * @forgotten: of those that can be brought back
 * @damaged: told of those that cannot be read, which are left out; must not list; may be NULL
 * @ret: to be freed with free(); what it points to lives as long as @repo
 */
int recall_list(struct repo *repo, bool forgotten, recall_damaged_fn *damaged, void *ctx,
		const struct repo_brief ***ret, size_t *ret_n, struct error *err);

/**
 * recall_distrust() - a manifest does not say what was remembered: read all of them again
 */
void recall_distrust(struct repo *repo, bool forgotten);

/* ---- recall-file.c: where it lies ---- */

/**
 * struct recall_place - a repository's file
 * @folder: made if it is not there
 * @of: "points", or "forgotten"
 * @id: of the repository
 * @keys: NULL when it is not encrypted
 */
struct recall_place {
	const char *folder;
	const char *of;
	const char *id;
	const struct keys *keys;
};

/* It has no more bytes than this: 100,000 restore points. What does not fit is read again. */
#define RECALL_MAX ((size_t)64 << 20)

/* Of the fields of the file before what is in it, and of the box. */
#define RECALL_HEAD 48

/**
 * recall_load() - read it
 * @ret: to be freed with free(); what recall_save() was given, to the byte
 *
 * Return: whether there is one that is whole, and ours.
 */
bool recall_load(const struct recall_place *place, uint8_t **ret, size_t *ret_len);

/* Replaces it, if that can be done, and removes those of repositories that nobody lists any more.
 */
void recall_save(const struct recall_place *place, const uint8_t *buf, size_t len);

/* Removes it. */
void recall_remove(const struct recall_place *place);

/* ---- brief.c: one of them ---- */

/**
 * brief_new() - what lists say of a restore point
 * @st: of its object
 * @point: its manifest
 * @ret: to be freed with free()
 */
int brief_new(const char id[65], const struct store_stat *st, const json_t *point,
	      struct repo_brief **ret, struct error *err);

/* Bytes that it takes in the file. */
size_t brief_size(const struct repo_brief *brief);

/* @buf: brief_size() bytes */
void brief_put(const struct repo_brief *brief, uint8_t *buf);

/**
 * brief_get() - one of the file
 * @buf: what is left of it: @len bytes
 * @ret: to be freed with free()
 * @ret_used: bytes that it took
 *
 * Return: 0; -EUCLEAN when it is none; -ENOMEM.
 */
int brief_get(const uint8_t *buf, size_t len, struct repo_brief **ret, size_t *ret_used);

#endif
