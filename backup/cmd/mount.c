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
#include <unistd.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/mount.h"
#include "lunette/point-open.h"

/**
 * struct mount_args - what the user asked for
 * @foreground: stay, and log to standard error
 * @from_repo: finished backups are shown, those of @which
 * @words: SOURCEs, or the POINT that is shown alone
 * @dir: the mount point, as a real path
 * @points: opened by the server; the tree stands on them
 */
struct mount_args {
	bool foreground;
	bool allow_other;
	bool json;
	struct cmd_sources sources;
	bool from_repo;
	struct cmd_repo which;
	char **words;
	size_t n_words;
	char *dir;
	struct points *points;
};

static const struct option_row options[] = {
	{ "foreground", NULL, "do not go to the background; log to standard error",
	  OPTION_FLAG(struct mount_args, foreground), .letter = 'f' },
	{ "allow-other", NULL, "let other users look, too",
	  OPTION_FLAG(struct mount_args, allow_other) },
	CMD_JSON_OPTION(struct mount_args, json),
	OPTION_HEADING("Options for repositories:"),
	CMD_REPO_OPTIONS(struct mount_args, which),
	CMD_SOURCE_OPTIONS(struct mount_args, sources),
	{ 0 },
};

/* ---- the tree ---- */

static int open_point(struct mount_args *args, struct layout **ret, struct error *err)
{
	char id[65];
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = cmd_open_point(&args->which, args->words[0], id, &point, err);
	return rc ? rc : point_open(args->which.repo, point, ret, err);
}

static int pass_by(void *ctx, const struct repo_brief *brief, struct error *err)
{
	(void)ctx, (void)brief, (void)err;
	return 0;
}

static void warn_damaged(void *ctx, const struct error *why)
{
	(void)ctx;
	cmd_warn("%s; it is not shown", why->msg);
}

static int make_points_tree(struct mount_args *args, struct tree **ret, struct error *err)
{
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = repo_briefs(args->which.repo, NULL, pass_by, NULL, warn_damaged, err);
	if (rc == 0)
		rc = point_source_new(args->which.repo, &args->points, err);
	return rc ? rc : tree_new_points(args->points, ret, err);
}

static bool is_said(const struct layout *layout, const char *reason)
{
	for (size_t i = 0; i < layout->n_warnings; i++)
		if (strstr(layout->warnings[i], reason))
			return true;
	return false;
}

/* Who mounts a set that is not whole would find a folder empty, and not know why. */
static void warn_incomplete(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *volume = &layout->volumes[i];
		bool whole = volume->state != LAYOUT_DEGRADED && volume->state != LAYOUT_INCOMPLETE;
		if (!whole && !is_said(layout, volume->reason))
			cmd_warn("volume %s is %s: %s", volume->name,
				 layout_state_name(volume->state), volume->reason);
	}
}

/* A single restore point is shown just as the live disks were. */
static int make_tree(struct mount_args *args, struct tree **ret, bool *warned, struct error *err)
{
	struct layout *layout = NULL;
	if (args->from_repo && args->n_words == 0)
		return make_points_tree(args, ret, err);
	int rc = args->from_repo ? open_point(args, &layout, err)
				 : cmd_sources_open(&args->sources, args->words, args->n_words,
						    &layout, err);
	if (rc)
		return rc;
	*warned = cmd_warn_layout(layout);
	warn_incomplete(layout);
	return tree_new_layout(layout, ret, err);
}

/* ---- the server ---- */

/**
 * struct mount_server - the process that serves
 * @args: what the user asked for
 * @pipe: where the parent waits; -1 in the foreground
 * @status: what the parent shall end with when the mount answers
 * @background: standard error is gone, the log is syslog's; files may be looked at before that
 */
struct mount_server {
	const struct mount_args *args;
	int pipe;
	unsigned char status;
	atomic_bool background;
};

static void log_sentence(void *ctx, const char *sentence)
{
	const struct mount_server *server = ctx;
	if (server->background)
		syslog(LOG_ERR, "%s", sentence);
	else
		cmd_say("", sentence);
}

/* Leaves the caller's terminal and folder, which must not be kept busy. */
static int go_background(struct mount_server *server, struct error *err)
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

static int report(const struct mount_args *args, struct error *err)
{
	cmd_done();
	return args->json ? cmd_print_json(json_pack("{s:o}", "dir", json_text(args->dir)), err)
			  : 0;
}

static int say_ready(void *ctx, struct error *err)
{
	struct mount_server *server = ctx;
	if (server->pipe < 0)
		return report(server->args, err);
	int rc = go_background(server, err);
	if (rc < 0)
		return rc;
	if (write(server->pipe, &server->status, 1) != 1)
		return error_set(err, -EPIPE, "whoever wanted the mount is gone");
	return 0;
}

static int serve(struct mount_args *args, int pipe, struct error *err)
{
	struct mount_server server = { .args = args, .pipe = pipe };
	CLEANUP(tree_free_cleanup) struct tree *tree = NULL;
	bool warned = false;
	int rc = make_tree(args, &tree, &warned, err);
	if (rc)
		return rc;
	server.status = warned || cmd_has_warned() ? STATUS_WARNINGS : STATUS_DONE;
	const struct mount_options how = {
		.allow_other = args->allow_other,
		.ready = say_ready,
		.log = log_sentence,
		.ctx = &server,
	};
	rc = mount_run(tree, args->dir, &how, err);
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

static int serve_in_background(struct mount_args *args, struct error *err)
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
		return serve(args, write_end, err);
	}
	close(steal_fd(&write_end));
	int status = wait_for_server(pid, read_end, err);
	int rc = status < 0 ? status : report(args, err);
	return rc < 0 ? rc : status;
}

/* ---- arguments ---- */

/* A POINT has no '/' in it, and no file's name goes before it. */
static bool is_source(const char *word)
{
	return strchr(word, '/') || access(word, F_OK) == 0;
}

static int choose(struct mount_args *args, char **words, size_t n, struct error *err)
{
	args->words = words;
	args->n_words = n - 1;
	/* What only the environment says counts where no SOURCE is named. */
	args->from_repo = args->which.path.text && (!args->which.path.from_env || n == 1 ||
						    (n == 2 && !is_source(words[0])));
	if (args->from_repo && n > 2)
		return cmd_usage(err, "one POINT at most goes in front of DIR");
	if (!args->from_repo && n == 1)
		return cmd_usage(err, "at least one SOURCE, or --repo REPO, is needed");
	return mount_check(words[n - 1], &args->dir, err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct mount_args *args = ctx;
	int rc = choose(args, words, n, err);
	if (rc)
		return rc;
	return args->foreground ? serve(args, -1, err) : serve_in_background(args, err);
}

static void free_args(void *to)
{
	struct mount_args *args = to;
	point_source_free(args->points);
	free(args->dir);
}

const struct command cmd_mount = {
	.name = "mount",
	.summary = "show disks or finished backups as files, read-only",
	.words = { "SOURCE... DIR\n--repo REPO [POINT] DIR", 1, COMMAND_ANY },
	.help = "Shows disks, their volumes and all files on them below DIR, an empty directory. Nothing "
		"is written to the disks.\n"
		"\n"
		"  layout.json             what is on the disks, as `lunette probe --json`\n"
		"  disks/DISK.img          each disk, whole\n"
		"  volumes/VOL/image       each volume, whole\n"
		"  volumes/VOL/files/...   its files\n"
		"  volumes/VOL/README      why it has none\n"
		"\n"
		"Of a repository the same is shown for each restore point, in NAME/TIME and for the "
		"newest in NAME/latest; or for one POINT alone.",
	.notes = "The mount goes away with `lunette umount DIR`.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 done with warnings" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct mount_args),
	.free = free_args,
	.run = run,
};
