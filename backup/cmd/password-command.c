/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * password-command - a password that a program of the user's says: a password manager, a vault.
 *
 * It is a part of the user's session and may ask him something: it has our terminal and our
 * standard error, and all of our environment but what is ours. What it says is never quoted, nor is
 * how it was called.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cmd.h"

/* Some of what begins so is secret. */
#define OURS "LUNETTE_"

/* Our environment without what is ours: pointers into it. NULL without memory. */
static char **make_environment(void)
{
	size_t n = 0, kept = 0;
	while (environ[n])
		n++;
	char **env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (strncmp(environ[i], OURS, strlen(OURS)) != 0)
			env[kept++] = environ[i];
	return env;
}

/* Return: 0, or an errno, as posix_spawn() does. */
static int spawn(const char *command, char **env, int out, pid_t *ret)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t broken_pipe;
	sigemptyset(&broken_pipe);
	sigaddset(&broken_pipe, SIGPIPE);
	int rc = posix_spawn_file_actions_init(&files);
	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attributes);
	if (rc == 0) {
		posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
		rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
		if (rc == 0)
			rc = posix_spawn(ret, "/bin/sh", &files, &attributes, argv, env);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static int check_end(pid_t pid, struct error *err)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, -errno, "wait for the password command: %m");
	if (WIFSIGNALED(status))
		return error_set(err, -ECHILD, "signal %d ended the password command",
				 WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, -ECHILD,
			 "the password command ended with status %d: what it said counts only "
			 "when that is 0",
			 WEXITSTATUS(status));
}

int cmd_password_run(const char *command, char **ret, struct error *err)
{
	prctl(PR_SET_DUMPABLE, 0); /* nothing of it in core files */
	CLEANUP(free_cleanup) char **env = make_environment();
	if (!env)
		return error_set(err, -ENOMEM, "run the password command: %m");
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, -errno, "run the password command: %m");
	pid_t pid;
	int rc = spawn(command, env, fds[1], &pid);
	close(fds[1]);
	CLEANUP(secret_free_cleanup) char *secret = NULL;
	struct error unread = { 0 };
	int read = rc ? 0
		      : secret_line_from(fds[0], "what was said by", "--password-command", &secret,
					 &unread);
	close(fds[0]); /* before it is waited for: it may have more to say */
	if (rc)
		return error_set(err, -rc, "run the password command by /bin/sh: %m");
	rc = check_end(pid, err);
	if (read == -EMSGSIZE) /* of which it may have died */
		return error_copy(err, read, &unread);
	if (rc < 0)
		return rc;
	if (read < 0)
		return error_copy(err, read, &unread);
	*ret = steal(&secret);
	return 0;
}
