/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - where a repository's objects lie: write-once bytes under a key.
 *
 * The interface is what a directory, NFS and object storage can all do: put an object that is not
 * there yet, read a range of one, list. There is no append to what exists, no overwriting, and
 * nothing above this line knows files. What is moved is renamed where that can be done, and else
 * put again.
 *
 * A put knows its key before the first byte, and its source can be read again, so that one that
 * failed can be repeated. What takes shape piece by piece, and learns its name last, is a draft
 * until then.
 *
 * A key is "config", or FOLDER/NAME, or "packs/xx/NAME" (see FORMAT.md): short, made by us, never
 * by a user.
 *
 * Any thread may use a store, all of them at once. A draft belongs to one thread at a time.
 */
#ifndef LUNETTE_STORE_H
#define LUNETTE_STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct store;
struct store_draft;

/* Longest key, its NUL included: "packs/xx/" and 64 digits fit. */
#define STORE_KEY_MAX 80

/* ---- what is put ---- */

struct store_source;

/**
 * struct store_source_ops - how a source is read
 * @read: all of a range, which lies inside the source; any part, any number of times, any thread
 */
struct store_source_ops {
	int (*read)(const struct store_source *source, void *buf, size_t len, uint64_t off,
		    struct error *err);
};

/**
 * struct store_source - the bytes of an object that is to be put; the head of an owner's struct
 */
struct store_source {
	const struct store_source_ops *ops;
	uint64_t size;
};

/* A source in memory. */
struct store_bytes {
	struct store_source source;
	const void *buf;
};

struct store_bytes store_bytes(const void *buf, size_t len);

/* Return: 0 when all of @buf was filled; the source's error. The range lies inside the source. */
int store_source_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		      struct error *err);

/**
 * struct store_draft_ops - what a place for drafts provides
 * @append: bytes behind those that are there
 * @free: the draft, and what it takes; not what was put of it
 */
struct store_draft_ops {
	int (*append)(struct store_draft *draft, const void *buf, size_t len, struct error *err);
	void (*free)(struct store_draft *draft);
};

/**
 * struct store_draft - an object that takes shape; the head of an implementation's struct
 * @source: what is there so far, which can be put when it is all there
 */
struct store_draft {
	struct store_source source;
	const struct store_draft_ops *ops;
};

/* What a put does when there is an object under its key. */
enum store_taken {
	STORE_REFUSE, /* -EEXIST */
	STORE_TWIN,   /* as good as ours if it has the same bytes; else damaged, and replaced */
};

/* ---- what is there ---- */

/**
 * struct store_stat - what is known of an object without reading it
 * @size: bytes
 * @modified: when it was written: seconds since 1970 on the clock of the store, not of this host
 */
struct store_stat {
	uint64_t size;
	int64_t modified;
};

/**
 * typedef store_list_fn - an object that a listing meets
 * @name: below the folder: "abc", or "ab/abc"
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends the listing with it.
 */
typedef int store_list_fn(void *ctx, const char *name, const struct store_stat *st,
			  struct error *err);

/* Takes the next bytes of an object. Return: 0 to go on; a negative errno, recorded in @err. */
typedef int store_sink_fn(void *ctx, const void *buf, size_t len, struct error *err);

/* ---- implementations ---- */

/**
 * struct store_ops - what an implementation provides; the front below checks ranges and keys
 * @put: an object: when this returns 0 it is complete, visible and on stable storage, under a
 *       name that is, too. Nobody ever sees half of it
 * @read: all of a range; -EUCLEAN when it is not inside the object
 * @list: the objects in a folder and in folders in it, in no order, as they are now, whatever a
 *        network file system remembers; a folder that is not there is empty, unless it is known
 *        that it was there
 * @stat: of an object, as it is now; -ENOENT when it is not there
 * @remove: an object; when this returns 0 it is gone and stays gone. It may be gone already
 * @destroy: free everything, the struct store included
 *
 * These may be NULL:
 * @move: as store_move(), without a byte of room; without it, and where it says -EXDEV, the object
 *        is read, put and removed
 * @draft: a place for an object that takes shape, from which @put takes it without copying;
 *         without it a temporary file of this host
 * @get: an object whole, in pieces, from its beginning; without it, @stat and @read
 * @forget: what was kept open or remembered of an object; without it nothing is
 * @sweep: remove what writers that died left unfinished and nobody has touched for @age seconds;
 *         without it nothing is ever left
 * @reserve: keep some room aside, or give it back; without it there is none to give
 * @room: bytes that can be added now; without it nobody knows
 */
struct store_ops {
	int (*put)(struct store *store, const char *key, const struct store_source *source,
		   enum store_taken taken, struct error *err);
	int (*read)(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
		    struct error *err);
	int (*list)(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		    struct error *err);
	int (*stat)(struct store *store, const char *key, struct store_stat *ret,
		    struct error *err);
	int (*remove)(struct store *store, const char *key, struct error *err);
	void (*destroy)(struct store *store);
	int (*move)(struct store *store, const char *from, const char *to, size_t max,
		    struct error *err);
	int (*draft)(struct store *store, struct store_draft **ret, struct error *err);
	int (*get)(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		   struct error *err);
	void (*forget)(struct store *store, const char *key);
	int (*sweep)(struct store *store, uint32_t age, struct error *err);
	int (*reserve)(struct store *store, bool keep, struct error *err);
	int (*room)(struct store *store, uint64_t *ret, struct error *err);
};

/**
 * struct store - the head of an implementation's own struct
 * @puts: how many puts at once are worth while; 0 is 1
 */
struct store {
	const struct store_ops *ops;
	unsigned int puts;
};

/* ---- the front: the only way to an implementation ---- */

void store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free)

unsigned int store_puts(const struct store *store); /* at least 1 */

/**
 * store_draft_new() - begin an object whose key is not known yet
 * @ret: to be freed with store_draft_free(), before the store is
 */
int store_draft_new(struct store *store, struct store_draft **ret, struct error *err);
int store_draft_append(struct store_draft *draft, const void *buf, size_t len, struct error *err);
void store_draft_free(struct store_draft *draft); /* @draft may be NULL */
DEFINE_CLEANUP(struct store_draft *, store_draft_free)

/**
 * store_put() - put an object
 * @source: still its owner's, and may be put again
 *
 * STORE_TWIN is for what is named by its content: it can be put twice without harm, and one that
 * has other bytes is damaged, and replaced. That is how a backup heals what it meets.
 *
 * Return: 0 when the object is on stable storage; -EEXIST as @taken says; what the system said.
 */
int store_put(struct store *store, const char *key, const struct store_source *source,
	      enum store_taken taken, struct error *err);

/* Puts an object that fits in memory. Return: as store_put() with STORE_REFUSE and STORE_TWIN. */
int store_put_new(struct store *store, const char *key, const void *buf, size_t len,
		  struct error *err);
int store_put_same(struct store *store, const char *key, const void *buf, size_t len,
		   struct error *err);

/**
 * store_read() - read a range of an object, all of it
 *
 * Return: 0; -ENOENT; -EUCLEAN if the range is not inside the object (it has been cut, or what
 * points into it is damaged); what the system said.
 */
int store_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
	       struct error *err);

/**
 * store_get() - read a small object whole
 * @max: more bytes than this are taken for damage
 * @ret: to be freed with free(); has one NUL more than @ret_len
 *
 * Return: 0; -ENOENT; -EUCLEAN when it is larger than @max; ...
 */
int store_get(struct store *store, const char *key, size_t max, char **ret, size_t *ret_len,
	      struct error *err);

/**
 * store_get_to() - read an object whole, whatever its size
 * @sink: is given its bytes in pieces, from the first to the last
 *
 * Return: 0; -ENOENT; what @sink or the system said.
 */
int store_get_to(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		 struct error *err);

/**
 * store_list() - what there is in a folder, and in folders in it
 * @folder: "points", "packs", "packs/xx"; "" is all there is
 *
 * Tells size and time of each, so that nobody needs to ask once an object.
 *
 * Return: 0, also when there is no such folder; what @fn or the system said.
 */
int store_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
	       struct error *err);

/* Return: 0; -ENOENT when it is not there, and no other error means that; what the system said. */
int store_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err);

/**
 * store_remove() - remove an object, or make sure that it is gone
 *
 * Return: 0 when it is gone on stable storage, whoever removed it; what the system said.
 */
int store_remove(struct store *store, const char *key, struct error *err);

/**
 * store_move() - give a small object another key
 * @to: what lies there already is as good: both are named by the same content
 * @max: as of store_get(), where it has to be read
 *
 * Who dies in the middle leaves it under one of the keys, or under both. Where the store has a move
 * of its own, one that is moved back meanwhile stays there.
 *
 * Return: 0 when it was moved to @to, and that is on stable storage; -ENOENT when it is not under
 * @from, and that is, too; ...
 */
int store_move(struct store *store, const char *from, const char *to, size_t max,
	       struct error *err);

/**
 * store_forget() - have an object read anew from where it lies
 *
 * For one that turned out to be damaged: another may have taken its place by then.
 */
void store_forget(struct store *store, const char *key);

/**
 * store_sweep() - remove what writers that died left unfinished
 * @age: seconds for which nobody has added to it
 */
int store_sweep(struct store *store, uint32_t age, struct error *err);

/* ---- when it is full ---- */

/* Does this error say that there is no room, or that a quota leaves none? */
static inline bool store_is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT;
}

/**
 * store_keep_reserve() - have some room kept aside, for a day when there is none
 *
 * Whoever removes must write first: that he is at work, and what goes. On a full store he gives the
 * reserve back, and nobody else does.
 *
 * Return: 0 when it is there, or this store needs none; -ENOSPC, -EDQUOT; what the store said.
 */
int store_keep_reserve(struct store *store, struct error *err);

/* Gives it back. Return: 1 when there is more room now; 0 when there was no reserve; ... */
int store_give_reserve(struct store *store, struct error *err);

/* Bytes that can be added now, as far as that is known; UINT64_MAX when it is not. */
uint64_t store_room(struct store *store);

/* ---- store-open.c: which store a REPO names ---- */

/**
 * store_open() - the store of an existing repository
 * @url: the path of a folder, or "SCHEME://WHERE"
 *
 * Return: 0; -ENOENT; -EOPNOTSUPP when the scheme is not known here; what the store said.
 */
int store_open(const char *url, struct store **ret, struct error *err);

/**
 * store_create() - an empty store for a new repository
 *
 * Return: 0; -EEXIST when there is something in it; else as store_open().
 */
int store_create(const char *url, struct store **ret, struct error *err);

/* ---- store-dir.c ---- */

/**
 * store_dir_create() - make the directory of a new repository
 * @path: does not exist yet, or is empty
 *
 * Return: 0; -EEXIST when there is something in it; else what the system said.
 */
int store_dir_create(const char *path, struct store **ret, struct error *err);

/**
 * store_dir_open() - the directory of an existing repository
 *
 * Return: 0; -ENOENT, -ENOTDIR, ...
 */
int store_dir_open(const char *path, struct store **ret, struct error *err);

#endif
