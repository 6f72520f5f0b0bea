/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prune - frees the room of what no restore point refers to any more. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "lunette/prune.h"

struct prune_args {
	struct cmd_repo which;
	unsigned int max_unused;
	bool dry_run;
	bool json;
	struct cmd_progress progress;
	struct cmd_upkeep upkeep;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct prune_args, which),
	{ "max-unused", "PERCENT",
	  "rewrite packs when more than this of all is unused (default 10); 100: rewrite none",
	  OPTION_NUMBER(struct prune_args, max_unused, 0, 100) },
	{ "dry-run", NULL, "only show what would go, and who is writing",
	  OPTION_FLAG(struct prune_args, dry_run) },
	CMD_JSON_OPTION(struct prune_args, json),
	CMD_UPKEEP_OPTIONS(struct prune_args, upkeep),
	CMD_PROGRESS_OPTIONS(struct prune_args, progress),
	{ 0 },
};

/* ---- the report -------------------------------------------------------------------------------
 */

static json_t *amount(const struct prune_amount *amount)
{
	return json_pack("{s:I, s:I}", "packs", (json_int_t)amount->packs, "bytes",
			 (json_int_t)amount->bytes);
}

static int report_json(const struct prune_args *args, const struct prune_result *r, double seconds,
		       struct error *err)
{
	json_t *doc = json_pack(
		"{s:b, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, "
		"s:O, s:O}",
		"dry_run", args->dry_run, "seconds", seconds, "points", (json_int_t)r->points,
		"forgotten", (json_int_t)r->forgotten, "chunks", (json_int_t)r->chunks, "used",
		(json_int_t)r->used, "copied", (json_int_t)r->copied, "missing",
		(json_int_t)r->missing, "damaged", (json_int_t)r->damaged, "all", amount(&r->all),
		"dead", amount(&r->dead), "unindexed", amount(&r->unindexed), "rewritten",
		amount(&r->rewritten), "young", amount(&r->young), "removed", amount(&r->removed),
		"marked", amount(&r->marked), "postponed", amount(&r->postponed), "unsettled",
		r->unsettled, "waiting_for", r->waiting_for, "writers", r->writers);
	return cmd_print_json(doc, err);
}

/* "  removed    1.2 GiB in 40 packs" */
static void say_amount(const char *word, const struct prune_amount *amount, const char *more)
{
	char size[CMD_SIZE_MAX];
	if (amount->packs > 0)
		printf("  %-10s %s in %" PRIu64 " pack%s%s\n", word, cmd_size(amount->bytes, size),
		       amount->packs, cmd_plural(amount->packs), more);
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

static int report_text(const struct prune_args *args, const struct prune_result *r,
		       struct error *err)
{
	char used[CMD_SIZE_MAX], all[CMD_SIZE_MAX], copied[CMD_SIZE_MAX], more[64];
	printf("%" PRIu64 " restore point%s: %s of %s in use\n", r->points, cmd_plural(r->points),
	       cmd_size(r->used, used), cmd_size(r->all.bytes, all));
	snprintf(more, sizeof(more), "; %s of them %s copied", cmd_size(r->copied, copied),
		 args->dry_run ? "would be" : "were");
	if (r->forgotten > 0)
		printf("%" PRIu64 " forgotten restore point%s %s be brought back any more\n",
		       r->forgotten, cmd_plural(r->forgotten),
		       args->dry_run ? "could not" : "cannot");
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
	say_amount("postponed", &r->postponed, "");
	say_amount("marked", &r->marked, " will be removed by a later prune");
	say_list("waiting for ", r->waiting_for);
	return cmd_print("", err);
}

static bool warn(const struct prune_result *r)
{
	if (r->missing > 0)
		cmd_warn("%" PRIu64 " chunk%s missing that restore points refer to; packs that "
			 "no index knows stay, as they may be there: see 'lunette check'",
			 r->missing, r->missing == 1 ? " is" : "s are");
	if (r->damaged > 0)
		cmd_warn("%" PRIu64 " pack%s: see 'lunette check'", r->damaged,
			 r->damaged == 1 ? " cannot be read, and stays"
					 : "s cannot be read, and stay");
	if (r->postponed.packs > 0)
		cmd_warn(
			"%" PRIu64 " packs of which little is used stay: there is no room to copy "
			"that. What forgetting more restore points or removing something else from "
			"the file system frees lets the next prune go on",
			r->postponed.packs);
	if (r->unsettled)
		cmd_warn(
			"there is no room to write indexes anew, which still speak of packs that are "
			"gone: that harms nobody, and the next prune that has room does it");
	return r->missing > 0 || r->damaged > 0 || r->postponed.packs > 0 || r->unsettled;
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)words, (void)n;
	struct prune_args *args = ctx;
	int rc = cmd_open_repo(&args->which, err);
	if (rc)
		return rc;
	CLEANUP(prune_result_free) struct prune_result result = { 0 };
	const struct prune_options opts = {
		.max_unused = args->max_unused,
		.dry_run = args->dry_run,
		.stop = cmd_stop_on_signals(),
		.progress = cmd_progress_of,
		.ctx = &args->progress,
	};
	double start = cmd_seconds();
	cmd_progress_begin(&args->progress);
	rc = prune_run(args->which.repo, &opts, &result, err);
	cmd_progress_end(&args->progress);
	/* Who finds another one at work has done nothing. */
	if (!args->dry_run && rc != -EBUSY)
		cmd_upkeep_note(
			&args->upkeep, args->which.repo, UPKEEP_PRUNE,
			upkeep_prune_document(&result, rc < 0 ? err : NULL, cmd_seconds() - start));
	if (rc == 0 && !args->dry_run)
		cmd_done();
	if (rc == 0 && (args->json || args->dry_run || !args->progress.quiet))
		rc = args->json ? report_json(args, &result, cmd_seconds() - start, err)
				: report_text(args, &result, err);
	if (rc < 0)
		return rc;
	return warn(&result) ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_prune = {
	.name = "prune",
	.summary = "free the room of what no restore point needs",
	.help = "Frees the room of what no restore point refers to any more, while backups run. Packs "
		"in which nothing is needed go; of those in which little is, the rest is copied to new "
		"ones. What a running backup may rely on goes when it has ended, by the next prune.",
	.notes = "Temporary files lie in $TMPDIR, else in /var/tmp: some 100 bytes for each chunk.",
	.status =
		"0 done, 1 failed, 2 wrong usage, 3 done, but chunks are missing, packs are damaged, "
		"or there was no room to rewrite some" CMD_REPO_STATUS
		", 12 a repair or another prune is at work.",
	.options = options,
	.args_size = sizeof(struct prune_args),
	.defaults = &(const struct prune_args){ .max_unused = PRUNE_MAX_UNUSED },
	.run = run,
};
