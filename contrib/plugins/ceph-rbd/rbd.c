/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rbd - runs the program `rbd`, until the caller's deadline at the latest. See ceph.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "ceph.h"
#include "lunette/clock.h"

#define ARGS_MAX   24
#define OUTPUT_MAX (256u << 20)
#define SAID_MAX   400

/* What it wrote so far. */
struct output {
	char *text;
	size_t len;
	size_t size;
	char said[SAID_MAX];
	size_t n_said;
};

void ceph_spec(const struct ceph *ceph, const char *image, const char *set,
	       char ret[CEPH_SPEC_SIZE])
{
	snprintf(ret, CEPH_SPEC_SIZE, "%.128s/%.128s%s%s", ceph->pool, image,
		 set ? "@lunette." : "", set ? set : "");
}

/* The child: its output goes into the pipes, and it dies with us. */
static void become_rbd(const struct ceph *ceph, const char *const *args, int out, int said)
{
	const char *argv[ARGS_MAX + 8] = { "rbd", "--conf", ceph->conf, "--id", ceph->id };
	size_t n = 5;
	for (size_t i = 0; args[i] && n < ARGS_MAX + 7; i++)
		argv[n++] = args[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0)
		_exit(127);
	execvp("rbd", (char *const *)argv);
	dprintf(2, "%s",
		errno == ENOENT ? "the program rbd is missing (package ceph-common)"
				: "the program rbd cannot be run");
	_exit(127);
}

static int take_output(int fd, struct output *o, struct error *err)
{
	if (o->size - o->len < 65536) {
		size_t size = o->size ? o->size * 2 : 131072;
		char *text = size > OUTPUT_MAX ? NULL : realloc(o->text, size);
		if (!text)
			return error_set(err, -ENOMEM, "rbd prints more than can be held");
		o->text = text;
		o->size = size;
	}
	ssize_t n = read(fd, o->text + o->len, o->size - o->len - 1);
	o->len += n > 0 ? (size_t)n : 0;
	o->text[o->len] = '\0';
	return n > 0;
}

/* The beginning of it, on one line. */
static int take_said(int fd, struct output *o)
{
	char buf[1024];
	ssize_t n = read(fd, buf, sizeof(buf));
	for (ssize_t i = 0; i < n && o->n_said + 1 < SAID_MAX; i++)
		o->said[o->n_said++] = isprint((unsigned char)buf[i]) ? buf[i] : ' ';
	return n > 0;
}

static int collect(const struct ceph *ceph, int out, int said, struct output *o, struct error *err)
{
	bool more = true, more_said = true;
	while (more || more_said) {
		int64_t left = ceph->request->deadline - clock_now_ms();
		struct pollfd p[] = { { more ? out : -1, POLLIN, 0 },
				      { more_said ? said : -1, POLLIN, 0 } };
		if (left <= 0 || poll(p, 2, (int)MIN(left, (int64_t)1000000)) == 0)
			return error_set(err, -ETIMEDOUT, "the cluster does not answer in time");
		if (p[0].revents) {
			int rc = take_output(out, o, err);
			if (rc < 0)
				return rc;
			more = rc > 0;
		}
		if (p[1].revents)
			more_said = take_said(said, o) > 0;
	}
	return 0;
}

static int judge(const char *const *args, int status, const struct output *o, json_t **ret,
		 struct error *err)
{
	const char *said = o->said + strspn(o->said, " ");
	if (!WIFEXITED(status))
		return error_set(err, -EIO, "rbd %s %s was killed", args[0], args[1]);
	if (WEXITSTATUS(status) == 127)
		return error_set(err, -EIO, "%s", said);
	if (WEXITSTATUS(status) != 0)
		return error_set(err, -WEXITSTATUS(status), "rbd %s %s: %s", args[0], args[1],
				 said);
	if (!ret)
		return 0;
	/* An empty list of metadata is printed as nothing at all. */
	*ret = o->len ? json_loads(o->text, 0, NULL) : json_object();
	return *ret ? 0 : error_set(err, -EPROTO, "rbd %s %s prints no JSON", args[0], args[1]);
}

int ceph_rbd(const struct ceph *ceph, const char *const *args, json_t **ret, struct error *err)
{
	int out[2], said[2];
	struct output o = { 0 };
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, -errno, "pipe: %m");
	if (pipe2(said, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return error_set(err, -errno, "pipe: %m");
	}
	pid_t pid = fork();
	if (pid == 0)
		become_rbd(ceph, args, out[1], said[1]);
	close(out[1]);
	close(said[1]);
	int status = 0;
	int rc = pid < 0 ? error_set(err, -errno, "fork: %m")
			 : collect(ceph, out[0], said[0], &o, err);
	if (rc < 0 && pid > 0)
		kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(out[0]);
	close(said[0]);
	if (rc == 0)
		rc = judge(args, status, &o, ret, err);
	free(o.text);
	return rc;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/*
 * An abstract socket is had by one process only, and is free when that has died. Two that share a
 * name by its hash wait for each other, no more.
 */
static int lock(const struct ceph *ceph, int *ret, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(close_cleanup) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, -errno, "socket: %m");
	uint64_t hash = 14695981039346656037u;
	const char *run = strrchr(ceph->request->owner, '/');
	for (const char *p = ceph->request->owner; p < run; p++)
		hash = (hash ^ (uint8_t)*p) * 1099511628211u;
	int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			   "lunette-ceph-rbd-%016llx", (unsigned long long)hash);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
	while (bind(fd, (struct sockaddr *)&address, size) < 0) {
		if (errno != EADDRINUSE)
			return error_set(err, -errno, "bind: %m");
		if (clock_now_ms() + 20 > ceph->request->deadline)
			return error_set(err, -ETIMEDOUT,
					 "another call of this job has not come to its end");
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	*ret = steal_fd(&fd);
	return 0;
}

int ceph_open(const struct plug_request *request, enum ceph_access access, struct ceph *ret,
	      struct error *err)
{
	struct ceph ceph = { .request = request, .lock = -1 };
	int rc = plug_config(request, "pool", NULL, &ceph.pool, err);
	if (rc == 0)
		rc = plug_config(request, "conf", "/etc/ceph/ceph.conf", &ceph.conf, err);
	if (rc == 0)
		rc = plug_config(request, "client", "admin", &ceph.id, err);
	if (rc == 0 &&
	    (!volume_name_ok(ceph.pool) || strpbrk(ceph.conf, ",; ") || strpbrk(ceph.id, ",; ")))
		rc = error_set(err, -EINVAL,
			       "setting 'pool', 'conf' or 'client': has a comma, "
			       "semicolon or blank, or is no name");
	if (rc == 0 && access == CEPH_CHANGE)
		rc = lock(&ceph, &ceph.lock, err);
	if (rc == 0)
		rc = notes_load(&ceph, err);
	if (rc < 0) {
		ceph_close(&ceph);
		return rc;
	}
	*ret = ceph;
	return 0;
}

void ceph_close(struct ceph *ceph)
{
	close_cleanup(&ceph->lock);
	json_decref(steal(&ceph->notes));
}
