/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-dir - a store in a directory: an object is a file, read-only once it has a name. How it
 * comes there dir-put says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "dir-private.h"

/* No more puts at once than this: more syncs of one disk at once do not make it faster. */
#define PUTS 2

static int dir_read(struct store *store, const char *key, void *buf, size_t len, uint64_t off,
		    struct error *err)
{
	return dir_files_read(dir_of(store), key, buf, len, off, err);
}

/* Apart from the files that are kept open: what is read whole is read once. */
static int dir_get(struct store *store, const char *key, store_sink_fn *sink, void *ctx,
		   struct error *err)
{
	enum { STEP = 256 << 10 };
	const struct dir_store *dir = dir_of(store);
	CLEANUP(close_cleanup) int fd = -1;
	struct store_stat st;
	int rc = dir_file_open(dir, key, &fd, &st, err);
	if (rc < 0)
		return rc;
	size_t room = (size_t)MIN(st.size, (uint64_t)STEP);
	CLEANUP(free_cleanup) char *buf = malloc(room + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "'%s/%s': %m", dir->path, key);
	for (uint64_t off = 0; rc == 0 && off < st.size;) {
		size_t len = (size_t)MIN(st.size - off, (uint64_t)room);
		rc = dir_file_read(dir, key, fd, buf, len, off, err);
		if (rc == 0)
			rc = sink(ctx, buf, len, err);
		off += len;
	}
	return rc;
}

static void dir_forget(struct store *store, const char *key)
{
	dir_files_forget(dir_of(store)->files, key);
}

static void closedir_cleanup(DIR **d)
{
	if (*d)
		closedir(*d);
}

/*
 * A network file system remembers folders for a minute, and who looks for leases and marks must
 * not miss one that is there: asking the server for the folder's times shows whether it changed.
 */
static void refresh_folder(int fd)
{
	struct statx unused;
	(void)statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_CTIME, &unused);
}

/**
 * struct folder_listing - a listing on its way
 * @folder: that it is of
 * @below: the folder in there that is being read, with a slash behind it; "" when it is @folder
 */
struct folder_listing {
	struct dir_store *dir;
	const char *folder;
	char below[STORE_KEY_MAX + 1];
	store_list_fn *fn;
	void *ctx;
};

static int listing_error(const struct folder_listing *l, struct error *err)
{
	return error_set(err, -errno, "list '%s/%s%s%s': %m", l->dir->path, l->folder,
			 *l->folder && *l->below ? "/" : "", l->below);
}

static int list_folder(struct folder_listing *l, int parent, const char *name, struct error *err);

/* What is neither file nor folder is no object, and neither is what went meanwhile. */
static int list_entry(struct folder_listing *l, int fd, const char *entry, struct error *err)
{
	char name[STORE_KEY_MAX];
	struct stat st;
	if (snprintf(name, sizeof(name), "%s%s", l->below, entry) >= (int)sizeof(name))
		return 0; /* not ours */
	if (fstatat(fd, entry, &st, 0) < 0)
		return errno == ENOENT ? 0 : listing_error(l, err);
	if (S_ISREG(st.st_mode)) {
		const struct store_stat known = { .size = (uint64_t)st.st_size,
						  .modified = st.st_mtime };
		return l->fn(l->ctx, name, &known, err);
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	size_t len = strlen(l->below);
	snprintf(l->below, sizeof(l->below), "%s/", name);
	int rc = list_folder(l, fd, entry, err);
	l->below[len] = '\0';
	return rc;
}

/*
 * A folder that is not there is empty. One that was moved to another disk, with a link in its
 * place, is there, and so is all that is in it, when that disk is not mounted. And without restore
 * points nothing else is of use: where there are packs, their folder was there before.
 */
static int list_nothing(const struct folder_listing *l, int parent, const char *name,
			struct error *err)
{
	struct stat st;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return error_set(err, -EIO, "list '%s/%s': it is a link to what is not there",
				 l->dir->path, *l->folder ? l->folder : ".");
	if (strcmp(l->folder, DIR_POINTS) != 0 || !dir_has(l->dir, DIR_PACKS))
		return 0;
	return error_set(err, -EIO,
			 "'%s/" DIR_POINTS "', the folder of the restore points, is gone: bring it "
			 "back, a file system check may have put it into lost+found; where no "
			 "backup has ever ended, make it with mkdir",
			 l->dir->path);
}

/* No deeper than keys are long. */
static int list_folder(struct folder_listing *l, int parent, const char *name, struct error *err)
{
	CLEANUP(close_cleanup) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return list_nothing(l, parent, name, err);
	CLEANUP(closedir_cleanup) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return listing_error(l, err);
	refresh_folder(steal_fd(&fd));
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(d);
		if (!entry)
			return errno ? listing_error(l, err) : 0;
		int rc = entry->d_name[0] == '.' ? 0 : list_entry(l, dirfd(d), entry->d_name, err);
		if (rc < 0)
			return rc;
	}
}

static int dir_list(struct store *store, const char *folder, store_list_fn *fn, void *ctx,
		    struct error *err)
{
	struct folder_listing l = { .dir = dir_of(store), .folder = folder, .fn = fn, .ctx = ctx };
	return list_folder(&l, l.dir->fd, *folder ? folder : ".", err);
}

/* Opened, and not only looked up: then a network file system asks the server. */
static int dir_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err)
{
	CLEANUP(close_cleanup) int fd = -1;
	return dir_file_open(dir_of(store), key, &fd, ret, err);
}

/* That something went from it. */
static int sync_folder_of(const struct dir_store *dir, const char *key, struct error *err)
{
	char folder[STORE_KEY_MAX];
	const char *slash = strrchr(key, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - key) : 1, slash ? key : ".");
	CLEANUP(close_cleanup) int fd = openat(dir->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	int rc = fd < 0 ? -errno : dir_sync_folder(fd);
	if (rc < 0)
		return error_set(err, rc, "sync directory '%s/%s': %m", dir->path, folder);
	return 0;
}

static int dir_remove(struct store *store, const char *key, struct error *err)
{
	struct dir_store *dir = dir_of(store);
	if (unlinkat(dir->fd, key, 0) < 0 && errno != ENOENT)
		return error_set(err, -errno, "remove '%s/%s': %m", dir->path, key);
	/* Also for what was gone: who removed it may not have come to this. */
	return sync_folder_of(dir, key, err);
}

/* Two names of one file: rename() leaves both, and calls that done. */
static bool has_both(const struct dir_store *dir, const char *from, const char *to)
{
	struct stat a, b;
	return fstatat(dir->fd, from, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dir->fd, to, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static bool is_there(const struct dir_store *dir, const char *key)
{
	return faccessat(dir->fd, key, F_OK, 0) == 0;
}

/* Return: 0; -ENOENT when it is not under @from, and no other error means that. */
static int rename_it(const struct dir_store *dir, const char *from, const char *to,
		     struct error *err)
{
	int rc = renameat(dir->fd, from, dir->fd, to) < 0 ? -errno : 0;
	if (rc == -ENOENT && is_there(dir, from)) {
		rc = dir_make_folders(dir, to, err);
		if (rc < 0)
			return rc;
		rc = renameat(dir->fd, from, dir->fd, to) < 0 ? -errno : 0;
		if (rc == -ENOENT && is_there(dir, from))
			return error_set(err, -EIO,
					 "move '%s/%s' to '%s': its folder is a link to what is "
					 "not there",
					 dir->path, from, to);
	}
	return rc < 0 ? error_set(err, rc, "move '%s/%s' to '%s': %m", dir->path, from, to) : 0;
}

/*
 * The new name is on the disk before it counts that the old one is gone from there. What is under
 * the old one then is not ours to remove: somebody has moved it back meanwhile.
 */
static int dir_move(struct store *store, const char *from, const char *to, size_t max,
		    struct error *err)
{
	(void)max;
	struct dir_store *dir = dir_of(store);
	if (has_both(dir, from, to))
		return dir_remove(store, from, err);
	int rc = rename_it(dir, from, to, err);
	if (rc < 0) {
		/* As in dir_remove(), for who takes it as gone. */
		int gone = rc == -ENOENT ? sync_folder_of(dir, from, err) : 0;
		return gone < 0 ? gone : rc;
	}
	dir_files_forget(dir->files, from);
	dir_files_forget(dir->files, to);
	rc = dir_sync_name(dir, to, err);
	return rc < 0 ? rc : sync_folder_of(dir, from, err);
}

/* What time is it on the file system's clock? That of a file server is not that of this host. */
static int time_there(struct dir_store *dir, time_t *ret, struct error *err)
{
	char temp[DIR_TEMP_MAX];
	int rc = dir_temp_name(dir, temp, err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup)
	int fd = openat(dir->fd, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, dir_file_mode(dir));
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = error_set(err, -errno, "create '%s/%s': %m", dir->path, temp);
	unlinkat(dir->fd, temp, 0);
	if (rc == 0)
		*ret = st.st_mtime;
	return rc;
}

struct draft_sweep {
	struct dir_store *dir;
	time_t before;
};

static int sweep_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	struct draft_sweep *sweep = ctx;
	char temp[DIR_TEMP_MAX];
	if (snprintf(temp, sizeof(temp), "tmp/%s", name) >= (int)sizeof(temp))
		return 0; /* not ours */
	if (st->modified >= sweep->before)
		return 0;
	if (unlinkat(sweep->dir->fd, temp, 0) < 0 && errno != ENOENT)
		return error_set(err, -errno, "remove '%s/%s': %m", sweep->dir->path, temp);
	return 0;
}

static int dir_sweep(struct store *store, uint32_t age, struct error *err)
{
	struct draft_sweep sweep = { .dir = dir_of(store) };
	if (faccessat(sweep.dir->fd, "tmp", F_OK, 0) < 0)
		return errno == ENOENT ? 0 /* this file system needs none */
				       : error_set(err, -errno, "'%s/tmp': %m", sweep.dir->path);
	int rc = time_there(sweep.dir, &sweep.before, err);
	if (rc < 0)
		return rc;
	sweep.before -= (time_t)age;
	return dir_list(store, "tmp", sweep_one, &sweep, err);
}

static void dir_destroy(struct store *store)
{
	struct dir_store *dir = dir_of(store);
	dir_files_free(dir->files);
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir->path);
	free(dir);
}

static const struct store_ops dir_ops = {
	.put = dir_put,
	.read = dir_read,
	.list = dir_list,
	.stat = dir_stat,
	.remove = dir_remove,
	.destroy = dir_destroy,
	.move = dir_move,
	.draft = dir_draft,
	.get = dir_get,
	.forget = dir_forget,
	.sweep = dir_sweep,
	.reserve = dir_reserve,
	.room = dir_room,
};

static bool is_shared(int fd)
{
	struct stat st;
	return (fstat(fd, &st) == 0 && st.st_mode & S_ISGID) ||
	       fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

int store_dir_open(const char *path, struct store **ret, struct error *err)
{
	CLEANUP(store_free_cleanup) struct store *store = NULL;
	struct dir_store *dir = calloc(1, sizeof(*dir));
	if (!dir)
		return error_set(err, -ENOMEM, "repository '%s': %m", path);
	store = &dir->store;
	*store = (struct store){ .ops = &dir_ops, .puts = PUTS };
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0)
		return error_set(err, -errno, "repository '%s': %m", path);
	dir->shared = is_shared(dir->fd);
	dir->path = strdup(path);
	if (!dir->path)
		return error_set(err, -ENOMEM, "repository '%s': %m", path);
	int rc = dir_files_new(&dir->files, err);
	if (rc < 0)
		return rc;
	*ret = steal(&store);
	return 0;
}

/*
 * What file systems and systems put into the root of an empty one, beside what people cannot see;
 * and what is left where a repository was going to be made: its config is written last.
 */
static bool is_nothing(int folder, const char *name)
{
	static const char *const names[] = { "lost+found", "System Volume Information",
					     "$RECYCLE.BIN", "keys", "tmp" };
	struct stat st;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			       S_ISDIR(st.st_mode);
	return name[0] == '.';
}

static int check_empty(const struct dir_store *dir, struct error *err)
{
	CLEANUP(close_cleanup) int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedir_cleanup) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return error_set(err, -errno, "list '%s': %m", dir->path);
	(void)steal_fd(&fd);
	if (faccessat(dir->fd, "config", F_OK, 0) == 0)
		return error_set(err, -EEXIST,
				 "'%s' is not empty: there is a repository in it already",
				 dir->path);
	const struct dirent *entry;
	do {
		errno = 0;
		entry = readdir(d);
		if (!entry && errno)
			return error_set(err, -errno, "list '%s': %m", dir->path);
	} while (entry && is_nothing(dir->fd, entry->d_name));
	return entry ? error_set(err, -EEXIST, "'%s' is not empty: there is '%s' in it", dir->path,
				 entry->d_name)
		     : 0;
}

/* The new directory's name is to survive a crash as well: it lies in the directory above. */
static int sync_parent(const char *path, struct error *err)
{
	CLEANUP(close_cleanup) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_cleanup)
	int parent = dir < 0 ? -1 : openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = parent < 0 ? -errno : dir_sync_folder(parent);
	if (rc < 0)
		return error_set(err, rc, "sync the directory of '%s': %m", path);
	return 0;
}

int store_dir_create(const char *path, struct store **ret, struct error *err)
{
	bool made = mkdir(path, 0770) == 0;
	if (!made && errno != EEXIST)
		return error_set(err, -errno, "make directory '%s': %m", path);
	int rc = sync_parent(path, err);
	if (rc < 0)
		return rc;
	CLEANUP(store_free_cleanup) struct store *store = NULL;
	rc = store_dir_open(path, &store, err);
	if (rc < 0)
		return rc;
	const struct dir_store *dir = dir_of(store);
	rc = check_empty(dir, err);
	/* Only where the folder above hands it down it is its group's, too. */
	if (rc == 0 && made && !dir->shared && fchmod(dir->fd, 0700) < 0 && !dir_is_unknown(-errno))
		rc = error_set(err, -errno, "'%s': %m", path);
	if (rc < 0)
		return rc;
	*ret = steal(&store);
	return 0;
}
