/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - where a repository's objects lie: write-once bytes under a key.
 *
 * The interface is what a directory, NFS and object storage can all do: put an object that is not
 * there yet, read a range of one, list. There is no rename, no append to what exists, no
 * overwriting, and nothing above this line knows files.
 *
 * A key is "config", or FOLDER/NAME, or "packs/xx/NAME" (see FORMAT.md): short, made by us, never
 * by a user.
 *
 * Any thread may use a store. A struct store_put belongs to one thread at a time.
 */
#ifndef LUNETTE_STORE_H
#define LUNETTE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/error.h"
#include "lunette/util.h"

struct store;
struct store_put;
struct store_object;

/* Longest key, its NUL included: "packs/xx/" and 64 digits fit. */
#define STORE_KEY_MAX 80

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

/**
 * struct store_ops - what an implementation provides
 * @begin: an object without a key yet: content decides the key, so it comes last
 * @append: bytes for it
 * @commit: put it under @key: when this returns 0 it is complete, visible and on stable storage.
 *          When the key is taken: -EEXIST; or, if it @is_content, what is there is left when it is
 *          the same, and replaced when it is not. The put is over, also on failure
 * @abort: it never was
 * @open: an object to read from; -ENOENT when it is not there
 * @read: all of a range, which lies inside the object
 * @close: of an object
 * @list: the objects in a folder and in folders in it, in no order, as they are now, whatever a
 *        network file system remembers; a folder that is not there is empty
 * @stat: of an object; -ENOENT when it is not there
 * @remove: an object; when this returns 0 it is gone and stays gone. It may be gone already
 * @sweep: remove what writers that died left unfinished and nobody has touched for @age seconds
 * @destroy: free everything, the struct store included
 */
struct store_ops {
	int (*begin)(struct store *store, struct store_put **ret, struct error *err);
	int (*append)(struct store_put *put, const void *buf, size_t len, struct error *err);
	int (*commit)(struct store_put *put, const char *key, bool is_content, struct error *err);
	void (*abort)(struct store_put *put);
	int (*open)(struct store *store, const char *key, struct store_object **ret,
		    struct error *err);
	int (*read)(struct store_object *object, void *buf, size_t len, uint64_t off,
		    struct error *err);
	void (*close)(struct store_object *object);
	int (*list)(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		    struct error *err);
	int (*stat)(struct store *store, const char *key, struct store_stat *ret,
		    struct error *err);
	int (*remove)(struct store *store, const char *key, struct error *err);
	int (*sweep)(struct store *store, uint32_t age, struct error *err);
	void (*destroy)(struct store *store);
};

/* The heads of an implementation's own structs. */
struct store {
	const struct store_ops *ops;
};

struct store_put {
	struct store *store;
	uint64_t size; /* bytes appended so far */
};

struct store_object {
	struct store *store;
	uint64_t size;
};

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

void store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free)

int store_begin(struct store *store, struct store_put **ret, struct error *err);
int store_append(struct store_put *put, const void *buf, size_t len, struct error *err);

/**
 * store_commit() - put the object under its key, which its content decides
 * @put: freed, also on failure
 *
 * One that is there already is as good as ours if it has the same bytes. If it has not, it is
 * damaged, and ours takes its place: that is how a backup heals what it meets.
 *
 * Return: 0 when the object is on stable storage; what the system said.
 */
int store_commit(struct store_put *put, const char *key, struct error *err);

/* Forgets an object that was begun. @put may be NULL. */
void store_abort(struct store_put *put);
DEFINE_CLEANUP(struct store_put *, store_abort)

int store_open(struct store *store, const char *key, struct store_object **ret, struct error *err);

/**
 * store_read() - read a range of an object, all of it
 *
 * Return: 0; -EUCLEAN if the range is not inside the object (it has been cut, or what points into
 * it is damaged); ...
 */
int store_read(struct store_object *object, void *buf, size_t len, uint64_t off, struct error *err);
void store_close(struct store_object *object); /* @object may be NULL */
DEFINE_CLEANUP(struct store_object *, store_close)

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
 * store_sweep() - remove what writers that died left unfinished
 * @age: seconds for which nobody has added to it
 */
int store_sweep(struct store *store, uint32_t age, struct error *err);

/**
 * store_get() - read a small object whole
 * @max: more bytes than this are taken for damage
 * @ret: to be freed with free(); has one NUL more than @ret_len
 *
 * Return: 0; -ENOENT; -EUCLEAN when it is larger than @max; ...
 */
int store_get(struct store *store, const char *key, size_t max, char **ret, size_t *ret_len,
	      struct error *err);

/* Puts an object that fits in memory. Return: 0; -EEXIST when there is one under the key; ... */
int store_put_new(struct store *store, const char *key, const void *buf, size_t len,
		  struct error *err);

/* Puts an object that is named by its content. Return: as store_commit(). */
int store_put_same(struct store *store, const char *key, const void *buf, size_t len,
		   struct error *err);

#endif
