/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check - is the repository whole, and if not, what is hurt? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/check.h"
#include "cmd.h"
#include "lunette/json.h"

struct check_named {
	char id[65];
	char time[32];
};

/**
 * struct check_args - what the user wants
 * @n_named, @named: restore points that are named, newest first, each once
 */
struct check_args {
	struct cmd_repo which;
	size_t n_named;
	struct check_named *named;
	bool json;
	struct check_portion portion;
	struct cmd_progress progress;
	struct cmd_upkeep upkeep;
};

static int take_portion(const struct option_row *row, void *to, const char *arg, struct error *err)
{
	struct check_portion *portion = to;
	struct error why = { 0 };
	if (!arg)
		*portion = CHECK_PORTION_ALL;
	else if (check_portion_parse(arg, portion, &why) < 0)
		return cmd_usage(err, "--%s %s", row->name, why.msg);
	return 0;
}

static const struct option_row options[] = {
	{ "read-data", "N/M|next/M|PERCENT%",
	  "read and prove the data, too; or that of part N of the M into which the packs are divided, "
	  "the same in every check; or of the part behind that of the last check here; or of PERCENT of "
	  "the packs, other ones each time",
	  OPTION_CALL(struct check_args, portion, struct check_portion, take_portion),
	  .optional = true },
	CMD_PROGRESS_OPTIONS(struct check_args, progress),
	CMD_JSON_OPTION(struct check_args, json),
	CMD_UPKEEP_OPTIONS(struct check_args, upkeep),
	CMD_REPO_OPTIONS(struct check_args, which),
	{ 0 },
};

/* ---- for people --------------------------------------------------------------------------------
 */

/* All of them are in --json. */
#define SHOWN_MAX 20

static void show_more(size_t n, size_t shown, uint64_t more, const char *what)
{
	if (n + more > shown)
		printf("      ... and %" PRIu64 " more %s%s\n", n + more - shown, what,
		       n > shown ? " (--json lists them)" : "");
}

static void show_problems(const struct check_result *result)
{
	size_t i;
	json_t *problem;
	json_array_foreach(result->problems, i, problem)
	{
		if (i == SHOWN_MAX)
			break;
		cmd_put(stdout, cmd_json_text(problem, "object"), 0);
		fputs(": ", stdout);
		cmd_put(stdout, cmd_json_text(problem, "what"), 0);
		putchar('\n');
	}
	size_t n = json_array_size(result->problems);
	show_more(n, MIN(n, (size_t)SHOWN_MAX), result->n_problems - n, "problems");
}

static void show_bytes(const json_t *object, const char *key, const char *what)
{
	char size[CMD_SIZE_MAX];
	uint64_t bytes = cmd_json_size(object, key);
	if (bytes > 0)
		printf("      %s: %s\n", what, cmd_size(bytes, size));
}

static void show_disk(const json_t *disk)
{
	char size[CMD_SIZE_MAX];
	const json_t *ranges = json_object_get(disk, "ranges");
	printf("    %s: %s cannot be read\n", cmd_json_text(disk, "name"),
	       cmd_size(cmd_json_size(disk, "bytes"), size));
	size_t i;
	json_t *range;
	json_array_foreach(ranges, i, range)
	{
		if (i == SHOWN_MAX)
			break;
		printf("      %" PRIu64 " bytes at %" PRIu64 "\n", cmd_json_size(range, "length"),
		       cmd_json_size(range, "start"));
	}
	size_t n = json_array_size(ranges);
	show_more(n, MIN(n, (size_t)SHOWN_MAX), 0, "ranges");
}

static void show_volume(const json_t *volume)
{
	const json_t *files = json_object_get(volume, "files");
	printf("    volume ");
	cmd_put(stdout, cmd_json_text(volume, "name"), 0);
	puts(":");
	size_t i;
	json_t *file;
	json_array_foreach(files, i, file)
	{
		char size[CMD_SIZE_MAX];
		const char *why = cmd_json_text(file, "error");
		if (i == SHOWN_MAX)
			break;
		fputs("      ", stdout);
		cmd_put(stdout, cmd_json_text(file, "path"), 0);
		printf(" (%s", *why ? "" : cmd_size(cmd_json_size(file, "bytes"), size));
		cmd_put(stdout, why, 0);
		puts(")");
	}
	size_t n = json_array_size(files);
	show_more(n, MIN(n, (size_t)SHOWN_MAX), cmd_json_size(volume, "more_files"), "files");
	show_bytes(volume, "structures", "the file system's own structures");
	show_bytes(volume, "unused", "not used by any file");
	if (*cmd_json_text(volume, "error")) {
		fputs("      its files cannot be told: ", stdout);
		cmd_put(stdout, cmd_json_text(volume, "error"), 0);
		putchar('\n');
	}
}

static void show_point(const json_t *point)
{
	size_t i;
	json_t *part;
	printf("  %.12s  ", cmd_json_text(point, "id"));
	cmd_put(stdout, cmd_json_text(point, "name"), 0);
	printf("@%s\n", cmd_json_text(point, "time"));
	json_array_foreach(json_object_get(point, "disks"), i, part) show_disk(part);
	json_array_foreach(json_object_get(point, "volumes"), i, part) show_volume(part);
	show_bytes(point, "outside", "outside of volumes");
	if (*cmd_json_text(point, "error")) {
		fputs("    its volumes cannot be told: ", stdout);
		cmd_put(stdout, cmd_json_text(point, "error"), 0);
		putchar('\n');
	}
}

/* "1.2 GiB of data read, in 40 packs: part 3 of 30" */
static void show_data_read(const struct check_result *result, const struct check_portion *portion)
{
	char size[CMD_SIZE_MAX];
	if (!check_portion_any(portion)) {
		puts("; no data read");
		return;
	}
	printf("; %s of data read, in %" PRIu64 " pack%s", cmd_size(result->data_read, size),
	       result->packs_read, cmd_plural(result->packs_read));
	if (portion->parts > 0)
		printf(": part %u of %u", portion->part, portion->parts);
	else if (portion->percent < 100)
		printf(": a sample of %g %%", portion->percent);
	putchar('\n');
}

static void show_summary(const struct check_result *result, const struct check_portion *portion,
			 bool named)
{
	char a[CMD_SIZE_MAX];
	if (named) {
		printf("%" PRIu64 " restore point%s: %" PRIu64 " chunk%s in %" PRIu64
		       " pack%s of %s",
		       result->points, cmd_plural(result->points), result->chunks,
		       cmd_plural(result->chunks), result->packs, cmd_plural(result->packs),
		       cmd_size(result->bytes, a));
		show_data_read(result, portion);
		return;
	}
	printf("%" PRIu64 " restore point%s, %" PRIu64 " index%s with %" PRIu64 " chunk%s, %" PRIu64
	       " pack%s of %s",
	       result->points, cmd_plural(result->points), result->indexes,
	       result->indexes == 1 ? "" : "es", result->chunks, cmd_plural(result->chunks),
	       result->packs, cmd_plural(result->packs), cmd_size(result->bytes, a));
	show_data_read(result, portion);
	if (result->orphans > 0)
		printf("%" PRIu64
		       " pack%s (%s) in no index: left by an interrupted backup, used by "
		       "the next one, or removed by a prune\n",
		       result->orphans, cmd_plural(result->orphans),
		       cmd_size(result->orphan_bytes, a));
	if (result->missing > 0 && result->n_problems == 0)
		printf("%" PRIu64
		       " pack%s not there that an index knows; nothing needs what was in it\n",
		       result->missing, cmd_plural(result->missing));
	if (result->leases > 0)
		printf("%" PRIu64 " lease%s: of what is running, or was killed\n", result->leases,
		       cmd_plural(result->leases));
	if (result->marks > 0)
		printf("%" PRIu64 " mark%s of a prune that has not ended\n", result->marks,
		       cmd_plural(result->marks));
}

/* @n: all of them */
static void show_points(const json_t *points, uint64_t n)
{
	size_t i;
	json_t *point;
	json_array_foreach(points, i, point) show_point(point);
	if (n > json_array_size(points))
		printf("  ... and %" PRIu64 " older restore points\n", n - json_array_size(points));
}

static int show_text(const struct check_args *args, const struct check_result *result,
		     struct error *err)
{
	show_problems(result);
	if (result->n_hurt > 0)
		printf("%" PRIu64 " restore point%s hurt, as %" PRIu64 " chunk%s lost:\n",
		       result->n_hurt, result->n_hurt == 1 ? " is" : "s are", result->lost,
		       result->lost == 1 ? " is" : "s are");
	show_points(result->hurt, result->n_hurt);
	if (result->n_unreadable > 0)
		printf("%" PRIu64 " restore point%s made:\n", result->n_unreadable,
		       result->n_unreadable == 1 ? " lacks what could not be read when it was"
						 : "s lack what could not be read when they were");
	show_points(result->unreadable, result->n_unreadable);
	show_summary(result, &args->portion, args->n_named > 0);
	if (result->not_noted.code < 0) {
		fputs("the repository does not remember it: ", stdout);
		cmd_put(stdout, result->not_noted.msg, 0);
		putchar('\n');
	}
	return cmd_print(result->n_problems ? "" : "no damage was found\n", err);
}

/* @why: the verdict, if its code is not 0 */
static int show_json(const struct check_args *args, const struct check_result *r,
		     const struct error *why, struct error *err)
{
	const struct check_portion *portion = &args->portion;
	json_t *doc = json_pack(
		"{s:b, s:O, s:I, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:O, s:I, s:b, s:I}",
		"whole", r->n_problems == 0, "problems", r->problems, "problem_count",
		(json_int_t)r->n_problems, "hurt", r->hurt, "hurt_count", (json_int_t)r->n_hurt,
		"lost_chunks", (json_int_t)r->lost, "points", (json_int_t)r->points, "indexes",
		(json_int_t)r->indexes, "packs", (json_int_t)r->packs, "chunks",
		(json_int_t)r->chunks, "bytes", (json_int_t)r->bytes, "data_read",
		(json_int_t)r->data_read, "packs_read", (json_int_t)r->packs_read, "orphans",
		(json_int_t)r->orphans, "orphan_bytes", (json_int_t)r->orphan_bytes,
		"missing_packs", (json_int_t)r->missing, "leases", (json_int_t)r->leases, "marks",
		(json_int_t)r->marks, "unreadable", r->unreadable, "unreadable_count",
		(json_int_t)r->n_unreadable, "noted", r->not_noted.code == 0, "remembered",
		(json_int_t)r->n_remembered);
	if (doc && portion->parts > 0)
		json_object_set_new(doc, "part",
				    json_pack("{s:I, s:I}", "number", (json_int_t)portion->part,
					      "of", (json_int_t)portion->parts));
	if (doc && why->code)
		json_object_set_new(doc, "error", cmd_failure_json(why->code, why));
	return cmd_print_json(doc, err);
}

/* ------------------------------------------------------------------------------------------------
 */

static int newest_first(const void *a, const void *b)
{
	return -strcmp(((const struct check_named *)a)->time,
		       ((const struct check_named *)b)->time);
}

static int find_named(struct check_args *args, char **words, size_t n, struct error *err)
{
	args->named = calloc(n + 1, sizeof(*args->named));
	if (!args->named)
		return error_set(err, -ENOMEM, "check: %m");
	for (size_t i = 0; i < n; i++) {
		struct check_named *found = &args->named[args->n_named];
		CLEANUP(json_decref_cleanup) json_t *point = NULL;
		int rc = cmd_find_point(&args->which, words[i], REPO_POINT_READ, found->id, &point,
					err);
		if (rc)
			return rc;
		snprintf(found->time, sizeof(found->time), "%s", repo_point_time(point));
		bool again = false;
		for (size_t j = 0; j < args->n_named; j++)
			again = again || strcmp(args->named[j].id, found->id) == 0;
		args->n_named += !again;
	}
	if (args->n_named > 1)
		qsort(args->named, args->n_named, sizeof(*args->named), newest_first);
	return 0;
}

static void free_args(void *args)
{
	free(((struct check_args *)args)->named);
}

/* Which restore points, and of which packs the data. */
static int choose(struct check_args *args, char **words, size_t n, struct error *err)
{
	if (n > 0 && args->portion.parts > 0 && args->portion.part == 0)
		return cmd_usage(err, "--read-data=next/M is for the whole repository: say which "
				      "part of M");
	int rc = cmd_open_repo(&args->which, err);
	if (rc == 0)
		rc = cmd_upkeep_choose(&args->upkeep, args->which.repo, &args->portion, err);
	return rc || n == 0 ? rc : find_named(args, words, n, err);
}

/* It is only the repository's check when it was of all of it. */
static void note(const struct check_args *args, const struct check_result *result,
		 const struct error *why, double seconds)
{
	if (args->n_named == 0)
		cmd_upkeep_note(&args->upkeep, args->which.repo, UPKEEP_CHECK,
				upkeep_check_document(result, &args->portion, why, seconds));
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct check_args *args = ctx;
	int rc = choose(args, words, n, err);
	if (rc)
		return rc;
	CLEANUP(free_cleanup) char(*ids)[65] = calloc(args->n_named + 1, sizeof(*ids));
	if (!ids)
		return error_set(err, -ENOMEM, "check: %m");
	for (size_t i = 0; i < args->n_named; i++)
		memcpy(ids[i], args->named[i].id, sizeof(ids[i]));
	CLEANUP(check_result_free) struct check_result result = { 0 };
	const struct check_options opts = {
		.threads = cmd_threads(),
		.n_named = args->n_named,
		.named = (const char(*)[65])ids,
		.portion = args->portion,
		.stop = cmd_stop_on_signals(),
		.progress = cmd_progress_of,
		.ctx = &args->progress,
	};
	double start = cmd_seconds();
	cmd_progress_begin(&args->progress);
	rc = check_run(args->which.repo, &opts, &result, err);
	cmd_progress_end(&args->progress);
	struct error why = { 0 };
	bool unknown = check_judge(&result, check_portion_any(&args->portion), &why) == -EIO;
	note(args, &result, rc < 0 ? err : unknown ? &why : NULL, cmd_seconds() - start);
	if (rc == 0 && args->json)
		rc = show_json(args, &result, &why, err);
	else if (rc == 0 && (!args->progress.quiet || why.code))
		rc = show_text(args, &result, err);
	if (rc < 0)
		return rc;
	if (why.code)
		return error_copy(err, why.code, &why);
	cmd_warn_remembered(&result);
	return result.n_unreadable > 0 ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_check = {
	.name = "check",
	.summary = "find damage in a repository, and what it hurts",
	.words = { "[POINT]...", 0, COMMAND_ANY },
	.help = "Checks the repository: indexes, packs, chunk maps and restore points. What is damaged "
		"is named, and so are the restore points, disks and files that it hurts. Or checks only some "
		"restore points, and what they refer to.",
	.status =
		"0 all is well, 1 there is damage, or it could not be checked, 2 wrong usage, "
		"3 there is none, but of some restore points not all could be read when they were "
		"made, or an earlier check found some in data that was not read now" CMD_REPO_STATUS
		".",
	.options = options,
	.args_size = sizeof(struct check_args),
	.run = run,
	.free = free_args,
};
