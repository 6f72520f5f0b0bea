/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state - see state.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lunette/clock.h"
#include "lunette/journal.h"
#include "lunette/json.h"
#include "lunette/names.h"
#include "lunette/shape.h"
#include "lunette/state.h"
#include "lunette/sync.h"

#define SUFFIX_JOURNAL ".journal"
#define PAUSE_MS       20
#define RECOVERED_MS   600000 /* who cleans up has limits of his own */
#define SURE_MS        500    /* somebody may only be looking, or has not written his name yet */
#define BASE_MAX       ((off_t)16 << 20)
#define RECOVERS       "recover "
#define TOLD           "told "

const char *state_path(const char *path)
{
	if (!path)
		path = getenv("LUNETTE_STATE");
	return path && *path ? path : STATE_DEFAULT;
}

/* ---- folders and files ------------------------------------------------------------------------
 */

static int cannot_keep(const char *state, int rc, struct error *err)
{
	return error_wrap(
		err, rc,
		"what jobs do cannot be noted in '%s' (--state or LUNETTE_STATE says where else)",
		state);
}

int state_make(const char *state, const char *job, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/runs", state, job);
	int rc = sync_make_folders(path, err);
	return rc < 0 ? cannot_keep(state, rc, err) : 0;
}

/* Up to what is there: the rest can be made in it, or not. */
int state_check(const char *state, struct error *err)
{
	char path[PATH_MAX], copy[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s", state) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "folder '%.200s...': %m", state);
	struct stat st;
	while (stat(path, &st) < 0 && errno == ENOENT) {
		strcpy(copy, path);
		snprintf(path, sizeof(path), "%s", dirname(copy));
	}
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if (access(path, W_OK | X_OK) == 0)
		return 0;
	return cannot_keep(state, error_set(err, -errno, "folder '%s': %m", path), err);
}

char *state_run_file(const char *state, const char *job, const char *run, const char *suffix)
{
	char *path;
	return asprintf(&path, "%s/%s/runs/%s.%s", state, job, run, suffix) < 0 ? NULL : path;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* One name for all who write the file: what a dead one has left is taken over by the next. */
static int open_new(const char *temp, int mode)
{
	for (;;) {
		CLEANUP(close_cleanup)
		int fd = open(temp, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd < 0 || flock(fd, LOCK_EX) < 0)
			return -1;
		if (!is_same_file(fd, temp)) /* who had it has put it into its place */
			continue;
		return ftruncate(fd, 0) < 0 ? -1 : steal_fd(&fd);
	}
}

static int write_new(int fd, const char *text, int mode)
{
	size_t len = strlen(text);
	/* Whoever may read it, says @mode, whatever the umask of a unit is. */
	if (fchmod(fd, (mode_t)mode) < 0)
		return -1;
	ssize_t n = write(fd, text, len);
	if (n >= 0 && (size_t)n < len)
		errno = ENOSPC;
	return n == (ssize_t)len ? fsync(fd) : -1;
}

int state_replace_file(const char *path, const char *text, int mode, struct error *err)
{
	char folder[PATH_MAX], temp[PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return error_set(err, -ENAMETOOLONG, "write '%s': %m", path);
	CLEANUP(close_cleanup) int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_cleanup) int fd = dir < 0 ? -1 : open_new(temp, mode);
	if (fd < 0)
		return error_set(err, -errno, "write '%s': %m", path);
	if (write_new(fd, text, mode) < 0 || rename(temp, path) < 0 || fsync(dir) < 0) {
		int rc = error_set(err, -errno, "write '%s': %m", path);
		unlink(temp);
		return rc;
	}
	return 0;
}

/* ---- locks ------------------------------------------------------------------------------------
 */

static int open_lock(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? error_set(err, -errno, "lock '%s': %m", path) : fd;
}

/* Who says in the file that the lock is his; 0 when nobody does, or he only cleans up. */
static int read_pid(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return atoi(text);
}

static int wait_for_lock(int fd, const char *job, bool recovers, struct error *err)
{
	int64_t begin = clock_now_ms(), other = begin;
	int last = 0;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(err, -errno, "lock of job '%s': %m", job);
		int64_t now = clock_now_ms();
		int pid = read_pid(fd);
		if (pid != last)
			other = now;
		last = pid;
		if (recovers || (pid && now - other >= SURE_MS))
			return error_mark(err,
					  error_set(err, -EBUSY,
						    "job '%s' runs already, as process %d", job,
						    pid),
					  ERROR_KIND_BUSY);
		if (now - begin >= RECOVERED_MS)
			return error_mark(
				err,
				error_set(err, -EBUSY,
					  "job '%s': somebody cleans up after its dead runs, and "
					  "does not come to an end",
					  job),
				ERROR_KIND_BUSY);
		poll(NULL, 0, PAUSE_MS);
	}
	return 0;
}

int state_lock_job(const char *state, const char *job, bool recovers, int *ret_fd,
		   struct error *err)
{
	char path[PATH_MAX], pid[32];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s/lock", state, job);
	CLEANUP(close_cleanup) int fd = open_lock(path, err);
	if (fd < 0)
		return fd;
	int rc = wait_for_lock(fd, job, recovers, err);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return error_set(err, -ENOENT, "job '%s' was removed meanwhile", job);
	int len = snprintf(pid, sizeof(pid), "%s%d\n", recovers ? RECOVERS : "", (int)getpid());
	errno = ENOSPC; /* should it be written in part */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len)
		return error_set(err, -errno, "lock '%s': %m", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int state_job_runner(const char *state, const char *job)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/lock", state, job);
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	return read_pid(fd);
}

bool state_tell_once(const char *state, const char *job, pid_t runner)
{
	char path[PATH_MAX], text[128], mark[32];
	snprintf(path, sizeof(path), "%s/%s/lock", state, job);
	int len = snprintf(mark, sizeof(mark), TOLD "%d\n", (int)runner);
	CLEANUP(close_cleanup) int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	if (strstr(text, mark))
		return false;
	n = n < 0 ? -1 : write(fd, mark, (size_t)len);
	(void)n; /* then the next one tells it once more */
	return true;
}

/* ---- what there is ----------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder that end with @suffix, without it, and that could be ours. */
static int list_names(const char *path, const char *suffix, json_t **ret, struct error *err)
{
	DIR *dir = opendir(path);
	if (!dir && errno != ENOENT)
		return error_set(err, -errno, "folder '%s': %m", path);
	char **names = NULL;
	size_t n = 0;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && dir && (entry = readdir(dir));) {
		size_t len = strlen(entry->d_name), cut = strlen(suffix);
		if (len <= cut || strcmp(entry->d_name + len - cut, suffix) != 0)
			continue;
		entry->d_name[len - cut] = '\0';
		if (!names_ok(entry->d_name))
			continue;
		char **more = realloc(names, (n + 1) * sizeof(*names));
		if (more)
			names = more;
		if (!more || !(names[n] = strdup(entry->d_name)))
			rc = error_set(err, -ENOMEM, "folder '%s': %m", path);
		else
			n++;
	}
	if (dir)
		closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, json_string(names[i]));
		free(names[i]);
	}
	free(names);
	if (rc == 0)
		*ret = list;
	else
		json_decref(list);
	return rc;
}

bool state_has_job(const char *state, const char *job)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s/runs", state, job);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int state_jobs(const char *state, json_t **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *all = NULL;
	int rc = list_names(state, "", &all, err);
	if (rc < 0)
		return rc;
	json_t *jobs = json_array();
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *job = json_array_get(all, i);
		if (state_has_job(state, json_string_value(job)))
			json_array_append(jobs, job);
	}
	*ret = jobs;
	return 0;
}

int state_runs(const char *state, const char *job, json_t **ret, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/runs", state, job);
	return list_names(path, SUFFIX_JOURNAL, ret, err);
}

int state_set_aside(const char *state, const char *job, const char *run, struct error *err)
{
	CLEANUP(free_cleanup) char *path = state_run_file(state, job, run, "journal");
	CLEANUP(free_cleanup) char *aside = state_run_file(state, job, run, "unreadable");
	if (!path || !aside)
		return error_set(err, -ENOMEM, "%m");
	if (rename(path, aside) < 0)
		return error_set(err, -errno, "rename '%s' to '%s': %m", path, aside);
	return sync_folder_of(path, err);
}

int state_trim(const char *state, const char *job, size_t keep, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *runs = NULL;
	int rc = state_runs(state, job, &runs, err);
	size_t n = json_array_size(runs);
	for (size_t i = 0; rc == 0 && i + keep < n; i++) {
		const char *run = json_string_value(json_array_get(runs, i));
		CLEANUP(free_cleanup) char *journal = state_run_file(state, job, run, "journal");
		CLEANUP(free_cleanup) char *log = state_run_file(state, job, run, "log");
		CLEANUP(json_decref_cleanup) json_t *records = NULL;
		if (!journal || !log)
			return error_set(err, -ENOMEM, "%m");
		if (journal_read(journal, &records, NULL) < 0 || !journal_last(records, "clean"))
			continue;
		unlink(log);
		unlink(journal);
	}
	return rc;
}

/* ---- forgetting a job -------------------------------------------------------------------------
 */

/* A journal that was set aside may be a folder. */
static int remove_folder(const char *path, struct error *err)
{
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, -errno, "folder '%s': %m", path);
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    unlinkat(dirfd(dir), name, 0) == 0)
			continue;
		if (errno != EISDIR || unlinkat(dirfd(dir), name, AT_REMOVEDIR) < 0)
			rc = error_set(err, -errno, "remove '%s/%s': %m", path, name);
	}
	closedir(dir);
	if (rc == 0 && rmdir(path) < 0)
		rc = error_set(err, -errno, "remove '%s': %m", path);
	return rc;
}

/* The lock comes last. */
int state_remove_job(const char *state, const char *job, struct error *err)
{
	char path[PATH_MAX], runs[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", state, job);
	int m = snprintf(runs, sizeof(runs), "%s/%s/runs", state, job);
	if (n < 0 || m < 0 || m >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "remove job '%s': %m", job);
	int rc = remove_folder(runs, err);
	return rc < 0 ? rc : remove_folder(path, err);
}

/* ---- the base of the next delta ---------------------------------------------------------------
 */

int state_base_read(const char *state, const char *job, json_t **ret, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/base.json", state, job);
	json_error_t why;
	FILE *in;
	struct error opened = { 0 };
	int rc = journal_open_file(path, BASE_MAX, &in, &opened);
	if (rc == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	if (rc < 0)
		return error_copy(err, rc, &opened);
	json_t *base = json_loadf(in, JSON_REJECT_DUPLICATES, &why);
	fclose(in);
	if (!json_is_object(base)) {
		json_decref(base);
		return error_set(err, -EUCLEAN, "'%s' is damaged: %s", path, why.text);
	}
	*ret = base;
	return 0;
}

int state_base_write(const char *state, const char *job, const json_t *base, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/base.json", state, job);
	CLEANUP(free_cleanup)
	char *text = json_dumps(base ? base : json_null(), JSON_INDENT(1) | JSON_ENCODE_ANY);
	if (!text)
		return error_set(err, -ENOMEM, "'%s': %m", path);
	if (base)
		return state_replace_file(path, text, 0600, err);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, -errno, "remove '%s': %m", path);
	return sync_folder_of(path, err);
}
