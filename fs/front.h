/* SPDX-License-Identifier: GPL-3.0-or-later */
/* front - what the files of the front share: what can be seen of a driver's answers at once. */
#ifndef FS_FRONT_H
#define FS_FRONT_H

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "driver.h"

static inline int front_damaged(uint64_t ino, const char *what, struct error *err)
{
	return error_set(err, -EUCLEAN, "inode %" PRIu64 ": %s", ino, what);
}

static inline bool front_is_ino(uint64_t ino)
{
	return ino >> FS_INO_BITS == 0;
}

static inline bool front_is_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

#endif
