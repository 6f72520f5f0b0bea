/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-point - checking mount points before anything is opened, and taking mounts away again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "mount-private.h"

/* How long a server may take to end once it is unmounted: it may wait for a LUN that is away. */
#define END_TIMEOUT_MS 60000
/* How long it may take to say which process it is, for which it needs no disk; and how much longer
 * while somebody uses the mount, so that all its threads may wait for a LUN that is away. */
#define ASK_TIMEOUT_MS 10000
#define ASK_AGAIN_MS   50000
/* And how long until who asked it is gone. */
#define KILL_TIMEOUT_MS 1000

/* ---- the kernel's list ---- */

/* Undoes the \ooo of mountinfo, in place. */
static void unescape(char *text)
{
	char *out = text;
	for (const char *in = text; *in; out++) {
		unsigned int c;
		int used = 0;
		if (*in == '\\' && sscanf(in + 1, "%3o%n", &c, &used) == 1 && used == 3) {
			*out = (char)c;
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mount/point rw,noatime ... - fstype source options" */
static bool parse_mount(char *line, const char *dir, char *type, size_t type_size)
{
	char *point = line;
	for (int i = 0; i < 4 && point; i++)
		point = strchr(point, ' ') ? strchr(point, ' ') + 1 : NULL;
	char *dash = point ? strstr(point, " - ") : NULL;
	if (!dash)
		return false;
	*strchrnul(point, ' ') = '\0';
	unescape(point);
	if (strcmp(point, dir) != 0)
		return false;
	snprintf(type, type_size, "%.*s", (int)strcspn(dash + 3, " "), dash + 3);
	return true;
}

/* The type of what is mounted on exactly @dir, a real path; "" when nothing is. The last one
 * counts. */
static int mounted_type(const char *dir, char *type, size_t type_size, struct error *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return error_set(err, -errno, "/proc/self/mountinfo: %m");
	char *line = NULL;
	size_t size = 0;
	*type = '\0';
	while (getline(&line, &size, f) > 0)
		parse_mount(line, dir, type, type_size);
	free(line);
	fclose(f);
	return 0;
}

/* ---- checking ---- */

static int check_empty(const char *dir, struct error *err)
{
	DIR *d = opendir(dir);
	if (!d)
		return error_set(err, -errno, "mount point '%s': %m", dir);
	int n = 0;
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	if (n > 0)
		return error_set(err, -ENOTEMPTY, "mount point '%s' is not empty", dir);
	return 0;
}

int mount_check(const char *dir, char **ret, struct error *err)
{
	struct stat st;
	CLEANUP(free_cleanup) char *path = realpath(dir, NULL);
	if (!path && errno == ENOENT)
		return error_set(err, -ENOENT, "mount point '%s' does not exist", dir);
	if (!path)
		return error_set(err, -errno, "mount point '%s': %m", dir);
	char type[64];
	int rc = mounted_type(path, type, sizeof(type), err);
	if (rc < 0)
		return rc;
	/* Asked before the directory is: a mount whose server died answers nothing. */
	if (*type)
		return error_set(
			err, -EBUSY, "something is mounted on '%s' already (%s)%s", dir, type,
			strcmp(type, MOUNT_FSTYPE) == 0 ? ": 'lunette umount' takes it away" : "");
	if (stat(path, &st) != 0)
		return error_set(err, -errno, "mount point '%s': %m", dir);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -ENOTDIR, "mount point '%s' is not a directory", dir);
	rc = check_empty(path, err);
	if (rc < 0)
		return rc;
	*ret = steal(&path);
	return 0;
}

/* ---- unmounting ---- */

#define SERVER_UNKNOWN (-1)

/**
 * struct serving - who serves a mount
 * @pid: 0: nobody does any more; SERVER_UNKNOWN: somebody does
 * @pidfd: becomes readable when it ends; -1 when it is gone
 * @asker: a child that still waits for what a server says that is stopped; 0: none does
 */
struct serving {
	pid_t pid;
	int pidfd;
	pid_t asker;
};

static void serving_cleanup(struct serving *server)
{
	if (server->pidfd >= 0)
		close(server->pidfd);
	if (server->asker > 0)
		waitpid(server->asker, NULL, WNOHANG);
}

/* Of another user's mount even root is told nothing, by the kernel: somebody serves it. */
static void ask(const char *dir, int out)
{
	char text[16];
	ssize_t n = getxattr(dir, MOUNT_PID_XATTR, text, sizeof(text) - 1);
	if (n < 0 && errno == EACCES)
		n = snprintf(text, sizeof(text), "%d", SERVER_UNKNOWN);
	_exit(n > 0 && write(out, text, (size_t)n) == n ? 0 : 1);
}

/* Return: whether there is something to read, or the other end is closed. */
static bool wait_for(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc;
	do
		rc = poll(&p, 1, ms);
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

/* Whoever asks a process that is stopped waits until it goes on: that is done by a child. */
static int find_server(const char *dir, int ms, struct serving *ret, struct error *err)
{
	CLEANUP(close_cleanup) int in = -1;
	CLEANUP(close_cleanup) int out = -1;
	char text[16] = "";
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, -errno, "unmount '%s': %m", dir);
	in = ends[0];
	out = ends[1];
	ret->asker = fork();
	if (ret->asker < 0)
		return error_set(err, -errno, "unmount '%s': %m", dir);
	if (ret->asker == 0)
		ask(dir, out);
	close(steal_fd(&out));
	if (!wait_for(in, ms)) {
		/* While it waits the mount is in use. */
		kill(ret->asker, SIGKILL);
		wait_for(in, KILL_TIMEOUT_MS);
		return 0;
	}
	if (read(in, text, sizeof(text) - 1) > 0)
		ret->pid = (pid_t)strtol(text, NULL, 10);
	waitpid(ret->asker, NULL, 0);
	ret->asker = 0;
	if (ret->pid > 1)
		ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	return 0;
}

static int fusermount(const char *dir, bool lazy, struct error *err)
{
	char *argv[] = { (char *)"fusermount3", (char *)"-u", (char *)(lazy ? "-z" : "-q"),
			 (char *)"--",          (char *)dir,  NULL };
	pid_t pid;
	int status;
	int rc = -posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (rc < 0)
		return error_set(err, rc, "unmount '%s': run fusermount3: %m", dir);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, -errno, "unmount '%s': wait for fusermount3: %m",
					 dir);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, -EBUSY, "unmount '%s': it is in use, or it is another user's", dir);
}

/* A dead mount answers nobody, so it is taken away under whoever still sits in it, and whoever
 * waits for an answer gets an error. */
static int unmount(const char *dir, bool dead, struct error *err)
{
	if (umount2(dir, UMOUNT_NOFOLLOW | (dead ? MNT_DETACH | MNT_FORCE : 0)) == 0)
		return 0;
	if (errno == EPERM)
		return fusermount(dir, dead, err);
	if (errno == EBUSY)
		return error_mark(err,
				  error_set(err, -EBUSY,
					    "unmount '%s': it is in use: a program has a file or "
					    "directory of it open: fuser -vm '%s' shows which",
					    dir, dir),
				  ERROR_KIND_BUSY);
	return error_set(err, -errno, "unmount '%s': %m", dir);
}

/* A server that did not answer is not dead: whoever uses its mount does not lose it at once. */
static int unmount_mute(const char *dir, struct serving *server, struct error *err)
{
	struct error why = { 0 };
	int rc = unmount(dir, false, &why);
	if (rc != -EBUSY)
		return rc < 0 ? error_copy(err, rc, &why) : 0;
	rc = find_server(dir, ASK_AGAIN_MS, server, err);
	return rc < 0 ? rc : unmount(dir, server->pid == 0, err);
}

static int wait_for_end(const struct serving *server, const char *dir, struct error *err)
{
	if (wait_for(server->pidfd, END_TIMEOUT_MS))
		return 0;
	return error_set(err, -ETIMEDOUT,
			 "'%s' is unmounted, but process %d, which served it, still runs: it waits "
			 "for a LUN, or another mount namespace, of a container or a service, has "
			 "the mount too",
			 dir, (int)server->pid);
}

int mount_end(const char *dir, struct error *err)
{
	CLEANUP(free_cleanup) char *path = realpath(dir, NULL);
	if (!path)
		return error_set(err, -errno, "'%s': %m", dir);
	char type[64];
	int rc = mounted_type(path, type, sizeof(type), err);
	if (rc < 0)
		return rc;
	if (strcmp(type, MOUNT_FSTYPE) != 0)
		return error_set(err, -EINVAL, "'%s' is not a mount of lunette%s%s", dir,
				 *type ? " but of type " : ": nothing is mounted there", type);
	CLEANUP(serving_cleanup) struct serving server = { .pidfd = -1 };
	rc = find_server(path, ASK_TIMEOUT_MS, &server, err);
	if (rc == 0)
		rc = server.asker ? unmount_mute(path, &server, err)
				  : unmount(path, server.pid == 0, err);
	if (rc == -EBUSY && server.pid > 0 && kill(server.pid, 0) == 0) /* ours: so that is why */
		return error_mark(err, rc, ERROR_KIND_BUSY);
	if (rc < 0)
		return rc;
	if (server.asker)
		return error_set(err, -ETIMEDOUT,
				 "'%s' is unmounted, but the process that served it is stopped, or "
				 "hangs, and may have disks open still",
				 dir);
	return server.pidfd >= 0 ? wait_for_end(&server, dir, err) : 0;
}
