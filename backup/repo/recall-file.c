/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recall-file - the file in which this machine keeps what it knows of a repository's restore
 * points: FOLDER/points-ID, and FOLDER/forgotten-ID. See recall.h.
 *
 *   0  8  "LUNERCLL"
 *   8  4  version: 1
 *  12  4  1: what follows is a box; else 0
 *  16 32  digest of what follows
 *  48     the briefs, one behind the other; or a box of them, whose note is NOTE
 *
 * Nothing is synced: what a power cut leaves does not have the digest that it says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lunette/box.h"
#include "lunette/bytes.h"
#include "lunette/digest.h"
#include "lunette/keys.h"
#include "lunette/random.h"
#include "lunette/recall.h"

#define MAGIC   "LUNERCLL"
#define VERSION 1
#define NOTE    "points remembered by a machine, 1"

#define FRESH ".new." /* in the name of one that is being written */

/* Nobody has listed such a repository for so long, or finished such a file: seconds. */
#define AGE       (90 * 24 * 60 * 60)
#define AGE_FRESH (60 * 60)

static const struct box_note note = { NOTE, sizeof(NOTE) - 1 };

/* ---- the folder ---- */

bool repo_cache_folder(char *ret)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n = PATH_MAX;
	if (cache && cache[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/lunette", cache);
	else if (geteuid() == 0)
		n = snprintf(ret, PATH_MAX, "/var/cache/lunette");
	else if (home && home[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/.cache/lunette", home);
	return n < PATH_MAX;
}

/* It, and the folder that it is in: more is not ours to make. */
static void make_folder(const char *path)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(above, sizeof(above), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (mkdir(path, 0700) < 0 && errno == ENOENT && *above && mkdir(above, 0700) == 0)
		(void)mkdir(path, 0700);
}

/* What others may write to, or have made, says nothing. Return: -1 when there is none. */
static int open_folder(const char *path)
{
	struct stat st;
	CLEANUP(close_cleanup) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return -1;
	return steal_fd(&dir);
}

static void name_of(const struct recall_place *place, char ret[64])
{
	snprintf(ret, 64, "%.16s-%.32s", place->of, place->id);
}

/* ---- reading ---- */

/* Return: a buffer of @ret_len bytes, to be freed with free(); NULL when there is no file of ours.
 */
static uint8_t *read_file(int dir, const char *name, size_t *ret_len)
{
	struct stat st;
	CLEANUP(close_cleanup)
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0 || st.st_size < RECALL_HEAD ||
	    st.st_size > (off_t)(RECALL_HEAD + RECALL_MAX + BOX_MORE))
		return NULL;
	size_t len = (size_t)st.st_size, done = 0;
	CLEANUP(free_cleanup) uint8_t *buf = malloc(len);
	while (buf && done < len) {
		ssize_t n = read(fd, buf + done, len - done);
		if (n <= 0)
			return NULL;
		done += (size_t)n;
	}
	*ret_len = len;
	return steal(&buf);
}

static bool is_whole(const uint8_t *file, size_t len, bool sealed)
{
	uint8_t sum[DIGEST_SIZE];
	return memcmp(file, MAGIC, 8) == 0 && get_le32(file + 8) == VERSION &&
	       get_le32(file + 12) == sealed &&
	       digest(file + RECALL_HEAD, len - RECALL_HEAD, sum, NULL) == 0 &&
	       memcmp(sum, file + 16, sizeof(sum)) == 0;
}

bool recall_load(const struct recall_place *place, uint8_t **ret, size_t *ret_len)
{
	char name[64];
	size_t len = 0;
	name_of(place, name);
	CLEANUP(close_cleanup) int dir = open_folder(place->folder);
	CLEANUP(free_cleanup) uint8_t *file = dir < 0 ? NULL : read_file(dir, name, &len);
	if (!file || !is_whole(file, len, place->keys != NULL))
		return false;
	uint8_t *text = file + RECALL_HEAD;
	len -= RECALL_HEAD;
	if (place->keys) {
		if (box_open(&place->keys->metadata, &note, text, len, &text, NULL) < 0)
			return false;
		len -= BOX_MORE;
	}
	memmove(file, text, len);
	*ret = steal(&file);
	*ret_len = len;
	return true;
}

/* ---- writing ---- */

static bool is_ours(const char *name)
{
	return strncmp(name, "points-", 7) == 0 || strncmp(name, "forgotten-", 10) == 0;
}

static void sweep(int dir)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = again < 0 ? NULL : fdopendir(again);
	struct stat st;
	time_t now = time(NULL);
	for (struct dirent *entry; listing && (entry = readdir(listing));) {
		time_t age = strstr(entry->d_name, FRESH) ? AGE_FRESH : AGE;
		if (is_ours(entry->d_name) &&
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime < now - age)
			(void)unlinkat(dir, entry->d_name, 0);
	}
	if (listing)
		closedir(listing);
	else if (again >= 0)
		close(again);
}

static bool write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);
		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

static void replace(int dir, const char *name, const uint8_t *file, size_t len)
{
	char fresh[96];
	uint64_t number;
	if (random_bytes(&number, sizeof(number), NULL) < 0)
		return;
	snprintf(fresh, sizeof(fresh), "%s" FRESH "%016" PRIx64, name, number);
	int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	bool fine = write_all(fd, file, len);
	if ((close(fd) < 0 || !fine || renameat(dir, fresh, dir, name) < 0))
		(void)unlinkat(dir, fresh, 0);
}

void recall_save(const struct recall_place *place, const uint8_t *buf, size_t len)
{
	char name[64];
	size_t body = len + (place->keys ? BOX_MORE : 0);
	CLEANUP(free_cleanup) uint8_t *file = calloc(1, RECALL_HEAD + body);
	if (!file)
		return;
	uint8_t *at = file + RECALL_HEAD;
	if (!place->keys)
		memcpy(at, buf, len);
	else if (box_seal(&place->keys->metadata, &note, buf, len, at, NULL) < 0)
		return;
	memcpy(file, MAGIC, 8);
	put_le32(file + 8, VERSION);
	put_le32(file + 12, place->keys != NULL);
	if (digest(at, body, file + 16, NULL) < 0)
		return;
	make_folder(place->folder);
	CLEANUP(close_cleanup) int dir = open_folder(place->folder);
	if (dir < 0)
		return;
	name_of(place, name);
	replace(dir, name, file, RECALL_HEAD + body);
	sweep(dir);
}

void recall_remove(const struct recall_place *place)
{
	char name[64];
	name_of(place, name);
	CLEANUP(close_cleanup) int dir = open_folder(place->folder);
	if (dir >= 0)
		(void)unlinkat(dir, name, 0);
}
