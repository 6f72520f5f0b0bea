/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rbd - runs the program `rbd`, until the caller's deadline at the latest. See ceph.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "ceph.h"
#include "lunette/child.h"
#include "lunette/clock.h"

#define ARGS_MAX   24
#define OUTPUT_MAX (256u << 20)

void ceph_spec(const struct ceph *ceph, const char *image, const char *set,
	       char ret[CEPH_SPEC_SIZE])
{
	snprintf(ret, CEPH_SPEC_SIZE, "%.128s/%.128s%s%s", ceph->pool, image,
		 set ? "@lunette." : "", set ? set : "");
}

/* The errno of what rbd did instead, with a sentence. */
static int failure(const struct child_run *run, const struct error *why, struct error *err)
{
	if (why->code == -ETIMEDOUT)
		return error_set(err, -ETIMEDOUT, "the cluster does not answer in time");
	if (why->code == -ECHILD && WIFEXITED(run->status))
		return error_set(err, -WEXITSTATUS(run->status), "%s: %s", run->name, run->said);
	/* -ENOENT would say that an image is not there. */
	if (why->code == -ENOENT)
		return error_set(err, -EIO, "the program rbd is missing (package ceph-common)");
	return error_set(err, -EIO, "%s", why->msg);
}

int ceph_rbd(const struct ceph *ceph, const char *const *args, json_t **ret, struct error *err)
{
	const char *argv[ARGS_MAX + 8] = { "rbd", "--conf", ceph->conf, "--id", ceph->id };
	char name[80];
	struct error why = { 0 };
	size_t n = 5;
	for (size_t i = 0; args[i] && n < ARGS_MAX + 7; i++)
		argv[n++] = args[i];
	snprintf(name, sizeof(name), "rbd %.32s %.32s", args[0], args[1]);
	CLEANUP(child_run_clear)
	struct child_run run = {
		.how = { .argv = argv, .dies_with_us = SIGKILL },
		.name = name,
		.limit_ms = MAX(ceph->request->deadline - clock_now_ms(), (int64_t)0),
		.out_max = OUTPUT_MAX,
	};
	if (child_run(&run, &why) < 0)
		return failure(&run, &why, err);
	if (!ret)
		return 0;
	/* An empty list of metadata is printed as nothing at all. */
	*ret = run.out_len ? json_loads(run.out, 0, NULL) : json_object();
	return *ret ? 0 : error_set(err, -EPROTO, "%s prints no JSON", name);
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
