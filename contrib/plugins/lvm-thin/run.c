/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * run - programs of LVM and its thin-provisioning tools.
 *
 * A program that changes something must not be stopped half way: LVM suspends devices while it
 * works. So it has a session of its own, which no signal to our process group reaches, and is left
 * to itself when the time is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lvm-thin.h"
#include "lunette/clock.h"

static _Noreturn void become(enum run_kind kind, const char *const *argv, int out, int log,
			     pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (kind == RUN_CHANGES)
		setsid();
	else if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	setenv("LVM_SUPPRESS_FD_WARNINGS", "1", 1);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s cannot be run: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* What it says, but for warnings: the first line, which has the reason. */
static int failure(const char *const *argv, FILE *log, struct error *err)
{
	char line[400];
	rewind(log);
	while (fgets(line, sizeof(line), log)) {
		line[strcspn(line, "\n")] = '\0';
		const char *text = line + strspn(line, " ");
		if (*text && strncmp(text, "WARNING", 7) != 0)
			return error_set(err, -EIO, "%s: %s", argv[0], text);
	}
	return error_set(err, -EIO, "%s failed and does not say why", argv[0]);
}

/* 0 when it ended well, 1 when not. */
static int wait_for(pid_t child, enum run_kind kind, const char *name, int64_t deadline,
		    struct error *err)
{
	int status;
	CLEANUP(close_cleanup) int fd = (int)syscall(SYS_pidfd_open, child, 0);
	if (fd < 0)
		return error_set(err, -errno, "watch %s: %m", name);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = MAX(deadline - clock_now_ms(), (int64_t)0);
	int n;
	while ((n = poll(&p, 1, (int)left)) < 0 && errno == EINTR)
		left = MAX(deadline - clock_now_ms(), (int64_t)0);
	if (n <= 0) {
		if (kind == RUN_READS) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
		}
		return error_set(err, -ETIMEDOUT, "%s takes longer than the caller waits", name);
	}
	if (waitpid(child, &status, 0) < 0)
		return error_set(err, -errno, "wait for %s: %m", name);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

int run_program(enum run_kind kind, const char *const *argv, int64_t deadline, FILE **ret,
		struct error *err)
{
	CLEANUP(file_cleanup) FILE *out = tmpfile();
	CLEANUP(file_cleanup) FILE *log = tmpfile();
	if (!out || !log)
		return error_set(err, -errno, "make a temporary file: %m");
	/* What was left to itself before has ended by now, perhaps. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	pid_t parent = getpid();
	pid_t child = fork();
	if (child == 0)
		become(kind, argv, fileno(out), fileno(log), parent);
	if (child < 0)
		return error_set(err, -errno, "fork: %m");
	int rc = wait_for(child, kind, argv[0], deadline, err);
	if (rc > 0)
		rc = failure(argv, log, err);
	if (rc < 0 || !ret)
		return rc;
	rewind(out);
	*ret = steal(&out);
	return 0;
}
