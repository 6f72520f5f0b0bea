/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup - stores disks in a repository, and reports what that took. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup-report.h"
#include "bad-list.h"
#include "cmd.h"
#include "lunette/json.h"
#include "lunette/random.h"

/**
 * struct backup_args - what the user wants
 * @level: 0: the repository's
 * @threads: 0: one a processor
 * @seeded: the parent has a seed of the user's
 * @skip_bad: where the list of what cannot be read goes, which is @bad; NULL: that is an error
 */
struct backup_args {
	struct cmd_repo which;
	const char *name;
	struct option_list volumes;
	bool degraded;
	bool all_blocks;
	bool only_known;
	struct option_list excludes;
	bool no_default_excludes;
	const char *skip_bad;
	struct bad_list bad;
	struct parent_request parent;
	bool seeded;
	int level;
	uint64_t memory;
	uint64_t limit;
	unsigned int threads;
	bool json;
	struct cmd_progress progress;
	struct cmd_sources sources;
};

static int take_percent(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	char *end;
	double percent = strtod(arg, &end);
	if (*end || end == arg || !(percent >= 0 && percent <= 100))
		return cmd_usage(err, "--%s '%s': a number from 0 to 100", row->name, arg);
	*(double *)to = percent;
	return 0;
}

static int take_seed(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	struct backup_args *args = to;
	char *end;
	errno = 0;
	args->parent.seed = strtoull(arg, &end, 10);
	args->seeded = true;
	return *end || end == arg || errno || strchr(arg, '-')
		       ? cmd_usage(err, "--%s '%s': not a number", row->name, arg)
		       : 0;
}

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct backup_args, which),
	{ "name", "NAME", "what the restore point is called, usually the server's name",
	  OPTION_TEXT(struct backup_args, name), .needed = true },
	{ "volume", "VOL", "only this volume, and what describes the disks; may be repeated",
	  OPTION_LIST(struct backup_args, volumes) },
	{ "degraded", NULL, "also volumes that lack a redundant member",
	  OPTION_FLAG(struct backup_args, degraded) },
	{ "all-blocks", NULL, "every block of the disks, used or not",
	  OPTION_FLAG(struct backup_args, all_blocks) },
	{ "only-known", NULL,
	  "only volumes that are known, and nothing of what lies outside of them",
	  OPTION_FLAG(struct backup_args, only_known) },
	{ "exclude", "PATTERN", "leave out the contents of these files; may be repeated",
	  OPTION_LIST(struct backup_args, excludes) },
	{ "no-default-excludes", NULL, "store the contents of page files too",
	  OPTION_FLAG(struct backup_args, no_default_excludes) },
	{ "skip-bad", "LIST",
	  "go on where a disk has bad sectors, leave these out, and list them in this file",
	  OPTION_TEXT(struct backup_args, skip_bad) },
	{ "changed", "FILE",
	  "read only what this list of changes, from the storage, names; all else is as it was in the "
	  "parent",
	  OPTION_TEXT(struct backup_args, parent.changed) },
	{ "parent", "POINT", "the restore point since which the list tells the changes",
	  OPTION_TEXT(struct backup_args, parent.point) },
	{ "verify-changed", "PERCENT",
	  "read this part of the rest too, to see if the list is right",
	  OPTION_CALL(struct backup_args, parent.verify, double, take_percent) },
	{ "verify-seed", "N", "choose the same part as the backup that reported this seed",
	  .kind = OPTION_KIND_CALL, .take = take_seed },
	{ "level", "N",
	  "of compression: 1 (fast) to 19 (small), or -1 to -10 (faster still); default: what was "
	  "chosen at init",
	  OPTION_CALL(struct backup_args, level, int, cmd_take_level) },
	{ "memory", "SIZE", "for buffers, such as 64M (default 48M)",
	  OPTION_SIZE(struct backup_args, memory) },
	{ "limit", "RATE", "read so many bytes a second at most, such as 50M",
	  OPTION_SIZE(struct backup_args, limit) },
	{ "threads", "N", "hash and compress with so many threads (default: one a processor)",
	  OPTION_NUMBER(struct backup_args, threads, 1, CMD_THREADS_MAX) },
	CMD_JSON_OPTION(struct backup_args, json),
	CMD_PROGRESS_OPTIONS(struct backup_args, progress),
	CMD_SOURCE_OPTIONS(struct backup_args, sources),
	{ 0 },
};

static int check(const struct backup_args *args, struct error *err)
{
	if (backup_check_name(args->name, err) < 0)
		return STATUS_USAGE;
	if (args->all_blocks && args->volumes.n)
		return cmd_usage(err, "--all-blocks and --volume exclude each other");
	if (args->only_known && (args->all_blocks || args->volumes.n))
		return cmd_usage(err, "--only-known and --%s exclude each other",
				 args->all_blocks ? "all-blocks" : "volume");
	if (args->all_blocks && args->excludes.n)
		return cmd_usage(err, "--all-blocks and --exclude exclude each other");
	if (!args->parent.changed != !args->parent.point)
		return cmd_usage(err, "--changed and --parent need each other");
	if (!args->parent.changed && (args->parent.verify > 0 || args->seeded))
		return cmd_usage(err, "there is nothing to verify without --changed");
	return 0;
}

static void show(void *ctx, const struct writer_stats *stats)
{
	struct cmd_progress *progress = ctx;
	uint64_t done = stats->read - stats->gaps;
	progress->stored = stats->stored;
	progress->total = MAX(writer_stats_total(stats), done);
	cmd_progress_show(progress, done);
}

/* The restore point stands when this returns 0. */
static int store(struct backup_args *args, const struct plan *plan, struct parent *parent,
		 struct backup_result *ret, struct error *err)
{
	struct backup_request request = {
		.name = args->name,
		.parent = parent,
		.sources = args->sources.sources,
		.writer = { .level = args->level ? args->level : repo_level(args->which.repo),
			    .threads = args->threads ? args->threads : cmd_cpus(),
			    .memory = args->memory,
			    .limit = args->limit,
			    .stop = cmd_stop_on_signals(),
			    .unreadable = args->skip_bad ? bad_list_add : NULL,
			    .unreadable_ctx = &args->bad,
			    .progress = show,
			    .progress_ctx = &args->progress },
	};
	cmd_progress_begin(&args->progress);
	int rc = backup_run(args->which.repo, plan, &request, ret, err);
	cmd_progress_end(&args->progress);
	return rc;
}

static int open_parent(struct backup_args *args, const struct plan *plan, struct layout *layout,
		       struct parent **ret, struct error *err)
{
	if (!args->seeded) {
		int rc = random_bytes(&args->parent.seed, sizeof(args->parent.seed), err);
		if (rc < 0)
			return rc;
		args->parent.seed >>= 11; /* exact in every reader of JSON */
	}
	args->parent.stop = cmd_stop_on_signals();
	args->parent.sources = args->sources.sources;
	return parent_new(args->which.repo, plan, layout, &args->parent, ret, err);
}

/* What was left out is in the restore point: without the file it is known, too. */
static void list_bad(struct backup_args *args, const struct backup_result *result)
{
	struct error why;
	char point[512];
	snprintf(point, sizeof(point), "%s@%s", args->name, result->time);
	bad_list_warn(&args->bad);
	if (bad_list_finish(&args->bad, point, result->id, &why) < 0)
		cmd_warn("%s", why.msg);
}

static int run_with_list(struct backup_args *args, char **specs, size_t n, struct error *err)
{
	double start = cmd_seconds();
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = cmd_sources_open(&args->sources, specs, n, &layout, err);
	if (rc)
		return rc;
	CLEANUP(plan_free_cleanup) struct plan *plan = NULL;
	const struct plan_choice choice = {
		.volumes = args->volumes.items,
		.n_volumes = args->volumes.n,
		.all_blocks = args->all_blocks,
		.only_known = args->only_known,
		.degraded = args->degraded,
		.skip_bad = args->skip_bad,
		.exclude = { .patterns = args->excludes.items,
			     .n_patterns = args->excludes.n,
			     .no_defaults = args->no_default_excludes,
			     .stop = cmd_stop_on_signals() },
	};
	CLEANUP(parent_free_cleanup) struct parent *parent = NULL;
	rc = plan_new(layout, &choice, &plan, err);
	if (rc == 0)
		rc = plan_warn(plan, layout, err);
	if (rc == 0 && args->parent.point)
		rc = open_parent(args, plan, layout, &parent, err);
	bool warnings = cmd_warn_layout(layout);
	if (rc < 0)
		return rc;
	struct backup_result result;
	rc = store(args, plan, parent, &result, err);
	if (rc < 0)
		return rc;
	cmd_done();
	const char *doubt = writer_stats_doubt(&result.stats);
	if (doubt)
		cmd_warn("%s", doubt);
	if (args->skip_bad)
		list_bad(args, &result);
	warnings |= cmd_has_warned();
	CLEANUP(json_decref_cleanup) json_t *excluded = plan_excluded(plan);
	const struct backup_report report = {
		.name = args->name,
		.result = &result,
		.seconds = cmd_seconds() - start,
		.warnings = warnings,
		.parent = parent ? parent_id(parent) : NULL,
		.verified = parent && args->parent.verify > 0,
		.n_verified = parent ? parent_n_verify(parent) : 0,
		.seed = args->parent.seed,
		.excluded = excluded,
		.unreadable = args->bad.ranges,
	};
	rc = args->json             ? backup_report_json(&report, err)
	     : args->progress.quiet ? 0
				    : backup_report_text(&report, err);
	if (rc < 0)
		return rc;
	return warnings ? STATUS_WARNINGS : STATUS_DONE;
}

static int run(void *ctx, char **specs, size_t n, struct error *err)
{
	struct backup_args *args = ctx;
	int rc = check(args, err);
	if (rc == 0 && args->skip_bad)
		rc = bad_list_open(&args->bad, args->skip_bad, err);
	if (rc == 0)
		rc = run_with_list(args, specs, n, err);
	bad_list_clear(&args->bad);
	return rc;
}

const struct command cmd_backup = {
	.name = "backup",
	.summary = "store disks in a repository",
	.words = { "--name NAME SOURCE...", 1, COMMAND_ANY },
	.help = "Stores the disks as one restore point, called NAME and the time. All of them is read and "
		"stored but what their file systems call free, and what the repository has already is "
		"not stored again.",
	.status = "0 done, 1 failed (there is no restore point), 2 wrong usage, 3 done with "
		  "warnings" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct backup_args),
	.run = run,
};
