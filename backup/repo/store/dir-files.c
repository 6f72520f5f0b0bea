/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dir-files - a bounded number of files kept open for reading, by key. A repository has more packs
 * and indexes than a process may have descriptors; those that are read now are few. Least recently
 * used goes first; one in use by a thread stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dir-private.h"

#define FILES_MAX 64

struct file_slot {
	int fd; /* -1: the slot is free */
	uint64_t size;
	char key[STORE_KEY_MAX];
	unsigned int users;
	uint64_t used; /* when, on the clock below */
};

struct dir_files {
	pthread_mutex_t lock; /* guards all below; not held while reading or opening */
	uint64_t clock;
	struct file_slot slots[FILES_MAX];
};

int dir_files_new(struct dir_files **ret, struct error *err)
{
	struct dir_files *files = calloc(1, sizeof(*files));
	if (!files)
		return error_set(err, -ENOMEM, "open the repository: %m");
	for (size_t i = 0; i < FILES_MAX; i++)
		files->slots[i].fd = -1;
	pthread_mutex_init(&files->lock, NULL);
	*ret = files;
	return 0;
}

static void close_file(int fd)
{
	if (fd >= 0)
		close(fd);
}

void dir_files_free(struct dir_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < FILES_MAX; i++)
		close_file(files->slots[i].fd);
	pthread_mutex_destroy(&files->lock);
	free(files);
}

/* Called with the lock held. NULL: it is not open. */
static struct file_slot *find(struct dir_files *files, const char *key)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (files->slots[i].fd >= 0 && strcmp(files->slots[i].key, key) == 0)
			return &files->slots[i];
	return NULL;
}

/* Called with the lock held. NULL: every slot is in use. */
static struct file_slot *oldest(struct dir_files *files)
{
	struct file_slot *found = NULL;
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct file_slot *slot = &files->slots[i];
		if (slot->users == 0 && (!found || slot->used < found->used))
			found = slot;
	}
	return found;
}

int dir_file_open(const struct dir_store *dir, const char *key, int *ret, struct store_stat *ret_st,
		  struct error *err)
{
	CLEANUP(close_cleanup) int fd = openat(dir->fd, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "'%s/%s': %m", dir->path, key);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EUCLEAN, "'%s/%s' is not a file", dir->path, key);
	*ret_st = (struct store_stat){ .size = (uint64_t)st.st_size, .modified = st.st_mtime };
	*ret = steal_fd(&fd);
	return 0;
}

/*
 * Takes the file into use. It goes into a slot, or, when all of them are busy, into @own, so that
 * more threads than slots still make progress.
 */
static int take(const struct dir_store *dir, const char *key, struct file_slot *own,
		struct file_slot **ret, struct error *err)
{
	struct dir_files *files = dir->files;
	pthread_mutex_lock(&files->lock);
	struct file_slot *slot = find(files, key);
	if (slot) {
		slot->users++;
		slot->used = ++files->clock;
	}
	pthread_mutex_unlock(&files->lock);
	if (slot) {
		*ret = slot;
		return 0;
	}

	int fd, closing;
	struct store_stat st;
	int rc = dir_file_open(dir, key, &fd, &st, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&files->lock);
	slot = find(files, key);
	if (slot) {
		closing = fd; /* another thread was faster */
	} else {
		slot = oldest(files);
		if (!slot)
			slot = own;
		closing = slot->fd;
		slot->fd = fd;
		slot->size = st.size;
		snprintf(slot->key, sizeof(slot->key), "%s", key);
	}
	slot->users++;
	slot->used = ++files->clock;
	pthread_mutex_unlock(&files->lock);
	close_file(closing);
	*ret = slot;
	return 0;
}

static void give_back(struct dir_files *files, struct file_slot *slot, struct file_slot *own)
{
	if (slot == own) {
		close_file(slot->fd);
		return;
	}
	pthread_mutex_lock(&files->lock);
	slot->users--;
	pthread_mutex_unlock(&files->lock);
}

int dir_file_read(const struct dir_store *dir, const char *key, int fd, void *buf, size_t len,
		  uint64_t off, struct error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "read '%s/%s': %m", dir->path, key);
		if (n == 0)
			return error_set(err, -EUCLEAN, "'%s/%s' has been cut short", dir->path,
					 key);
		done += (size_t)n;
	}
	return 0;
}

int dir_files_read(const struct dir_store *dir, const char *key, void *buf, size_t len,
		   uint64_t off, struct error *err)
{
	struct file_slot own = { .fd = -1 };
	struct file_slot *slot;
	int rc = take(dir, key, &own, &slot, err);
	if (rc < 0)
		return rc;
	if (!range_inside(len, off, slot->size))
		rc = error_set(err, -EUCLEAN,
			       "%zu bytes at offset %" PRIu64 " reach past its end (%" PRIu64
			       " bytes)",
			       len, off, slot->size);
	else
		rc = dir_file_read(dir, key, slot->fd, buf, len, off, err);
	give_back(dir->files, slot, &own);
	return rc;
}

void dir_files_forget(struct dir_files *files, const char *key)
{
	int fd = -1;
	pthread_mutex_lock(&files->lock);
	struct file_slot *slot = find(files, key);
	if (slot && slot->users == 0) /* else whoever reads it now will find out, too */
		fd = steal_fd(&slot->fd);
	pthread_mutex_unlock(&files->lock);
	close_file(fd);
}
