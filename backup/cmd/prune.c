/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prune - frees the room of what no restore point refers to any more. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "old.h"
#include "lunette/prune.h"

static const char help[] =
	"Usage: lunette prune [OPTIONS]\n"
	"Frees the room of what no restore point refers to any more, while backups run. Packs in\n"
	"which nothing is needed go; of those in which little is, the rest is copied to new ones.\n"
	"What a running backup may rely on goes when it has ended, by the next prune.\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP
	"  --max-unused PERCENT  rewrite packs when more than this of all is unused (default 10);\n"
	"               100: rewrite none\n"
	"  --dry-run    only show what would go, and who is writing\n"
	"  --json       report as a JSON document\n"
	"  --progress[=json|none]  show progress although standard error is no terminal, or as\n"
	"               lines of JSON, or not at all\n"
	"\n"
	"Temporary files lie in $TMPDIR, else in /var/tmp: some 100 bytes for each chunk.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 done, but chunks are missing or packs are\n"
	"damaged.\n";

enum {
	OPT_MAX_UNUSED = 1,
	OPT_DRY_RUN,
	OPT_JSON,
	OPT_PROGRESS,
};

static const struct option options[] = {
	OLD_REPO_OPTIONS,
	{ "max-unused", required_argument, NULL, OPT_MAX_UNUSED },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "progress", optional_argument, NULL, OPT_PROGRESS },
	{ 0 },
};

struct arguments {
	struct old_repo which;
	unsigned int max_unused;
	bool dry_run;
	bool json;
	struct cmd_progress progress;
};

static int take_option(struct arguments *args, int opt, char **argv, struct error *err)
{
	switch (opt) {
	case OPT_MAX_UNUSED: {
		char *end;
		unsigned long n = strtoul(optarg, &end, 10);
		if (*optarg < '0' || *optarg > '9' || *end || n > 100)
			return cmd_usage(err, "--max-unused '%s': a number from 0 to 100", optarg);
		args->max_unused = (unsigned int)n;
		return 0;
	}
	case OPT_DRY_RUN:
		args->dry_run = true;
		return 0;
	case OPT_JSON:
		args->json = true;
		return 0;
	case OPT_PROGRESS:
		return old_progress_option(&args->progress, optarg, err);
	default:
		return old_no_option(opt, argv[optind - 1], err);
	}
}

static int parse(struct arguments *args, int argc, char **argv, struct error *err)
{
	args->max_unused = PRUNE_MAX_UNUSED;
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = old_repo_option(&args->which, opt, optarg);
		if (rc != 0)
			rc = take_option(args, opt, argv, err);
		if (rc)
			return rc;
	}
	return optind < argc ? cmd_usage(err, "prune takes no arguments") : 0;
}

/* ---- the report -------------------------------------------------------------------------------
 */

static json_t *amount(const struct prune_amount *amount)
{
	return json_pack("{s:I, s:I}", "packs", (json_int_t)amount->packs, "bytes",
			 (json_int_t)amount->bytes);
}

static int report_json(const struct arguments *args, const struct prune_result *r, double seconds,
		       struct error *err)
{
	json_t *doc = json_pack(
		"{s:b, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:O, "
		"s:O}",
		"dry_run", args->dry_run, "seconds", seconds, "points", (json_int_t)r->points,
		"chunks", (json_int_t)r->chunks, "used", (json_int_t)r->used, "copied",
		(json_int_t)r->copied, "missing", (json_int_t)r->missing, "damaged",
		(json_int_t)r->damaged, "all", amount(&r->all), "dead", amount(&r->dead),
		"unindexed", amount(&r->unindexed), "rewritten", amount(&r->rewritten), "young",
		amount(&r->young), "removed", amount(&r->removed), "marked", amount(&r->marked),
		"waiting_for", r->waiting_for, "writers", r->writers);
	return cmd_print_json(doc, err);
}

/* "  removed    1.2 GiB in 40 packs" */
static void say_amount(const char *word, const struct prune_amount *amount, const char *more)
{
	char size[CMD_SIZE_MAX];
	if (amount->packs > 0)
		printf("  %-10s %s in %" PRIu64 " packs%s\n", word, cmd_size(amount->bytes, size),
		       amount->packs, more);
}

static void say_list(const char *words, const json_t *list)
{
	size_t i;
	const json_t *text;
	json_array_foreach(list, i, text)
	{
		fputs(words, stdout);
		cmd_put(stdout, json_string_value(text), 0);
		putchar('\n');
	}
}

static int report_text(const struct arguments *args, const struct prune_result *r,
		       struct error *err)
{
	char used[CMD_SIZE_MAX], all[CMD_SIZE_MAX], copied[CMD_SIZE_MAX], more[64];
	printf("%" PRIu64 " restore points use %s of %s\n", r->points, cmd_size(r->used, used),
	       cmd_size(r->all.bytes, all));
	snprintf(more, sizeof(more), "; %s of them %s copied", cmd_size(r->copied, copied),
		 args->dry_run ? "would be" : "were");
	if (args->dry_run) {
		say_amount("unused", &r->dead, " would go");
		say_amount("", &r->unindexed, " of these were left by writers that died");
		say_amount("rewrite", &r->rewritten, more);
		say_list("writing now: ", r->writers);
	} else {
		say_amount("rewritten", &r->rewritten, more);
		say_amount("removed", &r->removed, "");
	}
	say_amount("young", &r->young, " may belong to running backups, and stay");
	say_amount("marked", &r->marked, " will be removed by a later prune");
	say_list("waiting for ", r->waiting_for);
	return cmd_print("", err);
}

static bool warn(const struct prune_result *r)
{
	if (r->missing > 0)
		cmd_warn("%" PRIu64 " chunks that restore points refer to are missing; packs that "
			 "no index knows stay, as they may be there: see 'lunette check'",
			 r->missing);
	if (r->damaged > 0)
		cmd_warn("%" PRIu64 " packs cannot be read, and stay: see 'lunette check'",
			 r->damaged);
	return r->missing > 0 || r->damaged > 0;
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct cmd_progress *progress = ctx;
	progress->total = total;
	cmd_progress_show(progress, done);
}

static void result_cleanup(struct prune_result *result)
{
	prune_result_free(result);
}

static int run(int argc, char **argv, struct error *err)
{
	struct arguments args = { 0 };
	int rc = parse(&args, argc, argv, err);
	if (rc)
		return rc;
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&args.which, &repo, err);
	if (rc)
		return rc;
	CLEANUP(result_cleanup) struct prune_result result = { 0 };
	const struct prune_options opts = {
		.max_unused = args.max_unused,
		.dry_run = args.dry_run,
		.stop = cmd_stop_on_signals(),
		.progress = on_progress,
		.ctx = &args.progress,
	};
	double start = cmd_seconds();
	cmd_progress_begin(&args.progress);
	rc = prune_run(repo, &opts, &result, err);
	cmd_progress_end(&args.progress);
	if (rc == 0)
		rc = args.json ? report_json(&args, &result, cmd_seconds() - start, err)
			       : report_text(&args, &result, err);
	if (rc < 0)
		return rc;
	return warn(&result) ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_prune = {
	.name = "prune",
	.summary = "free the room of what no restore point needs",
	.help = help,
	.main = run,
};
