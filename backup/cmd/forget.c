/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forget - removes restore points: those that a policy does not keep, or those that are named. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "old.h"
#include "lunette/forget.h"
#include "lunette/json.h"

static const char help[] =
	"Usage: lunette forget [OPTIONS] RULE... [NAME]\n"
	"       lunette forget [OPTIONS] POINT...\n"
	"Removes the restore points of each name, or of NAME, that no rule keeps; or those that are\n"
	"named. Room is not freed before 'lunette prune'. Pinned ones stay.\n"
	"\n"
	"A RULE says what to keep: of each of the newest N hours, days, ... that have restore points\n"
	"the last one\n"
	"  --keep-last N      the newest N themselves\n"
	"  --keep-hourly N\n"
	"  --keep-daily N\n"
	"  --keep-weekly N\n"
	"  --keep-monthly N\n"
	"  --keep-yearly N\n"
	"  --keep-within SPAN all that are not older than the newest one by 30d, 2w, 1y6m, 48H\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP
	"  --dry-run          only show what would be removed, and why the rest stays\n"
	"  --json             report as a JSON document\n"
	"\n" OLD_REPO_HELP "\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged, and stay.\n";

enum {
	OPT_KEEP, /* and one more for each rule */
	OPT_DRY_RUN = OPT_KEEP + RETENTION_RULES,
	OPT_JSON,
};

static const struct option options[] = {
	OLD_REPO_OPTIONS,
	{ "keep-last", required_argument, NULL, OPT_KEEP + RETENTION_LAST },
	{ "keep-hourly", required_argument, NULL, OPT_KEEP + RETENTION_HOURLY },
	{ "keep-daily", required_argument, NULL, OPT_KEEP + RETENTION_DAILY },
	{ "keep-weekly", required_argument, NULL, OPT_KEEP + RETENTION_WEEKLY },
	{ "keep-monthly", required_argument, NULL, OPT_KEEP + RETENTION_MONTHLY },
	{ "keep-yearly", required_argument, NULL, OPT_KEEP + RETENTION_YEARLY },
	{ "keep-within", required_argument, NULL, OPT_KEEP + RETENTION_WITHIN },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "json", no_argument, NULL, OPT_JSON },
	{ 0 },
};

/**
 * struct forgetting - what the user wants, and what was done
 * @report: verdicts, for --json
 */
struct forgetting {
	struct old_repo which;
	struct retention_policy policy;
	bool dry_run;
	bool json;
	bool damaged;
	json_t *report;
	size_t kept, removed;
};

static int parse(struct forgetting *f, int argc, char **argv, struct error *err)
{
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = old_repo_option(&f->which, opt, optarg);
		if (rc == 0)
			continue;
		if (opt >= OPT_KEEP && opt < OPT_KEEP + RETENTION_RULES) {
			rc = retention_parse(&f->policy, (enum retention_rule)(opt - OPT_KEEP),
					     optarg, err);
			if (rc < 0)
				return STATUS_USAGE;
		} else if (opt == OPT_DRY_RUN) {
			f->dry_run = true;
		} else if (opt == OPT_JSON) {
			f->json = true;
		} else {
			return old_no_option(opt, argv[optind - 1], err);
		}
	}
	return 0;
}

static int report(void *ctx, const struct forget_verdict *verdict, struct error *err)
{
	struct forgetting *f = ctx;
	++*(verdict->keep ? &f->kept : &f->removed);
	if (f->json) {
		json_t *entry = json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", verdict->id, "name",
					  verdict->name, "time", verdict->time, "keep",
					  verdict->keep, "reason", verdict->why);
		if (json_array_append_new(f->report, entry) < 0)
			return error_set(err, -ENOMEM, "report: %m");
		return 0;
	}
	printf("%-6s  %.12s  %-20s  ", verdict->keep ? "keep" : "forget", verdict->id,
	       verdict->time);
	cmd_put(stdout, verdict->name, 0);
	printf("  (%s)\n", verdict->why);
	return 0;
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct forgetting *)ctx)->damaged = true;
	cmd_warn("%s; it stays", why->msg);
}

static int by_policy(struct repo *repo, struct forgetting *f, const char *name, struct error *err)
{
	const struct forget_request request = {
		.name = name,
		.policy = &f->policy,
		.dry_run = f->dry_run,
		.each = report,
		.damaged = warn_damaged,
		.ctx = f,
	};
	return forget_run(repo, &request, err);
}

/* Finds one that was named, and says that it goes. */
static int find_named(struct repo *repo, struct forgetting *f, const char *spec, char ret_id[65],
		      struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	int rc = repo_point_find(repo, spec, ret_id, &point, err);
	if (rc < 0)
		return rc;
	bool pinned;
	rc = repo_is_pinned(repo, ret_id, &pinned, err);
	if (rc < 0)
		return rc;
	if (pinned)
		return error_set(err, -EPERM,
				 "restore point '%s' is pinned: 'lunette unpin' lets it go", spec);
	const struct forget_verdict verdict = {
		.id = ret_id,
		.name = repo_point_name(point),
		.time = repo_point_time(point),
		.why = "named",
	};
	return report(f, &verdict, err);
}

/* All are found before any is removed, so that a slip of the keyboard costs nothing. */
static int by_name(struct repo *repo, struct forgetting *f, char **specs, size_t n,
		   struct error *err)
{
	CLEANUP(free_cleanup) char *ids = calloc(n, 65);
	if (!ids)
		return error_set(err, -ENOMEM, "forget: %m");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = find_named(repo, f, specs[i], ids + 65 * i, err);
	for (size_t i = 0; rc == 0 && !f->dry_run && i < n; i++)
		rc = repo_forget(repo, ids + 65 * i, err);
	return rc;
}

static int finish(struct forgetting *f, struct error *err)
{
	if (f->json) {
		json_t *doc = json_pack("{s:b, s:O, s:I, s:I}", "dry_run", f->dry_run, "points",
					f->report, "kept", (json_int_t)f->kept, "forgotten",
					(json_int_t)f->removed);
		return cmd_print_json(doc, err);
	}
	printf("%zu kept, %zu %s%s\n", f->kept, f->removed,
	       f->dry_run ? "would be forgotten" : "forgotten",
	       f->removed && !f->dry_run ? "; 'lunette prune' frees their room" : "");
	return cmd_print("", err);
}

static int run(int argc, char **argv, struct error *err)
{
	struct forgetting f = { 0 };
	int rc = parse(&f, argc, argv, err);
	if (rc)
		return rc;
	bool has_policy = !retention_is_empty(&f.policy);
	size_t n = (size_t)(argc - optind);
	if (has_policy && n > 1)
		return cmd_usage(err, "one NAME at most beside what to keep");
	if (!has_policy && n == 0)
		return cmd_usage(
			err, "forget what? Say what to keep, as --keep-daily 7, or which POINTs");
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&f.which, &repo, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *entries = json_array();
	f.report = entries;
	rc = has_policy ? by_policy(repo, &f, argv[optind], err)
			: by_name(repo, &f, argv + optind, n, err);
	if (rc == 0)
		rc = finish(&f, err);
	if (rc < 0)
		return rc;
	return f.damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_forget = {
	.name = "forget",
	.summary = "remove restore points that no rule keeps",
	.help = help,
	.main = run,
};
