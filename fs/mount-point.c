/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-point - checking mount points before anything is opened, and taking mounts away again. */
#include <dirent.h>
#include <errno.h>
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

/* The process that serves, as a descriptor that becomes readable when it ends; -1 when it is gone.
 */
static int open_server(const char *dir, pid_t *pid)
{
	char text[16];
	ssize_t n = getxattr(dir, MOUNT_PID_XATTR, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	*pid = (pid_t)strtol(text, NULL, 10);
	return *pid > 1 ? (int)syscall(SYS_pidfd_open, *pid, 0) : -1;
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

/* A dead mount answers nobody, so it is taken away under whoever still sits in it. */
static int unmount(const char *dir, bool dead, struct error *err)
{
	if (umount2(dir, UMOUNT_NOFOLLOW | (dead ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EPERM)
		return fusermount(dir, dead, err);
	if (errno == EBUSY)
		return error_set(err, -EBUSY,
				 "unmount '%s': it is in use: a program has a file or directory "
				 "of it open",
				 dir);
	return error_set(err, -errno, "unmount '%s': %m", dir);
}

static int wait_for_end(int pidfd, pid_t pid, const char *dir, struct error *err)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int rc;
	do
		rc = poll(&p, 1, END_TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc > 0)
		return 0;
	return error_set(err, -ETIMEDOUT,
			 "'%s' is unmounted, but process %d, which served it, still runs: it waits "
			 "for a LUN, or another mount namespace, of a container or a service, has "
			 "the mount too",
			 dir, (int)pid);
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
	pid_t pid = 0;
	CLEANUP(close_cleanup) int pidfd = open_server(path, &pid);
	bool dead = pidfd < 0 && pid == 0;
	rc = unmount(path, dead, err);
	if (rc == -EBUSY && pid > 0 && kill(pid, 0) == 0) /* ours: so that is why */
		return error_mark(err, rc, ERROR_KIND_BUSY);
	if (rc < 0)
		return rc;
	return pidfd >= 0 ? wait_for_end(pidfd, pid, dir, err) : 0;
}
