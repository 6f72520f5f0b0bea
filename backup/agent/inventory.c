/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inventory - see inventory.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "inventory.h"
#include "superblock.h"
#include "lunette/hex.h"
#include "lunette/json.h"

/* Files on files on files: deeper than anything that people do on purpose. */
#define STACK_MAX 8

/* Those whose driver has a way to be frozen. */
static const char *const freezable[] = {
	"ext2", "ext3",   "ext4", "xfs",   "btrfs",    "jfs",
	"f2fs", "nilfs2", "gfs2", "ocfs2", "bcachefs", "reiserfs"
};

/* ---- sets ---- */

bool inventory_set_has(const struct inventory_set *set, size_t number)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->list[i] == number)
			return true;
	return false;
}

int inventory_set_add(struct inventory_set *set, size_t number, struct error *err)
{
	if (inventory_set_has(set, number))
		return 0;
	void *bigger = reallocarray(set->list, set->n + 1, sizeof(*set->list));
	if (!bigger)
		return error_set(err, -ENOMEM, "the inventory: %m");
	set->list = bigger;
	set->list[set->n++] = number;
	return 0;
}

/* ---- disks ---- */

static int add_disk(void *ctx, const char *kernel, struct error *err)
{
	struct inventory *inv = ctx;
	void *bigger = reallocarray(inv->disks, inv->n_disks + 1, sizeof(*inv->disks));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu disks: %m", inv->n_disks);
	inv->disks = bigger;
	device_describe(inv->top, kernel, &inv->disks[inv->n_disks++]);
	return 0;
}

static void identify(struct inventory *inv, const json_t *identities)
{
	for (size_t i = 0; i < inv->n_disks; i++) {
		struct device *disk = &inv->disks[i];
		const char *id = json_string_value(json_object_get(identities, disk->name));
		if (id && !disk->identity[0])
			snprintf(disk->identity, sizeof(disk->identity), "%s", id);
	}
}

/* ---- file systems ---- */

/* The kernel's name of the device that a mount names. Return: whether it has one. */
static bool device_of_mount(const struct inventory *inv, const struct mount_entry *m, char *ret)
{
	if (major(m->dev) != 0)
		return device_of(inv->top, m->dev, ret, NULL) == 0;
	if (strcmp(m->type, "btrfs") != 0)
		return false;
	struct stat st;
	if (inv->top[0] == '\0' && stat(m->source, &st) == 0 && S_ISBLK(st.st_mode))
		return device_of(inv->top, st.st_rdev, ret, NULL) == 0;
	const char *slash = strrchr(m->source, '/');
	snprintf(ret, DEVICE_NAME_MAX, "%s", slash ? slash + 1 : m->source);
	return slash != NULL;
}

static int add_filesystem(struct inventory *inv, const struct mount_entry *m, const char *kernel,
			  struct error *err)
{
	void *bigger =
		reallocarray(inv->filesystems, inv->n_filesystems + 1, sizeof(*inv->filesystems));
	if (!bigger)
		return error_set(err, -ENOMEM, "the inventory: %m");
	inv->filesystems = bigger;
	struct inventory_fs *fs = &inv->filesystems[inv->n_filesystems];
	*fs = (struct inventory_fs){ .mount = m->id,
				     .point = strdup(m->point),
				     .type = strdup(m->type),
				     .size = device_size(inv->top, kernel),
				     .read_only = m->read_only,
				     .reason = "its kind of file system cannot be frozen" };
	inv->n_filesystems++;
	struct device device;
	device_describe(inv->top, kernel, &device);
	memcpy(fs->kernel, device.kernel, sizeof(fs->kernel));
	fs->device = strdup(access(m->source, F_OK) == 0 ? m->source : device.name);
	for (size_t i = 0; i < ARRAY_SIZE(freezable); i++)
		if (strcmp(m->type, freezable[i]) == 0)
			fs->reason = NULL;
	return fs->point && fs->type && fs->device ? 0
						   : error_set(err, -ENOMEM, "the inventory: %m");
}

/* One file system may be mounted at many places: the first is its name, but for parts of it. */
static int add_mount(struct inventory *inv, const struct mount_entry *m, struct error *err)
{
	char kernel[DEVICE_NAME_MAX];
	if (!device_of_mount(inv, m, kernel))
		return 0;
	for (size_t i = 0; i < inv->n_filesystems; i++) {
		struct inventory_fs *fs = &inv->filesystems[i];
		if (strcmp(fs->kernel, kernel) != 0)
			continue;
		if (strcmp(m->root, "/") == 0 && mounts_find(&inv->mounts, fs->point) != NULL &&
		    strcmp(mounts_find(&inv->mounts, fs->point)->root, "/") != 0) {
			char *point = strdup(m->point);
			if (!point)
				return error_set(err, -ENOMEM, "the inventory: %m");
			free(fs->point);
			fs->point = point;
			fs->mount = m->id;
		}
		return 0;
	}
	return add_filesystem(inv, m, kernel, err);
}

/* What every driver of a file system that can be frozen keeps: its UUID. Not known is no error. */
static void get_uuid(struct inventory_fs *fs)
{
	CLEANUP(blk_unref_cleanup) struct blk *blk = NULL;
	uint8_t id[SUPERBLOCK_ID_MAX];
	const struct superblock *kind;
	if (!fs->reason && blk_file_open(fs->device, &blk, NULL) == 0 &&
	    superblock_find(blk, id, &kind, NULL) == 0 && kind && kind->len)
		hex_uuid(id, fs->uuid);
}

/* ---- which disks carry a file system ---- */

struct carry {
	struct inventory *inv;
	const json_t *identities;
	struct inventory_fs *fs;
	unsigned int depth;
};

static int carry_device(struct carry *c, const char *kernel, struct error *err);

/* Everything below the file system that holds a file. Return: 1, or 0 when it is on no device. */
static int carry_file(struct carry *c, const char *path, struct error *err)
{
	ssize_t on = inventory_of_path(c->inv, path);
	if (on < 0)
		return 0;
	if (c->depth == STACK_MAX)
		return error_set(err, -ELOOP, "'%s' lies on a file on a file on a file ...",
				 c->fs->point);
	int rc = inventory_set_add(&c->fs->below, (size_t)on, err);
	if (rc < 0)
		return rc;
	c->depth++;
	c->fs->depth = MAX(c->fs->depth, c->depth);
	rc = carry_device(c, c->inv->filesystems[on].kernel, err);
	c->depth--;
	return rc < 0 ? rc : 1;
}

static int carry_disk(void *ctx, const char *kernel, struct error *err)
{
	struct carry *c = ctx;
	char path[4096];
	for (size_t i = 0; i < c->inv->n_disks; i++) {
		const struct device *disk = &c->inv->disks[i];
		if (strcmp(disk->kernel, kernel) != 0)
			continue;
		if (!json_object_get(c->identities, disk->name) &&
		    device_backing(c->inv->top, kernel, path, sizeof(path))) {
			int rc = carry_file(c, path, err);
			if (rc != 0)
				return MIN(rc, 0);
		}
		return inventory_set_add(&c->fs->disks, i, err);
	}
	return 0; /* a RAM disk, or one that went away meanwhile */
}

/* Btrfs lies on all the devices that it says, others on the one that is mounted. */
static int carry_btrfs(struct carry *c, const char *kernel, struct error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/sys/fs/btrfs", c->inv->top);
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), rc = 0, found = 0;
	for (int i = 0; i < n; i++) {
		struct dirent **devices;
		snprintf(path, sizeof(path), "%s/sys/fs/btrfs/%s/devices/%s", c->inv->top,
			 names[i]->d_name, kernel);
		bool here = names[i]->d_name[0] != '.' && access(path, F_OK) == 0;
		*strrchr(path, '/') = '\0';
		int m = here ? scandir(path, &devices, NULL, alphasort) : -1;
		for (int k = 0; k < m; k++) {
			if (rc == 0 && devices[k]->d_name[0] != '.') {
				rc = device_walk(c->inv->top, devices[k]->d_name, carry_disk, c,
						 err);
				found++;
			}
			free(devices[k]);
		}
		if (m >= 0)
			free(devices);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return rc < 0 ? rc : found;
}

static int carry_device(struct carry *c, const char *kernel, struct error *err)
{
	int rc = carry_btrfs(c, kernel, err);
	if (rc != 0)
		return MIN(rc, 0);
	return device_walk(c->inv->top, kernel, carry_disk, c, err);
}

/* ---- all of it ---- */

int inventory_read(const char *top, const json_t *identities, struct inventory **ret,
		   struct error *err)
{
	CLEANUP(inventory_free_cleanup) struct inventory *inv = calloc(1, sizeof(*inv));
	if (!inv)
		return error_set(err, -ENOMEM, "the inventory: %m");
	inv->top = top;
	int rc = mounts_read(top, &inv->mounts, err);
	if (rc == 0)
		rc = device_list(top, add_disk, inv, err);
	for (size_t i = 0; rc == 0 && i < inv->mounts.n; i++)
		rc = add_mount(inv, &inv->mounts.list[i], err);
	identify(inv, identities);
	struct carry c = { .inv = inv, .identities = identities };
	for (size_t i = 0; rc == 0 && i < inv->n_filesystems; i++) {
		c.fs = &inv->filesystems[i];
		rc = carry_device(&c, c.fs->kernel, err);
		get_uuid(c.fs);
	}
	if (rc < 0)
		return rc;
	*ret = steal(&inv);
	return 0;
}

void inventory_free(struct inventory *inv)
{
	if (!inv)
		return;
	for (size_t i = 0; i < inv->n_filesystems; i++) {
		struct inventory_fs *fs = &inv->filesystems[i];
		free(fs->point);
		free(fs->device);
		free(fs->type);
		free(fs->disks.list);
		free(fs->below.list);
	}
	free(inv->filesystems);
	free(inv->disks);
	mounts_clear(&inv->mounts);
	free(inv);
}

static ssize_t of_mount(const struct inventory *inv, const struct mount_entry *m)
{
	char kernel[DEVICE_NAME_MAX];
	if (!m || !device_of_mount(inv, m, kernel))
		return -1;
	for (size_t i = 0; i < inv->n_filesystems; i++)
		if (strcmp(inv->filesystems[i].kernel, kernel) == 0)
			return (ssize_t)i;
	return -1;
}

ssize_t inventory_of_path(const struct inventory *inv, const char *path)
{
	return of_mount(inv, mounts_find(&inv->mounts, path));
}

ssize_t inventory_find(const struct inventory *inv, const char *name)
{
	for (size_t i = 0; i < inv->n_filesystems; i++)
		if (strcmp(inv->filesystems[i].device, name) == 0)
			return (ssize_t)i;
	const struct mount_entry *m = mounts_find(&inv->mounts, name);
	return m && strcmp(m->point, name) == 0 ? of_mount(inv, m) : -1;
}

json_t *inventory_disk_json(const struct device *disk)
{
	return json_pack("{s:s, s:I, s:i, s:s, s:s, s:s, s:s}", "name", disk->name, "size",
			 (json_int_t)disk->size, "sector_size", (int)disk->sector, "identity",
			 disk->identity, "vendor", disk->vendor, "product", disk->product, "serial",
			 disk->serial);
}

static json_t *fs_json(const struct inventory *inv, const struct inventory_fs *fs)
{
	json_t *disks = json_array();
	for (size_t i = 0; i < fs->disks.n; i++)
		json_array_append_new(disks, json_string(inv->disks[fs->disks.list[i]].name));
	/* A mount point need not be UTF-8, and JSON is: this one cannot be named by a job. */
	json_t *name = json_string(fs->point);
	const char *reason = name ? fs->reason : "its mount point's name is not UTF-8";
	return json_pack("{s:o, s:s, s:s, s:s, s:I, s:b, s:s, s:o}", "name",
			 name ? name : json_text(fs->point), "device", fs->device, "type", fs->type,
			 "uuid", fs->uuid, "size", (json_int_t)fs->size, "freezable",
			 reason == NULL, "reason", reason ? reason : "", "disks", disks);
}

int inventory_json(const struct inventory *inv, json_t *into, struct error *err)
{
	json_t *disks = json_array(), *filesystems = json_array();
	int rc = 0;
	for (size_t i = 0; i < inv->n_disks; i++)
		rc |= json_array_append_new(disks, inventory_disk_json(&inv->disks[i]));
	for (size_t i = 0; i < inv->n_filesystems; i++)
		rc |= json_array_append_new(filesystems, fs_json(inv, &inv->filesystems[i]));
	rc |= json_object_set_new(into, "disks", disks);
	rc |= json_object_set_new(into, "filesystems", filesystems);
	return rc ? error_set(err, -ENOMEM, "inventory: %m") : 0;
}
