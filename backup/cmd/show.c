/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show - what a restore point holds, from its manifest alone. */
#include <inttypes.h>

#include "cmd.h"
#include "lunette/bad-ranges.h"
#include "lunette/json.h"
#include "lunette/point-open.h"
#include "lunette/verdicts.h"

struct show_args {
	struct cmd_repo which;
	bool json;
};

static const struct option_row options[] = {
	CMD_REPO_OPTIONS(struct show_args, which),
	{ "json", NULL, "as a JSON document: the manifest, with the id and what a check has found",
	  OPTION_FLAG(struct show_args, json) },
	{ 0 },
};

static void print_stats(const json_t *point)
{
	static const char *const keys[] = {
		"size", "used",      "unmapped", "excluded", "free", "skipped",
		"read", "unchanged", "zero",     "known",    "new",  "stored",
	};
	const json_t *stats = json_object_get(point, "stats");
	char size[CMD_SIZE_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_get(stats, keys[i]))
			printf("  %-11s%s\n", keys[i],
			       cmd_size(cmd_json_size(stats, keys[i]), size));
}

/* All of them are in --json. */
#define BAD_SHOWN_MAX 20

static void print_bad(const json_t *list)
{
	size_t i;
	const json_t *range;
	json_array_foreach(list, i, range)
	{
		if (i == BAD_SHOWN_MAX)
			break;
		printf("    %" PRIu64 " bytes at offset %" PRIu64 " could not be read\n",
		       cmd_json_size(range, "length"), cmd_json_size(range, "start"));
	}
	if (json_array_size(list) > BAD_SHOWN_MAX)
		printf("    ... and %zu more ranges (--json lists them)\n",
		       json_array_size(list) - BAD_SHOWN_MAX);
}

static void print_disks(const json_t *point)
{
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *disk;
	char size[CMD_SIZE_MAX];
	fputs("Disks\n", stdout);
	json_array_foreach(json_object_get(point, "disks"), i, disk)
	{
		const json_t *found = json_array_get(json_object_get(layout, "disks"), i);
		const char *id = cmd_json_text(json_object_get(disk, "lun"), "id");
		printf("  %-10s  %8s  ", cmd_json_text(disk, "name"),
		       cmd_size(cmd_json_size(disk, "size"), size));
		cmd_put(stdout, cmd_json_text(found, "table"), 5);
		putchar(' ');
		cmd_put(stdout, cmd_json_text(found, "source"), 0);
		fputs(*id ? ", " : "", stdout);
		cmd_put(stdout, id, 0);
		putchar('\n');
		print_bad(json_object_get(disk, BAD_RANGES));
	}
}

static void print_volumes(const json_t *point)
{
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *volume;
	char size[CMD_SIZE_MAX];
	fputs("Volumes\n", stdout);
	json_array_foreach(json_object_get(layout, "volumes"), i, volume)
	{
		const char *name = cmd_json_text(volume, "name");
		const char *filesystem = cmd_json_text(volume, "filesystem");
		fputs("  ", stdout);
		cmd_put(stdout, name, 10);
		printf("  %8s  ", cmd_size(cmd_json_size(volume, "size"), size));
		cmd_put(stdout, *filesystem ? filesystem : "-", 5);
		putchar(' ');
		cmd_put(stdout, cmd_json_text(volume, "label"), 0);
		fputs(point_stores(point, name) ? "\n" : " (not stored)\n", stdout);
	}
}

static void print_state(const json_t *holds)
{
	char checked[CMD_CHECKED_MAX];
	const char *consistency = cmd_json_text(holds, "consistency");
	fputs("  consistent ", stdout);
	cmd_put(stdout, *consistency ? consistency : "nothing is known", 0);
	printf("\n  checked    %s%s\n", cmd_checked(holds, checked),
	       json_is_true(json_object_get(holds, "future"))
		       ? "\n  of the future: a clock was wrong"
		       : "");
}

static int show_text(const char *id, const json_t *point, const json_t *holds, struct error *err)
{
	fputs("Restore point ", stdout);
	cmd_put(stdout, repo_point_name(point), 0);
	printf("@%s\n  id      %s\n", repo_point_time(point), id);
	print_state(holds);
	print_stats(point);
	print_disks(point);
	print_volumes(point);
	cmd_put_excluded(json_object_get(point, "excluded"));
	return cmd_print("", err);
}

static int show_json(const char *id, const json_t *point, const json_t *holds, struct error *err)
{
	json_t *doc =
		json_pack("{s:s, s:O, s:O}", "id", id, "check", json_object_get(holds, "check"),
			  "future", json_object_get(holds, "future"));
	if (doc && json_object_update(doc, (json_t *)point) < 0) {
		json_decref(doc);
		doc = NULL;
	}
	return cmd_print_json(doc, err);
}

static int run(void *ctx, char **words, size_t n, struct error *err)
{
	(void)n;
	struct show_args *args = ctx;
	char id[65];
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	int rc = cmd_open_point(&args->which, words[0], id, &point, err);
	if (rc == 0)
		rc = verdicts_read(args->which.repo, &verdicts, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *holds = cmd_point_holds(id, point, verdicts);
	return (args->json ? show_json : show_text)(id, point, holds, err);
}

const struct command cmd_show = {
	.name = "show",
	.summary = "show what a restore point holds",
	.words = { "POINT", 1, 1 },
	.help = "Shows the disks and volumes of a restore point.",
	.status = "0 done, 1 failed, 2 wrong usage" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct show_args),
	.run = run,
};
