/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * attach - see include/lunette/attach.h.
 *
 * A volume's device is named lunette-MAJOR.MINOR-VOLUME after its first disk; that disk cannot go
 * away while the device holds it, so the name cannot be another's. What device-mapper needs below
 * it (a RAID target takes whole devices, without offsets) gets the same name with a number in front
 * of the volume's, and UUIDs tell of both that they are ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <libdevmapper.h>

#include "lunette/attach.h"
#include "lunette/map-dm.h"

#define PREFIX      "lunette-"
#define UUID_PREFIX "LUNETTE-"

/**
 * struct attachment - a volume on its way to a device
 * @head: "MAJOR.MINOR" of its first disk
 * @names: of the devices below it made so far, to be undone on failure
 * @blks: the mapped blk that each of them shows; NULL for a bare range
 */
struct attachment {
	const struct layout *layout;
	const char *volume;
	char head[32];
	size_t n;
	struct {
		char name[ATTACH_NAME_MAX];
		struct blk *blk;
		char device[32];
	} * below;
};

/* libdevmapper prints on standard error unless told otherwise; its codes say enough for us. */
static void no_log(int level, const char *file, int line, int code, const char *fmt, ...)
{
	(void)level, (void)file, (void)line, (void)code, (void)fmt;
}

/* Is there a device-mapper, and may we use it? */
static int check_kernel(struct error *err)
{
	if (geteuid() != 0)
		return error_set(err, -EPERM, "only root may make kernel devices");
	dm_log_with_errno_init(no_log);
	struct dm_task *task = dm_task_create(DM_DEVICE_VERSION);
	bool there = task && dm_task_run(task);
	if (task)
		dm_task_destroy(task);
	if (!there)
		return error_set(err, -ENODEV,
				 "this kernel has no device-mapper (is the module dm-mod loaded?); "
				 "'lunette mount' needs none");
	return 0;
}

/* The device number of a disk. */
static int disk_number(const char *path, dev_t *ret, struct error *err)
{
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return error_set(
			err, -ENOTBLK,
			"'%s' is not a block device: device-mapper needs one. Connect the LUN "
			"with iscsiadm, or an image with 'losetup -r', and give that; or use "
			"'lunette mount', which needs none",
			path);
	*ret = st.st_rdev;
	return 0;
}

static const struct layout_disk *disk_of(const struct layout *layout, const struct blk *blk)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		if (layout->disks[i].blk == blk)
			return &layout->disks[i];
	return NULL;
}

/* Runs a task; with udev, waits until it has made the nodes, else libdevmapper makes them. */
static bool run(struct dm_task *task)
{
	uint32_t cookie = 0;
	bool udev = access("/run/udev/control", F_OK) == 0;
	if (udev && !dm_task_set_cookie(task, &cookie, 0))
		return false;
	bool done = dm_task_run(task);
	if (udev)
		dm_udev_wait(cookie);
	else
		dm_task_update_nodes();
	return done;
}

static bool add_targets(struct dm_task *task, const char *table)
{
	for (const char *line = table; *line; line = strchr(line, '\n') + 1) {
		uint64_t from, length;
		char type[32];
		int args;
		if (sscanf(line, "%" SCNu64 " %" SCNu64 " %31s%n", &from, &length, type, &args) !=
		    3)
			return false;
		CLEANUP(free_cleanup)
		char *params = strndup(line + args, strcspn(line + args, "\n"));
		if (!params ||
		    !dm_task_add_target(task, from, length, type, params[0] ? params + 1 : params))
			return false;
	}
	return true;
}

static bool exists(const char *name)
{
	struct dm_info info = { 0 };
	struct dm_task *task = dm_task_create(DM_DEVICE_INFO);
	bool there = task && dm_task_set_name(task, name) && dm_task_run(task) &&
		     dm_task_get_info(task, &info) && info.exists;
	if (task)
		dm_task_destroy(task);
	return there;
}

static int create(const char *name, const char *table, char device[32], struct error *err)
{
	if (exists(name))
		return error_set(err, -EEXIST, "'%s' is attached already", name);
	char uuid[ATTACH_NAME_MAX + 8];
	snprintf(uuid, sizeof(uuid), UUID_PREFIX "%s", name + strlen(PREFIX));
	struct dm_task *task = dm_task_create(DM_DEVICE_CREATE);
	bool made = task && dm_task_set_name(task, name) && dm_task_set_uuid(task, uuid) &&
		    dm_task_set_ro(task) && add_targets(task, table) && run(task);
	struct dm_info info = { 0 };
	if (made)
		made = dm_task_get_info(task, &info);
	int why = task ? dm_task_get_errno(task) : ENOMEM;
	if (task)
		dm_task_destroy(task);
	if (made) {
		snprintf(device, 32, "%u:%u", info.major, info.minor);
		return 0;
	}
	if (why == EBUSY || why == EEXIST)
		return error_set(err, -EEXIST, "'%s' is attached already", name);
	why = why ? why : EINVAL;
	return error_set(
		err, -why,
		"the kernel refused the device '%s' (%m); its log says more. Its table was: %s",
		name, table);
}

static bool remove_device(const char *name)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_REMOVE);
	bool done = task && dm_task_set_name(task, name) && dm_task_retry_remove(task) && run(task);
	if (task)
		dm_task_destroy(task);
	return done;
}

static map_device_fn device_of_leg;

/* Makes the device below the volume that shows @map, or says which one does. */
static int device_below(struct attachment *a, const struct map *map, struct blk *blk,
			char device[32], struct error *err)
{
	for (size_t i = 0; blk && i < a->n; i++)
		if (a->below[i].blk == blk) {
			strcpy(device, a->below[i].device);
			return 0;
		}
	CLEANUP(free_cleanup) char *table = NULL;
	int rc = map_dm_table(map, device_of_leg, a, &table, err);
	if (rc < 0)
		return rc;
	void *bigger = reallocarray(a->below, a->n + 1, sizeof(*a->below));
	if (!bigger)
		return error_set(err, -ENOMEM, "attach: %m");
	a->below = bigger;
	snprintf(a->below[a->n].name, ATTACH_NAME_MAX, PREFIX "%s_%zu-%s", a->head, a->n,
		 a->volume);
	a->below[a->n].blk = blk;
	rc = create(a->below[a->n].name, table, a->below[a->n].device, err);
	if (rc == 0)
		strcpy(device, a->below[a->n++].device);
	return rc;
}

/* A range of a blk as a device of its own. */
static int device_of_range(struct attachment *a, const struct map_leg *leg, uint64_t length,
			   char device[32], struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	if (rc == 0)
		rc = map_add_linear(map, length, leg->blk, leg->start, err);
	if (rc == 0)
		rc = device_below(a, map, NULL, device, err);
	return rc;
}

/* Follows linear maps (partitions) down to a disk, so that most legs need no device of their own.
 */
static struct map_leg through_linear(const struct layout *layout, const struct map_leg *leg,
				     uint64_t length)
{
	struct map_leg at = *leg;
	for (;;) {
		const struct map *map;
		if (disk_of(layout, at.blk) || blk_map(at.blk, &map, NULL) < 0 ||
		    map->n_segments != 1 || map->segments[0].kind != MAP_LINEAR ||
		    !map->segments[0].legs[0].blk || length > map->size)
			return at;
		at.start += map->segments[0].legs[0].start;
		at.blk = map->segments[0].legs[0].blk;
	}
}

/* What is no disk, as a device of its own. */
static int device_of_blk(struct attachment *a, struct blk *blk, char device[32], struct error *err)
{
	const struct map *map;
	int rc = blk_map(blk, &map, err);
	if (rc == -ENOTSUP)
		return error_set(err, rc, "device-mapper has no target for a '%s' volume",
				 blk->ops->name);
	return rc < 0 ? rc : device_below(a, map, blk, device, err);
}

static int device_of_leg(void *ctx, const struct map_leg *leg, uint64_t length, bool whole,
			 char *buf, size_t size, uint64_t *ret_start, struct error *err)
{
	struct attachment *a = ctx;
	char device[32];
	int rc = 0;
	struct map_leg at = through_linear(a->layout, leg, length);
	const struct layout_disk *disk = disk_of(a->layout, at.blk);
	if (whole) {
		rc = device_of_range(a, &at, length, device, err);
		at.start = 0;
	} else if (disk) {
		dev_t number = 0;
		rc = disk_number(disk->source, &number, err);
		snprintf(device, sizeof(device), "%u:%u", major(number), minor(number));
	} else {
		rc = device_of_blk(a, at.blk, device, err);
	}
	if (rc < 0)
		return rc;
	snprintf(buf, size, "%s", device);
	*ret_start = at.start;
	return 0;
}

/* Which of the disks holds the first bytes that lie on one; then there is no need to go on. */
static int note_disk(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		     struct error *err)
{
	(void)length, (void)off;
	struct layout_disk **first = ctx;
	*first = disk;
	return error_set(err, -ECANCELED, "found");
}

static int head_of(struct attachment *a, const struct layout_volume *volume, struct error *err)
{
	struct layout_disk *first = NULL;
	int rc = layout_walk(a->layout, volume->blk, volume->size, 0, note_disk, &first, err);
	if (rc < 0 && !first)
		return rc;
	/* A thin volume in which nothing was written lies nowhere. */
	const struct layout_disk *disk = first ? first : &a->layout->disks[0];
	dev_t number = 0;
	rc = disk_number(disk->source, &number, err);
	snprintf(a->head, sizeof(a->head), "%u.%u", major(number), minor(number));
	return rc;
}

int attach_volume(const struct layout *layout, const struct layout_volume *volume,
		  char ret_name[ATTACH_NAME_MAX], struct error *err)
{
	const struct map *map;
	if (!volume->blk || blk_map(volume->blk, &map, NULL) < 0)
		return error_set(err, -ENODEV, "volume '%s': %s", volume->name,
				 volume->reason[0]
					 ? volume->reason
					 : "device-mapper cannot show this kind of volume");
	struct attachment a = { .layout = layout, .volume = volume->name };
	int rc = head_of(&a, volume, err);
	if (rc == 0)
		rc = check_kernel(err);
	CLEANUP(free_cleanup) char *table = NULL;
	if (rc == 0)
		rc = map_dm_table(map, device_of_leg, &a, &table, err);
	if (rc == 0) {
		char name[ATTACH_NAME_MAX], device[32];
		if (snprintf(name, sizeof(name), PREFIX "%s-%s", a.head, volume->name) >=
		    (int)sizeof(name))
			rc = error_set(err, -ENAMETOOLONG, "the name of its device: %m");
		else
			rc = create(name, table, device, err);
		if (rc == 0)
			strcpy(ret_name, name);
	}
	if (rc < 0) {
		while (a.n > 0)
			remove_device(a.below[--a.n].name);
		error_wrap(err, rc, "volume '%s'", volume->name);
	}
	free(a.below);
	return rc;
}

/* ---- detaching ------------------------------------------------------------------------------- */

/**
 * is_ours() - does a device belong to an attached volume of this disk?
 * @ret_below: it is one below the volume's own
 */
static bool is_ours(const char *name, const char *head, const char *volume, bool *ret_below)
{
	size_t n = strlen(PREFIX);
	if (strncmp(name, PREFIX, n) != 0 || strncmp(name + n, head, strlen(head)) != 0)
		return false;
	const char *rest = name + n + strlen(head);
	*ret_below = *rest == '_';
	if (*ret_below)
		rest += 1 + strspn(rest + 1, "0123456789");
	return *rest == '-' && (!volume || strcmp(rest + 1, volume) == 0);
}

/* Removes what nothing holds; what is on top first. Returns how many there still are. */
static unsigned int remove_pass(struct dm_task *task, const char *head, const char *volume,
				unsigned int *ret_removed, unsigned int *ret_volumes, char *busy)
{
	unsigned int left = 0;
	*ret_removed = 0;
	struct dm_names *at = dm_task_get_names(task);
	for (bool more = at && at->dev; more; at = (void *)((char *)at + at->next)) {
		more = at->next != 0;
		bool below;
		if (!is_ours(at->name, head, volume, &below))
			continue;
		char name[ATTACH_NAME_MAX];
		snprintf(name, sizeof(name), "%s", at->name);
		if (remove_device(name)) {
			++*ret_removed;
			*ret_volumes += !below;
		} else {
			left++;
			if (!below || !busy[0])
				strcpy(busy, name);
		}
	}
	return left;
}

int attach_detach(const char *disk, const char *volume, unsigned int *ret, struct error *err)
{
	dev_t number = 0;
	int rc = disk_number(disk, &number, err);
	if (rc == 0)
		rc = check_kernel(err);
	if (rc < 0)
		return rc;
	char head[32];
	snprintf(head, sizeof(head), "%u.%u", major(number), minor(number));
	unsigned int volumes = 0;
	for (;;) {
		struct dm_task *task = dm_task_create(DM_DEVICE_LIST);
		bool listed = task && dm_task_run(task);
		unsigned int removed = 0, left = 0;
		char busy[ATTACH_NAME_MAX] = "";
		if (listed)
			left = remove_pass(task, head, volume, &removed, &volumes, busy);
		if (task)
			dm_task_destroy(task);
		if (!listed)
			return error_set(err, -EIO, "device-mapper does not list its devices");
		if (left == 0)
			break;
		if (removed == 0)
			return error_mark(
				err,
				error_set(err, -EBUSY,
					  "'/dev/mapper/%s' is in use: unmount or close it first",
					  busy),
				ERROR_KIND_BUSY);
	}
	*ret = volumes;
	return 0;
}
