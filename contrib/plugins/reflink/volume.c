/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * volume - the original LUNs: files that tgtd serves.
 *
 * Its one idea: a volume is a file that tgtd shows as a LUN. Only such a path is ever opened, so
 * that nobody can have any other file of this machine cloned and shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "lunette/json.h"
#include "reflink.h"

int volume_open(const char *path, int *ret, struct stat *ret_st, struct error *err)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return error_set(err, -errno, "volume '%s': %m", path);
	if (!S_ISREG(ret_st->st_mode))
		return error_set(err, -EOPNOTSUPP, "volume '%s' is not a file", path);
	*ret = steal_fd(&fd);
	return 0;
}

int volume_clone(const struct store *store, const char *path, int volume, int *ret,
		 struct error *err)
{
	CLEANUP(close_cleanup) int clone = -1;
	int rc = store_new(store, &clone, err);
	if (rc < 0)
		return rc;
	if (ioctl(clone, FICLONE, volume) < 0) {
		int code = errno == EXDEV || errno == EINVAL ? EOPNOTSUPP : errno;
		return error_set(err, -code,
				 "volume '%s' cannot share blocks with '%s' (%m): both must be on "
				 "one file system, XFS with reflink=1 or Btrfs",
				 path, store->path);
	}
	*ret = steal_fd(&clone);
	return 0;
}

const json_t *volume_find(const json_t *targets, const char *path)
{
	size_t i, k;
	json_t *target, *lun;
	json_array_foreach(targets, i, target)
		json_array_foreach(json_object_get(target, "luns"), k, lun)
	{
		const char *has = json_string_value(json_object_get(lun, "path"));
		if (has && path[0] == '/' && strcmp(has, path) == 0)
			return lun;
	}
	return NULL;
}

/* For what was not set, tgtd has a text, and servers see its number behind this. */
#define UNSET_TEXT "IET     "
#define UNSET_NAA  "naa.60000000000000000e000000"

/* tgtd tells the identity as it was set. Servers may have its T10 designator, too. */
static bool is_identity(const json_t *lun, const char *identity)
{
	const char *id = json_string_value(json_object_get(lun, "id"));
	const char *path = json_string_value(json_object_get(lun, "path"));
	if (!id || !path || path[0] != '/' ||
	    json_integer_value(json_object_get(lun, "sector")) < 512)
		return false;
	if (strncmp(identity, "t10.", 4) == 0)
		return strcmp(id, identity + 4) == 0;
	if (strncmp(id, UNSET_TEXT, strlen(UNSET_TEXT)) == 0 &&
	    strncasecmp(identity, UNSET_NAA, strlen(UNSET_NAA)) == 0)
		return strcasecmp(id + strlen(UNSET_TEXT), identity + strlen(UNSET_NAA)) == 0;
	return strcasecmp(id, identity) == 0;
}

static const json_t *find_identity(const json_t *targets, const char *identity)
{
	size_t i, k;
	json_t *target, *lun;
	json_array_foreach(targets, i, target) json_array_foreach(
		json_object_get(target, "luns"), k, lun) if (is_identity(lun, identity)) return lun;
	return NULL;
}

static int resolve_one(const json_t *targets, const json_t *wanted, json_t *volumes,
		       struct error *err)
{
	const char *identity = json_string_value(json_object_get(wanted, "identity"));
	if (!identity)
		return error_set(err, -EINVAL, "parameter 'luns': one has no identity");
	const json_t *lun = find_identity(targets, identity);
	if (!lun)
		return error_set(err, -ENOENT, "no LUN of this tgtd has the identity '%s'",
				 identity);
	const char *path = json_string_value(json_object_get(lun, "path"));
	json_int_t sector = json_integer_value(json_object_get(lun, "sector"));
	CLEANUP(close_cleanup) int fd = -1;
	struct stat st;
	int rc = volume_open(path, &fd, &st, err);
	if (rc < 0)
		return rc;
	json_array_append_new(volumes,
			      json_pack("{s:s, s:s, s:I}", "identity", identity, "volume", path,
					"size", (json_int_t)(st.st_size - st.st_size % sector)));
	return 0;
}

int volume_resolve(const struct plug_request *request, json_t **ret, struct error *err)
{
	const json_t *luns;
	size_t i;
	json_t *lun;
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *volumes = json_array();
	struct tgt tgt;
	int rc = plug_list(request, "luns", &luns, err);
	if (rc == 0)
		rc = tgt_open(request, &tgt, err);
	if (rc == 0)
		rc = tgt_targets(&tgt, &targets, err);
	if (rc < 0)
		return rc;
	json_array_foreach(luns, i, lun)
	{
		rc = resolve_one(targets, lun, volumes, err);
		if (rc < 0)
			return rc;
	}
	*ret = json_pack("{s:O}", "volumes", volumes);
	return 0;
}

/* Everything that a verb will need: the folder can be changed, and tgtd answers. */
int volume_probe(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(json_decref_cleanup) json_t *targets = NULL;
	CLEANUP(json_decref_cleanup) json_t *portals = NULL;
	CLEANUP(close_cleanup) int one = -1, other = -1;
	struct tgt tgt;
	int rc = store_open(request, STORE_CHANGE, &store, err);
	if (rc == 0)
		rc = store_new(&store, &one, err);
	if (rc == 0)
		rc = store_new(&store, &other, err);
	if (rc < 0)
		return rc;
	if (ioctl(other, FICLONE, one) < 0)
		return error_set(err, -EOPNOTSUPP,
				 "setting 'directory': files in '%s' cannot share blocks (%m): it "
				 "takes XFS with reflink=1 or Btrfs",
				 store.path);
	if (strchr(store.path, ','))
		return error_set(err, -EINVAL,
				 "setting 'directory': tgtd takes no path with a "
				 "comma in it: '%s'",
				 store.path);
	rc = tgt_open(request, &tgt, err);
	if (rc == 0)
		rc = tgt_targets(&tgt, &targets, err);
	if (rc == 0)
		rc = tgt_portals(&tgt, &portals, err);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:s, s:s, s:s}", "vendor", "tgt", "product", "files with shared blocks",
			 "id", store.path);
	return *ret ? 0 : error_set(err, -EINVAL, "setting 'directory' is not UTF-8");
}
