/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plug-guard - sees to it that something is undone, whatever happens to the plug-in.
 *
 * Its one idea: who stops somebody may die, so another process undoes it: a child out of our
 * session and control groups, which no signal to them reaches, and which does nothing but wait
 * until its pipe is closed or the time is over.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "plug.h"
#include "lunette/clock.h"
#include "lunette/outlive.h"

static _Noreturn void watch(int pipe, int ms, void (*undo)(void *), void *arg)
{
	struct pollfd p = { .fd = pipe, .events = POLLIN };
	outlive_others("lunette-guard");
	/* From here on a signal to the process group ends only the other one. */
	int n = (int)write(pipe, "", 1);
	int64_t end = clock_now_ms() + ms;
	do
		n = poll(&p, 1, (int)MAX(end - clock_now_ms(), (int64_t)0));
	while (n < 0 && errno == EINTR);
	undo(arg);
	_exit(n == 0 ? 1 : 0);
}

int plug_guard_begin(struct plug_guard *ret, int ms, void (*undo)(void *), void *arg,
		     struct error *err)
{
	int ends[2];
	char ready;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, -errno, "socketpair: %m");
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		watch(ends[0], ms, undo, arg);
	}
	int rc = child < 0 ? error_set(err, -errno, "fork: %m") : 0;
	close(ends[0]);
	*ret = (struct plug_guard){ .child = child, .pipe = ends[1] };
	if (rc == 0 && read(ends[1], &ready, 1) != 1)
		rc = error_set(err, -EBUSY, "the guard process died");
	if (rc < 0)
		plug_guard_end(ret, NULL);
	return rc;
}

int plug_guard_end(struct plug_guard *guard, struct error *err)
{
	int status = 1;
	/* The child undoes it as soon as the pipe is closed; waiting for it makes it sure. */
	close(guard->pipe);
	if (guard->child > 0)
		while (waitpid(guard->child, &status, 0) < 0 && errno == EINTR)
			;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, -EBUSY, "it was undone before its end: the time was over");
	return 0;
}
