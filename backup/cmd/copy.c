/* SPDX-License-Identifier: GPL-3.0-or-later */
/* copy - restore points go into another repository. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "old.h"
#include "lunette/copy.h"
#include "lunette/json.h"

static const char help[] =
	"Usage: lunette copy [OPTIONS] --to REPO [NAME | POINT]...\n"
	"Copies restore points into another repository: all of them, those of NAMEs, or POINTs. Only\n"
	"what the other one lacks is stored there, and what it has already is not copied again. Keys\n"
	"and chunk sizes may differ.\n"
	"\n"
	"Options:\n" OLD_REPO_OPTIONS_HELP "  --to REPO            the other repository\n"
	"  --to-password-file FILE\n"
	"                       its password is the first line of FILE; else it is asked for\n"
	"  --to-key-file FILE   open it with its exported key\n"
	"  --level N            of compression, as of init; default: the other repository's\n"
	"  --json               report as a JSON document\n"
	"  --progress[=json]    show progress although standard error is no terminal; =none: never\n"
	"\n" OLD_REPO_HELP "\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 some restore points are damaged and were not\n"
	"copied.\n";

enum {
	OPT_TO,
	OPT_TO_PASSWORD_FILE,
	OPT_TO_KEY_FILE,
	OPT_LEVEL,
	OPT_JSON,
	OPT_PROGRESS,
};

static const struct option options[] = {
	OLD_REPO_OPTIONS,
	{ "to", required_argument, NULL, OPT_TO },
	{ "to-password-file", required_argument, NULL, OPT_TO_PASSWORD_FILE },
	{ "to-key-file", required_argument, NULL, OPT_TO_KEY_FILE },
	{ "level", required_argument, NULL, OPT_LEVEL },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "progress", optional_argument, NULL, OPT_PROGRESS },
	{ 0 },
};

/**
 * struct copying - what the user wants, and what was done
 * @level: 0: the other repository's
 * @report: restore points, for --json
 */
struct copying {
	struct old_repo from, to;
	int level;
	bool json;
	bool damaged;
	struct cmd_progress progress;
	json_t *report;
	struct copy_stats stats;
};

static int parse(struct copying *c, int argc, char **argv, struct error *err)
{
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		int rc = old_repo_option(&c->from, opt, optarg);
		if (rc == 0)
			continue;
		rc = 0;
		if (opt == OPT_TO)
			c->to.path = optarg;
		else if (opt == OPT_TO_PASSWORD_FILE)
			c->to.password_file = optarg;
		else if (opt == OPT_TO_KEY_FILE)
			c->to.key_file = optarg;
		else if (opt == OPT_LEVEL)
			rc = old_level_option(optarg, &c->level, err);
		else if (opt == OPT_JSON)
			c->json = true;
		else if (opt == OPT_PROGRESS)
			rc = old_progress_option(&c->progress, optarg, err);
		else
			rc = old_no_option(opt, argv[optind - 1], err);
		if (rc)
			return rc;
	}
	return c->to.path ? 0 : cmd_usage(err, "copy where? Say --to REPO");
}

static void progress(void *ctx, const struct copy_stats *stats)
{
	struct copying *c = ctx;
	c->progress.total = stats->total;
	cmd_progress_show(&c->progress, stats->done);
}

static void copied(void *ctx, const json_t *point, const char *from_id, const char *to_id)
{
	struct copying *c = ctx;
	json_array_append_new(
		c->report, json_pack("{s:s, s:s, s:s, s:s}", "name", repo_point_name(point), "time",
				     repo_point_time(point), "id", to_id, "from", from_id));
	if (c->json)
		return;
	cmd_progress_end(&c->progress);
	fputs("copied ", stdout);
	cmd_put(stdout, repo_point_name(point), 0);
	printf("@%s, id %.12s\n", repo_point_time(point), to_id);
}

static void warn_damaged(void *ctx, const struct error *why)
{
	((struct copying *)ctx)->damaged = true;
	cmd_warn("%s; it is not copied", why->msg);
}

static int report(const struct copying *c, struct error *err)
{
	const struct copy_stats *s = &c->stats;
	if (c->json)
		return cmd_print_json(
			json_pack("{s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "points", c->report,
				  "present", (json_int_t)s->present, "read", (json_int_t)s->read,
				  "zero", (json_int_t)s->zero, "known", (json_int_t)s->known, "new",
				  (json_int_t)s->added, "stored", (json_int_t)s->stored, "warnings",
				  c->damaged),
			err);
	char a[CMD_SIZE_MAX], b[CMD_SIZE_MAX], d[CMD_SIZE_MAX], e[CMD_SIZE_MAX];
	printf("%zu copied, %zu were there already\n"
	       "  known    %s\n"
	       "  read     %s\n"
	       "  new      %s, stored in %s\n",
	       s->copied, s->present, cmd_size(s->known, a), cmd_size(s->read, b),
	       cmd_size(s->added, d), cmd_size(s->stored, e));
	return cmd_print("", err);
}

static int copy(struct copying *c, struct repo *from, struct repo *to, char **wanted, size_t n,
		struct error *err)
{
	const struct copy_request request = {
		.wanted = wanted,
		.n_wanted = n,
		.level = c->level ? c->level : repo_level(to),
		.threads = cmd_threads(),
		.stop = cmd_stop_on_signals(),
		.copied = copied,
		.damaged = warn_damaged,
		.progress = progress,
		.ctx = c,
	};
	cmd_progress_begin(&c->progress);
	int rc = copy_points(from, to, &request, &c->stats, err);
	cmd_progress_end(&c->progress);
	return rc < 0 ? rc : report(c, err);
}

static int run(int argc, char **argv, struct error *err)
{
	struct copying c = { .to.is_second = true };
	int rc = parse(&c, argc, argv, err);
	if (rc)
		return rc;
	CLEANUP(repo_close_cleanup) struct repo *from = NULL;
	CLEANUP(repo_close_cleanup) struct repo *to = NULL;
	rc = old_open_repo(&c.from, &from, err);
	if (rc == 0)
		rc = old_open_repo(&c.to, &to, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *points = json_array();
	c.report = points;
	rc = copy(&c, from, to, argv + optind, (size_t)(argc - optind), err);
	if (rc < 0)
		return rc;
	return c.damaged ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_copy = {
	.name = "copy",
	.summary = "copy restore points into another repository",
	.help = help,
	.main = run,
};
