/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dir-room - how much room there is, and a little of it kept aside.
 *
 * The reserve is a file that nobody reads. Its bytes are random, so that no file system makes less
 * of them than they are; it is removed when it is needed, and made again by whoever finds that
 * there is room.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "dir-private.h"
#include "lunette/random.h"

#define RESERVE "reserve"

/* Where restore points go that are forgotten. */
#define MOVED_TO "forgotten"

/* A lease, the next one, a mark of 4096 packs, and their folders, also where a file takes 64 KiB.
 */
#define RESERVE_BYTES ((size_t)1 << 20)

bool dir_has(const struct dir_store *dir, const char *name)
{
	struct stat st;
	return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int keep(struct store *store, struct error *err)
{
	CLEANUP(free_cleanup) void *buf = malloc(RESERVE_BYTES);
	if (!buf)
		return error_set(err, -ENOMEM, "keep a reserve: %m");
	int rc = random_bytes(buf, RESERVE_BYTES, err);
	const struct store_bytes bytes = store_bytes(buf, RESERVE_BYTES);
	if (rc == 0)
		rc = dir_put(store, RESERVE, &bytes.source, STORE_REFUSE, err);
	return rc == -EEXIST ? 0 : rc; /* another one was faster */
}

int dir_reserve(struct store *store, bool keep_it, struct error *err)
{
	const struct dir_store *dir = dir_of(store);
	if (keep_it) {
		/* Once it is there, what is moved into it takes no room. */
		(void)dir_make_folders(dir, MOVED_TO "/", NULL);
		if (!dir_has(dir,
			     DIR_PACKS)) /* later, that it is not there means that it is gone */
			(void)dir_make_folders(dir, DIR_POINTS "/", NULL);
		return dir_has(dir, RESERVE) ? 0 : keep(store, err);
	}
	if (unlinkat(dir->fd, RESERVE, 0) < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(err, -errno, "remove '%s/" RESERVE "': %m", dir->path);
	/* Many file systems have the room of what was removed only when that is on the disk. */
	int rc = dir_sync_name(dir, RESERVE, err);
	return rc < 0 ? rc : 1;
}

int dir_room(struct store *store, uint64_t *ret, struct error *err)
{
	const struct dir_store *dir = dir_of(store);
	struct statvfs st;
	if (fstatvfs(dir->fd, &st) < 0)
		return error_set(err, -errno, "'%s': %m", dir->path);
	if (st.f_blocks == 0)
		return error_set(err, -ENODATA, "'%s': its size is not known", dir->path);
	*ret = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}
