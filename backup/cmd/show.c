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

/* ---- words that may not be there ---- */

/* "  host       web1", or nothing. */
static void print_word(const char *what, const char *text)
{
	if (!*text)
		return;
	printf("  %-11s", what);
	cmd_put(stdout, text, 0);
	putchar('\n');
}

/**
 * struct show_word - a member of an object, and what stands around it
 */
struct show_word {
	const char *before, *key, *behind;
};

/* On one line, with commas between, those that are there; nothing when none is. */
static void print_words(int indent, const json_t *object, const struct show_word *words, size_t n)
{
	bool begun = false;
	for (size_t i = 0; i < n; i++) {
		const char *text = cmd_json_text(object, words[i].key);
		if (!*text)
			continue;
		printf("%*s%s%s", begun ? 0 : indent, "", begun ? ", " : "", words[i].before);
		cmd_put(stdout, text, 0);
		fputs(words[i].behind, stdout);
		begun = true;
	}
	if (begun)
		putchar('\n');
}

/* "  tags       a, b", or nothing. */
static void print_list(const char *what, const json_t *list)
{
	size_t i;
	const json_t *entry;
	json_array_foreach(list, i, entry)
	{
		if (i == 0)
			printf("  %-11s", what);
		fputs(i ? ", " : "", stdout);
		cmd_put(stdout, json_is_string(entry) ? json_string_value(entry) : "?", 0);
	}
	if (i > 0)
		putchar('\n');
}

/* ---- the point itself ---- */

static void print_stats(const json_t *point)
{
	static const char *const keys[] = {
		"size", "used",      "unmapped", "excluded", "free", "skipped",    "read",
		"gaps", "unchanged", "zero",     "known",    "new",  "unreadable", "stored",
	};
	const json_t *stats = json_object_get(point, "stats");
	char size[CMD_SIZE_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_get(stats, keys[i]))
			printf("  %-11s%s\n", keys[i],
			       cmd_size(cmd_json_size(stats, keys[i]), size));
}

/* Whose it is, and what it was made from. */
static void print_origin(const json_t *point)
{
	static const struct show_word job[] = { { "  job        ", "name", "" },
						{ "run ", "run", "" } };
	static const struct show_word array[] = { { "  storage    ", "vendor", "" },
						  { "", "product", "" },
						  { "", "id", "" } };
	static const struct show_word from[] = { { "  copied     from ", "point", "" },
						 { "of repository ", "repository", "" } };
	print_word("finished", cmd_json_text(point, "finished"));
	print_word("host", cmd_json_text(point, "host"));
	print_words(0, json_object_get(point, "job"), job, ARRAY_SIZE(job));
	print_words(0, json_object_get(point, "storage"), array, ARRAY_SIZE(array));
	if (json_object_get(point, "software_snapshot"))
		puts("  snapshot   taken by the server itself");
	print_word("parent", cmd_json_text(point, "parent"));
	print_words(0, json_object_get(point, "origin"), from, ARRAY_SIZE(from));
	print_list("tags", json_object_get(point, "tags"));
	if (json_is_true(json_object_get(point, "all_blocks")))
		puts("  blocks     all, also those that no file system uses");
	else if (json_is_true(json_object_get(point, "only_known")))
		puts("  blocks     only of volumes that are understood");
	else if (json_is_true(json_object_get(point, "every_volume")))
		puts("  blocks     of every volume, and what lies in none");
}

static void print_state(const json_t *holds, bool window_exceeded)
{
	char checked[CMD_CHECKED_MAX];
	const char *consistency = cmd_json_text(holds, "consistency");
	fputs("  consistent ", stdout);
	cmd_put(stdout, *consistency ? consistency : "nothing is known", 0);
	printf("%s\n  checked    %s%s\n",
	       window_exceeded ? ", for the server thawed before the storage had answered" : "",
	       cmd_checked(holds, checked),
	       json_is_true(json_object_get(holds, "future"))
		       ? "\n  of the future: a clock was wrong"
		       : "");
}

/* ---- its disks and volumes ---- */

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

/* Of the server's disk, and of the snapshot that was read. */
static void print_snapshot(const json_t *point, size_t disk)
{
	static const struct show_word lun[] = { { "device ", "device", "" },
						{ "", "identity", "" },
						{ "volume ", "volume", "" },
						{ "snapshot ", "snapshot", "" },
						{ "read as ", "lun", "" } };
	static const struct show_word export[] = { { "file system ", "name", "" },
						   { "device ", "device", "" },
						   { "snapshot ", "snapshot", "" } };
	const json_t *luns = json_object_get(json_object_get(point, "storage"), "luns");
	const json_t *disks = json_object_get(json_object_get(point, "software_snapshot"), "disks");
	print_words(4, json_array_get(luns, disk), lun, ARRAY_SIZE(lun));
	print_words(4, json_array_get(disks, disk), export, ARRAY_SIZE(export));
}

static void print_disks(const json_t *point)
{
	static const struct show_word identity[] = { { "", "vendor", "" },
						     { "", "product", "" },
						     { "serial ", "serial", "" },
						     { "", "id", "" } };
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *disk;
	char size[CMD_SIZE_MAX];
	fputs("Disks\n", stdout);
	json_array_foreach(json_object_get(point, "disks"), i, disk)
	{
		const json_t *found = json_array_get(json_object_get(layout, "disks"), i);
		const char *id = cmd_json_text(found, "id");
		printf("  %-10s  %8s  ", cmd_json_text(disk, "name"),
		       cmd_size(cmd_json_size(disk, "size"), size));
		cmd_put(stdout, cmd_json_text(found, "table"), 5);
		printf(" %s%s%" PRIu64 "-byte sectors, ", id, *id ? ", " : "",
		       cmd_json_size(disk, "sector_size"));
		cmd_put(stdout, cmd_json_text(found, "source"), 0);
		putchar('\n');
		print_words(4, json_object_get(disk, "lun"), identity, ARRAY_SIZE(identity));
		print_snapshot(point, i);
		print_bad(json_object_get(disk, BAD_RANGES));
	}
}

static void print_groups(const json_t *layout)
{
	static const struct show_word words[] = { { "  ", "kind", "" },
						  { "", "name", "" },
						  { "", "id", "" } };
	size_t i;
	const json_t *group;
	json_array_foreach(json_object_get(layout, "groups"), i, group)
	{
		if (i == 0)
			puts("Groups");
		print_words(0, group, words, ARRAY_SIZE(words));
		print_list("  missing", json_object_get(group, "missing"));
	}
}

static void print_volume(const json_t *point, const json_t *volume)
{
	static const struct show_word more[] = { { "group ", "group", "" },
						 { "", "purpose", " partition" },
						 { "UUID ", "uuid", "" },
						 { "named '", "title", "'" } };
	static const struct show_word why[] = { { "", "reason", "" } };
	const char *name = cmd_json_text(volume, "name");
	const char *filesystem = cmd_json_text(volume, "filesystem");
	char size[CMD_SIZE_MAX];
	fputs("  ", stdout);
	cmd_put(stdout, name, 10);
	printf("  %8s  ", cmd_size(cmd_json_size(volume, "size"), size));
	cmd_put(stdout, cmd_json_text(volume, "type"), 9);
	putchar(' ');
	cmd_put(stdout, *filesystem ? filesystem : "-", 5);
	putchar(' ');
	cmd_put(stdout, cmd_json_text(volume, "state"), 10);
	putchar(' ');
	cmd_put(stdout, cmd_json_text(volume, "label"), 0);
	bool stored =
		json_is_true(json_object_get(point, "all_blocks")) || point_stores(point, name);
	puts(stored ? "" : " (not stored)");
	print_words(4, volume, why, ARRAY_SIZE(why));
	/* A volume of a group has its name from there. */
	print_words(4, volume, more,
		    ARRAY_SIZE(more) - (json_is_null(json_object_get(volume, "group")) ? 0 : 1));
}

static void print_found(const json_t *point)
{
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	const json_t *entry;
	print_groups(layout);
	fputs("Volumes\n", stdout);
	json_array_foreach(json_object_get(layout, "volumes"), i, entry)
	{
		print_volume(point, entry);
	}
	json_array_foreach(json_object_get(layout, "warnings"), i, entry)
	{
		fputs(i == 0 ? "Warnings\n  " : "  ", stdout);
		cmd_put(stdout, json_is_string(entry) ? json_string_value(entry) : "?", 0);
		putchar('\n');
	}
}

/* ---- all of it ---- */

/**
 * struct shown_point - what there is to say
 * @holds: of cmd_point_holds()
 */
struct shown_point {
	const char *id;
	const json_t *point;
	const json_t *holds;
	bool pinned;
};

static int show_text(const struct shown_point *shown, struct error *err)
{
	const json_t *point = shown->point;
	fputs("Restore point ", stdout);
	cmd_put(stdout, repo_point_name(point), 0);
	printf("@%s\n  id         %s%s\n", repo_point_time(point), shown->id,
	       shown->pinned ? "  (pinned)" : "");
	print_state(shown->holds, json_is_true(json_object_get(point, "window_exceeded")));
	print_origin(point);
	print_stats(point);
	print_disks(point);
	print_found(point);
	cmd_put_excluded(json_object_get(point, "excluded"));
	return cmd_print("", err);
}

static int show_json(const struct shown_point *shown, struct error *err)
{
	json_t *doc = json_pack("{s:s, s:O, s:O, s:b}", "id", shown->id, "check",
				json_object_get(shown->holds, "check"), "future",
				json_object_get(shown->holds, "future"), "pinned", shown->pinned);
	if (doc && json_object_update_missing(doc, (json_t *)shown->point) < 0) {
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
	bool pinned = false;
	CLEANUP(json_decref_cleanup) json_t *point = NULL;
	CLEANUP(json_decref_cleanup) json_t *verdicts = NULL;
	int rc = cmd_open_point(&args->which, words[0], id, &point, err);
	if (rc == 0)
		rc = verdicts_read(args->which.repo, &verdicts, err);
	if (rc == 0)
		rc = repo_is_pinned(args->which.repo, id, &pinned, err);
	if (rc)
		return rc;
	CLEANUP(json_decref_cleanup) json_t *holds = cmd_point_holds(id, point, verdicts);
	const struct shown_point shown = { id, point, holds, pinned };
	return (args->json ? show_json : show_text)(&shown, err);
}

const struct command cmd_show = {
	.name = "show",
	.summary = "show what a restore point holds",
	.words = { "POINT", 1, 1 },
	.help = "Shows the disks and volumes of a restore point.",
	.status = "0 done, 1 failed, 2 wrong usage, 3 done with warnings" CMD_REPO_STATUS ".",
	.options = options,
	.args_size = sizeof(struct show_args),
	.run = run,
};
