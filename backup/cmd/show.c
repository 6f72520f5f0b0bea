/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show - what a restore point holds, from its manifest alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "old.h"
#include "lunette/point-open.h"

static const char help[] = "Usage: lunette show [OPTIONS] POINT\n"
			   "Shows the disks and volumes of a restore point.\n"
			   "\n"
			   "Options:\n" OLD_REPO_OPTIONS_HELP
			   "  --json       as a JSON document: the manifest, with the id\n"
			   "\n" OLD_REPO_HELP "\n"
			   "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static void print_stats(FILE *out, const json_t *point)
{
	static const char *const keys[] = { "size", "used",  "excluded", "read",  "unchanged",
					    "zero", "known", "new",      "stored" };
	const json_t *stats = json_object_get(point, "stats");
	char size[CMD_SIZE_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		fprintf(out, "  %-11s%s\n", keys[i], cmd_size(cmd_json_size(stats, keys[i]), size));
}

static void print_disks(FILE *out, const json_t *point)
{
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *disk;
	char size[CMD_SIZE_MAX];
	fputs("Disks\n", out);
	json_array_foreach(json_object_get(point, "disks"), i, disk)
	{
		const json_t *found = json_array_get(json_object_get(layout, "disks"), i);
		const char *id = cmd_json_text(json_object_get(disk, "lun"), "id");
		fprintf(out, "  %-10s  %8s  ", cmd_json_text(disk, "name"),
			cmd_size(cmd_json_size(disk, "size"), size));
		cmd_put(out, cmd_json_text(found, "table"), 5);
		fputc(' ', out);
		cmd_put(out, cmd_json_text(found, "source"), 0);
		fputs(*id ? ", " : "", out);
		cmd_put(out, id, 0);
		fputc('\n', out);
	}
}

static void print_volumes(FILE *out, const json_t *point)
{
	const json_t *layout = json_object_get(point, "layout");
	size_t i;
	json_t *volume;
	char size[CMD_SIZE_MAX];
	fputs("Volumes\n", out);
	json_array_foreach(json_object_get(layout, "volumes"), i, volume)
	{
		const char *name = cmd_json_text(volume, "name");
		const char *filesystem = cmd_json_text(volume, "filesystem");
		fputs("  ", out);
		cmd_put(out, name, 10);
		fprintf(out, "  %8s  ", cmd_size(cmd_json_size(volume, "size"), size));
		cmd_put(out, *filesystem ? filesystem : "-", 5);
		fputc(' ', out);
		cmd_put(out, cmd_json_text(volume, "label"), 0);
		fputs(point_stores(point, name) ? "\n" : " (not stored)\n", out);
	}
}

static int show_text(const char *id, const json_t *point, struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(err, -ENOMEM, "show: %m");
	fputs("Restore point ", out);
	cmd_put(out, repo_point_name(point), 0);
	fprintf(out, "@%s\n  id      %s\n", repo_point_time(point), id);
	print_stats(out, point);
	print_disks(out, point);
	print_volumes(out, point);
	old_put_excluded(out, json_object_get(point, "excluded"));
	if (fclose(out) != 0)
		return error_set(err, -ENOMEM, "show: %m");
	return cmd_print(text, err);
}

static int show_json(const char *id, const json_t *point, struct error *err)
{
	json_t *doc = json_pack("{s:s}", "id", id);
	if (doc && json_object_update(doc, (json_t *)point) < 0) {
		json_decref(doc);
		doc = NULL;
	}
	return cmd_print_json(doc, err);
}

static int run(int argc, char **argv, struct error *err)
{
	struct old_repo which = { 0 };
	bool json = false;
	int rc = old_repo_options(argc, argv, &which, &json, err);
	if (rc)
		return rc;
	if (argc - optind != 1)
		return cmd_usage(err, "one POINT is needed");
	CLEANUP(repo_close_cleanup) struct repo *repo = NULL;
	rc = old_open_repo(&which, &repo, err);
	if (rc)
		return rc;
	char id[65];
	json_t *point;
	rc = repo_point_find(repo, argv[optind], id, &point, err);
	if (rc < 0)
		return rc;
	rc = (json ? show_json : show_text)(id, point, err);
	json_decref(point);
	return rc < 0 ? rc : STATUS_DONE;
}

const struct command cmd_show = {
	.name = "show",
	.summary = "show what a restore point holds",
	.help = help,
	.main = run,
};
