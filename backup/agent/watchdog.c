/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watchdog - see watchdog.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "channel.h"
#include "watchdog.h"
#include "lunette/clock.h"
#include "lunette/outlive.h"

/* Between two attempts when the time is over. */
#define AGAIN_MS 20

/* Messages: one byte each. */
enum {
	READY = 'r',          /* from the watchdog: on guard, in locked memory */
	READY_UNLOCKED = 'u', /* on guard, but its memory could not be locked */
	THAWED = 't',         /* the time was over */
	OVER = 'o',           /* to the watchdog */
};

int watchdog_thaw(int fd)
{
	return ioctl(fd, FITHAW, 0) < 0 ? -errno : 0;
}

/* ---- the process ------------------------------------------------------------------------------
 */

/* From here on there is only what may be called between fork() and exec(). */

static void tell(int sock, char message)
{
	ssize_t n = send(sock, &message, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n; /* whoever is gone needs no message */
}

static void close_others(const int *fds, size_t n, int keep, int sock)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	int last = MAX(sock, keep);
	for (size_t i = 0; i < n; i++)
		last = MAX(last, fds[i]);
	for (int fd = 3; fd < last; fd++) {
		bool needed = fd == sock || fd == keep;
		for (size_t i = 0; i < n; i++)
			needed |= fd == fds[i];
		if (!needed)
			close(fd);
	}
	close_range((unsigned int)last + 1, ~0u, 0);
}

/* In the order in which it is safe: what was frozen last is what the others lie on. */
static void thaw_all(const int *fds, size_t n)
{
	while (n)
		watchdog_thaw(fds[--n]);
}

static void note(int keep)
{
	ssize_t done = keep < 0 ? 0 : write(keep, WATCHDOG_MARK, strlen(WATCHDOG_MARK));
	(void)done; /* the next agent thaws once more then */
}

__attribute__((noreturn)) static void guard(const int *fds, size_t n, int keep, int sock,
					    int64_t until)
{
	/* The job knows that it cannot freeze when it is not root that does this. */
	outlive_others("lunette-thaw");
	close_others(fds, n, keep, sock);
	tell(sock, mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? READY : READY_UNLOCKED);

	for (bool over = false;;) {
		int64_t left = over ? AGAIN_MS : MAX(until - clock_now_ms(), (int64_t)0);
		struct pollfd fd = { .fd = sock, .events = POLLIN };
		char message = OVER;
		if (poll(&fd, 1, (int)MIN(left, (int64_t)INT32_MAX)) > 0) {
			if (recv(sock, &message, 1, MSG_DONTWAIT) == 0)
				thaw_all(fds, n); /* the agent is gone */
			_exit(0);
		}
		if (clock_now_ms() < until)
			continue;
		thaw_all(fds, n);
		if (!over) {
			note(keep);
			tell(sock, THAWED);
		}
		over = true;
	}
}

/* ---- its parent -------------------------------------------------------------------------------
 */

/* No signal may end it: they are blocked before there is a process that could get one. */
static pid_t fork_without_signals(void)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid != 0) {
		int saved = errno;
		sigprocmask(SIG_SETMASK, &before, NULL);
		errno = saved;
	}
	return pid;
}

int watchdog_start(const int *fds, size_t n, int keep, int64_t until, struct watchdog *ret,
		   struct error *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "the watchdog: %m");
	pid_t pid = fork_without_signals();
	if (pid == 0) {
		close(pair[0]);
		guard(fds, n, keep, pair[1], until);
	}
	int rc = pid < 0 ? error_set(err, -errno, "the watchdog: %m") : 0;
	close(pair[1]);
	char ready = 0;
	if (rc == 0 && (recv(pair[0], &ready, 1, 0) != 1 || ready == THAWED))
		rc = error_set(err, -ECHILD, "the watchdog ended before anything was frozen");
	*ret = (struct watchdog){ .pid = pid, .fd = pair[0], .locked = ready == READY };
	if (rc == 0)
		return 0;
	if (pid > 0)
		watchdog_stop(ret);
	else
		close(pair[0]);
	*ret = (struct watchdog){ .fd = -1 };
	return rc;
}

enum watchdog_state watchdog_look(struct watchdog *dog)
{
	char message;
	ssize_t n = recv(dog->fd, &message, 1, MSG_DONTWAIT);
	if (n == 1)
		return WATCHDOG_THAWED;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? WATCHDOG_ON_GUARD : WATCHDOG_GONE;
}

/* One that was stopped by a signal would keep us waiting: it gets a second. */
void watchdog_stop(struct watchdog *dog)
{
	if (dog->pid <= 0)
		return;
	tell(dog->fd, OVER);
	close(dog->fd);
	int64_t until = clock_now_ms() + 1000;
	while (waitpid(dog->pid, NULL, WNOHANG) == 0) {
		if (clock_now_ms() > until)
			kill(dog->pid, SIGKILL);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	*dog = (struct watchdog){ .fd = -1 };
}
