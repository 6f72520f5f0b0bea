/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup - stores disks in a repository, and reports what that took. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backup-report.h"
#include "old.h"
#include "lunette/json.h"

static const char help[] =
	"Usage: lunette backup [OPTIONS] --name NAME SOURCE...\n"
	"Stores the disks as one restore point, called NAME and the time. Only the blocks that the\n"
	"file systems use are read and stored, and what the repository has already is not stored\n"
	"again.\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP
	"  --name NAME           what the restore point is called, usually the server's name\n"
	"  --volume VOL          only this volume, and what describes the disks; may be repeated\n"
	"  --degraded            also volumes that lack a redundant member\n"
	"  --all-blocks          every block of the disks, used or not\n"
	"  --exclude PATTERN     leave out the contents of these files; may be repeated\n"
	"  --no-default-excludes  store the contents of page files too\n"
	"  --changed FILE        read only what this list of changes, from the storage, names; all else\n"
	"                        is as it was in the parent\n"
	"  --parent POINT        the restore point since which the list tells the changes\n"
	"  --verify-changed PERCENT  read this part of the rest too, to see if the list is right\n"
	"  --verify-seed N       choose the same part as the backup that reported this seed\n"
	"  --level N             of compression: 1 (fast) to 19 (small), or -1 to -10 (faster still);\n"
	"                        default: what was chosen at init\n"
	"  --memory SIZE         for buffers, such as 64M (default 48M)\n"
	"  --limit RATE          read so many bytes a second at most, such as 50M\n"
	"  --threads N           hash and compress with so many threads (default: one a processor)\n"
	"  --json                report as a JSON document\n"
	"  --progress[=json|none]  show progress although standard error is no terminal, or as lines\n"
	"                        of JSON, or not at all\n"
	"\n" OLD_SOURCE_HELP "\n"
	"Exit status: 0 done, 1 failed (there is no restore point), 2 wrong usage, 3 done with\n"
	"warnings.\n";

enum {
	OPT_NAME = 1,
	OPT_VOLUME,
	OPT_DEGRADED,
	OPT_ALL_BLOCKS,
	OPT_EXCLUDE,
	OPT_NO_DEFAULT_EXCLUDES,
	OPT_CHANGED,
	OPT_PARENT,
	OPT_VERIFY_CHANGED,
	OPT_VERIFY_SEED,
	OPT_LEVEL,
	OPT_MEMORY,
	OPT_LIMIT,
	OPT_THREADS,
	OPT_JSON,
	OPT_PROGRESS,
};

static const struct option options[] = {
	OLD_REPO_OPTIONS,
	{ "name", required_argument, NULL, OPT_NAME },
	{ "volume", required_argument, NULL, OPT_VOLUME },
	{ "degraded", no_argument, NULL, OPT_DEGRADED },
	{ "all-blocks", no_argument, NULL, OPT_ALL_BLOCKS },
	{ "exclude", required_argument, NULL, OPT_EXCLUDE },
	{ "no-default-excludes", no_argument, NULL, OPT_NO_DEFAULT_EXCLUDES },
	{ "changed", required_argument, NULL, OPT_CHANGED },
	{ "parent", required_argument, NULL, OPT_PARENT },
	{ "verify-changed", required_argument, NULL, OPT_VERIFY_CHANGED },
	{ "verify-seed", required_argument, NULL, OPT_VERIFY_SEED },
	{ "level", required_argument, NULL, OPT_LEVEL },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "progress", optional_argument, NULL, OPT_PROGRESS },
	OLD_SOURCE_OPTIONS,
	{ 0 },
};

struct arguments {
	struct old_repo repo;
	const char *name;
	size_t n_volumes;
	const char **volumes;
	bool degraded;
	bool all_blocks;
	size_t n_excludes;
	const char **excludes;
	bool no_default_excludes;
	struct parent_request parent;
	bool seeded;
	int level; /* 0: the repository's */
	uint64_t memory;
	uint64_t limit;
	unsigned int threads; /* 0: one a processor */
	bool json;
	struct cmd_progress progress;
	struct cmd_sources sources;
};

static void arguments_cleanup(struct arguments *args)
{
	cmd_progress_end(&args->progress);
	cmd_sources_free(&args->sources);
	free(args->volumes);
	free(args->excludes);
}

static int take_verify(struct arguments *args, int opt, struct error *err)
{
	char *end;
	errno = 0;
	if (opt == OPT_VERIFY_SEED) {
		args->parent.seed = strtoull(optarg, &end, 10);
		args->seeded = true;
		return *end || end == optarg || errno || strchr(optarg, '-')
			       ? cmd_usage(err, "--verify-seed '%s': not a number", optarg)
			       : 0;
	}
	args->parent.verify = strtod(optarg, &end);
	bool possible = args->parent.verify >= 0 && args->parent.verify <= 100;
	return *end || end == optarg || !possible
		       ? cmd_usage(err, "--verify-changed '%s': a number from 0 to 100", optarg)
		       : 0;
}

static int take_size(const char *option, const char *arg, uint64_t *ret, struct error *err)
{
	if (!old_parse_size(arg, ret) || *ret == 0)
		return cmd_usage(err, "%s '%s': a number of bytes, such as 64M", option, arg);
	return 0;
}

static int take_option(struct arguments *args, int opt, char **argv, struct error *err)
{
	switch (opt) {
	case OPT_NAME:
		args->name = optarg;
		return 0;
	case OPT_VOLUME:
		args->volumes[args->n_volumes++] = optarg;
		return 0;
	case OPT_DEGRADED:
		args->degraded = true;
		return 0;
	case OPT_ALL_BLOCKS:
		args->all_blocks = true;
		return 0;
	case OPT_EXCLUDE:
		args->excludes[args->n_excludes++] = optarg;
		return 0;
	case OPT_NO_DEFAULT_EXCLUDES:
		args->no_default_excludes = true;
		return 0;
	case OPT_CHANGED:
		args->parent.changed = optarg;
		return 0;
	case OPT_PARENT:
		args->parent.point = optarg;
		return 0;
	case OPT_VERIFY_CHANGED:
	case OPT_VERIFY_SEED:
		return take_verify(args, opt, err);
	case OPT_LEVEL:
		return old_level_option(optarg, &args->level, err);
	case OPT_MEMORY:
		return take_size("--memory", optarg, &args->memory, err);
	case OPT_LIMIT:
		return take_size("--limit", optarg, &args->limit, err);
	case OPT_THREADS:
		return old_threads_option(optarg, &args->threads, err);
	case OPT_JSON:
		args->json = true;
		return 0;
	case OPT_PROGRESS:
		return old_progress_option(&args->progress, optarg, err);
	default: {
		int rc = old_repo_option(&args->repo, opt, optarg);
		if (rc == 1)
			rc = old_sources_option(&args->sources, opt, optarg, err);
		return rc == 1 ? old_no_option(opt, argv[optind - 1], err) : rc;
	}
	}
}

static int parse(struct arguments *args, int argc, char **argv, struct error *err)
{
	args->volumes = calloc((size_t)argc, sizeof(*args->volumes));
	args->excludes = calloc((size_t)argc, sizeof(*args->excludes));
	if (!args->volumes || !args->excludes)
		return error_set(err, -ENOMEM, "arguments: %m");
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = take_option(args, opt, argv, err);
		if (rc)
			return rc;
	}
	if (!args->name)
		return cmd_usage(err, "--name NAME is needed");
	if (backup_check_name(args->name, err) < 0)
		return STATUS_USAGE;
	if (args->all_blocks && args->n_volumes)
		return cmd_usage(err, "--all-blocks and --volume exclude each other");
	if (args->all_blocks && args->n_excludes)
		return cmd_usage(err, "--all-blocks and --exclude exclude each other");
	if (!args->parent.changed != !args->parent.point)
		return cmd_usage(err, "--changed and --parent need each other");
	if (!args->parent.changed && (args->parent.verify > 0 || args->seeded))
		return cmd_usage(err, "there is nothing to verify without --changed");
	if (optind == argc)
		return cmd_usage(err, "at least one SOURCE is needed");
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
static int store(struct arguments *args, struct repo *repo, const struct plan *plan,
		 struct parent *parent, struct backup_result *ret, struct error *err)
{
	struct backup_request request = {
		.name = args->name,
		.parent = parent,
		.sources = args->sources.sources,
		.writer = { .level = args->level ? args->level : repo_level(repo),
			    .threads = args->threads ? args->threads : cmd_cpus(),
			    .memory = args->memory,
			    .limit = args->limit,
			    .stop = cmd_stop_on_signals(),
			    .progress = show,
			    .progress_ctx = &args->progress },
	};
	cmd_progress_begin(&args->progress);
	int rc = backup_run(repo, plan, &request, ret, err);
	cmd_progress_end(&args->progress);
	return rc;
}

static int open_parent(struct arguments *args, struct repo *repo, const struct plan *plan,
		       struct layout *layout, struct parent **ret, struct error *err)
{
	uint64_t seed = 0;
	if (!args->seeded && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return error_set(err, -EIO, "random numbers: %m");
	if (!args->seeded)
		args->parent.seed = seed >> 11; /* exact in every reader of JSON */
	args->parent.stop = cmd_stop_on_signals();
	return parent_new(repo, plan, layout, &args->parent, ret, err);
}

static int run(int argc, char **argv, struct error *err)
{
	CLEANUP(arguments_cleanup) struct arguments args = { 0 };
	int rc = parse(&args, argc, argv, err);
	if (rc)
		return rc;
	double start = cmd_seconds();
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&args.repo, &repo, err);
	if (rc)
		return rc;
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	rc = cmd_sources_open(&args.sources, argv + optind, (size_t)(argc - optind), &layout, err);
	if (rc)
		return rc;
	CLEANUP(plan_free_cleanup) struct plan *plan = NULL;
	const struct plan_choice choice = {
		.volumes = args.volumes,
		.n_volumes = args.n_volumes,
		.all_blocks = args.all_blocks,
		.degraded = args.degraded,
		.exclude = { .patterns = args.excludes,
			     .n_patterns = args.n_excludes,
			     .no_defaults = args.no_default_excludes,
			     .stop = cmd_stop_on_signals() },
	};
	CLEANUP(parent_free_cleanup) struct parent *parent = NULL;
	rc = plan_new(layout, &choice, &plan, err);
	if (rc == 0 && args.parent.point)
		rc = open_parent(&args, repo, plan, layout, &parent, err);
	bool warnings = cmd_warn_layout(layout);
	if (rc < 0)
		return rc;
	struct backup_result result;
	rc = store(&args, repo, plan, parent, &result, err);
	if (rc < 0)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *excluded = plan_excluded(plan);
	const struct backup_report report = {
		.name = args.name,
		.result = &result,
		.seconds = cmd_seconds() - start,
		.warnings = warnings,
		.parent = parent ? parent_id(parent) : NULL,
		.verified = parent && args.parent.verify > 0,
		.n_verified = parent ? parent_n_verify(parent) : 0,
		.seed = args.parent.seed,
		.excluded = excluded,
	};
	rc = (args.json ? backup_report_json : backup_report_text)(&report, err);
	if (rc < 0)
		return rc;
	return warnings ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_backup = {
	.name = "backup",
	.summary = "store disks in a repository",
	.help = help,
	.main = run,
};
