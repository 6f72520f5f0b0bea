/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync - see include/lunette/sync.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lunette/sync.h"
#include "lunette/util.h"

int sync_folder_of(const char *path, struct error *err)
{
	char copy[PATH_MAX];
	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return error_set(err, -ENAMETOOLONG, "sync the folder of '%.200s...': %m", path);
	CLEANUP(close_cleanup) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems sync folders without being asked, and say EINVAL. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return error_set(err, -errno, "sync the folder of '%s': %m", path);
	return 0;
}

/* What was there before us, and is not ours to look into, is not ours to sync either. */
static int make_folder(const char *path, struct error *err)
{
	bool was_there = mkdir(path, 0700) < 0;
	if (was_there && errno != EEXIST)
		return error_set(err, -errno, "make folder '%s': %m", path);
	struct error why = { 0 };
	int rc = sync_folder_of(path, &why);
	if (rc == 0 || (was_there && (rc == -EACCES || rc == -EPERM || rc == -EROFS)))
		return 0;
	return error_copy(err, rc, &why);
}

int sync_make_folders(const char *path, struct error *err)
{
	char part[PATH_MAX];
	if (snprintf(part, sizeof(part), "%s/", path) >= (int)sizeof(part))
		return error_set(err, -ENAMETOOLONG, "folder '%.200s...': %m", path);
	for (char *slash = part + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		int rc = make_folder(part, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
