/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * device - see device.h.
 *
 * Source: Linux, Documentation/ABI/stable/sysfs-block and testing/sysfs-block; a partition's folder
 * lies in that of its disk and has a file "partition"; "slaves" has what a device-mapper or MD
 * device lies on; dm/uuid of a multipath device begins with "mpath-".
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "device.h"
#include "lunette/util.h"

/* Deeper than anything that people stack. */
#define DEPTH_MAX 16

/* ---- small files ---- */

static ssize_t read_bytes(const char *path, void *buf, size_t size)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : read(fd, buf, size);
}

/* What a disk says of itself must not reach a terminal as commands, and must be text. */
static void clean_text(char *text)
{
	size_t len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	text[len] = '\0';
	for (char *p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}

__attribute__((format(printf, 3, 4))) static bool read_text(char *buf, size_t size, const char *fmt,
							    ...)
{
	char path[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	ssize_t n = read_bytes(path, buf, size - 1);
	buf[MAX(n, (ssize_t)0)] = '\0';
	size_t blanks = strspn(buf, " ");
	memmove(buf, buf + blanks, strlen(buf) - blanks + 1);
	clean_text(buf);
	return n >= 0;
}

static uint64_t read_number(const char *top, const char *kernel, const char *name)
{
	char text[32];
	if (!read_text(text, sizeof(text), "%s/sys/class/block/%s/%s", top, kernel, name))
		return 0;
	return strtoull(text, NULL, 10);
}

/* ---- names ---- */

int device_of(const char *top, dev_t dev, char ret[DEVICE_NAME_MAX], struct error *err)
{
	char path[4096], target[4096];
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", top, major(dev), minor(dev));
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return error_set(err, -ENODEV, "no block device has the number %u:%u", major(dev),
				 minor(dev));
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(ret, DEVICE_NAME_MAX, "%.63s", slash ? slash + 1 : target);
	return 0;
}

uint64_t device_size(const char *top, const char *kernel)
{
	/* The kernel counts in units of 512 bytes, whatever the sector is. */
	return read_number(top, kernel, "size") * 512;
}

bool device_backing(const char *top, const char *kernel, char *ret, size_t size)
{
	static const char gone[] = " (deleted)";
	if (!read_text(ret, size, "%s/sys/class/block/%s/loop/backing_file", top, kernel))
		return false;
	size_t n = strlen(ret), g = sizeof(gone) - 1;
	return ret[0] == '/' && !(n > g && strcmp(ret + n - g, gone) == 0);
}

static bool is_multipath(const char *top, const char *kernel)
{
	char uuid[64];
	return read_text(uuid, sizeof(uuid), "%s/sys/class/block/%s/dm/uuid", top, kernel) &&
	       strncmp(uuid, "mpath-", 6) == 0;
}

/* ---- what a disk says of itself ---- */

static void get_identity(const char *top, const char *kernel, char ret[SOURCE_ID_MAX])
{
	char path[4096];
	uint8_t page[1024];
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/device/vpd_pg83", top, kernel);
	ssize_t n = read_bytes(path, page, sizeof(page));
	source_identity(page, n > 0 ? (size_t)n : 0, ret);
	char wwid[SOURCE_ID_MAX];
	if (ret[0] || !read_text(wwid, sizeof(wwid), "%s/sys/class/block/%s/wwid", top, kernel))
		return;
	/* NVMe has no such page; the kernel spells its EUI-64 or NGUID in the same way. */
	if (strncmp(wwid, "eui.", 4) == 0)
		snprintf(ret, SOURCE_ID_MAX, "%s", wwid);
}

/* The text of VPD page 0x80, behind its head of 4 bytes; or what other buses have. */
static void get_serial(const char *top, const char *kernel, char *ret, size_t size)
{
	char path[4096], page[256] = "";
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/device/vpd_pg80", top, kernel);
	if (read_bytes(path, page, sizeof(page) - 1) > 4) {
		snprintf(ret, size, "%s", page + 4 + strspn(page + 4, " "));
		clean_text(ret);
	} else if (!read_text(ret, size, "%s/sys/class/block/%s/device/serial", top, kernel)) {
		read_text(ret, size, "%s/sys/class/block/%s/serial", top, kernel);
	}
}

static int copy_first(void *ctx, const char *kernel, struct error *err)
{
	(void)err;
	char *first = ctx;
	if (!first[0])
		snprintf(first, DEVICE_NAME_MAX, "%s", kernel);
	return 0;
}

typedef int walk_fn(const char *top, const char *kernel, int depth, device_fn *fn, void *ctx,
		    struct error *err);

/* Return: how many there were, or negative errno. */
static int each_slave(const char *top, const char *kernel, int depth, walk_fn *go, device_fn *fn,
		      void *ctx, struct error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/slaves", top, kernel);
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	int found = 0, rc = 0;
	for (struct dirent *d; rc == 0 && (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		found++;
		rc = go(top, d->d_name, depth + 1, fn, ctx, err);
	}
	closedir(dir);
	return rc < 0 ? rc : found;
}

static int call(const char *top, const char *kernel, int depth, device_fn *fn, void *ctx,
		struct error *err)
{
	(void)top;
	(void)depth;
	return fn(ctx, kernel, err);
}

void device_describe(const char *top, const char *kernel, struct device *ret)
{
	*ret = (struct device){ 0 };
	snprintf(ret->kernel, sizeof(ret->kernel), "%s", kernel);
	char name[DEVICE_NAME_MAX], path[DEVICE_NAME_MAX] = "";
	if (read_text(name, sizeof(name), "%s/sys/class/block/%s/dm/name", top, kernel) && name[0])
		snprintf(ret->name, sizeof(ret->name), "/dev/mapper/%s", name);
	else
		snprintf(ret->name, sizeof(ret->name), "/dev/%s", kernel);
	/* /sys has "!" for a "/" in a name: cciss!c0d0. */
	for (char *p = ret->name; *p; p++)
		if (*p == '!')
			*p = '/';
	ret->size = device_size(top, kernel);
	ret->sector = (uint32_t)read_number(top, kernel, "queue/logical_block_size");
	if (is_multipath(top, kernel))
		each_slave(top, kernel, 0, call, copy_first, path, NULL);
	const char *of = path[0] ? path : kernel;
	get_identity(top, of, ret->identity);
	get_serial(top, of, ret->serial, sizeof(ret->serial));
	read_text(ret->vendor, sizeof(ret->vendor), "%s/sys/class/block/%s/device/vendor", top, of);
	read_text(ret->product, sizeof(ret->product), "%s/sys/class/block/%s/device/model", top,
		  of);
}

/* ---- the tree ---- */

/* The disk of a partition. Return: whether it is one. */
static bool disk_of(const char *top, const char *kernel, char ret[DEVICE_NAME_MAX])
{
	char path[4096], real[4096], number[16];
	if (!read_text(number, sizeof(number), "%s/sys/class/block/%s/partition", top, kernel))
		return false;
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/..", top, kernel);
	if (!realpath(path, real))
		return false;
	snprintf(ret, DEVICE_NAME_MAX, "%s", strrchr(real, '/') + 1);
	return true;
}

static int walk(const char *top, const char *kernel, int depth, device_fn *fn, void *ctx,
		struct error *err)
{
	char disk[DEVICE_NAME_MAX];
	if (depth > DEPTH_MAX)
		return error_set(err, -ELOOP, "device '%s' lies on more than %d others", kernel,
				 DEPTH_MAX);
	if (disk_of(top, kernel, disk))
		return walk(top, disk, depth + 1, fn, ctx, err);
	int slaves =
		is_multipath(top, kernel) ? 0 : each_slave(top, kernel, depth, walk, fn, ctx, err);
	if (slaves != 0)
		return MIN(slaves, 0);
	return fn(ctx, kernel, err);
}

int device_walk(const char *top, const char *kernel, device_fn *fn, void *ctx, struct error *err)
{
	return walk(top, kernel, 0, fn, ctx, err);
}

/* Whether it is a path of a multipath device, which is listed in its place. */
static bool is_path(const char *top, const char *kernel)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/sys/class/block/%s/holders", top, kernel);
	DIR *dir = opendir(path);
	if (!dir)
		return false;
	bool found = false;
	for (struct dirent *d; !found && (d = readdir(dir));)
		found = d->d_name[0] != '.' && is_multipath(top, d->d_name);
	closedir(dir);
	return found;
}

static bool is_disk(const char *top, const char *kernel)
{
	static const char *const not_disks[] = { "ram", "zram", "sr", "fd", "md" };
	for (size_t i = 0; i < ARRAY_SIZE(not_disks); i++) {
		size_t n = strlen(not_disks[i]);
		if (strncmp(kernel, not_disks[i], n) == 0 && isdigit((unsigned char)kernel[n]))
			return false;
	}
	if (strncmp(kernel, "dm-", 3) == 0)
		return is_multipath(top, kernel);
	char disk[DEVICE_NAME_MAX];
	return device_size(top, kernel) > 0 && !disk_of(top, kernel, disk) && !is_path(top, kernel);
}

int device_list(const char *top, device_fn *fn, void *ctx, struct error *err)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/sys/class/block", top);
	struct dirent **names;
	int n = scandir(path, &names, NULL, versionsort);
	if (n < 0)
		return error_set(err, -errno, "read '%s': %m", path);
	int rc = 0;
	for (int i = 0; i < n; i++) {
		if (rc == 0 && names[i]->d_name[0] != '.' && is_disk(top, names[i]->d_name))
			rc = fn(ctx, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return rc;
}
