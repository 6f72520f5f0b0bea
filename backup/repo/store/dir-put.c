/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dir-put - an object comes into a directory.
 *
 * A file is written without a name (O_TMPFILE) and gets its name when it is complete and synced, so
 * that a crash leaves nothing behind and nobody ever sees half an object. The name counts when its
 * directory is synced too. File systems that know no nameless files get a name in tmp/, which a
 * crash may leave there; nothing ever reads it. How a file gets its name dir-publish says.
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
	draft->fd = openat(dir->fd, draft->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			   dir_file_mode(dir));
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
	/* A file without a name is of use only where it can be linked. */
	bool named = atomic_load(&dir->naming) > 0;
	draft->fd =
		named ? -1
		      : openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, dir_file_mode(dir));
	if (draft->fd < 0) {
		/* What file systems and kernels say that do not know nameless files. */
		if (!named && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL &&
		    errno != ENOENT)
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

/* ---- coming in ---- */

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

static int put_copy(struct dir_store *dir, const char *key, const struct store_source *source,
		    enum store_taken taken, struct error *err)
{
	struct dir_draft *draft;
	int rc = new_draft(dir, &draft, err);
	if (rc < 0)
		return rc;
	rc = copy(draft, source, err);
	if (rc == 0)
		rc = dir_publish(dir, draft, key, taken, err);
	draft_free(&draft->draft);
	return rc;
}

int dir_put(struct store *store, const char *key, const struct store_source *source,
	    enum store_taken taken, struct error *err)
{
	struct dir_store *dir = dir_of(store);
	struct dir_draft *own = (struct dir_draft *)source;
	struct error why = { 0 };
	int rc = -ENOLINK;
	if (source->ops == &source_ops && own->dir == dir)
		rc = dir_publish(dir, own, key, taken, &why);
	if (rc == -ENOLINK) {
		why = (struct error){ 0 };
		rc = put_copy(dir, key, source, taken, &why);
	}
	if (rc == -ENOLINK) /* the first file that was made here without a name */
		rc = put_copy(dir, key, source, taken, &why);
	return rc < 0 ? error_copy(err, rc, &why) : 0;
}
