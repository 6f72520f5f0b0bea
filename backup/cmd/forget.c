/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forget - removes restore points: those that a policy does not keep, or those that are named. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "lunette/forget.h"
#include "lunette/json.h"

/**
 * struct rules - what is to be kept
 * @any: a rule was given, if it is one that keeps nothing
 */
struct rules {
	struct retention_policy policy;
	bool any;
};

/**
 * struct forgetting - what the user wants, and what was done
 * @report: verdicts, for --json
 * @going: ids of those that a dry run does not remove
 * @frees: what that would free; an integer, or null when it cannot be told
 */
struct forgetting {
	struct cmd_repo which;
	struct rules rules;
	bool dry_run;
	bool json;
	bool quiet;
	bool damaged;
	json_t *report;
	struct id_set *going;
	json_t *frees;
	size_t kept, removed;
};

/* One rule of the policy: the row's value says which. */
static int take_rule(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	struct rules *rules = to;
	rules->any = true;
	int rc = retention_parse(&rules->policy, (enum retention_rule)row->value, arg, err);
	return rc < 0 ? STATUS_USAGE : 0;
}

#define RULE(name, arg, rule, help)                                                             \
	{                                                                                       \
		name, arg, help, .value = (rule),                                               \
				 OPTION_CALL(struct forgetting, rules, struct rules, take_rule) \
	}

static const struct option_row options[] = {
	OPTION_HEADING(
		"A RULE says what to keep: of each of the newest N hours, days, ... that have "
		"restore points the last one"),
	RULE("keep-last", "N", RETENTION_LAST, "the newest N themselves"),
	RULE("keep-hourly", "N", RETENTION_HOURLY, "of hours"),
	RULE("keep-daily", "N", RETENTION_DAILY, "of days"),
	RULE("keep-weekly", "N", RETENTION_WEEKLY, "of weeks"),
	RULE("keep-monthly", "N", RETENTION_MONTHLY, "of months"),
	RULE("keep-yearly", "N", RETENTION_YEARLY, "of years"),
	RULE("keep-within", "SPAN", RETENTION_WITHIN,
	     "all that are not older than the newest one by 30d, 2w, 1y6m, 48H; the newest gap that is longer "
	     "does not count"),
	OPTION_HEADING("Options:"),
	CMD_REPO_OPTIONS(struct forgetting, which),
	{ "dry-run", NULL,
	  "only show what would be removed, why the rest stays, and how much room that frees",
	  OPTION_FLAG(struct forgetting, dry_run) },
	CMD_JSON_OPTION(struct forgetting, json),
	CMD_QUIET_OPTION(struct forgetting, quiet),
	{ 0 },
};

static int report(void *ctx, const struct forget_verdict *verdict, struct error *err)
{
	struct forgetting *f = ctx;
	struct chunk_id id;
	bool is_new;
	++*(verdict->keep ? &f->kept : &f->removed);
	int rc = 0;
	if (f->dry_run && !verdict->keep && chunk_id_parse(verdict->id, &id))
		rc = id_set_add(f->going, &id, &is_new, err);
	if (rc < 0)
		return rc;
	if (f->json) {
		json_t *entry =
			json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "id", verdict->id, "name",
				  verdict->name, "time", verdict->time, "keep", verdict->keep,
				  "damaged", verdict->damaged, "reason", verdict->why);
		if (json_array_append_new(f->report, entry) < 0)
			return error_set(err, -ENOMEM, "report: %m");
		return 0;
	}
	if (f->quiet)
		return 0;
	printf("%-6s  %.12s  ", verdict->keep ? "keep" : "forget", verdict->id);
	cmd_put(stdout, verdict->name, 0);
	printf("@%s  (%s%s)\n", verdict->time, verdict->why,
	       verdict->damaged ? "; a check has found damage" : "");
	return 0;
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct forgetting *)ctx)->damaged = true;
	cmd_warn("%s; it stays", why->msg);
}

static void warn(void *ctx, const char *sentence)
{
	(void)ctx;
	cmd_warn("%s", sentence);
}

static int by_policy(struct forgetting *f, const char *name, struct error *err)
{
	const struct forget_request request = {
		.name = name,
		.policy = &f->rules.policy,
		.dry_run = f->dry_run,
		.each = report,
		.warn = warn,
		.damaged = warn_damaged,
		.ctx = f,
	};
	return forget_run(f->which.repo, &request, err);
}

/**
 * struct named - a restore point that was named
 */
struct named {
	char id[65];
	json_t *point;
};

static int find_named(struct forgetting *f, const char *spec, struct named *ret, struct error *err)
{
	int rc = cmd_find_point(&f->which, spec, REPO_POINT_REMOVE, ret->id, &ret->point, err);
	bool pinned = false;
	if (rc == 0)
		rc = repo_is_pinned(f->which.repo, ret->id, &pinned, err);
	if (rc == 0 && pinned)
		rc = error_set(err, -EPERM,
			       "restore point '%s' is pinned: 'lunette unpin' lets it go", spec);
	if (rc)
		error_wrap(err, err->code, "nothing is forgotten");
	return rc;
}

/* Named twice, it goes once. */
static bool is_among(const struct named *named, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(named[i].id, id) == 0)
			return true;
	return false;
}

static int report_named(struct forgetting *f, const struct named *named, struct error *err)
{
	const struct forget_verdict verdict = {
		.id = named->id,
		.name = repo_point_name(named->point),
		.time = repo_point_time(named->point),
		.why = "named",
	};
	return report(f, &verdict, err);
}

/* All are found, and said, before any is removed, so that a slip of the keyboard costs nothing. */
static int forget_named(struct forgetting *f, char **specs, size_t n, struct named *named,
			struct error *err)
{
	int rc = 0;
	size_t found = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		json_decref(steal(&named[found].point));
		rc = find_named(f, specs[i], &named[found], err);
		found += rc == 0 && !is_among(named, found, named[found].id);
	}
	for (size_t i = 0; rc == 0 && i < found; i++)
		rc = report_named(f, &named[i], err);
	fflush(stdout);
	for (size_t i = 0; rc == 0 && !f->dry_run && i < found; i++) {
		bool is_final = false;
		rc = repo_forget(f->which.repo, named[i].id, &is_final, err);
		if (is_final)
			cmd_warn(
				"there is no room to keep restore point %.12s for being brought back",
				named[i].id);
	}
	return rc;
}

static int by_name(struct forgetting *f, char **specs, size_t n, struct error *err)
{
	struct named *named = calloc(n + 1, sizeof(*named));
	if (!named)
		return error_set(err, -ENOMEM, "forget: %m");
	int rc = forget_named(f, specs, n, named, err);
	for (size_t i = 0; i <= n; i++)
		json_decref(named[i].point);
	free(named);
	return rc;
}

/* What cannot be told is no reason to tell nothing. */
static void reckon(struct forgetting *f)
{
	struct error why = { 0 };
	uint64_t bytes = 0;
	int rc = f->removed > 0 ? forget_frees(f->which.repo, f->going, &bytes, &why) : 0;
	if (rc < 0)
		cmd_warn("how much room that frees is not known: %s", why.msg);
	f->frees = rc < 0 ? json_null() : json_integer((json_int_t)bytes);
}

static int finish(struct forgetting *f, struct error *err)
{
	char size[CMD_SIZE_MAX];
	if (f->json) {
		json_t *doc = json_pack("{s:b, s:O, s:I, s:I}", "dry_run", f->dry_run, "points",
					f->report, "kept", (json_int_t)f->kept, "forgotten",
					(json_int_t)f->removed);
		if (doc && f->dry_run)
			json_object_set(doc, "frees", f->frees);
		return cmd_print_json(doc, err);
	}
	if (f->quiet)
		return 0;
	printf("%zu kept, %zu %s", f->kept, f->removed,
	       f->dry_run ? "would be forgotten" : "forgotten");
	if (f->removed && json_is_integer(f->frees))
		printf("; 'lunette prune' would then free %s",
		       cmd_size((uint64_t)json_integer_value(f->frees), size));
	else if (f->removed && !f->dry_run)
		fputs("; 'lunette undelete' brings them back until 'lunette prune' frees their "
		      "room",
		      stdout);
	putchar('\n');
	return cmd_print("", err);
}

static void free_args(void *args)
{
	struct forgetting *f = args;
	json_decref(f->report);
	json_decref(f->frees);
	id_set_free(f->going);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct forgetting *f = ctx;
	bool has_policy = f->rules.any;
	if (has_policy && retention_is_empty(&f->rules.policy))
		return cmd_usage(err,
				 "these rules keep nothing: to remove restore points, name them");
	if (has_policy && n > 1)
		return cmd_usage(err, "one NAME at most beside what to keep");
	if (!has_policy && n == 0)
		return cmd_usage(
			err, "forget what? Say what to keep, as --keep-daily 7, or which POINTs");
	int rc = cmd_open_repo(&f->which, err);
	if (rc == 0)
		rc = id_set_new(SIZE_MAX, &f->going, err);
	if (rc)
		return rc;
	f->report = json_array();
	f->quiet = f->quiet && !f->dry_run; /* which is there to be read */
	rc = has_policy ? by_policy(f, words[0], err) : by_name(f, words, n, err);
	if (rc == 0 && f->dry_run)
		reckon(f);
	else if (rc == 0)
		cmd_done();
	if (rc == 0)
		rc = finish(f, err);
	return rc ? rc : f->damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_forget = {
	.name = "forget",
	.summary = "remove restore points that no rule keeps",
	.words = { "RULE... [NAME]\nPOINT...", 0, COMMAND_ANY },
	.help = "Removes the restore points of each name, or of NAME, that no rule keeps; or those that "
		"are named, by a whole time or an id. Room is not freed before 'lunette prune'. Pinned ones stay.",
	.status =
		"0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged, or of the future, "
		"and stay" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct forgetting),
	.run = run,
	.free = free_args,
};
