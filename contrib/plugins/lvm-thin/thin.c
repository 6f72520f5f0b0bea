/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thin - what is asked of the kernel's device-mapper itself.
 *
 * Source: Documentation/admin-guide/device-mapper/thin-provisioning.rst. A snapshot's number in the
 * pool is given out by LVM, which has it in its metadata; that it is deleted and made again under
 * the same number is not seen there, as LVM counts its own transactions only.
 */
#include <errno.h>
#include <libdevmapper.h>
#include <stdarg.h>

#include "lvm-thin.h"

static void task_cleanup(struct dm_task **task)
{
	if (*task)
		dm_task_destroy(*task);
}

/* libdevmapper would print; what failed is said by us. */
static void no_log(int level, const char *file, int line, int code, const char *fmt, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)code;
	(void)fmt;
}

static struct dm_task *new_task(int type, const struct thin *device)
{
	dm_log_with_errno_init(no_log);
	CLEANUP(task_cleanup) struct dm_task *task = dm_task_create(type);
	if (!task || !dm_task_set_major(task, (int)device->major) ||
	    !dm_task_set_minor(task, (int)device->minor))
		return NULL;
	return steal(&task);
}

static int run(struct dm_task *task, const struct thin *device, const char *what, struct error *err)
{
	if (!task)
		return error_set(err, -ENOMEM, "%m");
	if (dm_task_run(task))
		return 0;
	int code = dm_task_get_errno(task);
	return error_set(err, code ? -code : -EIO, "device %u:%u: %s: %s", device->major,
			 device->minor, what, strerror(code));
}

int thin_of(const json_t *lv, struct thin *ret, struct error *err)
{
	int64_t major = lv_number(lv, "lv_kernel_major"), minor = lv_number(lv, "lv_kernel_minor");
	if (major < 0 || minor < 0)
		return error_set(err, -ESTALE, "volume '%s' is not active", lv_text(lv, "lv_name"));
	*ret = (struct thin){ .major = (uint32_t)major, .minor = (uint32_t)minor };
	return 0;
}

/* The only line of a table: its length in sectors and its parameters, as long as @task lives. */
static int get_table(const struct thin *device, const char *type, struct dm_task **ret_task,
		     uint64_t *ret_sectors, const char **ret_params, struct error *err)
{
	CLEANUP(task_cleanup) struct dm_task *task = new_task(DM_DEVICE_TABLE, device);
	uint64_t start, sectors;
	char *has = NULL, *params = NULL;
	int rc = run(task, device, "read its table", err);
	if (rc < 0)
		return rc;
	void *more = dm_get_next_target(task, NULL, &start, &sectors, &has, &params);
	if (more || !has || !params || strcmp(has, type) != 0)
		return error_set(err, -ESTALE, "device %u:%u is not of the type '%s'",
				 device->major, device->minor, type);
	*ret_task = steal(&task);
	*ret_sectors = sectors;
	*ret_params = params;
	return 0;
}

int thin_check(const struct thin *volume, int64_t id, int64_t size, struct error *err)
{
	CLEANUP(task_cleanup) struct dm_task *task = NULL;
	uint64_t sectors;
	const char *params;
	long long has;
	int end = 0;
	int rc = get_table(volume, "thin", &task, &sectors, &params, err);
	if (rc < 0)
		return rc;
	if (sscanf(params, "%*s %lld%n", &has, &end) != 1 || has != id ||
	    sectors * 512 != (uint64_t)size)
		return error_set(err, -ESTALE,
				 "the kernel has another volume at %u:%u than LVM says",
				 volume->major, volume->minor);
	if (params[end + (int)strspn(params + end, " ")])
		return error_set(err, -EOPNOTSUPP,
				 "it has an external origin, which a snapshot of it would lack");
	return 0;
}

int thin_pool(const struct thin *pool, char ret_metadata[64], uint64_t *ret_block,
	      struct error *err)
{
	CLEANUP(task_cleanup) struct dm_task *task = NULL;
	uint64_t sectors;
	const char *params;
	unsigned int major, minor;
	unsigned long long block;
	char link[64], target[256];
	int rc = get_table(pool, "thin-pool", &task, &sectors, &params, err);
	if (rc < 0)
		return rc;
	if (sscanf(params, "%u:%u %*s %llu", &major, &minor, &block) != 3 || block == 0 ||
	    block > UINT32_MAX)
		return error_set(err, -EPROTO, "the pool's table is not understood: '%.100s'",
				 params);
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major, minor);
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	if (len <= 0)
		return error_set(err, -errno, "read '%s': %m", link);
	target[len] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(ret_metadata, 64, "/dev/%.50s", slash ? slash + 1 : target);
	*ret_block = block * 512;
	return 0;
}

int thin_suspend(const struct thin *volume, struct error *err)
{
	CLEANUP(task_cleanup) struct dm_task *task = new_task(DM_DEVICE_SUSPEND, volume);
	/* No file system of this machine is on it. */
	if (task && (!dm_task_skip_lockfs(task) || !dm_task_no_open_count(task)))
		return error_set(err, -ENOMEM, "%m");
	return run(task, volume, "suspend it", err);
}

int thin_resume(const struct thin *volume, struct error *err)
{
	CLEANUP(task_cleanup) struct dm_task *task = new_task(DM_DEVICE_RESUME, volume);
	if (task && !dm_task_no_open_count(task))
		return error_set(err, -ENOMEM, "%m");
	return run(task, volume, "resume it", err);
}

int thin_message(const struct thin *pool, struct error *err, const char *fmt, ...)
{
	char text[128];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	CLEANUP(task_cleanup) struct dm_task *task = new_task(DM_DEVICE_TARGET_MSG, pool);
	if (task && (!dm_task_set_sector(task, 0) || !dm_task_set_message(task, text)))
		return error_set(err, -ENOMEM, "%m");
	return run(task, pool, text, err);
}
