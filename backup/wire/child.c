/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child - see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lunette/child.h"
#include "lunette/clock.h"
#include "lunette/secret.h"

#define POLL_SLICE_MS 10

/* ---- starting ---------------------------------------------------------------------------------
 */

/* The numbers of what a child has; behind the last one there is nothing. */
enum { IN, OUT, LOG, SECRETS, FAILED, KEPT, N_PLACES };

/* Those of ours that take their places are at least this. */
#define ABOVE 10

/* More than any process of ours has open. */
#define DESCRIPTORS_MAX 65536

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

static int pipes_open(struct pipes *p, const struct child_options *o, struct error *err)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->failed, O_CLOEXEC) < 0 ||
	    (!o->out && pipe2(p->out, O_CLOEXEC) < 0) ||
	    (!o->log && !o->log_to_out && pipe2(p->log, O_CLOEXEC) < 0) ||
	    (o->secrets && pipe2(p->secrets, O_CLOEXEC) < 0))
		return error_set(err, -errno, "run '%s': %m", o->argv[0]);
	/* Only our ends: a program that is started may expect to wait on its own. */
	int ours[] = { p->in[1], p->out[0], p->log[0] };
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (ours[i] >= 0)
			fcntl(ours[i], F_SETFL, O_NONBLOCK);
	return 0;
}

static int fill_secrets(struct pipes *p, const char *secrets, struct error *err)
{
	if (!secrets)
		return 0;
	size_t len = strlen(secrets);
	fcntl(p->secrets[1], F_SETFL, O_NONBLOCK);
	/* As much as a pipe holds, so that nobody waits for a reader, and as is read. */
	if (len >= SECRET_MAX || write(p->secrets[1], secrets, len) != (ssize_t)len)
		return error_set(err, -E2BIG, "secrets of %zu bytes are too long: at most %d", len,
				 SECRET_MAX - 1);
	close(steal_fd(&p->secrets[1]));
	return 0;
}

/*
 * What everybody may know of our environment. In the rest are secrets, as LUNETTE_CHAP_SECRET, and
 * what the user meant for us alone.
 */
static bool is_for_all(const char *variable)
{
	static const char *const names[] = {
		"PATH",          "HOME", "USER",   "LOGNAME",
		"LANG",          "TZ",   "TMPDIR", "RUNTIME_DIRECTORY",
		"SSH_AUTH_SOCK",
	};
	size_t len = strcspn(variable, "=");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && strncmp(variable, names[i], len) == 0)
			return true;
	return strncmp(variable, "LC_", 3) == 0;
}

/*
 * That of the options, or what all may know of ours; with or without where the secrets are. To be
 * freed with free().
 */
static char **make_environment(const struct child_options *o)
{
	static char where[] = SECRET_ENV "=3", path[] = CHILD_PATH;
	_Static_assert(SECRETS == 3, "as the variable says");
	char **from = o->env ? (char **)o->env : environ;
	size_t n = 0, kept = 0;
	while (from[n])
		n++;
	char **env = calloc(n + 3, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (o->env ? strncmp(from[i], where, strlen(SECRET_ENV "=")) != 0
			   : is_for_all(from[i]))
			env[kept++] = from[i];
	if (!o->env && !getenv("PATH"))
		env[kept++] = path;
	if (o->secrets)
		env[kept] = where;
	return env;
}

/* From here on there is only what may be called between fork() and exec(). */

static void default_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
#endif
	for (int fd = first; fd < DESCRIPTORS_MAX; fd++)
		close(fd);
}

/* Return: false with errno set. */
static bool take_places(const struct pipes *p, const struct child_options *o)
{
	int out = o->out ? o->out : p->out[1], log = o->log ? o->log : p->log[1];
	int from[N_PLACES] = { p->in[0],      out,          o->log_to_out ? out : log,
			       p->secrets[0], p->failed[1], o->keep > 0 ? o->keep : -1 };
	/* First out of the way of the numbers that they are to have. */
	for (int i = 0; i < N_PLACES; i++)
		if (from[i] >= 0 && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE)) < 0)
			return false;
	for (int i = 0; i < N_PLACES; i++) {
		if (from[i] < 0)
			close(i);
		else if (dup3(from[i], i, i == FAILED ? O_CLOEXEC : 0) < 0)
			return false;
	}
	close_from(N_PLACES);
	return true;
}

static _Noreturn void become(const struct pipes *p, const struct child_options *o, char **env,
			     pid_t parent)
{
	int failed = p->failed[1];
	setpgid(0, 0);
	default_signals();
	if (o->dies_with_us &&
	    (prctl(PR_SET_PDEATHSIG, o->dies_with_us) < 0 || getppid() != parent))
		_exit(127);
	if (take_places(p, o)) {
		failed = FAILED;
		environ = env;
		execvp(o->argv[0], (char *const *)o->argv);
	}
	int why = errno;
	(void)!write(failed, &why, sizeof(why));
	_exit(127);
}

int child_start(const struct child_options *options, struct child *ret, struct error *err)
{
	const char *program = options->argv[0];
	*ret = CHILD_NONE;
	CLEANUP(pipes_close) struct pipes p;
	int rc = pipes_open(&p, options, err);
	if (rc == 0)
		rc = fill_secrets(&p, options->secrets, err);
	if (rc < 0)
		return rc;
	CLEANUP(free_cleanup) char **env = make_environment(options);
	if (!env)
		return error_set(err, -ENOMEM, "run '%s': %m", program);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return error_set(err, -errno, "run '%s': %m", program);
	if (pid == 0)
		become(&p, options, env, parent);
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
		return error_set(err, -why, "run '%s': %m", program);
	}
	*ret = (struct child){ .pid = pid,
			       .in = steal_fd(&p.in[1]),
			       .out = steal_fd(&p.out[0]),
			       .log = steal_fd(&p.log[0]) };
	return 0;
}

/* ---- ending -----------------------------------------------------------------------------------
 */

bool child_has_ended(const struct child *child)
{
	siginfo_t info = { 0 };
	return child->pid <= 0 ||
	       waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid;
}

static bool ends_within(const struct child *child, unsigned int ms)
{
	for (int64_t until = clock_now_ms() + ms; !child_has_ended(child);) {
		if (clock_now_ms() >= until)
			return false;
		poll(NULL, 0, POLL_SLICE_MS);
	}
	return true;
}

int child_reap(struct child *child)
{
	int status = 0;
	if (child->pid <= 0)
		return 0;
	pid_t pid;
	do
		pid = waitpid(child->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		status = -1; /* whoever started us has it that children vanish */
	close_cleanup(&child->in);
	close_cleanup(&child->out);
	close_cleanup(&child->log);
	*child = CHILD_NONE;
	return status;
}

int child_end(struct child *child, unsigned int grace_ms)
{
	if (child->pid <= 0)
		return 0;
	if (child->in >= 0)
		close(steal_fd(&child->in));
	if (grace_ms && !ends_within(child, grace_ms)) {
		kill(-child->pid, SIGTERM);
		ends_within(child, grace_ms);
	}
	kill(-child->pid, SIGKILL);
	return child_reap(child);
}
