/* SPDX-License-Identifier: GPL-3.0-or-later */
/* leftover - see leftover.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "leftover.h"
#include "watchdog.h"

/* In memory, and empty after a start of the machine, as are the freezes. */
#define FOLDER   "/run/lunette-agent"
#define TEXT_MAX 65536

/* Where systemd says, if it has started us; else in the usual place. */
static const char *folder(void)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	return given && given[0] == '/' ? given : FOLDER;
}

static bool path_of(char path[PATH_MAX], long pid)
{
	int n = snprintf(path, PATH_MAX, "%s/%ld", folder(), pid);
	return n > 0 && n < PATH_MAX;
}

void leftover_begin(const char *text, int *ret)
{
	char path[PATH_MAX];
	*ret = -1;
	mkdir(folder(), 0700);
	if (!path_of(path, getpid()))
		return;
	CLEANUP(close_cleanup)
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	size_t len = strlen(text);
	if (write(fd, text, len) == (ssize_t)len)
		*ret = steal_fd(&fd);
}

void leftover_end(int fd)
{
	char path[PATH_MAX];
	if (fd < 0)
		return;
	if (path_of(path, getpid()))
		unlink(path);
	close(fd);
}

/* Only what is mounted there as it was then. */
static void thaw_line(const char *line, struct channel *log)
{
	char *point;
	unsigned long long mount = strtoull(line, &point, 10);
	struct statx st;
	if (*point++ != ' ')
		return;
	CLEANUP(close_cleanup) int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0 &&
	    st.stx_mnt_id == mount && watchdog_thaw(fd) == 0)
		channel_log(log, true,
			    "thawed '%s', which an agent had left frozen when it was killed",
			    point);
}

static void thaw_file(const char *path, struct channel *log)
{
	CLEANUP(free_cleanup) char *text = calloc(1, TEXT_MAX + 1);
	CLEANUP(close_cleanup) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (!text || fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return; /* whoever holds it thaws */
	if (read(fd, text, TEXT_MAX) < 0)
		return;
	/* They were written in the order of the freeze; the last one is what the others lie on. */
	for (char *nl; (nl = strrchr(text, '\n'));) {
		*nl = '\0';
		char *before = strrchr(text, '\n');
		thaw_line(before ? before + 1 : text, log);
	}
	unlink(path);
}

void leftover_thaw(struct channel *log)
{
	DIR *dir = opendir(folder());
	if (!dir)
		return;
	for (struct dirent *d; (d = readdir(dir));) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%s/%s", folder(), d->d_name);
		if (d->d_name[0] != '.' && n > 0 && n < PATH_MAX)
			thaw_file(path, log);
	}
	closedir(dir);
}
