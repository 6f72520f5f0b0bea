/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mount - `lunette mount`: shows disks, or finished backups, as a tree of files.
 *
 * In the background, the server is a child of the process that was called, forked before anything
 * is opened, because threads do not survive a fork. The parent waits at a pipe until the child says
 * that the mount answers; a child that fails says why on the standard error that both still share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "old.h"
#include "lunette/mount.h"
#include "lunette/point-open.h"

/**
 * struct request - what the user asked for
 * @foreground: stay, and log to standard error
 * @from_repo: finished backups are shown, those of @which
 * @args: SOURCEs, or the POINT that is shown alone
 * @dir: the mount point, as a real path
 * @repo, @points: opened by the server; the tree stands on them
 */
struct request {
	bool foreground;
	bool allow_other;
	struct cmd_sources sources;
	bool from_repo;
	struct old_repo which;
	char **args;
	size_t n_args;
	char *dir;
	struct repo *repo;
	struct points *points;
};

/* ---- the tree ---- */

static int open_point(struct repo *repo, const char *spec, struct layout **ret, struct error *err)
{
	char id[65];
	json_t *point;
	int rc = repo_point_find(repo, spec, id, &point, err);
	if (rc < 0)
		return rc;
	rc = point_open(repo, point, ret, err);
	json_decref(point);
	return rc;
}

static int make_points_tree(struct request *request, struct tree **ret, struct error *err)
{
	int rc = point_source_new(request->repo, &request->points, err);
	return rc < 0 ? rc : tree_new_points(request->points, ret, err);
}

/* A single restore point is shown just as the live disks were. */
static int make_tree(struct request *request, struct tree **ret, bool *warned, struct error *err)
{
	struct layout *layout = NULL;
	int rc = 0;
	if (request->from_repo)
		rc = old_open_repo(&request->which, &request->repo, err);
	if (rc)
		return rc;
	if (request->from_repo && request->n_args == 0)
		return make_points_tree(request, ret, err);
	if (request->from_repo)
		rc = open_point(request->repo, request->args[0], &layout, err);
	else
		rc = cmd_sources_open(&request->sources, request->args, request->n_args, &layout,
				      err);
	if (rc)
		return rc;
	*warned = cmd_warn_layout(layout);
	return tree_new_layout(layout, ret, err);
}

/* ---- the server ---- */

/**
 * struct server - the process that serves
 * @pipe: where the parent waits; -1 in the foreground
 * @status: what the parent shall end with when the mount answers
 * @background: standard error is gone, the log is syslog's; files may be looked at before that
 */
struct server {
	int pipe;
	unsigned char status;
	atomic_bool background;
};

static void log_sentence(void *ctx, const char *sentence)
{
	const struct server *server = ctx;
	if (server->background)
		syslog(LOG_ERR, "%s", sentence);
	else
		cmd_say("", sentence);
}

/* Leaves the caller's terminal and folder, which must not be kept busy. */
static int go_background(struct server *server, struct error *err)
{
	CLEANUP(close_cleanup) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return error_set(err, -errno, "/dev/null: %m");
	openlog("lunette", LOG_PID, LOG_DAEMON);
	server->background = true;
	if (setsid() < 0 || chdir("/") != 0)
		return error_set(err, -errno, "go to the background: %m");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return error_set(err, -errno, "go to the background: %m");
	return 0;
}

static int say_ready(void *ctx, struct error *err)
{
	struct server *server = ctx;
	if (server->pipe < 0)
		return 0;
	int rc = go_background(server, err);
	if (rc < 0)
		return rc;
	if (write(server->pipe, &server->status, 1) != 1)
		return error_set(err, -EPIPE, "whoever wanted the mount is gone");
	return 0;
}

static int serve(struct request *request, int pipe, struct error *err)
{
	struct server server = { .pipe = pipe };
	CLEANUP(tree_free_cleanup) struct tree *tree = NULL;
	bool warned = false;
	int rc = make_tree(request, &tree, &warned, err);
	if (rc)
		return rc;
	server.status = warned ? STATUS_WARNINGS : STATUS_DONE;
	const struct mount_options options = {
		.allow_other = request->allow_other,
		.ready = say_ready,
		.log = log_sentence,
		.ctx = &server,
	};
	rc = mount_run(tree, request->dir, &options, err);
	if (rc < 0 && server.background && err)
		syslog(LOG_ERR, "%s", err->msg);
	return rc < 0 ? rc : server.status;
}

/* ---- the parent ---- */

static int wait_for_server(pid_t pid, int pipe, struct error *err)
{
	unsigned char status;
	ssize_t n;
	do
		n = read(pipe, &status, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return status;
	int how;
	while (waitpid(pid, &how, 0) < 0)
		if (errno != EINTR)
			return error_set(err, -errno, "wait for the server: %m");
	if (WIFSIGNALED(how))
		return error_set(err, -EINTR,
				 "signal %d ended the server before the mount was ready",
				 WTERMSIG(how));
	exit(WEXITSTATUS(how)); /* it has said why */
}

static int serve_in_background(struct request *request, struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, -errno, "pipe: %m");
	CLEANUP(close_cleanup) int read_end = fds[0];
	CLEANUP(close_cleanup) int write_end = fds[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, -errno, "fork: %m");
	if (pid == 0) {
		close(steal_fd(&read_end));
		return serve(request, write_end, err);
	}
	close(steal_fd(&write_end));
	return wait_for_server(pid, read_end, err);
}

/* ---- arguments ---- */

static int parse(int argc, char **argv, struct request *request, struct error *err)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "allow-other", no_argument, NULL, 'o' },
		OLD_REPO_OPTIONS,
		OLD_SOURCE_OPTIONS,
		{ 0 },
	};
	int opt;
	while ((opt = getopt_long(argc, argv, ":f", options, NULL)) != -1) {
		int rc = 0;
		if (opt == 'f')
			request->foreground = true;
		else if (opt == 'o')
			request->allow_other = true;
		else if (old_repo_option(&request->which, opt, optarg) != 0)
			rc = old_sources_option(&request->sources, opt, optarg, err);
		if (rc == 1)
			return old_no_option(opt, argv[optind - 1], err);
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cmd_usage(err, "a DIR is needed");
	request->args = argv + optind;
	request->n_args = (size_t)(argc - optind - 1);
	/* Without --repo, a word in front of DIR is a SOURCE, whatever the environment says. */
	request->from_repo =
		request->which.path || (request->n_args == 0 && getenv("LUNETTE_REPO"));
	if (request->from_repo && request->n_args > 1)
		return cmd_usage(err, "one POINT at most goes in front of DIR");
	if (!request->from_repo && request->n_args == 0)
		return cmd_usage(err, "at least one SOURCE, or --repo REPO, is needed");
	return mount_check(argv[argc - 1], &request->dir, err);
}

static void request_free(struct request *request)
{
	point_source_free(request->points);
	repo_close(request->repo);
	cmd_sources_free(&request->sources);
	free(request->dir);
}

static int run(int argc, char **argv, struct error *err)
{
	CLEANUP(request_free) struct request request = { 0 };
	int rc = parse(argc, argv, &request, err);
	if (rc)
		return rc;
	return request.foreground ? serve(&request, -1, err) : serve_in_background(&request, err);
}

const struct command cmd_mount = {
	.name = "mount",
	.summary = "show disks or finished backups as files, read-only",
	.help = "Usage: lunette mount [-f] [--allow-other] [OPTIONS] SOURCE... DIR\n"
		"       lunette mount [-f] [--allow-other] --repo REPO [POINT] DIR\n"
		"Shows disks, their volumes and all files on them below DIR, an empty directory.\n"
		"Nothing is written to the disks.\n"
		"\n"
		"  layout.json             what is on the disks, as `lunette probe --json`\n"
		"  disks/DISK.img          each disk, whole\n"
		"  volumes/VOL/image       each volume, whole\n"
		"  volumes/VOL/files/...   its files\n"
		"\n"
		"Of a repository the same is shown for each restore point, in NAME/TIME and for the\n"
		"newest in NAME/latest; or for one POINT alone.\n"
		"\n"
		"  -f, --foreground   do not go to the background; log to standard error\n"
		"  --allow-other      let other users look, too\n"
		"\n"
		"Options for repositories:\n" OLD_REPO_OPTIONS_HELP "\n" OLD_SOURCE_HELP
		"\n" OLD_REPO_HELP "\n"
		"The mount goes away with `lunette umount DIR`.\n"
		"Exit status: 0 done, 1 failed, 2 wrong usage, 3 done with warnings.\n",
	.main = run,
};
