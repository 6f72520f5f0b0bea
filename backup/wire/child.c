/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child - see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lunette/child.h"
#include "lunette/clock.h"

#define SECRETS_FD    3
#define SECRETS_NAME  "LUNETTE_SECRETS_FD="
#define POLL_SLICE_MS 10

/* ---- starting ---------------------------------------------------------------------------------
 */

/* All descriptors of a start: [0] is what is read from, [1] what is written to. */
struct pipes {
	int in[2], out[2], log[2], secrets[2], failed[2];
};

static void pipes_close(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->log, p->secrets, p->failed };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t end = 0; end < 2; end++) {
			if (all[i][end] >= 0)
				close(all[i][end]);
			all[i][end] = -1;
		}
}

static int pipes_open(struct pipes *p, bool secrets, struct error *err)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->out, O_CLOEXEC) < 0 ||
	    pipe2(p->log, O_CLOEXEC) < 0 || pipe2(p->failed, O_CLOEXEC) < 0 ||
	    (secrets && pipe2(p->secrets, O_CLOEXEC) < 0))
		return error_set(err, -errno, "pipes: %m");
	/* Only our ends: a program that is started may expect to wait on its own. */
	fcntl(p->in[1], F_SETFL, O_NONBLOCK);
	fcntl(p->out[0], F_SETFL, O_NONBLOCK);
	fcntl(p->log[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int fill_secrets(struct pipes *p, const char *secrets, struct error *err)
{
	if (!secrets)
		return 0;
	size_t len = strlen(secrets);
	fcntl(p->secrets[1], F_SETFL, O_NONBLOCK);
	if (len > CHILD_SECRETS_MAX || write(p->secrets[1], secrets, len) != (ssize_t)len)
		return error_set(err, -E2BIG, "secrets of %zu bytes are too long: at most %d", len,
				 CHILD_SECRETS_MAX);
	close(steal_fd(&p->secrets[1]));
	return 0;
}

/* Our environment, with or without where the secrets are; to be freed with free(). */
static char **make_environment(bool secrets)
{
	static char where[] = SECRETS_NAME "3";
	size_t n = 0, kept = 0;
	while (environ[n])
		n++;
	char **env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], SECRETS_NAME, strlen(SECRETS_NAME)) != 0)
			env[kept++] = environ[i];
	if (secrets)
		env[kept] = where;
	return env;
}

/* Between fork() and exec only what is safe in a copy of one thread of many. */
static _Noreturn void become(struct pipes *p, const char *const *argv, char **env, pid_t parent,
			     bool dies_with_us)
{
	setpgid(0, 0);
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dies_with_us && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent))
		_exit(127);
	/* Out of the way of the numbers that they are to have; those copies are closed by exec. */
	int wanted[] = { fcntl(p->in[0], F_DUPFD_CLOEXEC, 10),
			 fcntl(p->out[1], F_DUPFD_CLOEXEC, 10),
			 fcntl(p->log[1], F_DUPFD_CLOEXEC, 10),
			 p->secrets[0] < 0 ? -1 : fcntl(p->secrets[0], F_DUPFD_CLOEXEC, 10) };
	int failed = fcntl(p->failed[1], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < (int)ARRAY_SIZE(wanted); i++)
		if (wanted[i] >= 0)
			dup2(wanted[i], i == 3 ? SECRETS_FD : i);
	execvpe(argv[0], (char *const *)argv, env);
	int why = errno;
	(void)!write(failed, &why, sizeof(why));
	_exit(127);
}

int child_start(const char *const *argv, const char *secrets, bool dies_with_us, struct child *ret,
		struct error *err)
{
	*ret = CHILD_NONE;
	CLEANUP(pipes_close) struct pipes p;
	int rc = pipes_open(&p, secrets != NULL, err);
	if (rc == 0)
		rc = fill_secrets(&p, secrets, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char **env = make_environment(secrets != NULL);
	if (!env)
		return error_set(err, -ENOMEM, "run '%s': %m", argv[0]);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return error_set(err, -errno, "run '%s': %m", argv[0]);
	if (pid == 0)
		become(&p, argv, env, parent, dies_with_us);
	setpgid(pid, pid); /* whoever is first */
	close(steal_fd(&p.failed[1]));
	int why = 0;
	ssize_t n;
	do
		n = read(p.failed[0], &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(why)) {
		waitpid(pid, NULL, 0);
		errno = why;
		return error_set(err, -why, "run '%s': %m", argv[0]);
	}
	*ret = (struct child){ .pid = pid,
			       .in = steal_fd(&p.in[1]),
			       .out = steal_fd(&p.out[0]),
			       .log = steal_fd(&p.log[0]) };
	return 0;
}

/* ---- ending -----------------------------------------------------------------------------------
 */

/* Waits for it without reaping it, so that its group's number stays its own. */
static bool ended_within(pid_t pid, unsigned int ms)
{
	int64_t until = clock_now_ms() + ms;
	for (;;) {
		siginfo_t info = { 0 };
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid)
			return true;
		if (clock_now_ms() >= until)
			return false;
		poll(NULL, 0, POLL_SLICE_MS);
	}
}

int child_end(struct child *child, unsigned int grace_ms)
{
	if (child->pid <= 0)
		return 0;
	if (child->in >= 0)
		close(child->in);
	if (grace_ms && !ended_within(child->pid, grace_ms)) {
		kill(-child->pid, SIGTERM);
		ended_within(child->pid, grace_ms);
	}
	kill(-child->pid, SIGKILL);
	int status = 0;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (child->out >= 0)
		close(child->out);
	if (child->log >= 0)
		close(child->log);
	*child = CHILD_NONE;
	return status;
}
