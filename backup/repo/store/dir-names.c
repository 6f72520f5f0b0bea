/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dir-names - folders, and names that count because they are synced. See dir-private.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dir-private.h"
#include "lunette/hex.h"
#include "lunette/random.h"

bool dir_is_unknown(int rc)
{
	return rc == -EPERM || rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL ||
	       rc == -EMLINK || rc == -524 /* ENOTSUPP, which some file systems let out */;
}

int dir_sync_folder(int fd)
{
	int rc = fsync(fd) < 0 ? -errno : 0;
	return dir_is_unknown(rc) ? 0 : rc;
}

/*
 * The folders too, each time: who made one may have died, or not have come to syncing it, before we
 * relied on it.
 */
int dir_sync_name(const struct dir_store *dir, const char *key, struct error *err)
{
	char folder[STORE_KEY_MAX];
	snprintf(folder, sizeof(folder), "%s", key);
	for (bool more = true; more;) {
		char *slash = strrchr(folder, '/');
		more = slash != NULL;
		strcpy(slash ? slash : folder, slash ? "" : ".");
		CLEANUP(close_cleanup)
		int fd = openat(dir->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int rc = fd < 0 ? -errno : dir_sync_folder(fd);
		if (rc < 0)
			return error_set(err, rc, "sync directory '%s/%s': %m", dir->path, folder);
	}
	return 0;
}

static int make_folder(const struct dir_store *dir, const char *folder, struct error *err)
{
	if (mkdirat(dir->fd, folder, dir_folder_mode(dir)) < 0 && errno != EEXIST)
		return error_set(err, -errno, "make directory '%s/%s': %m", dir->path, folder);
	return 0;
}

int dir_make_folders(const struct dir_store *dir, const char *key, struct error *err)
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

int dir_temp_name(const struct dir_store *dir, char ret[DIR_TEMP_MAX], struct error *err)
{
	int rc = make_folder(dir, "tmp", err);
	if (rc < 0)
		return rc;
	uint8_t random[16];
	char digits[2 * sizeof(random) + 1];
	rc = random_bytes(random, sizeof(random), err);
	if (rc < 0)
		return rc;
	hex_text(random, sizeof(random), digits);
	snprintf(ret, DIR_TEMP_MAX, "tmp/%s", digits);
	return 0;
}
