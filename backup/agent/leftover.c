/* SPDX-License-Identifier: GPL-3.0-or-later */
/* leftover - see leftover.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "holder.h"
#include "leftover.h"
#include "watchdog.h"
#include "lunette/clock.h"

/* In memory, and empty after a start of the machine, as are the freezes. */
#define FOLDER   "/run/lunette-agent"
#define TEXT_MAX 65536

/* Its lines, beside those of file systems. */
#define SESSION  "session "
#define UNTIL    "until "
#define WATCHDOG "watchdog "
#define NAMES    "namespace "

#define LATE_MS  3000  /* a watchdog that wakes at its time has done its work by then */
#define END_MS   5000  /* for who was killed to come out of the kernel */
#define ABORT_MS 10000 /* the job asks again */
#define AGAIN_MS 20

/* Where systemd says, if it has started us; else in the usual place. */
static const char *folder(void)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	return given && given[0] == '/' ? given : FOLDER;
}

static bool path_of(char path[PATH_MAX], long pid)
{
	int n = snprintf(path, PATH_MAX, "%s/%ld", folder(), pid);
	return n > 0 && n < PATH_MAX;
}

/* Of mounts: by their numbers another one knows none of them. 0: nobody says. */
static unsigned long long mount_namespace(void)
{
	struct stat st;
	return stat("/proc/self/ns/mnt", &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

void leftover_begin(const char *session, int64_t until, const char *text, int *ret)
{
	char path[PATH_MAX];
	*ret = -1;
	mkdir(folder(), 0700);
	if (!path_of(path, getpid()))
		return;
	CLEANUP(close_cleanup)
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(fd, 0) < 0)
		return;
	if (dprintf(fd, SESSION "%s\n" UNTIL "%lld\n" NAMES "%llu\n%s", session, (long long)until,
		    mount_namespace(), text) > 0)
		*ret = steal_fd(&fd);
}

void leftover_watchdog(int fd, pid_t pid)
{
	if (fd >= 0)
		dprintf(fd, WATCHDOG "%d\n", (int)pid);
}

void leftover_end(int fd)
{
	char path[PATH_MAX];
	if (fd < 0)
		return;
	if (path_of(path, getpid()))
		unlink(path);
	close(fd);
}

/* ---- what is held -----------------------------------------------------------------------------
 */

/**
 * struct leftover_file - one of the folder, opened
 * @agent: whose file it is; 0 when its name is no number
 * @watchdog: 0 when it was not started yet
 * @elsewhere: it was written in another mount namespace
 * @text: all of it
 */
struct leftover_file {
	int fd;
	pid_t agent;
	pid_t watchdog;
	int64_t until;
	bool thawed;
	bool elsewhere;
	char session[256];
	char path[PATH_MAX];
	char *text;
};

static void close_file(struct leftover_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->text);
}

/* What follows "KEY " at the beginning of a line. */
static const char *find_line(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0)
			return line + len;
	}
	return NULL;
}

static long long find_number(const char *text, const char *key)
{
	const char *at = find_line(text, key);
	return at ? strtoll(at, NULL, 10) : 0;
}

static bool read_text(struct leftover_file *file)
{
	free(file->text);
	file->text = calloc(1, TEXT_MAX + 1);
	if (!file->text || pread(file->fd, file->text, TEXT_MAX, 0) < 0)
		return false;
	const char *session = find_line(file->text, SESSION);
	snprintf(file->session, sizeof(file->session), "%.*s",
		 session ? (int)strcspn(session, "\n") : 0, session ? session : "");
	file->watchdog = (pid_t)find_number(file->text, WATCHDOG);
	file->until = find_number(file->text, UNTIL);
	const char *names = find_line(file->text, NAMES);
	unsigned long long ours = mount_namespace();
	file->elsewhere = !names || !ours || strtoull(names, NULL, 10) != ours;
	file->thawed = find_line(file->text, WATCHDOG_MARK) != NULL;
	return true;
}

static bool open_file(const char *name, struct leftover_file *ret)
{
	*ret = (struct leftover_file){ .fd = -1, .agent = (pid_t)strtol(name, NULL, 10) };
	int n = snprintf(ret->path, sizeof(ret->path), "%s/%s", folder(), name);
	if (name[0] == '.' || n < 0 || n >= PATH_MAX)
		return false;
	ret->fd = open(ret->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return ret->fd >= 0 && read_text(ret);
}

static bool is_free(const struct leftover_file *file)
{
	return flock(file->fd, LOCK_EX | LOCK_NB) == 0;
}

/* Its time is over: then it would have thawed, and its watchdog too, if either could. */
static bool is_late(const struct leftover_file *file)
{
	return file->until && !file->thawed && clock_now_ms() > file->until + LATE_MS;
}

/* Does somebody hold it who will thaw? */
static bool is_guarded(const struct leftover_file *file)
{
	enum holder_state agent = holder_look(file->agent, file->fd);
	if (agent == HOLDER_GONE || is_late(file))
		return false;
	return agent == HOLDER_WELL || holder_look(file->watchdog, file->fd) == HOLDER_WELL;
}

/* A watchdog that goes on later would thaw what is not its own by then: it must be gone. */
static void end_holders(const struct leftover_file *file)
{
	int64_t until = clock_now_ms() + END_MS;
	holder_end(file->watchdog, file->fd, until);
	holder_end(file->agent, file->fd, until);
}

/* ---- thawing ----------------------------------------------------------------------------------
 */

/*
 * Only what is mounted there as it was then: by the number of the mount; in another namespace, by
 * that of the device.
 *
 * Return: whether nothing is left to be done about it. In the namespace in which it was frozen what
 * is not there any more is not frozen; in another one it may be.
 */
static bool thaw_line(const struct leftover_file *file, const char *line, struct channel *log)
{
	unsigned long long mount;
	unsigned int major, minor;
	int skip = 0;
	struct statx st;
	if (sscanf(line, "%llu %u:%u %n", &mount, &major, &minor, &skip) < 3 || line[skip] != '/')
		return true;
	const char *point = line + skip;
	CLEANUP(close_cleanup) int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return !file->elsewhere;
	bool same = file->elsewhere ? st.stx_dev_major == major && st.stx_dev_minor == minor
				    : st.stx_mnt_id == mount;
	if (same && watchdog_thaw(fd) == 0)
		channel_log(log, true,
			    "thawed '%s', which an agent had left frozen when it was killed",
			    point);
	return same || !file->elsewhere;
}

/* They were written in the order of the freeze; the last one is what the others lie on. */
static bool thaw_lines(struct leftover_file *file, struct channel *log)
{
	bool all = true;
	for (char *nl; (nl = strrchr(file->text, '\n'));) {
		*nl = '\0';
		char *before = strrchr(file->text, '\n');
		all = thaw_line(file, before ? before + 1 : file->text, log) && all;
	}
	return all;
}

/* Return: whether nothing of it is frozen, and nothing will be. */
static bool thaw_file(struct leftover_file *file, struct channel *log)
{
	struct stat st;
	bool free = is_free(file);
	if (!free && is_guarded(file))
		return false;
	if (!free) {
		end_holders(file);
		free = is_free(file); /* else one is still in the kernel, and may freeze */
	}
	/* One that is removed was thawed by its own agent, and may be frozen by another. */
	if (fstat(file->fd, &st) < 0 || st.st_nlink == 0)
		return true;
	bool all = !read_text(file) || thaw_lines(file, log);
	if (free && all)
		unlink(file->path);
	return free && all;
}

/* All, or those of @session. Return: how many are still guarded by others. */
static size_t thaw_files(const char *session, struct channel *log)
{
	DIR *dir = opendir(folder());
	size_t left = 0;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		CLEANUP(close_file) struct leftover_file file;
		if (open_file(d->d_name, &file) && (!session || strcmp(file.session, session) == 0))
			left += !thaw_file(&file, log);
	}
	if (dir)
		closedir(dir);
	return left;
}

void leftover_thaw(struct channel *log)
{
	thaw_files(NULL, log);
}

int leftover_abort(const char *session, struct channel *log, struct error *err)
{
	int64_t until = clock_now_ms() + ABORT_MS;
	while (thaw_files(session, log) > 0) {
		if (clock_now_ms() >= until)
			return error_set(err, -EBUSY,
					 "another agent keeps file systems frozen for session '%s'",
					 session);
		poll(NULL, 0, AGAIN_MS);
	}
	return 0;
}
