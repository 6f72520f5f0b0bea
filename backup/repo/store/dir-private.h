/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dir-private - what the files of the directory store know of each other. Grouped by file. */
#ifndef STORE_DIR_PRIVATE_H
#define STORE_DIR_PRIVATE_H

#include <stdatomic.h>

#include "lunette/store.h"

struct dir_files;

/**
 * struct dir_store - a store in a directory
 * @path: as the user wrote it, for messages
 * @fd: of the directory
 * @shared: the directory is its group's, too: whoever set its setgid bit, or gave it a default ACL,
 *          wants that. Nobody else ever gets a right to what is in it
 * @naming: how files get their names here: what dir-publish has found out
 * @files: that are open for reading
 */
struct dir_store {
	struct store store;
	char *path;
	int fd;
	bool shared;
	atomic_uint naming;
	struct dir_files *files;
};

/* While it is being written; of both the umask takes away what it says. */
static inline unsigned int dir_file_mode(const struct dir_store *dir)
{
	return dir->shared ? 0640 : 0600;
}

static inline unsigned int dir_folder_mode(const struct dir_store *dir)
{
	return dir->shared ? 0770 : 0700;
}

static inline struct dir_store *dir_of(struct store *store)
{
	return (struct dir_store *)store;
}

/* ---- dir-names.c: folders, and names that count ---- */

#define DIR_TEMP_MAX 48

/* Syncs an open directory. Return: 0, also when this file system syncs them by itself; -errno. */
int dir_sync_folder(int fd);

/*
 * Is this what kernels, FUSE and file servers say that do not know what they are asked for? EPERM
 * is, and may be meant: whoever asks tries another way then, which fails as well if it is.
 */
bool dir_is_unknown(int rc);

/* Brings a name to stable storage, and the names of the folders that lead to it. */
int dir_sync_name(const struct dir_store *dir, const char *key, struct error *err);

/* Makes the folders that lead to a key: at most two. */
int dir_make_folders(const struct dir_store *dir, const char *key, struct error *err);

/* A name that nobody else uses, in tmp/, which is made if need be. */
int dir_temp_name(const struct dir_store *dir, char ret[DIR_TEMP_MAX], struct error *err);

/* ---- dir-files.c: a bounded number of files kept open, by key ---- */

int dir_files_new(struct dir_files **ret, struct error *err);
void dir_files_free(struct dir_files *files); /* nothing of it may be in use; may be NULL */

/* Opens an object. Return: as store_stat(). */
int dir_file_open(const struct dir_store *dir, const char *key, int *ret, struct store_stat *ret_st,
		  struct error *err);

/* All of a range of an open file. @key: for messages */
int dir_file_read(const struct dir_store *dir, const char *key, int fd, void *buf, size_t len,
		  uint64_t off, struct error *err);

/* Return: as store_read(). */
int dir_files_read(const struct dir_store *dir, const char *key, void *buf, size_t len,
		   uint64_t off, struct error *err);

/* Has it opened anew when it is read next. */
void dir_files_forget(struct dir_files *files, const char *key);

/* ---- dir-publish.c: a complete file gets its name ---- */

/**
 * struct dir_draft - an object that takes shape in the directory
 * @temp: its name for now, "" when it has none
 * @submitted: bytes that were handed to the disk
 */
struct dir_draft {
	struct store_draft draft;
	const struct dir_store *dir;
	int fd;
	char temp[DIR_TEMP_MAX];
	uint64_t submitted;
};

/*
 * Return: as store_put(); -ENOLINK when a draft without a name cannot get one here: what is in it
 * must be copied to a new draft. One that has been put may be such a one.
 */
int dir_publish(struct dir_store *dir, struct dir_draft *draft, const char *key,
		enum store_taken taken, struct error *err);

/* ---- dir-put.c ---- */

int dir_draft(struct store *store, struct store_draft **ret, struct error *err);
int dir_put(struct store *store, const char *key, const struct store_source *source,
	    enum store_taken taken, struct error *err);

/* ---- dir-room.c ---- */

/* Folders of a repository by which it is known that one is gone. */
#define DIR_POINTS "points"
#define DIR_PACKS  "packs"

/* Is there anything of that name? */
bool dir_has(const struct dir_store *dir, const char *name);

/* Where forgotten restore points go is made with it; and where there are no packs yet, DIR_POINTS.
 */
int dir_reserve(struct store *store, bool keep, struct error *err);
int dir_room(struct store *store, uint64_t *ret, struct error *err);

#endif
