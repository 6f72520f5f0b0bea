/* SPDX-License-Identifier: GPL-3.0-or-later */
/* temp - see temp.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "temp.h"

static const char *folder(void)
{
	const char *path = getenv("TMPDIR");
	return path && *path ? path : "/var/tmp";
}

int temp_open(int *ret, struct error *err)
{
	int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		/* This file system knows no nameless files. */
		char path[4096];
		if (snprintf(path, sizeof(path), "%s/lunette-XXXXXX", folder()) >=
		    (int)sizeof(path))
			return error_set(err, -ENAMETOOLONG, "temporary file: %m");
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return error_set(err, -errno,
				 "temporary file in '%s': %m; set TMPDIR to a folder with room",
				 folder());
	*ret = fd;
	return 0;
}

int temp_write(int fd, const void *buf, size_t len, uint64_t off, struct error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(
				err, n < 0 ? -errno : -EIO,
				"temporary file in '%s': %m; set TMPDIR to a folder with room",
				folder());
		done += (size_t)n;
	}
	return 0;
}

int temp_read(int fd, void *buf, size_t len, uint64_t off, struct error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, n < 0 ? -errno : -EIO, "temporary file in '%s': %m",
					 folder());
		done += (size_t)n;
	}
	return 0;
}
