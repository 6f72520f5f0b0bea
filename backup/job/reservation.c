/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reservation - see reservation.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include <openssl/sha.h>

#include "lunette/hex.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/sync.h"
#include "lunette/util.h"
#include "reservation.h"
#include "lunette/shape.h"
#include "lunette/state.h"

#define LOCK "lock"

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The folder of an array, whose name may be of any letters and length. */
static int make_folder(const struct reservation *r, char *ret, size_t size, struct error *err)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[17];
	SHA256((const unsigned char *)r->array, strlen(r->array), digest);
	hex_text(digest, 8, hex);
	snprintf(ret, size, "%s/arrays/%s", r->state, hex);
	return sync_make_folders(ret, err);
}

static int open_locked(const char *folder, const char *name, int operation, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CLEANUP(close_cleanup) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, operation) < 0)
		return error_set(err, -errno, "reservation '%s': %m", path);
	return steal_fd(&fd);
}

static bool names(const json_t *volumes, const char *volume)
{
	for (size_t i = 0; i < json_array_size(volumes); i++) {
		const char *name = json_string_value(json_array_get(volumes, i));
		if (name && strcmp(name, volume) == 0)
			return true;
	}
	return false;
}

static bool is_listed(const json_t *objects, const char *name)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *o = json_array_get(objects, i);
		if (strcmp(shape_text(o, "kind"), "snapshot") == 0 &&
		    strcmp(shape_text(o, "name"), name) == 0)
			return true;
	}
	return false;
}

/* Adds what others have reserved, and removes what dead ones have. */
static int collect_reserved(const char *folder, const json_t *objects, json_t *to,
			    struct error *err)
{
	CLEANUP(dir_cleanup) DIR *dir = opendir(folder);
	if (!dir)
		return error_set(err, -errno, "folder '%s': %m", folder);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[PATH_MAX];
		if (!names_ok(entry->d_name) || strcmp(entry->d_name, LOCK) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
			unlink(path);
		} else if (!is_listed(objects, entry->d_name)) {
			json_t *volumes = json_loadfd(fd, 0, NULL);
			json_array_append_new(to, volumes ? volumes : json_array());
		}
	}
	return 0;
}

static int check_room(const struct reservation *r, const json_t *objects, const json_t *reserved,
		      struct error *err)
{
	for (size_t v = 0; v < json_array_size(r->volumes); v++) {
		const char *volume = json_string_value(json_array_get(r->volumes, v));
		uint64_t n = 0;
		for (size_t i = 0; i < json_array_size(objects); i++) {
			const json_t *o = json_array_get(objects, i);
			n += strcmp(shape_text(o, "kind"), "snapshot") == 0 &&
			     strcmp(shape_text(o, "volume"), volume) == 0;
		}
		for (size_t i = 0; i < json_array_size(reserved); i++)
			n += names(json_array_get(reserved, i), volume);
		if (n >= r->most)
			return error_set(
				err, -EMLINK,
				"volume '%s' has %ju snapshots of lunette already, and %ju "
				"are allowed: [limits] snapshots",
				volume, (uintmax_t)n, (uintmax_t)r->most);
	}
	return 0;
}

int reservation_take(const struct reservation *r, int *ret_fd, struct error *err)
{
	char folder[PATH_MAX - 256];
	CLEANUP(json_decref_cleanup) json_t *objects = NULL, *reserved = json_array();
	int rc = make_folder(r, folder, sizeof(folder), err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup) int lock = open_locked(folder, LOCK, LOCK_EX, err);
	if (lock < 0)
		return lock;
	rc = r->list(r->ctx, &objects, err);
	if (rc == 0)
		rc = collect_reserved(folder, objects, reserved, err);
	if (rc == 0)
		rc = check_room(r, objects, reserved, err);
	if (rc < 0)
		return rc;
	CLEANUP(close_cleanup) int fd = open_locked(folder, r->name, LOCK_EX, err);
	if (fd < 0)
		return fd;
	if (json_dumpfd(r->volumes, fd, JSON_COMPACT) < 0)
		return error_set(err, -EIO, "reservation '%s': %m", r->name);
	*ret_fd = steal_fd(&fd);
	return 0;
}
