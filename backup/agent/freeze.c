/* SPDX-License-Identifier: GPL-3.0-or-later */
/* freeze - see freeze.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "freeze.h"
#include "leftover.h"
#include "lunette/clock.h"

int freeze_new(const char *session, const struct freeze_fs *list, size_t n, struct freeze **ret,
	       struct error *err)
{
	CLEANUP(freeze_free_cleanup) struct freeze *freeze = calloc(1, sizeof(*freeze));
	if (freeze)
		freeze->list = calloc(n ? n : 1, sizeof(*freeze->list));
	if (!freeze || !freeze->list)
		return error_set(err, -ENOMEM, "freeze: %m");
	freeze->session = session;
	freeze->dog.fd = -1;
	freeze->leftover = -1;
	for (size_t i = 0; i < n; i++) {
		struct freeze_fs *fs = &freeze->list[i];
		*fs = list[i];
		fs->fd = open(fs->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fs->fd < 0)
			return error_set(err, -errno, "open '%s': %m", fs->point);
		freeze->n++;
		struct statx st;
		if (statx(fs->fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
			return error_set(err, -errno, "stat '%s': %m", fs->point);
		if (st.stx_mnt_id != fs->mount)
			return error_set(err, -ESTALE,
					 "another file system is mounted at '%s' by now",
					 fs->point);
	}
	*ret = steal(&freeze);
	return 0;
}

static const char *why_not(int error)
{
	switch (error) {
	case EBUSY:
		return "somebody else has frozen it";
	case EOPNOTSUPP:
	case ENOTTY:
		return "its kind of file system cannot be frozen";
	case EPERM:
		return "only root may do that";
	default:
		return strerrordesc_np(error);
	}
}

/* Return: whether it is frozen now. */
static bool freeze_one(struct freeze_fs *fs, struct channel *log,
		       void (*warn)(void *ctx, const char *sentence), void *ctx)
{
	int64_t start = clock_now_ms();
	if (ioctl(fs->fd, FIFREEZE, 0) < 0) {
		char text[4200];
		snprintf(text, sizeof(text), "'%.3900s' could not be frozen: %s", fs->point,
			 why_not(errno));
		warn(ctx, text);
		return false;
	}
	fs->frozen = true;
	channel_log(log, false, "froze '%s' in %lld ms", fs->point,
		    (long long)(clock_now_ms() - start));
	return true;
}

/* Without memory for it there is one safety less, and no error. */
static void write_down(struct freeze *freeze)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	if (!file)
		return;
	for (size_t i = 0; i < freeze->n; i++) {
		const struct freeze_fs *fs = &freeze->list[i];
		struct stat st = { 0 };
		fstat(fs->fd, &st);
		fprintf(file, "%llu %u:%u %s\n", (unsigned long long)fs->mount, major(st.st_dev),
			minor(st.st_dev), fs->point);
	}
	if (fclose(file) == 0)
		leftover_begin(freeze->session, freeze->until, text, &freeze->leftover);
}

static int start_watchdog(struct freeze *freeze, struct error *err)
{
	CLEANUP(free_cleanup) int *fds = calloc(freeze->n, sizeof(*fds));
	if (!fds)
		return error_set(err, -ENOMEM, "freeze: %m");
	for (size_t i = 0; i < freeze->n; i++)
		fds[i] = freeze->list[i].fd;
	return watchdog_start(fds, freeze->n, freeze->leftover, freeze->until, &freeze->dog, err);
}

int freeze_begin(struct freeze *freeze, int limit_ms, struct channel *log,
		 void (*warn)(void *ctx, const char *sentence), void *ctx, struct error *err)
{
	if (freeze->n == 0) {
		freeze->began = clock_now_ms();
		freeze->until = freeze->began + limit_ms;
		return 0;
	}
	/* The more is written now, the less there is to write while everybody waits. */
	for (size_t i = 0; i < freeze->n; i++)
		syncfs(freeze->list[i].fd);
	freeze->began = clock_now_ms();
	freeze->until = freeze->began + limit_ms;
	write_down(freeze);
	int rc = start_watchdog(freeze, err);
	if (rc < 0)
		return rc;
	leftover_watchdog(freeze->leftover, freeze->dog.pid);
	if (!freeze->dog.locked)
		channel_log(log, true, "the watchdog's memory could not be locked");
	channel_hold(log);
	int frozen = 0;
	for (size_t i = 0; i < freeze->n; i++) {
		if (watchdog_look(&freeze->dog) != WATCHDOG_ON_GUARD) {
			warn(ctx, "the time was over before all was frozen");
			break;
		}
		frozen += freeze_one(&freeze->list[i], log, warn, ctx);
	}
	return frozen;
}

bool freeze_end(struct freeze *freeze, struct channel *log)
{
	bool held = true;
	for (size_t i = freeze->n; i-- > 0;) {
		struct freeze_fs *fs = &freeze->list[i];
		if (!fs->frozen)
			continue;
		fs->frozen = false;
		int rc = watchdog_thaw(fs->fd);
		if (rc == 0) {
			channel_log(log, false, "thawed '%s'", fs->point);
			continue;
		}
		held = false;
		if (rc == -EINVAL)
			channel_log(log, true, "'%s' was not frozen any more", fs->point);
		else
			channel_log(log, true, "'%s' could not be thawed: %s", fs->point,
				    strerrordesc_np(-rc));
	}
	watchdog_stop(&freeze->dog);
	leftover_end(steal_fd(&freeze->leftover));
	channel_release(log);
	return held;
}

void freeze_free(struct freeze *freeze)
{
	if (!freeze)
		return;
	for (size_t i = freeze->n; i-- > 0;) {
		if (freeze->list[i].frozen)
			watchdog_thaw(freeze->list[i].fd);
		close(freeze->list[i].fd);
	}
	watchdog_stop(&freeze->dog);
	leftover_end(freeze->leftover);
	free(freeze->list);
	free(freeze);
}
