/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dir-put - an object comes into a directory.
 *
 * A file is written without a name (O_TMPFILE) and linked to its name when it is complete and
 * synced, so that a crash leaves nothing behind and nobody ever sees half an object. The name
 * counts when its directory is synced too. File systems that know no nameless files get a name in
 * tmp/, which a crash may leave there; nothing ever reads it.
 *
 * A draft is that file, so that what took shape in the directory is put without being copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dir-private.h"

/*
 * Written data is handed to the disk in steps of this many bytes while more is appended: the disk
 * works all the time, and syncing at the end finds little left.
 */
#define WRITEBACK_STEP (8u << 20)

/* What comes from elsewhere is copied in pieces. */
#define COPY_STEP ((size_t)1 << 20)

struct dir_draft {
	struct store_draft draft;
	const struct dir_store *dir;
	int fd;
	char temp[DIR_TEMP_MAX]; /* its name for now, "" when it has none */
	uint64_t submitted;      /* bytes that were handed to the disk */
};

/* ---- taking shape ---- */

static int draft_read(const struct store_source *source, void *buf, size_t len, uint64_t off,
		      struct error *err)
{
	const struct dir_draft *draft = (const struct dir_draft *)source;
	return dir_file_read(draft->dir, "an unfinished object", draft->fd, buf, len, off, err);
}

static int draft_append(struct store_draft *draft, const void *buf, size_t len, struct error *err)
{
	struct dir_draft *d = (struct dir_draft *)draft;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(d->fd, (const char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, n < 0 ? -errno : -EIO, "write to '%s': %m",
					 d->dir->path);
		done += (size_t)n;
	}
	uint64_t end = draft->source.size + len;
	if (end - d->submitted >= WRITEBACK_STEP) {
		/* Only a hint: what fails here fails again when it is synced. */
		sync_file_range(d->fd, (off_t)d->submitted, (off_t)(end - d->submitted),
				SYNC_FILE_RANGE_WRITE);
		d->submitted = end;
	}
	return 0;
}

static void draft_free(struct store_draft *draft)
{
	struct dir_draft *d = (struct dir_draft *)draft;
	if (d->fd >= 0)
		close(d->fd);
	if (d->temp[0]) /* not the name that it has when it was put */
		unlinkat(d->dir->fd, d->temp, 0);
	free(d);
}

static const struct store_source_ops source_ops = { .read = draft_read };
static const struct store_draft_ops draft_ops = { .append = draft_append, .free = draft_free };

static int open_named(const struct dir_store *dir, struct dir_draft *draft, struct error *err)
{
	int rc = dir_temp_name(dir, draft->temp, err);
	if (rc < 0)
		return rc;
	draft->fd = openat(dir->fd, draft->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (draft->fd < 0) {
		rc = error_set(err, -errno, "create '%s/%s': %m", dir->path, draft->temp);
		draft->temp[0] = '\0';
		return rc;
	}
	return 0;
}

static int new_draft(const struct dir_store *dir, struct dir_draft **ret, struct error *err)
{
	CLEANUP(free_cleanup) struct dir_draft *draft = calloc(1, sizeof(*draft));
	if (!draft)
		return error_set(err, -ENOMEM, "write to '%s': %m", dir->path);
	draft->draft = (struct store_draft){ .source.ops = &source_ops, .ops = &draft_ops };
	draft->dir = dir;
	draft->fd = openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (draft->fd < 0) {
		/* What file systems and kernels say that do not know nameless files. */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
			return error_set(err, -errno, "write to '%s': %m", dir->path);
		int rc = open_named(dir, draft, err);
		if (rc < 0)
			return rc;
	}
	*ret = steal(&draft);
	return 0;
}

int dir_draft(struct store *store, struct store_draft **ret, struct error *err)
{
	struct dir_draft *draft;
	int rc = new_draft(dir_of(store), &draft, err);
	if (rc == 0)
		*ret = &draft->draft;
	return rc;
}

/* ---- getting its name ---- */

/* Links a complete file to its name. Return: 0 or a negative errno, nothing recorded. */
static int link_draft(const struct dir_store *dir, const struct dir_draft *draft, const char *key)
{
	char self[32];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", draft->fd);
	int rc = draft->temp[0] ? linkat(dir->fd, draft->temp, dir->fd, key, 0)
				: linkat(AT_FDCWD, self, dir->fd, key, AT_SYMLINK_FOLLOW);
	return rc < 0 ? -errno : 0;
}

/* Does what lies under the key have our bytes? What cannot be read has not. */
static bool is_twin(const struct dir_store *dir, const struct dir_draft *draft, const char *key)
{
	enum { STEP = 64 << 10 };
	CLEANUP(free_cleanup) char *ours = malloc(2 * STEP);
	CLEANUP(close_cleanup) int fd = openat(dir->fd, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (!ours || fd < 0 || fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_size != draft->draft.source.size)
		return false;
	char *theirs = ours + STEP;
	for (off_t off = 0; off < st.st_size;) {
		size_t len = (size_t)MIN(st.st_size - off, (off_t)STEP);
		if (pread(draft->fd, ours, len, off) != (ssize_t)len ||
		    pread(fd, theirs, len, off) != (ssize_t)len || memcmp(ours, theirs, len) != 0)
			return false;
		off += (off_t)len;
	}
	return true;
}

/* Puts a complete file in the place of a damaged one. */
static int replace(const struct dir_store *dir, struct dir_draft *draft, const char *key,
		   struct error *err)
{
	if (!draft->temp[0]) {
		char temp[DIR_TEMP_MAX];
		int rc = dir_temp_name(dir, temp, err);
		if (rc == 0 && (rc = link_draft(dir, draft, temp)) < 0)
			error_set(err, rc, "replace '%s/%s': %m", dir->path, key);
		if (rc < 0)
			return rc;
		memcpy(draft->temp, temp, sizeof(temp));
	}
	if (renameat(dir->fd, draft->temp, dir->fd, key) < 0)
		return error_set(err, -errno, "replace '%s/%s': %m", dir->path, key);
	draft->temp[0] = '\0';
	dir_files_forget(dir->files, key);
	return 0;
}

static int publish(const struct dir_store *dir, struct dir_draft *draft, const char *key,
		   enum store_taken taken, struct error *err)
{
	if (fchmod(draft->fd, 0400) < 0 || fsync(draft->fd) < 0)
		return error_set(err, -errno, "write '%s/%s': %m", dir->path, key);
	int rc = link_draft(dir, draft, key);
	if (rc == -ENOENT) {
		rc = dir_make_folders(dir, key, err);
		if (rc < 0)
			return rc;
		rc = link_draft(dir, draft, key);
	}
	if (rc == -EEXIST && taken == STORE_TWIN)
		rc = is_twin(dir, draft, key) ? 0 : replace(dir, draft, key, err);
	else if (rc < 0)
		error_set(err, rc, "give '%s/%s' its name: %m", dir->path, key);
	/* Also for a twin: its writer may not have come to this yet, and we rely on it too. */
	return rc < 0 ? rc : dir_sync_name(dir, key, err);
}

static int copy(struct dir_draft *draft, const struct store_source *source, struct error *err)
{
	size_t room = (size_t)MIN(source->size, (uint64_t)COPY_STEP);
	CLEANUP(free_cleanup) char *buf = malloc(room + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "write to '%s': %m", draft->dir->path);
	int rc = 0;
	for (uint64_t off = 0; rc == 0 && off < source->size;) {
		size_t len = (size_t)MIN(source->size - off, (uint64_t)room);
		rc = store_source_read(source, buf, len, off, err);
		if (rc == 0)
			rc = store_draft_append(&draft->draft, buf, len, err);
		off += len;
	}
	return rc;
}

int dir_put(struct store *store, const char *key, const struct store_source *source,
	    enum store_taken taken, struct error *err)
{
	const struct dir_store *dir = dir_of(store);
	struct dir_draft *own = (struct dir_draft *)source;
	if (source->ops == &source_ops && own->dir == dir)
		return publish(dir, own, key, taken, err);
	int rc = new_draft(dir, &own, err);
	if (rc < 0)
		return rc;
	rc = copy(own, source, err);
	if (rc == 0)
		rc = publish(dir, own, key, taken, err);
	draft_free(&own->draft);
	return rc;
}
