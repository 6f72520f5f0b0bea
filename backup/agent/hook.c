/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hook - see hook.h.
 *
 * It has its own process group, so that a limit ends also what it has started. What a hook leaves
 * running on purpose may keep its output open: only the hook itself is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hook.h"
#include "lunette/clock.h"

#define LINE_MAX_LEN 500

int hook_check(const char *path, struct error *err)
{
	struct stat st;
	if (path[0] != '/')
		return error_set(err, -EINVAL, "hook '%s': its path must begin with /", path);
	if (stat(path, &st) < 0)
		return error_set(err, -errno, "hook '%s': %m", path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return error_set(err, -EINVAL, "hook '%s' is not a program that may be run", path);
	if (st.st_mode & S_IWOTH)
		return error_set(err, -EINVAL, "hook '%s' may be changed by anybody", path);
	return 0;
}

/* ---- its output ---- */

struct output {
	int fd;
	size_t len;
	char line[LINE_MAX_LEN + 1];
};

static void end_line(struct output *out, const struct hook *hook, struct channel *ch)
{
	out->line[out->len] = '\0';
	for (char *p = out->line; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	if (out->len)
		channel_log(ch, false, "%s: %s", hook->phase, out->line);
	out->len = 0;
}

/* Return: whether there may be more. */
static bool read_output(struct output *out, const struct hook *hook, struct channel *ch)
{
	char piece[4096];
	ssize_t n = read(out->fd, piece, sizeof(piece));
	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] != '\n')
			out->line[out->len++] = piece[i];
		if (piece[i] == '\n' || out->len == LINE_MAX_LEN)
			end_line(out, hook, ch);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ---- the process ---- */

__attribute__((noreturn)) static void become(const struct hook *hook, int output)
{
	char session[160], phase[64];
	snprintf(session, sizeof(session), "LUNETTE_SESSION=%s", hook->session);
	snprintf(phase, sizeof(phase), "LUNETTE_PHASE=%s", hook->phase);
	char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      "LANG=C.UTF-8", session, phase, NULL };
	char *const argv[] = { (char *)hook->path, NULL };
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(output, 1);
	dup2(output, 2);
	close_range(3, ~0u, 0);
	execve(hook->path, argv, env);
	dprintf(2, "it cannot be run: %m\n");
	_exit(127);
}

static int wait_for(const struct hook *hook, int pidfd, struct output *out, struct channel *ch,
		    struct error *err)
{
	int64_t until = clock_now_ms() + hook->limit_ms;
	for (bool open = true;;) {
		struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
					{ .fd = open ? out->fd : -1, .events = POLLIN } };
		int rc = channel_wait(ch, fds, ARRAY_SIZE(fds), until, err);
		if (rc < 0)
			return rc;
		if (fds[1].revents)
			open = read_output(out, hook, ch);
		else if (fds[0].revents)
			return 0;
		if (hook->stop && (*hook->stop || ch->ended))
			return error_set(err, -ECANCELED, "%s hook '%s': it was given up",
					 hook->phase, hook->path);
		if (clock_now_ms() >= until)
			return error_set(err, -ETIMEDOUT,
					 "%s hook '%s' was killed: it took more than %d ms",
					 hook->phase, hook->path, hook->limit_ms);
	}
}

int hook_run(const struct hook *hook, struct channel *ch, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, -errno, "%s hook '%s': %m", hook->phase, hook->path);
	CLEANUP(close_cleanup) int in = ends[0];
	pid_t pid = fork();
	if (pid == 0)
		become(hook, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return error_set(err, -errno, "%s hook '%s': %m", hook->phase, hook->path);
	setpgid(pid, pid); /* whoever of the two comes first */
	fcntl(in, F_SETFL, O_NONBLOCK);
	CLEANUP(close_cleanup) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct output out = { .fd = in };
	int rc = pidfd < 0 ? error_set(err, -errno, "%s hook '%s': %m", hook->phase, hook->path)
			   : wait_for(hook, pidfd, &out, ch, err);
	if (rc < 0)
		kill(-pid, SIGKILL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	end_line(&out, hook, ch);
	if (rc < 0)
		return rc;
	if (WIFSIGNALED(status))
		return error_set(err, -ECHILD, "%s hook '%s' was ended by signal %d", hook->phase,
				 hook->path, WTERMSIG(status));
	return WEXITSTATUS(status) == 0
		       ? 0
		       : error_set(err, -ECHILD, "%s hook '%s' ended with status %d", hook->phase,
				   hook->path, WEXITSTATUS(status));
}
