/* SPDX-License-Identifier: GPL-3.0-or-later */
/* undelete - brings restore points back that were forgotten, until a prune. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lunette/json.h"
#include "lunette/undelete.h"

/**
 * struct undelete_word - a POINT, and what it means
 * @there: it is in its place already
 */
struct undelete_word {
	char id[65];
	json_t *point;
	bool there;
};

/**
 * struct undelete_args - what the user wants, and what was done
 * @n, @words: all POINTs, each restore point once
 * @report: of those that are there now, as --json has them
 */
struct undelete_args {
	struct cmd_repo which;
	bool json, quiet;
	size_t n;
	struct undelete_word *words;
	json_t *report;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct undelete_args, which),
	CMD_JSON_OPTION(struct undelete_args, json),
	CMD_QUIET_OPTION(struct undelete_args, quiet),
	{ 0 },
};

/* One that was brought back before, by a run that was killed or by somebody else, is no failure. */
static int find(struct undelete_args *args, const char *spec, struct undelete_word *ret,
		struct error *err)
{
	struct repo_point_search search = { .spec = spec,
					    .use = REPO_POINT_REMOVE,
					    .forgotten = true };
	struct repo_point_search there = { .spec = spec, .use = REPO_POINT_REMOVE };
	int rc = repo_point_search(args->which.repo, &search, err);
	ret->there = rc == -ENOENT && repo_point_search(args->which.repo, &there, NULL) == 0;
	if (rc < 0 && !ret->there)
		return rc == -EINVAL ? STATUS_USAGE : rc;
	memcpy(ret->id, ret->there ? there.id : search.id, sizeof(ret->id));
	ret->point = ret->there ? there.point : search.point;
	return 0;
}

static int find_all(struct undelete_args *args, char **specs, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct undelete_word *word = &args->words[args->n];
		int rc = find(args, specs[i], word, err);
		if (rc) {
			error_wrap(err, err->code, "nothing is brought back");
			return rc;
		}
		bool again = false;
		for (size_t j = 0; j < args->n; j++)
			again = again || strcmp(args->words[j].id, word->id) == 0;
		if (again)
			json_decref(steal(&word->point));
		else
			args->n++;
	}
	return 0;
}

static void report(struct undelete_args *args, const struct undelete_word *word)
{
	json_array_append_new(args->report, json_pack("{s:s, s:s, s:s, s:b}", "id", word->id,
						      "name", repo_point_name(word->point), "time",
						      repo_point_time(word->point), "brought_back",
						      !word->there));
	if (args->json || args->quiet)
		return;
	fputs(word->there ? "is there  " : "back      ", stdout);
	cmd_put_point(stdout, word->id, word->point);
	putchar('\n');
}

static void is_back(void *ctx, const char *id, bool there)
{
	struct undelete_args *args = ctx;
	for (size_t i = 0; i < args->n; i++) {
		struct undelete_word *word = &args->words[i];
		if (strcmp(word->id, id) != 0)
			continue;
		word->there = there;
		report(args, word);
	}
}

static int bring_back(struct undelete_args *args, struct error *err)
{
	struct undelete_request request = { .stop = cmd_stop_on_signals(),
					    .each = is_back,
					    .ctx = args };
	CLEANUP(free_cleanup) char(*ids)[65] = calloc(args->n + 1, sizeof(*ids));
	if (!ids)
		return error_set(err, -ENOMEM, "undelete: %m");
	for (size_t i = 0; i < args->n; i++)
		if (args->words[i].there)
			report(args, &args->words[i]);
		else
			memcpy(ids[request.n++], args->words[i].id, sizeof(*ids));
	request.ids = (const char(*)[65])ids;
	return request.n > 0 ? undelete_run(args->which.repo, &request, err) : 0;
}

static int finish(struct undelete_args *args, struct error *err)
{
	cmd_done();
	return args->json ? cmd_print_json(json_pack("{s:O}", "points", args->report), err)
			  : cmd_print("", err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	struct undelete_args *args = ctx;
	int rc = cmd_open_repo(&args->which, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *points = json_array();
	CLEANUP(free_cleanup) struct undelete_word *found = calloc(n, sizeof(*found));
	if (!points || !found)
		return error_set(err, -ENOMEM, "undelete: %m");
	args->report = points;
	args->words = found;
	rc = find_all(args, words, n, err);
	if (rc == 0)
		rc = bring_back(args, err);
	if (rc == 0)
		rc = finish(args, err);
	for (size_t i = 0; i < n; i++)
		json_decref(found[i].point);
	return rc;
}

const struct command cmd_undelete = {
	.name = "undelete",
	.summary = "bring forgotten restore points back, until a prune",
	.words = { "POINT...", 1, COMMAND_ANY },
	.help = "Brings restore points back that were forgotten and not pruned since, named by a whole time "
		"or an id; `lunette list --forgotten` shows them. All of them come back, or none.",
	.status = "0 done, 1 failed, 2 wrong usage" CMD_REPO_STATUS
		  ", 12 a prune, a repair or another undelete is at work.",
	.options = options,
	.args_size = sizeof(struct undelete_args),
	.run = run,
};
