/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pause - tgtd stands still while several files are cloned.
 *
 * Its one idea: who stops somebody may die, so another process sees to it that tgtd goes on: a
 * child in a session of its own, which no signal to ours reaches, and which does nothing but wait
 * until its pipe is closed or PAUSE_MS are over. When it was the time, the clones are not of one
 * moment, and that is an error. (Both at once can only be killed by somebody who kills every
 * process of a control group in the same milliseconds: then tgtd has to be sent SIGCONT by hand.)
 *
 * Two that stop the same tgtd would spoil it for each other; an abstract socket with tgtd's process
 * id in its name is had by one only, and is free again when he and his child are dead.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "reflink.h"

struct pause {
	pid_t tgtd;
	pid_t child;
	int lock;
	int pipe;
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
		if (plug_now() + 20 > tgt->deadline)
			return error_set(err, -ETIMEDOUT, "other jobs keep tgtd standing still");
		sleep_ms(1);
	}
	*ret = steal_fd(&fd);
	return 0;
}

/* The child: async-signal-safe calls only, and never more than PAUSE_MS. */
static void guard(int pipe, pid_t tgtd)
{
	struct pollfd p = { .fd = pipe, .events = POLLIN };
	setsid();
	/* From here on a signal to the process group ends only the other one. */
	int n = (int)write(pipe, "", 1);
	int64_t end = plug_now() + PAUSE_MS;
	do
		n = poll(&p, 1, (int)MAX(end - plug_now(), (int64_t)0));
	while (n < 0 && errno == EINTR);
	kill(tgtd, SIGCONT);
	_exit(n == 0 ? 1 : 0);
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
	int64_t end = MIN(plug_now() + PAUSE_MS / 2, tgt->deadline);
	for (bool stopped = false;;) {
		int rc = all_stopped(pid, &stopped, err);
		if (rc < 0 || stopped)
			return rc;
		if (plug_now() > end)
			return error_set(err, -EBUSY,
					 "tgtd does not stand still: a write of its "
					 "takes longer than %d ms",
					 PAUSE_MS / 2);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
}

int pause_begin(const struct tgt *tgt, struct pause **ret, struct error *err)
{
	int ends[2];
	char ready;
	pid_t pid;
	CLEANUP(close_cleanup) int lock = -1;
	int rc = tgt_process(tgt, &pid, err);
	if (rc == 0)
		rc = get_lock(tgt, pid, &lock, err);
	if (rc < 0)
		return rc;
	struct pause *p = malloc(sizeof(*p));
	if (!p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		rc = error_set(err, -errno, "socketpair: %m");
		free(p);
		return rc;
	}
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		guard(ends[0], pid);
	}
	close(ends[0]);
	*p = (struct pause){
		.tgtd = pid, .child = child, .lock = steal_fd(&lock), .pipe = ends[1]
	};
	if (child < 0)
		rc = error_set(err, -errno, "fork: %m");
	else if (read(ends[1], &ready, 1) != 1)
		rc = error_set(err, -EBUSY, "the guard of tgtd died");
	else if (kill(pid, SIGSTOP) < 0)
		rc = error_set(err, -errno, "stop tgtd: %m");
	else
		rc = wait_until_stopped(tgt, pid, err);
	if (rc < 0) {
		pause_end(p, NULL);
		return rc;
	}
	*ret = p;
	return 0;
}

int pause_end(struct pause *pause, struct error *err)
{
	int status = 1;
	/* The child lets it go on as soon as the pipe is closed; waiting for it makes it sure. */
	close(pause->pipe);
	if (pause->child > 0)
		while (waitpid(pause->child, &status, 0) < 0 && errno == EINTR)
			;
	close(pause->lock);
	free(pause);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, -EBUSY,
				 "tgtd had to go on after %d ms, before all volumes were cloned",
				 PAUSE_MS);
	return 0;
}
