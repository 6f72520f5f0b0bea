/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pause - tgtd stands still while several files are cloned.
 *
 * A guard lets it go on, whatever happens to this process (plug-guard.c), after PAUSE_MS at the
 * latest; when it was the time, the clones are not of one moment, and that is an error. A guard
 * that is killed by its own number, too, leaves tgtd to be sent SIGCONT by hand.
 *
 * Two that stop the same tgtd would spoil it for each other; an abstract socket with tgtd's process
 * id in its name is had by one only, and is free again when he and his guard are dead.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "reflink.h"
#include "lunette/clock.h"

struct pause {
	pid_t tgtd;
	int lock;
	struct plug_guard guard;
};

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int get_lock(const struct tgt *tgt, pid_t pid, int *ret, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(close_cleanup) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, -errno, "socket: %m");
	int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			   "lunette-reflink-pause-%d", (int)pid);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
	while (bind(fd, (struct sockaddr *)&address, size) < 0) {
		if (errno != EADDRINUSE)
			return error_set(err, -errno, "bind: %m");
		if (clock_now_ms() + 20 > tgt->deadline)
			return error_set(err, -ETIMEDOUT, "other jobs keep tgtd standing still");
		sleep_ms(1);
	}
	*ret = steal_fd(&fd);
	return 0;
}

static void let_go_on(void *arg)
{
	kill(((struct pause *)arg)->tgtd, SIGCONT);
}

/* "PID (COMM) STATE": COMM may have anything in it. */
static char state_of(int dir, const char *task)
{
	char path[64], buf[512];
	snprintf(path, sizeof(path), "%.32s/stat", task);
	CLEANUP(close_cleanup) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return 'X';
	buf[n] = '\0';
	const char *end = strrchr(buf, ')');
	return end && end[1] ? end[2] : 'X';
}

/* Each of its threads: one may still be inside a write. */
static int all_stopped(pid_t pid, bool *ret, struct error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return error_set(err, -ESRCH, "tgtd is gone");
	*ret = true;
	for (struct dirent *e; (e = readdir(dir));) {
		char state = isdigit((unsigned char)e->d_name[0]) ? state_of(dirfd(dir), e->d_name)
								  : 'T';
		if (state != 'T' && state != 'X' && state != 'Z')
			*ret = false;
	}
	closedir(dir);
	return 0;
}

static int wait_until_stopped(const struct tgt *tgt, pid_t pid, struct error *err)
{
	int64_t end = MIN(clock_now_ms() + PAUSE_MS / 2, tgt->deadline);
	for (bool stopped = false;;) {
		int rc = all_stopped(pid, &stopped, err);
		if (rc < 0 || stopped)
			return rc;
		if (clock_now_ms() > end)
			return error_set(err, -EBUSY,
					 "tgtd does not stand still: a write of its "
					 "takes longer than %d ms",
					 PAUSE_MS / 2);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
}

int pause_begin(const struct tgt *tgt, struct pause **ret, struct error *err)
{
	pid_t pid;
	CLEANUP(close_cleanup) int lock = -1;
	CLEANUP(free_cleanup) struct pause *p = malloc(sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "%m");
	int rc = tgt_process(tgt, &pid, err);
	if (rc == 0)
		rc = get_lock(tgt, pid, &lock, err);
	if (rc < 0)
		return rc;
	*p = (struct pause){ .tgtd = pid };
	rc = plug_guard_begin(&p->guard, PAUSE_MS, let_go_on, p, err);
	if (rc < 0)
		return rc;
	p->lock = steal_fd(&lock);
	if (kill(pid, SIGSTOP) < 0)
		rc = error_set(err, -errno, "stop tgtd: %m");
	else
		rc = wait_until_stopped(tgt, pid, err);
	struct pause *begun = steal(&p);
	if (rc < 0) {
		pause_end(begun, NULL);
		return rc;
	}
	*ret = begun;
	return 0;
}

int pause_end(struct pause *pause, struct error *err)
{
	int rc = plug_guard_end(&pause->guard, NULL);
	close(pause->lock);
	free(pause);
	if (rc < 0)
		return error_set(err, -EBUSY,
				 "tgtd had to go on after %d ms, before all volumes were cloned",
				 PAUSE_MS);
	return 0;
}
