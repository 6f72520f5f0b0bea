/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - see command.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "channel.h"
#include "command.h"
#include "lunette/clock.h"

/* More than any list of logical volumes has. */
#define OUTPUT_MAX (1u << 20)

enum { NOT_FOUND = 127 };

struct stream {
	int fd;
	char *buf;
	size_t len;
};

__attribute__((noreturn)) static void become(const char *const *argv, int out, int log)
{
	static char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		NULL
	};
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(log, 2);
	close_range(3, ~0u, 0);
	environ = (char **)env;
	execvp(argv[0], (char *const *)argv);
	_exit(NOT_FOUND);
}

/* Keeps the end of what is too long. */
static void take(struct stream *s)
{
	char piece[4096];
	ssize_t n = read(s->fd, piece, sizeof(piece));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(steal_fd(&s->fd));
		return;
	}
	if (s->len + (size_t)n > OUTPUT_MAX)
		s->len = 0;
	memcpy(s->buf + s->len, piece, (size_t)n);
	s->len += (size_t)n;
	s->buf[s->len] = '\0';
}

static int listen_to(struct stream streams[2], const char *name, int limit_ms, struct error *err)
{
	int64_t until = clock_now_ms() + limit_ms;
	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		struct pollfd fds[2];
		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){ .fd = streams[i].fd, .events = POLLIN };
		int64_t left = until - clock_now_ms();
		if (left <= 0)
			return error_set(err, -ETIMEDOUT, "'%s' took more than %d ms", name,
					 limit_ms);
		if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
			return error_set(err, -errno, "'%s': %m", name);
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				take(&streams[i]);
	}
	return 0;
}

/* The last line, without its end. */
static const char *last_line(struct stream *s)
{
	while (s->len && s->buf[s->len - 1] == '\n')
		s->buf[--s->len] = '\0';
	const char *nl = strrchr(s->buf, '\n');
	const char *line = nl ? nl + 1 : s->buf;
	return line + strspn(line, " ");
}

static int judge(int status, const char *name, struct stream *log, struct error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return error_set(err, -ENOENT, "there is no program '%s'", name);
	return error_set(err, -EIO, "'%s': %.300s", name, last_line(log));
}

static int run(const char *const *argv, int limit_ms, struct stream streams[2], struct error *err)
{
	int out[2], log[2];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, -errno, "'%s': %m", argv[0]);
	streams[0].fd = out[0];
	if (pipe2(log, O_CLOEXEC) < 0) {
		close(out[1]);
		return error_set(err, -errno, "'%s': %m", argv[0]);
	}
	streams[1].fd = log[0];
	pid_t pid = fork();
	if (pid == 0)
		become(argv, out[1], log[1]);
	close(out[1]);
	close(log[1]);
	if (pid < 0)
		return error_set(err, -errno, "'%s': %m", argv[0]);
	setpgid(pid, pid);
	int rc = listen_to(streams, argv[0], limit_ms, err);
	if (rc < 0)
		kill(-pid, SIGKILL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc < 0 ? rc : judge(status, argv[0], &streams[1], err);
}

int command_run(const char *const *argv, int limit_ms, char **ret, struct error *err)
{
	CLEANUP(free_cleanup) char *out = calloc(1, OUTPUT_MAX + 1);
	CLEANUP(free_cleanup) char *log = calloc(1, OUTPUT_MAX + 1);
	if (!out || !log)
		return error_set(err, -ENOMEM, "'%s': %m", argv[0]);
	struct stream streams[2] = { { .fd = -1, .buf = out }, { .fd = -1, .buf = log } };
	int rc = run(argv, limit_ms, streams, err);
	close_cleanup(&streams[0].fd);
	close_cleanup(&streams[1].fd);
	if (rc == 0 && ret)
		*ret = steal(&out);
	return rc;
}
