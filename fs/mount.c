/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount - mounting a tree and serving it. See include/lunette/mount.h.
 *
 * A snapshot never changes, so the kernel is told to keep everything: after the first look most
 * questions never reach this process again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mount-private.h"

/* More threads help while they wait for a LUN; more than this only compete. */
#define THREADS_MAX 16

/* ---- libfuse's words ---- */

/* libfuse would print them; what it says while it begins is part of our error. */
static char said[256];

__attribute__((format(printf, 2, 0))) static void keep_words(enum fuse_log_level level,
							     const char *format, va_list args)
{
	if (level > FUSE_LOG_ERR || *said)
		return;
	vsnprintf(said, sizeof(said), format, args);
	said[strcspn(said, "\n")] = '\0';
}

/* ---- ending by signal ---- */

static struct fuse_session *signalled;
static pthread_t main_thread;

/* The loop waits in the main thread; a signal may come to any. */
static void end_session(int sig)
{
	if (pthread_equal(pthread_self(), main_thread))
		fuse_session_exit(signalled);
	else
		pthread_kill(main_thread, sig);
}

static void take_signals(struct fuse_session *session)
{
	struct sigaction action = { .sa_handler = end_session };
	sigset_t set;
	sigemptyset(&action.sa_mask);
	signalled = session;
	main_thread = pthread_self();
	sigemptyset(&set);
	for (size_t i = 0; i < 3; i++) {
		int sig = (const int[]){ SIGTERM, SIGINT, SIGHUP }[i];
		struct sigaction before = { 0 };
		sigaction(sig, NULL, &before);
		if (sig == SIGHUP && before.sa_handler == SIG_IGN)
			continue; /* nohup */
		sigaction(sig, &action, NULL);
		sigaddset(&set, sig);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void leave_signals(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* ---- being ready ---- */

/*
 * The kernel reads 128 KiB ahead: one small request at a time. With as much as the disks want there
 * are several large ones on their way, which hides how long a LUN takes and uses all cores: one
 * file was read at 3.2 GB/s with 8 MiB, at 2.4 GB/s with 1 MiB. Only root can change that, and
 * nothing is lost but speed if it cannot be done.
 */
static void raise_read_ahead(const struct tree *tree, dev_t dev)
{
	char path[64], kib[24];
	int n = snprintf(kib, sizeof(kib), "%" PRIu64, tree_read_ahead(tree) / 1024);
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(dev), minor(dev));
	CLEANUP(close_cleanup) int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, kib, (size_t)n) < 0)
		return;
}

/* Looks at the mount as a user would, which is answered once the session is up. */
static void *be_ready(void *arg)
{
	struct mount *mount = arg;
	struct stat st;
	int rc = 0;
	if (stat(mount->dir, &st) != 0)
		rc = error_set(&mount->ready_err, -errno, "mount '%s': %m", mount->dir);
	else
		raise_read_ahead(mount->tree, st.st_dev);
	if (rc == 0 && mount->options->ready)
		rc = mount->options->ready(mount->options->ctx, &mount->ready_err);
	if (rc < 0)
		pthread_kill(main_thread, SIGTERM);
	return NULL;
}

/* ---- the session ---- */

static struct fuse_session *new_session(struct mount *mount)
{
	char options[128];
	snprintf(options, sizeof(options),
		 "ro,nosuid,nodev,noatime,fsname=lunette,subtype=lunette%s",
		 mount->options->allow_other ? ",allow_other" : "");
	char *argv[] = { (char *)"lunette", (char *)"-o", options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *session =
		fuse_session_new(&args, &mount_ops, sizeof(mount_ops), mount);
	fuse_opt_free_args(&args);
	return session;
}

/* The loop's own threads leave these signals to others. */
static int loop(struct mount *mount, struct error *err)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (!config)
		return error_set(err, -ENOMEM, "mount: %m");
	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(config, THREADS_MAX);
	int rc = fuse_session_loop_mt(mount->session, config);
	fuse_loop_cfg_destroy(config);
	return rc < 0 ? error_set(err, rc, "serve '%s': %m", mount->dir) : 0;
}

static int serve(struct mount *mount, struct error *err)
{
	pthread_t ready;
	take_signals(mount->session);
	int rc = -pthread_create(&ready, NULL, be_ready, mount);
	bool started = rc == 0;
	rc = started ? loop(mount, err) : error_set(err, rc, "mount: start a thread: %m");
	leave_signals();
	fuse_session_unmount(mount->session); /* which ends the thread's look, if it still waits */
	if (started)
		pthread_join(ready, NULL);
	if (rc == 0 && mount->ready_err.code)
		return error_copy(err, mount->ready_err.code, &mount->ready_err);
	return rc;
}

int mount_run(struct tree *tree, const char *dir, const struct mount_options *options,
	      struct error *err)
{
	struct mount mount = {
		.tree = tree, .dir = dir, .options = options, .uid = getuid(), .gid = getgid()
	};
	fuse_set_log_func(keep_words);
	mount.session = new_session(&mount);
	if (!mount.session)
		return error_set(err, -ENOMEM, "mount '%s': %s", dir, said);
	pthread_mutex_init(&mount.log_lock, NULL);
	int rc = fuse_session_mount(mount.session, dir);
	if (rc != 0)
		rc = error_set(err, -EIO, "mount '%s': %s", dir,
			       *said ? said : "FUSE refused it: is /dev/fuse there and allowed?");
	else
		rc = serve(&mount, err);
	fuse_session_destroy(mount.session);
	pthread_mutex_destroy(&mount.log_lock);
	return rc;
}
