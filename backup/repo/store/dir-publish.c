/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dir-publish - a complete file gets its name, in the best way that the file system knows:
 *
 * - a link, which fails when the name is taken;
 * - where there are no links (exFAT, FAT, SMB, many FUSE file systems), or no /proc to make one of
 *   what has no name, a rename that must not replace anything;
 * - where that is not known either, a plain rename. Of an object that is named by its content two
 *   that come at once are the same, so that it does not matter which one stays. For another one
 *   its writer claims the name first, with a file in tmp/ that only one can make.
 *
 * Which of them it is is found out by trying, and remembered. In each of them an object is either
 * there, whole, or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dir-private.h"

/* ---- up to the next line errors are negative errnos, with nothing recorded ---- */

/* A file without a name is found by the descriptor alone: in /proc, which not every chroot has. */
static int link_nameless(struct dir_store *dir, const struct dir_draft *draft, const char *key)
{
	char self[32];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", draft->fd);
	if (linkat(AT_FDCWD, self, dir->fd, key, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	int rc = -errno;
	return rc == -ENOENT && access(self, F_OK) < 0 ? -EOPNOTSUPP : rc;
}

static int by_link(struct dir_store *dir, struct dir_draft *draft, const char *key)
{
	if (!draft->temp[0])
		return link_nameless(dir, draft, key);
	return linkat(dir->fd, draft->temp, dir->fd, key, 0) < 0 ? -errno : 0;
}

static int by_careful_rename(struct dir_store *dir, struct dir_draft *draft, const char *key)
{
	if (renameat2(dir->fd, draft->temp, dir->fd, key, RENAME_NOREPLACE) < 0)
		return -errno;
	draft->temp[0] = '\0';
	return 0;
}

static int rename_if_free(struct dir_store *dir, struct dir_draft *draft, const char *key)
{
	if (faccessat(dir->fd, key, F_OK, 0) == 0)
		return -EEXIST;
	if (errno != ENOENT || renameat(dir->fd, draft->temp, dir->fd, key) < 0)
		return -errno;
	draft->temp[0] = '\0';
	return 0;
}

/* Only one can make the claim, and he looks when he has it. */
static int by_claim(struct dir_store *dir, struct dir_draft *draft, const char *key)
{
	char claim[sizeof("tmp/claim-") + STORE_KEY_MAX] = "tmp/claim-";
	size_t at = strlen(claim);
	for (const char *p = key; *p; p++)
		claim[at++] = *p == '/' ? '-' : *p;
	CLEANUP(close_cleanup)
	int fd =
		openat(dir->fd, claim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, dir_file_mode(dir));
	if (fd < 0)
		return -errno;
	int rc = rename_if_free(dir, draft, key);
	unlinkat(dir->fd, claim, 0);
	return rc;
}

enum { BY_LINK, BY_CAREFUL_RENAME, BY_RENAME };

/*
 * One that is not there yet gets its name. What has none so far cannot be renamed: then this ends,
 * and it is known that files need names here.
 *
 * Return: -EEXIST: the name is taken.
 */
static int name_it(struct dir_store *dir, struct dir_draft *draft, const char *key,
		   enum store_taken taken)
{
	unsigned int way = atomic_load(&dir->naming);
	int rc = way == BY_LINK ? by_link(dir, draft, key) : -EOPNOTSUPP;
	if (way == BY_LINK && dir_is_unknown(rc))
		atomic_store(&dir->naming, way = BY_CAREFUL_RENAME);
	if (way == BY_CAREFUL_RENAME && draft->temp[0]) {
		rc = by_careful_rename(dir, draft, key);
		if (dir_is_unknown(rc))
			atomic_store(&dir->naming, way = BY_RENAME);
	}
	if (way == BY_RENAME && draft->temp[0])
		rc = taken == STORE_TWIN ? rename_if_free(dir, draft, key)
					 : by_claim(dir, draft, key);
	return rc;
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

/* ---- from here on errors are recorded ---- */

/* Puts a complete file in the place of a damaged one. */
static int replace(struct dir_store *dir, struct dir_draft *draft, const char *key,
		   struct error *err)
{
	if (!draft->temp[0]) {
		char temp[DIR_TEMP_MAX];
		int rc = dir_temp_name(dir, temp, err);
		if (rc == 0 && (rc = by_link(dir, draft, temp)) < 0)
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

/* That an object cannot be changed by accident is a courtesy, which not every file system knows. */
static int make_read_only(const struct dir_draft *draft)
{
	struct stat st;
	if (fstat(draft->fd, &st) < 0)
		return -errno;
	int rc = fchmod(draft->fd, st.st_mode & 0444) < 0 ? -errno : 0;
	return dir_is_unknown(rc) ? 0 : rc;
}

int dir_publish(struct dir_store *dir, struct dir_draft *draft, const char *key,
		enum store_taken taken, struct error *err)
{
	int rc = make_read_only(draft);
	if (rc < 0 || fsync(draft->fd) < 0)
		return error_set(err, rc < 0 ? rc : -errno, "write '%s/%s': %m", dir->path, key);
	rc = name_it(dir, draft, key, taken);
	if (rc == -ENOENT) {
		rc = dir_make_folders(dir, key, err);
		if (rc < 0)
			return rc;
		rc = name_it(dir, draft, key, taken);
	}
	if (rc == -EEXIST && taken == STORE_TWIN)
		rc = is_twin(dir, draft, key) ? 0 : replace(dir, draft, key, err);
	else if (rc < 0 && !draft->temp[0] && atomic_load(&dir->naming) != BY_LINK)
		return error_set(err, -ENOLINK, "'%s/%s': %m", dir->path, key);
	else if (rc < 0)
		error_set(err, rc, "give '%s/%s' its name: %m", dir->path, key);
	/* Also for a twin: its writer may not have come to this yet, and we rely on it too. */
	return rc < 0 ? rc : dir_sync_name(dir, key, err);
}
