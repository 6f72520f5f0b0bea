/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-record - runs a program, and writes down what it and its children do to the files below a
 * folder, in the order in which it happens: what tests/support/powercut.py replays up to a moment
 * at which the power goes.
 *
 *   tool-record LOG FOLDER -- COMMAND...
 *
 * Its one idea: a tracer sees every system call of every thread, whatever makes it, and one that is
 * stopped at the end of a call has not begun the next: so the lines of the log are an order that
 * really was. Syncing has two lines, since it is good for what was done before it began, and can be
 * relied on when it has ended.
 *
 * The log is added to; a line has words between tabs, a file goes by its inode:
 *
 *   create INO PATH      nameless INO         truncate INO SIZE
 *   write INO OFF LEN    the bytes follow those of the line before it in LOG.data
 *   punch INO OFF LEN    link INO PATH        rename INO OLD NEW    unlink PATH
 *   mkdir PATH           rmdir PATH
 *   sync TID INO         syncdir TID PATH     synced TID
 *   exit STATUS          of COMMAND; 128 and the signal when it was killed
 *
 * What it does not know, and what could change a file, ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "lunette/util.h"

#define TASKS_MAX 512
#define IOV_MOST  64

/* What is looked at. All else is not even stopped. */
static const int watched[] = {
#ifdef SYS_open
	SYS_open,      SYS_creat,           SYS_rename,    SYS_unlink,    SYS_link,
	SYS_mkdir,     SYS_rmdir,
#endif
	SYS_openat,    SYS_write,           SYS_pwrite64,  SYS_writev,    SYS_pwritev,
	SYS_pwritev2,  SYS_truncate,        SYS_ftruncate, SYS_fallocate, SYS_fsync,
	SYS_fdatasync, SYS_linkat,          SYS_renameat,  SYS_renameat2, SYS_unlinkat,
	SYS_mkdirat,   SYS_copy_file_range, SYS_sendfile,  SYS_splice,    SYS_mmap,
	SYS_openat2,
};

struct task {
	pid_t tid;
	bool in_call;
	bool there; /* a name that was to be made was there before */
	uint64_t nr, args[6];
};

static struct task tasks[TASKS_MAX];
static FILE *log_file, *data_file;
static char folder[PATH_MAX];

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("tool-record: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2); /* and with it goes all that is traced */
}

static struct task *task_of(pid_t tid)
{
	struct task *free = NULL;
	for (size_t i = 0; i < TASKS_MAX; i++) {
		if (tasks[i].tid == tid)
			return &tasks[i];
		if (!tasks[i].tid)
			free = &tasks[i];
	}
	if (!free)
		die("too many threads");
	*free = (struct task){ .tid = tid };
	return free;
}

/* ---- what the program means -------------------------------------------------------------------
 */

static void read_memory(const struct task *task, uint64_t at, void *buf, size_t len)
{
	struct iovec to = { buf, len }, from = { (void *)(uintptr_t)at, len };
	if (process_vm_readv(task->tid, &to, 1, &from, 1, 0) != (ssize_t)len)
		die("read the memory of %d: %m", (int)task->tid);
}

/* Page by page, since what is behind the end need not be there. */
static void read_text(const struct task *task, uint64_t at, char ret[PATH_MAX])
{
	for (size_t n = 0; n < PATH_MAX;) {
		size_t len = MIN((size_t)(4096 - (at + n) % 4096), PATH_MAX - n);
		read_memory(task, at + n, ret + n, len);
		if (memchr(ret + n, '\0', len))
			return;
		n += len;
	}
	die("a path is too long");
}

static void read_link(const char *link, char ret[PATH_MAX])
{
	ssize_t n = readlink(link, ret, PATH_MAX - 1);
	ret[n < 0 ? 0 : n] = '\0';
}

static void path_of_fd(const struct task *task, int fd, char ret[PATH_MAX])
{
	char link[64];
	snprintf(link, sizeof(link), fd == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d",
		 (int)task->tid, fd);
	read_link(link, ret);
}

/* The whole path of a name; no name in it is a link but the last one may be. */
static void path_at(const struct task *task, uint64_t dirfd, uint64_t at, char ret[PATH_MAX])
{
	char name[PATH_MAX], from[PATH_MAX] = "", copy[2 * PATH_MAX], parent[PATH_MAX];
	read_text(task, at, name);
	if (name[0] != '/')
		path_of_fd(task, (int)dirfd, from);
	snprintf(copy, sizeof(copy), "%s/%s", from, name);
	char last[NAME_MAX + 1];
	snprintf(last, sizeof(last), "%s", basename(copy));
	snprintf(copy, sizeof(copy), "%s/%s", from, name);
	if (!realpath(dirname(copy), parent))
		parent[0] = '\0'; /* then nothing was done there either */
	if (snprintf(ret, PATH_MAX, "%s/%s", parent, last) >= PATH_MAX)
		die("a path is too long");
}

static bool is_ours(const char *path)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]);
}

/* Return: whether it is a file or a folder of ours. */
static bool our_fd(const struct task *task, uint64_t fd, struct stat *ret, char path[PATH_MAX])
{
	char link[64];
	path_of_fd(task, (int)fd, path);
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)task->tid, (int)fd);
	return is_ours(path) && stat(link, ret) == 0;
}

static uint64_t ino_of(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		die("'%s': %m", path);
	return st.st_ino;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static void __attribute__((format(printf, 1, 2))) line(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(log_file, format, args);
	va_end(args);
	fputc('\n', log_file);
}

static void note_open(const struct task *task, uint64_t fd, uint64_t flags)
{
	struct stat st;
	char path[PATH_MAX];
	if (!our_fd(task, fd, &st, path) || !S_ISREG(st.st_mode))
		return;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		line("nameless\t%ju", (uintmax_t)st.st_ino);
	else if (flags & O_CREAT && !task->there)
		line("create\t%ju\t%s", (uintmax_t)st.st_ino, path);
	else if (flags & O_TRUNC)
		line("truncate\t%ju\t0", (uintmax_t)st.st_ino);
}

static void copy_bytes(const struct task *task, uint64_t at, uint64_t len)
{
	char buf[65536];
	for (uint64_t n; len > 0; at += n, len -= n) {
		n = MIN(len, (uint64_t)sizeof(buf));
		read_memory(task, at, buf, n);
		fwrite(buf, 1, n, data_file);
	}
}

/* @off: -1 when it was written where the descriptor stood */
static void note_write(const struct task *task, const struct iovec *iov, size_t n_iov, int64_t off,
		       uint64_t len)
{
	struct stat st;
	char path[PATH_MAX], info[64];
	if (!our_fd(task, task->args[0], &st, path) || !S_ISREG(st.st_mode) || len == 0)
		return;
	if (off < 0) {
		snprintf(info, sizeof(info), "/proc/%d/fdinfo/%d", (int)task->tid,
			 (int)task->args[0]);
		FILE *in = fopen(info, "re");
		if (!in || fscanf(in, "pos: %" SCNd64, &off) != 1)
			die("'%s': %m", info);
		fclose(in);
		off -= (int64_t)len;
	}
	line("write\t%ju\t%jd\t%ju", (uintmax_t)st.st_ino, (intmax_t)off, (uintmax_t)len);
	for (size_t i = 0; i < n_iov && len > 0; i++) {
		uint64_t part = MIN((uint64_t)iov[i].iov_len, len);
		copy_bytes(task, (uint64_t)(uintptr_t)iov[i].iov_base, part);
		len -= part;
	}
}

static void note_writev(const struct task *task, int64_t off, uint64_t len)
{
	struct iovec iov[IOV_MOST];
	size_t n = MIN((size_t)task->args[2], (size_t)IOV_MOST);
	read_memory(task, task->args[1], iov, n * sizeof(*iov));
	if (n == IOV_MOST)
		die("too many buffers in one write");
	note_write(task, iov, n, off, len);
}

static void note_fallocate(const struct task *task)
{
	struct stat st;
	char path[PATH_MAX];
	if (!our_fd(task, task->args[0], &st, path))
		return;
	if (task->args[1] == FALLOC_FL_KEEP_SIZE)
		return; /* room that is set aside has nothing in it */
	if ((task->args[1] & ~(uint64_t)FALLOC_FL_KEEP_SIZE) != FALLOC_FL_PUNCH_HOLE)
		die("fallocate: an unknown mode for '%s'", path);
	line("punch\t%ju\t%ju\t%ju", (uintmax_t)st.st_ino, (uintmax_t)task->args[2],
	     (uintmax_t)task->args[3]);
}

static void note_name(const struct task *task, const char *what, uint64_t dirfd, uint64_t at)
{
	char path[PATH_MAX];
	path_at(task, dirfd, at, path);
	if (!is_ours(path))
		return;
	if (strcmp(what, "link") == 0)
		line("link\t%ju\t%s", (uintmax_t)ino_of(path), path);
	else
		line("%s\t%s", what, path);
}

static void note_rename(const struct task *task, uint64_t from, uint64_t from_at, uint64_t to,
			uint64_t to_at)
{
	char old[PATH_MAX], path[PATH_MAX];
	path_at(task, from, from_at, old);
	path_at(task, to, to_at, path);
	if (is_ours(old) != is_ours(path))
		die("'%s' is moved to '%s': one of them is not recorded", old, path);
	if (is_ours(path))
		line("rename\t%ju\t%s\t%s", (uintmax_t)ino_of(path), old, path);
}

static void must_not_be_ours(const struct task *task, uint64_t fd)
{
	struct stat st;
	char path[PATH_MAX];
	if (our_fd(task, fd, &st, path))
		die("'%s' is written by a call that is not recorded: %ju", path,
		    (uintmax_t)task->nr);
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static void at_begin(struct task *task)
{
	const uint64_t *a = task->args;
	struct stat st;
	char path[PATH_MAX];
	switch (task->nr) {
#ifdef SYS_open
	case SYS_open:
	case SYS_creat:
		path_at(task, (uint64_t)AT_FDCWD, a[0], path);
		task->there = lstat(path, &st) == 0;
		break;
#endif
	case SYS_openat:
		path_at(task, a[0], a[1], path);
		task->there = lstat(path, &st) == 0;
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		if (!our_fd(task, a[0], &st, path))
			break;
		if (S_ISDIR(st.st_mode))
			line("syncdir\t%d\t%s", (int)task->tid, path);
		else
			line("sync\t%d\t%ju", (int)task->tid, (uintmax_t)st.st_ino);
		break;
	case SYS_mmap:
		if (a[3] & MAP_SHARED && a[2] & PROT_WRITE && !(a[3] & MAP_ANONYMOUS))
			must_not_be_ours(task, a[4]);
		break;
	}
}

static void at_end(struct task *task, int64_t rc)
{
	const uint64_t *a = task->args, here = (uint64_t)AT_FDCWD;
	struct stat st;
	char path[PATH_MAX];
	struct iovec one = { (void *)(uintptr_t)a[1], a[2] };
	switch (task->nr) {
#ifdef SYS_open
	case SYS_open:
		note_open(task, (uint64_t)rc, a[1]);
		break;
	case SYS_creat:
		note_open(task, (uint64_t)rc, O_CREAT | O_TRUNC);
		break;
	case SYS_link:
		note_name(task, "link", here, a[1]);
		break;
	case SYS_rename:
		note_rename(task, here, a[0], here, a[1]);
		break;
	case SYS_unlink:
		note_name(task, "unlink", here, a[0]);
		break;
	case SYS_mkdir:
		note_name(task, "mkdir", here, a[0]);
		break;
	case SYS_rmdir:
		note_name(task, "rmdir", here, a[0]);
		break;
#endif
	case SYS_openat:
		note_open(task, (uint64_t)rc, a[2]);
		break;
	case SYS_write:
		note_write(task, &one, 1, -1, (uint64_t)rc);
		break;
	case SYS_pwrite64:
		note_write(task, &one, 1, (int64_t)a[3], (uint64_t)rc);
		break;
	case SYS_writev:
		note_writev(task, -1, (uint64_t)rc);
		break;
	case SYS_pwritev:
	case SYS_pwritev2:
		note_writev(task, (int64_t)a[3], (uint64_t)rc);
		break;
	case SYS_ftruncate:
		if (our_fd(task, a[0], &st, path))
			line("truncate\t%ju\t%ju", (uintmax_t)st.st_ino, (uintmax_t)a[1]);
		break;
	case SYS_truncate:
		path_at(task, here, a[0], path);
		if (is_ours(path))
			line("truncate\t%ju\t%ju", (uintmax_t)ino_of(path), (uintmax_t)a[1]);
		break;
	case SYS_fallocate:
		note_fallocate(task);
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		if (our_fd(task, a[0], &st, path))
			line("synced\t%d", (int)task->tid);
		break;
	case SYS_linkat:
		note_name(task, "link", a[2], a[3]);
		break;
	case SYS_renameat2:
		if (a[4] & ~(uint64_t)RENAME_NOREPLACE)
			die("renameat2: unknown flags");
		__attribute__((fallthrough));
	case SYS_renameat:
		note_rename(task, a[0], a[1], a[2], a[3]);
		break;
	case SYS_unlinkat:
		note_name(task, a[2] & AT_REMOVEDIR ? "rmdir" : "unlink", a[0], a[1]);
		break;
	case SYS_mkdirat:
		note_name(task, "mkdir", a[0], a[1]);
		break;
	case SYS_copy_file_range:
	case SYS_splice:
		must_not_be_ours(task, a[2]);
		break;
	case SYS_sendfile:
		must_not_be_ours(task, a[0]);
		break;
	case SYS_openat2:
		if (our_fd(task, (uint64_t)rc, &st, path))
			die("'%s' is opened by openat2, which is not recorded", path);
		break;
	}
}

/* ---- the tracer -------------------------------------------------------------------------------
 */

static void watch_myself(void)
{
	struct sock_filter filter[ARRAY_SIZE(watched) + 4];
	size_t n = 0;
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(watched); i++)
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (unsigned int)watched[i],
							   (uint8_t)(ARRAY_SIZE(watched) - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	struct sock_fprog program = { .len = (unsigned short)n, .filter = filter };
	if (geteuid() != 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		die("seccomp: %m");
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork: %m");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			die("trace: %m");
		raise(SIGSTOP);
		watch_myself();
		execvp(argv[0], argv);
		die("'%s': %m", argv[0]);
	}
	int status;
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
			   PTRACE_O_EXITKILL) < 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
		die("trace: %m");
	return pid;
}

/* Return: how it goes on. */
static int on_call(struct task *task)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) <= 0)
		return PTRACE_CONT; /* killed meanwhile */
	if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
		task->nr = info.seccomp.nr;
		memcpy(task->args, info.seccomp.args, sizeof(task->args));
		task->in_call = true;
		at_begin(task);
		return PTRACE_SYSCALL;
	}
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->in_call) {
		task->in_call = false;
		if (!info.exit.is_error)
			at_end(task, info.exit.rval);
		return PTRACE_CONT;
	}
	return task->in_call ? PTRACE_SYSCALL : PTRACE_CONT;
}

static void on_stop(pid_t tid, int status)
{
	struct task *task = task_of(tid);
	int event = status >> 16, signal = WSTOPSIG(status), how = PTRACE_CONT;
	if (event == PTRACE_EVENT_SECCOMP || signal == (SIGTRAP | 0x80)) {
		how = on_call(task);
		signal = 0;
	} else {
		/* What begins to be traced stops once; all other signals are the program's. */
		if (event || signal == SIGSTOP)
			signal = 0;
		how = task->in_call ? PTRACE_SYSCALL : PTRACE_CONT;
	}
	ptrace(how, tid, NULL, (void *)(intptr_t)signal);
}

int main(int argc, char **argv)
{
	if (argc < 5 || strcmp(argv[3], "--") != 0)
		die("usage: tool-record LOG FOLDER -- COMMAND...");
	char data[PATH_MAX];
	snprintf(data, sizeof(data), "%s.data", argv[1]);
	log_file = fopen(argv[1], "ae");
	data_file = fopen(data, "ae");
	if (!log_file || !data_file || !realpath(argv[2], folder))
		die("'%s', '%s': %m", argv[1], argv[2]);
	pid_t pid = start(argv + 4), tid;
	int status, result = 0;
	/* All of them: who is still at work when the first one ends would be left without us. */
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			on_stop(tid, status);
			continue;
		}
		task_of(tid)->tid = 0;
		if (tid != pid)
			continue;
		result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		line("exit\t%d", result);
	}
	if (fclose(log_file) != 0 || fclose(data_file) != 0)
		die("'%s': %m", argv[1]);
	return result;
}
