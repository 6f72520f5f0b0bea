/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store-dir - a store in a directory: an object is a file, read-only once it has a name.
 *
 * A file is written without a name (O_TMPFILE) and linked to its name when it is complete and
 * synced, so that a crash leaves nothing behind and nobody ever sees half an object. The name
 * counts when its directory is synced too. File systems that know no nameless files get a name in
 * tmp/, which a crash may leave there; nothing ever reads it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lunette/digest.h"
#include "lunette/store.h"

/*
 * Written data is handed to the disk in steps of this many bytes while more is appended: the disk
 * works all the time, and syncing at the end finds little left.
 */
#define WRITEBACK_STEP (8u << 20)

#define TEMP_MAX 48

struct dir_store {
	struct store store;
	char *path;
	int fd;
};

struct dir_put {
	struct store_put put;
	int fd;
	char temp[TEMP_MAX]; /* its name for now, "" when it has none */
	uint64_t submitted;  /* bytes that were handed to the disk */
};

struct dir_object {
	struct store_object object;
	int fd;
	char key[STORE_KEY_MAX];
};

static struct dir_store *dir_of(struct store *store)
{
	return (struct dir_store *)store;
}

static struct dir_put *put_of(struct store_put *put)
{
	return (struct dir_put *)put;
}

static struct dir_object *object_of(struct store_object *object)
{
	return (struct dir_object *)object;
}

static void dir_abort(struct store_put *put)
{
	struct dir_put *p = put_of(put);
	if (p->fd >= 0)
		close(p->fd);
	if (p->temp[0])
		unlinkat(dir_of(put->store)->fd, p->temp, 0);
	free(p);
}

/*
 * Brings a name to stable storage, and the names of the folders that lead to it. These too, each
 * time: who made a folder may have died, or not have come to syncing it, before we relied on it.
 * Some file systems sync directories without being asked, and say EINVAL.
 */
static int sync_name(struct dir_store *dir, const char *key, struct error *err)
{
	char folder[STORE_KEY_MAX];
	snprintf(folder, sizeof(folder), "%s", key);
	for (bool more = true; more;) {
		char *slash = strrchr(folder, '/');
		more = slash != NULL;
		strcpy(slash ? slash : folder, slash ? "" : ".");
		CLEANUP(close_cleanup)
		int fd = openat(dir->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
			return error_set(err, -errno, "sync directory '%s/%s': %m", dir->path,
					 folder);
	}
	return 0;
}

static int make_folder(struct dir_store *dir, const char *folder, struct error *err)
{
	if (mkdirat(dir->fd, folder, 0700) < 0 && errno != EEXIST)
		return error_set(err, -errno, "make directory '%s/%s': %m", dir->path, folder);
	return 0;
}

/* Makes the folders that lead to a key: at most two. */
static int make_folders(struct dir_store *dir, const char *key, struct error *err)
{
	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
		char folder[STORE_KEY_MAX];
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - key), key);
		int rc = make_folder(dir, folder, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A name that nobody else uses; @ret has TEMP_MAX bytes. */
static int make_temp_name(struct dir_store *dir, char *ret, struct error *err)
{
	int rc = make_folder(dir, "tmp", err);
	if (rc < 0)
		return rc;
	uint8_t random[16];
	char digits[2 * sizeof(random) + 1];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(err, -EIO, "the system has no random numbers");
	digest_hex(random, sizeof(random), digits);
	snprintf(ret, TEMP_MAX, "tmp/%s", digits);
	return 0;
}

static int open_named(struct dir_store *dir, struct dir_put *put, struct error *err)
{
	int rc = make_temp_name(dir, put->temp, err);
	if (rc < 0)
		return rc;
	put->fd = openat(dir->fd, put->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (put->fd < 0) {
		rc = error_set(err, -errno, "create '%s/%s': %m", dir->path, put->temp);
		put->temp[0] = '\0';
		return rc;
	}
	return 0;
}

static int dir_begin(struct store *store, struct store_put **ret, struct error *err)
{
	struct dir_store *dir = dir_of(store);
	CLEANUP(free_cleanup) struct dir_put *put = calloc(1, sizeof(*put));
	if (!put)
		return error_set(err, -ENOMEM, "write to '%s': %m", dir->path);
	put->fd = openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (put->fd < 0) {
		/* What file systems and kernels say that do not know nameless files. */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
			return error_set(err, -errno, "write to '%s': %m", dir->path);
		int rc = open_named(dir, put, err);
		if (rc < 0)
			return rc;
	}
	*ret = &steal(&put)->put;
	return 0;
}

static int dir_append(struct store_put *put, const void *buf, size_t len, struct error *err)
{
	struct dir_put *p = put_of(put);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(p->fd, (const char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, n < 0 ? -errno : -EIO, "write to '%s': %m",
					 dir_of(put->store)->path);
		done += (size_t)n;
	}
	uint64_t end = put->size + len;
	if (end - p->submitted >= WRITEBACK_STEP) {
		/* Only a hint: what fails here fails again when it is synced. */
		sync_file_range(p->fd, (off_t)p->submitted, (off_t)(end - p->submitted),
				SYNC_FILE_RANGE_WRITE);
		p->submitted = end;
	}
	return 0;
}

/* Links a complete file to its name. Return: 0 or a negative errno, nothing recorded. */
static int link_put(struct dir_store *dir, const struct dir_put *put, const char *key)
{
	char self[32];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", put->fd);
	int rc = put->temp[0] ? linkat(dir->fd, put->temp, dir->fd, key, 0)
			      : linkat(AT_FDCWD, self, dir->fd, key, AT_SYMLINK_FOLLOW);
	return rc < 0 ? -errno : 0;
}

/* Does what lies under the key have our bytes? What cannot be read has not. */
static bool is_twin(struct dir_store *dir, const struct dir_put *put, const char *key)
{
	enum { STEP = 64 << 10 };
	CLEANUP(free_cleanup) char *ours = malloc(2 * STEP);
	CLEANUP(close_cleanup) int fd = openat(dir->fd, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (!ours || fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size != put->put.size)
		return false;
	char *theirs = ours + STEP;
	for (off_t off = 0; off < st.st_size;) {
		size_t len = (size_t)MIN(st.st_size - off, (off_t)STEP);
		if (pread(put->fd, ours, len, off) != (ssize_t)len ||
		    pread(fd, theirs, len, off) != (ssize_t)len || memcmp(ours, theirs, len) != 0)
			return false;
		off += (off_t)len;
	}
	return true;
}

/* Puts a complete file in the place of a damaged one. */
static int replace(struct dir_store *dir, struct dir_put *put, const char *key, struct error *err)
{
	if (!put->temp[0]) {
		char temp[TEMP_MAX];
		int rc = make_temp_name(dir, temp, err);
		if (rc == 0 && (rc = link_put(dir, put, temp)) < 0)
			error_set(err, rc, "replace '%s/%s': %m", dir->path, key);
		if (rc < 0)
			return rc;
		memcpy(put->temp, temp, sizeof(temp));
	}
	if (renameat(dir->fd, put->temp, dir->fd, key) < 0)
		return error_set(err, -errno, "replace '%s/%s': %m", dir->path, key);
	put->temp[0] = '\0';
	return 0;
}

static int publish(struct dir_store *dir, struct dir_put *put, const char *key, bool is_content,
		   struct error *err)
{
	if (fchmod(put->fd, 0400) < 0 || fsync(put->fd) < 0)
		return error_set(err, -errno, "write '%s/%s': %m", dir->path, key);
	int rc = link_put(dir, put, key);
	if (rc == -ENOENT) {
		rc = make_folders(dir, key, err);
		if (rc < 0)
			return rc;
		rc = link_put(dir, put, key);
	}
	if (rc == -EEXIST && is_content)
		rc = is_twin(dir, put, key) ? 0 : replace(dir, put, key, err);
	else if (rc < 0)
		error_set(err, rc, "give '%s/%s' its name: %m", dir->path, key);
	/* Also for a twin: its writer may not have come to this yet, and we rely on it too. */
	return rc < 0 ? rc : sync_name(dir, key, err);
}

static int dir_commit(struct store_put *put, const char *key, bool is_content, struct error *err)
{
	int rc = publish(dir_of(put->store), put_of(put), key, is_content, err);
	dir_abort(put); /* the name under which it was written, not the one it has now */
	return rc;
}

static int dir_open(struct store *store, const char *key, struct store_object **ret,
		    struct error *err)
{
	struct dir_store *dir = dir_of(store);
	CLEANUP(close_cleanup) int fd = openat(dir->fd, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, -errno, "'%s/%s': %m", dir->path, key);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "'%s/%s': %m", dir->path, key);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EUCLEAN, "'%s/%s' is not a file", dir->path, key);
	struct dir_object *object = calloc(1, sizeof(*object));
	if (!object)
		return error_set(err, -ENOMEM, "'%s/%s': %m", dir->path, key);
	object->object.size = (uint64_t)st.st_size;
	snprintf(object->key, sizeof(object->key), "%s", key);
	object->fd = steal_fd(&fd);
	*ret = &object->object;
	return 0;
}

static int dir_read(struct store_object *object, void *buf, size_t len, uint64_t off,
		    struct error *err)
{
	struct dir_object *o = object_of(object);
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(o->fd, (char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "read '%s/%s': %m",
					 dir_of(object->store)->path, o->key);
		if (n == 0)
			return error_set(err, -EUCLEAN, "'%s/%s' has been cut short",
					 dir_of(object->store)->path, o->key);
		done += (size_t)n;
	}
	return 0;
}

static void dir_close(struct store_object *object)
{
	close(object_of(object)->fd);
	free(object);
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
 * struct listing - a listing on its way
 * @folder: that it is of
 * @below: the folder in there that is being read, with a slash behind it; "" when it is @folder
 */
struct listing {
	struct dir_store *dir;
	const char *folder;
	char below[STORE_KEY_MAX + 1];
	store_list_fn *fn;
	void *ctx;
};

static int listing_error(const struct listing *l, struct error *err)
{
	return error_set(err, -errno, "list '%s/%s%s%s': %m", l->dir->path, l->folder,
			 *l->folder && *l->below ? "/" : "", l->below);
}

static int list_folder(struct listing *l, int parent, const char *name, struct error *err);

/* What is neither file nor folder is no object, and neither is what went meanwhile. */
static int list_entry(struct listing *l, int fd, const char *entry, struct error *err)
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

/* No deeper than keys are long. */
static int list_folder(struct listing *l, int parent, const char *name, struct error *err)
{
	CLEANUP(close_cleanup) int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
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
	struct listing l = { .dir = dir_of(store), .folder = folder, .fn = fn, .ctx = ctx };
	return list_folder(&l, l.dir->fd, *folder ? folder : ".", err);
}

static int dir_stat(struct store *store, const char *key, struct store_stat *ret, struct error *err)
{
	struct dir_store *dir = dir_of(store);
	/* Opened, and not only looked up: then a network file system asks the server. */
	CLEANUP(close_cleanup) int fd = openat(dir->fd, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "'%s/%s': %m", dir->path, key);
	*ret = (struct store_stat){ .size = (uint64_t)st.st_size, .modified = st.st_mtime };
	return 0;
}

static int dir_remove(struct store *store, const char *key, struct error *err)
{
	struct dir_store *dir = dir_of(store);
	if (unlinkat(dir->fd, key, 0) < 0 && errno != ENOENT)
		return error_set(err, -errno, "remove '%s/%s': %m", dir->path, key);
	/* Also for what was gone: who removed it may not have come to this. */
	char folder[STORE_KEY_MAX];
	const char *slash = strrchr(key, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - key) : 1, slash ? key : ".");
	CLEANUP(close_cleanup) int fd = openat(dir->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return error_set(err, -errno, "sync directory '%s/%s': %m", dir->path, folder);
	return 0;
}

/* What time is it on the file system's clock? That of a file server is not that of this host. */
static int time_there(struct dir_store *dir, time_t *ret, struct error *err)
{
	char temp[TEMP_MAX];
	int rc = make_temp_name(dir, temp, err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup)
	int fd = openat(dir->fd, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = error_set(err, -errno, "create '%s/%s': %m", dir->path, temp);
	unlinkat(dir->fd, temp, 0);
	if (rc == 0)
		*ret = st.st_mtime;
	return rc;
}

struct sweep {
	struct dir_store *dir;
	time_t before;
};

static int sweep_one(void *ctx, const char *name, const struct store_stat *st, struct error *err)
{
	struct sweep *sweep = ctx;
	char temp[TEMP_MAX];
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
	struct sweep sweep = { .dir = dir_of(store) };
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
	close(dir->fd);
	free(dir->path);
	free(dir);
}

static const struct store_ops dir_ops = {
	.begin = dir_begin,
	.append = dir_append,
	.commit = dir_commit,
	.abort = dir_abort,
	.open = dir_open,
	.read = dir_read,
	.close = dir_close,
	.list = dir_list,
	.stat = dir_stat,
	.remove = dir_remove,
	.sweep = dir_sweep,
	.destroy = dir_destroy,
};

int store_dir_open(const char *path, struct store **ret, struct error *err)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "repository '%s': %m", path);
	CLEANUP(free_cleanup) struct dir_store *dir = calloc(1, sizeof(*dir));
	if (!dir || !(dir->path = strdup(path)))
		return error_set(err, -ENOMEM, "repository '%s': %m", path);
	dir->store.ops = &dir_ops;
	dir->fd = steal_fd(&fd);
	*ret = &steal(&dir)->store;
	return 0;
}

/* Whatever it is, but what file systems have by themselves and people cannot see. */
static int check_empty(struct dir_store *dir, struct error *err)
{
	CLEANUP(close_cleanup) int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedir_cleanup) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return error_set(err, -errno, "list '%s': %m", dir->path);
	(void)steal_fd(&fd);
	const struct dirent *entry;
	do {
		errno = 0;
		entry = readdir(d);
		if (!entry && errno)
			return error_set(err, -errno, "list '%s': %m", dir->path);
	} while (entry && entry->d_name[0] == '.');
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
	if (parent < 0 || fsync(parent) < 0)
		return error_set(err, -errno, "sync the directory of '%s': %m", path);
	return 0;
}

int store_dir_create(const char *path, struct store **ret, struct error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(err, -errno, "make directory '%s': %m", path);
	int rc = sync_parent(path, err);
	if (rc < 0)
		return rc;
	CLEANUP(store_free_cleanup) struct store *store = NULL;
	rc = store_dir_open(path, &store, err);
	if (rc < 0)
		return rc;
	rc = check_empty(dir_of(store), err);
	if (rc < 0)
		return rc;
	*ret = steal(&store);
	return 0;
}
