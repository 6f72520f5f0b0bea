/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - the folder with the snapshots, and the notes about them.
 *
 * Its one idea: O_TMPFILE, fsync, linkat. A file that can be seen is complete, and a process that
 * dies leaves nothing that cannot be seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "reflink.h"

#define NOTE_MAX (4u << 20)

/*
 * One lock file, one byte of it for each HOST/JOB: two processes of one job are never at it at
 * once, and one that was killed but still hangs in the kernel keeps its successor waiting. Others
 * use other names, and do not wait; that two of them share a byte costs them time only.
 */
static int lock(const struct plug_request *request, int dir, int *ret, struct error *err)
{
	CLEANUP(close_cleanup)
	int fd = openat(dir, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, -errno, "open the lock file: %m");
	uint32_t hash = 2166136261u;
	const char *run = strrchr(request->owner, '/');
	for (const char *p = request->owner; p < run; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	struct flock range = { .l_type = F_WRLCK, .l_start = hash, .l_len = 1 };
	while (fcntl(fd, F_OFD_SETLK, &range) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return error_set(err, -errno, "lock the folder: %m");
		if (clock_now_ms() + 20 > request->deadline)
			return error_set(err, -ETIMEDOUT,
					 "another call of this job has not come to its end");
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	*ret = steal_fd(&fd);
	return 0;
}

int store_open(const struct plug_request *request, enum store_access access, struct store *ret,
	       struct error *err)
{
	const char *path;
	struct stat st;
	struct store store = { .dir = -1, .lock = -1 };
	char real[PATH_MAX];
	int rc = plug_config(request, "directory", NULL, &path, err);
	if (rc < 0)
		return rc;
	if (path[0] != '/' || !realpath(path, real) || strlen(real) >= sizeof(store.path))
		return error_set(err, -EINVAL, "setting 'directory': '%s': %s", path,
				 path[0] == '/' ? strerror(errno) : "not an absolute path");
	strcpy(store.path, real);
	CLEANUP(close_cleanup) int dir = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0)
		return error_set(err, -EINVAL, "setting 'directory': '%s': %m", path);
	store.device = st.st_dev;
	rc = access == STORE_CHANGE ? lock(request, dir, &store.lock, err) : 0;
	if (rc < 0)
		return error_wrap(err, rc, "'%s'", path);
	store.dir = steal_fd(&dir);
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	close_cleanup(&store->lock);
	close_cleanup(&store->dir);
}

void store_file(char ret[STORE_FILE_SIZE], const char *name, const char *ending)
{
	snprintf(ret, STORE_FILE_SIZE, "%.63s%.15s", name, ending);
}

bool store_has(const struct store *store, const char *file)
{
	return faccessat(store->dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_get(const struct store *store, const char *file, json_t **ret, struct error *err)
{
	struct stat st;
	CLEANUP(close_cleanup) int fd = openat(store->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, -ENOENT, "there is no '%s' in '%s'", file, store->path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "open '%s/%s': %m", store->path, file);
	json_error_t why;
	json_t *note = st.st_size > (off_t)NOTE_MAX ? NULL : json_loadfd(fd, 0, &why);
	if (!json_is_object(note)) {
		json_decref(note);
		return error_set(err, -EBADMSG, "'%s/%s' is damaged: it is not a note of ours",
				 store->path, file);
	}
	*ret = note;
	return 0;
}

int store_get_owned(const struct store *store, const struct plug_request *request, const char *file,
		    json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *note = NULL;
	int rc = store_get(store, file, &note, err);
	if (rc < 0)
		return rc;
	const char *owner = json_string_value(json_object_get(note, "owner"));
	if (!owner || !names_owner_ok(owner))
		return error_set(err, -EBADMSG, "'%s/%s' is damaged: it has no owner", store->path,
				 file);
	if (!names_same_owner(owner, request->owner))
		return error_set(err, -EACCES, "'%s' belongs to '%s'", file, owner);
	*ret = steal(&note);
	return 0;
}

int store_new(const struct store *store, int *ret, struct error *err)
{
	int fd = openat(store->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "make a file in '%s': %m", store->path);
	*ret = fd;
	return 0;
}

int store_keep(const struct store *store, int fd, const char *file, struct error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fsync(fd) < 0)
		return error_set(err, -errno, "sync '%s/%s': %m", store->path, file);
	if (linkat(AT_FDCWD, path, store->dir, file, AT_SYMLINK_FOLLOW) < 0)
		return error_set(err, -errno, "make '%s/%s': %m", store->path, file);
	return 0;
}

int store_put(const struct store *store, const char *file, const json_t *note, struct error *err)
{
	CLEANUP(close_cleanup) int fd = -1;
	int rc = store_new(store, &fd, err);
	if (rc == 0 && json_dumpfd(note, fd, JSON_COMPACT) < 0)
		rc = error_set(err, errno ? -errno : -EIO, "write '%s/%s': %m", store->path, file);
	if (rc == 0)
		rc = store_keep(store, fd, file, err);
	return rc < 0 ? rc : store_sync(store, err);
}

int store_remove(const struct store *store, const char *file, struct error *err)
{
	if (unlinkat(store->dir, file, 0) < 0 && errno != ENOENT)
		return error_set(err, -errno, "remove '%s/%s': %m", store->path, file);
	return 0;
}

int store_sync(const struct store *store, struct error *err)
{
	if (fsync(store->dir) < 0)
		return error_set(err, -errno, "sync '%s': %m", store->path);
	return 0;
}
