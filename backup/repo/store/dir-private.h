/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dir-private - what the files of the directory store know of each other. Grouped by file. */
#ifndef STORE_DIR_PRIVATE_H
#define STORE_DIR_PRIVATE_H

#include "lunette/store.h"

struct dir_files;

/**
 * struct dir_store - a store in a directory
 * @path: as the user wrote it, for messages
 * @fd: of the directory
 * @files: that are open for reading
 */
struct dir_store {
	struct store store;
	char *path;
	int fd;
	struct dir_files *files;
};

static inline struct dir_store *dir_of(struct store *store)
{
	return (struct dir_store *)store;
}

/* ---- dir-names.c: folders, and names that count ---- */

#define DIR_TEMP_MAX 48

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

/* ---- dir-put.c ---- */

int dir_draft(struct store *store, struct store_draft **ret, struct error *err);
int dir_put(struct store *store, const char *key, const struct store_source *source,
	    enum store_taken taken, struct error *err);

/* ---- dir-room.c ---- */

int dir_reserve(struct store *store, bool keep, struct error *err);
int dir_room(struct store *store, uint64_t *ret, struct error *err);

#endif
