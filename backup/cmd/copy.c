/* SPDX-License-Identifier: GPL-3.0-or-later */
/* copy - restore points go into another repository. */
#include <stdio.h>

#include "cmd.h"
#include "lunette/copy.h"
#include "lunette/json.h"

/**
 * struct copy_args - what the user wants, and what was done
 * @level: 0: the other repository's
 * @report: restore points, for --json
 */
struct copy_args {
	struct cmd_repo from, to;
	int level;
	bool json;
	struct cmd_progress progress;
	json_t *report;
	struct copy_stats stats;
};

static const struct option_row to_rows[] = {
	{ "to", "REPO", "the other repository", OPTION_ENV(struct cmd_repo, path, NULL),
	  .needed = true },
	{ "to-password-file", "FILE",
	  "its password is the first line of FILE; else it is asked for",
	  OPTION_ENV(struct cmd_repo, password.file, NULL) },
	{ "to-password-command", "CMD", "it is the first line of what CMD prints, which sh runs",
	  OPTION_ENV(struct cmd_repo, password.command, NULL) },
	{ "to-key-file", "FILE", "open it with its exported key",
	  OPTION_TEXT(struct cmd_repo, key_file) },
	{ 0 },
};

/* Of two repositories, the environment speaks of the first one only. */
static const struct option_group to_options = { .rows = to_rows, .free = cmd_close_repo };

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct copy_args, from),
	OPTION_GROUP(struct copy_args, to, struct cmd_repo, &to_options),
	{ "level", "N", "of compression, as of init; default: the other repository's",
	  OPTION_CALL(struct copy_args, level, int, cmd_take_level) },
	CMD_JSON_OPTION(struct copy_args, json),
	CMD_PROGRESS_OPTIONS(struct copy_args, progress),
	{ 0 },
};

static void progress(void *ctx, const struct copy_stats *stats)
{
	struct copy_args *c = ctx;
	c->progress.total = stats->total;
	cmd_progress_show(&c->progress, stats->done);
}

static void copied(void *ctx, const json_t *point, const char *from_id, const char *to_id)
{
	struct copy_args *c = ctx;
	json_array_append_new(
		c->report, json_pack("{s:s, s:s, s:s, s:s}", "name", repo_point_name(point), "time",
				     repo_point_time(point), "id", to_id, "from", from_id));
	if (c->json || c->progress.quiet)
		return;
	cmd_progress_end(&c->progress);
	fputs("copied ", stdout);
	cmd_put_point(stdout, to_id, point);
	putchar('\n');
}

static void warn_damaged(void *ctx, const struct error *why)
{
	(void)ctx;
	cmd_warn("%s; it is not copied", why->msg);
}

static void warn_future(void *ctx, const struct repo_point_search *search)
{
	(void)ctx;
	cmd_warn_future(search);
}

static int report(const struct copy_args *c, struct error *err)
{
	const struct copy_stats *s = &c->stats;
	if (c->json)
		return cmd_print_json(
			json_pack("{s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "points", c->report,
				  "present", (json_int_t)s->present, "read", (json_int_t)s->read,
				  "zero", (json_int_t)s->zero, "known", (json_int_t)s->known, "new",
				  (json_int_t)s->added, "stored", (json_int_t)s->stored, "warnings",
				  cmd_has_warned()),
			err);
	if (c->progress.quiet)
		return 0;
	char a[CMD_SIZE_MAX], b[CMD_SIZE_MAX], d[CMD_SIZE_MAX], e[CMD_SIZE_MAX];
	printf("%zu copied, %zu were there already\n"
	       "  known    %s\n"
	       "  read     %s\n"
	       "  new      %s, stored in %s\n",
	       s->copied, s->present, cmd_size(s->known, a), cmd_size(s->read, b),
	       cmd_size(s->added, d), cmd_size(s->stored, e));
	return cmd_print("", err);
}

static int copy(struct copy_args *c, char **wanted, size_t n, struct error *err)
{
	const struct copy_request request = {
		.wanted = wanted,
		.n_wanted = n,
		.level = c->level ? c->level : repo_level(c->to.repo),
		.threads = cmd_threads(),
		.stop = cmd_stop_on_signals(),
		.copied = copied,
		.damaged = warn_damaged,
		.future = warn_future,
		.progress = progress,
		.ctx = c,
	};
	cmd_progress_begin(&c->progress);
	int rc = copy_points(c->from.repo, c->to.repo, &request, &c->stats, err);
	cmd_progress_end(&c->progress);
	if (rc < 0)
		return rc;
	cmd_done();
	return report(c, err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct copy_args *c = ctx;
	c->to.ways = "--to-password-file or --to-password-command";
	int rc = cmd_open_repo(&c->from, err);
	if (rc == 0)
		rc = cmd_open_repo(&c->to, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *points = json_array();
	c->report = points;
	rc = copy(c, words, n, err);
	return rc < 0 ? rc : STATUS_DONE;
}

const struct command cmd_copy = {
	.name = "copy",
	.summary = "copy restore points into another repository",
	.words = { "--to REPO [NAME | POINT]...", 0, COMMAND_ANY },
	.help = "Copies restore points into another repository: all of them, those of NAMEs, or POINTs. "
		"Only what the other one lacks is stored there, and what it has already is not copied "
		"again. Keys and chunk sizes may differ.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged and were not "
		  "copied" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct copy_args),
	.run = run,
};
