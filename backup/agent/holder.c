/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holder - see holder.h. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "holder.h"
#include "lunette/clock.h"
#include "lunette/util.h"

#define SIGKILL_BIT (1ull << (SIGKILL - 1))

static bool has_open(pid_t pid, int file)
{
	char folder[64];
	struct stat wanted, st;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	DIR *dir = fstat(file, &wanted) == 0 ? opendir(folder) : NULL;
	bool found = false;
	for (struct dirent *d; dir && !found && (d = readdir(dir));)
		found = fstatat(dirfd(dir), d->d_name, &st, 0) == 0 && st.st_dev == wanted.st_dev &&
			st.st_ino == wanted.st_ino;
	if (dir)
		closedir(dir);
	return found;
}

static unsigned long long hex_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

static bool is_stuck(pid_t pid)
{
	char path[64], text[8192];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	const char *state = strstr(text, "\nState:\t");
	if (!state || strchr("TtZX", state[strlen("\nState:\t")]))
		return true;
	return (hex_behind(text, "\nSigPnd:\t") | hex_behind(text, "\nShdPnd:\t")) & SIGKILL_BIT;
}

enum holder_state holder_look(pid_t pid, int file)
{
	if (pid <= 0 || !has_open(pid, file))
		return HOLDER_GONE;
	return is_stuck(pid) ? HOLDER_STUCK : HOLDER_WELL;
}

void holder_end(pid_t pid, int file, int64_t until)
{
	CLEANUP(close_cleanup) int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (fd < 0 || !has_open(pid, file)) /* this one, and none that came after it */
		return;
	pidfd_send_signal(fd, SIGKILL, NULL, 0);
	int64_t left = MAX(until - clock_now_ms(), (int64_t)0);
	poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, (int)MIN(left, (int64_t)INT_MAX));
}
