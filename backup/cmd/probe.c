/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe - `lunette probe`: what is on these disks, for people and as the document of layout_json().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "probe-portal.h"

struct probe_args {
	bool json;
	struct cmd_sources sources;
};

static const struct option_row options[] = {
	{ "json", NULL, "the same as a JSON document, with sizes and offsets in bytes",
	  OPTION_FLAG(struct probe_args, json) },
	CMD_SOURCE_OPTIONS(struct probe_args, sources),
	{ 0 },
};

static void print_disk(const struct layout_disk *disk)
{
	char size[CMD_SIZE_MAX];
	printf("%-8s %s, %" PRIu32 "-byte sectors, %s%s%s\n         ", disk->name,
	       cmd_size(disk->blk->size, size), disk->sector,
	       disk->table == LAYOUT_TABLE_GPT   ? "GPT"
	       : disk->table == LAYOUT_TABLE_MBR ? "MBR"
						 : "no partition table",
	       *disk->id ? " " : "", disk->id);
	cmd_put(stdout, disk->source, 0);
	putchar('\n');
	if (!*disk->vendor && !*disk->product && !*disk->serial && !*disk->identity)
		return;
	fputs("         ", stdout);
	cmd_put(stdout, disk->vendor, 0);
	putchar(' ');
	cmd_put(stdout, disk->product, 0);
	fputs(*disk->serial ? ", serial " : "", stdout);
	cmd_put(stdout, disk->serial, 0);
	fputs(*disk->identity ? ", " : "", stdout);
	cmd_put(stdout, disk->identity, 0);
	putchar('\n');
}

/* "disk0 disk3": what a volume lives on, as far as it was given. */
static void print_disks_of(const struct layout *layout, const struct layout_volume *volume)
{
	for (size_t i = 0; volume->blk && i < layout->n_disks; i++)
		if (blk_is_on(volume->blk, layout->disks[i].blk))
			printf(" %s", layout->disks[i].name);
}

/* What the line of a volume has no column for: "EFI system partition, named 'boot', UUID
 * 1234-ABCD". */
static void print_more(const struct layout_volume *volume, int indent)
{
	const char *purpose = *volume->filesystem ? layout_purpose(volume) : "";
	const char *type = *purpose || !*volume->filesystem ? "" : volume->partition_type;
	const struct {
		const char *before, *text, *behind;
	} words[] = {
		{ "", purpose, " partition" },
		{ "type ", type, "" },
		{ "named '", volume->partition ? volume->title : "", "'" },
		{ "UUID ", volume->uuid, "" },
	};
	bool begun = false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!*words[i].text)
			continue;
		printf("%*s%s", begun ? 0 : indent, "", begun ? ", " : "");
		fputs(words[i].before, stdout);
		cmd_put(stdout, words[i].text, 0);
		fputs(words[i].behind, stdout);
		begun = true;
	}
	if (begun)
		putchar('\n');
}

static void print_volume(const struct layout *layout, const struct layout_volume *volume,
			 int indent, int name_width)
{
	char text[64];
	printf("%*s", indent, "");
	cmd_put(stdout, volume->name, name_width - indent);
	putchar(' ');
	cmd_put(stdout, cmd_size(volume->size, text), 9);
	putchar(' ');
	cmd_put(stdout, layout_type_name(volume->type), 9);
	putchar(' ');
	if (*volume->filesystem || !*volume->partition_type)
		snprintf(text, sizeof(text), "%s", volume->filesystem);
	else
		snprintf(text, sizeof(text), "(%s)",
			 *layout_purpose(volume) ? layout_purpose(volume) : volume->partition_type);
	cmd_put(stdout, text, 20);
	putchar(' ');
	cmd_put(stdout, volume->label, 16);
	printf(" %-10s", layout_state_name(volume->state));
	print_disks_of(layout, volume);
	putchar('\n');
	if (*volume->reason) {
		printf("%*s", indent + 2, "");
		cmd_put(stdout, volume->reason, 0);
		putchar('\n');
	}
	print_more(volume, indent + 2);
}

static void print_group(const struct layout_group *group)
{
	printf("%s ", layout_kind_name(group->kind));
	cmd_put(stdout, group->name, 0);
	if (*group->id) {
		fputs("  ", stdout);
		cmd_put(stdout, group->id, 0);
	}
	putchar('\n');
	for (size_t i = 0; i < group->n_missing; i++) {
		fputs("  missing: ", stdout);
		cmd_put(stdout, group->missing[i], 0);
		putchar('\n');
	}
}

/* Volumes of one group, or, with NULL, those that belong to none. */
static void print_volumes(const struct layout *layout, const struct layout_group *group,
			  int name_width)
{
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (layout->volumes[i].group == group)
			print_volume(layout, &layout->volumes[i], group ? 2 : 0, name_width);
}

static void print_layout(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		print_disk(&layout->disks[i]);
	if (layout->n_volumes + layout->n_groups == 0)
		return;
	size_t width = 8;
	for (size_t i = 0; i < layout->n_volumes; i++)
		width = MAX(width,
			    strlen(layout->volumes[i].name) + (layout->volumes[i].group ? 2 : 0));
	printf("\n%-*s %-9s %-9s %-20s %-16s %-10s %s\n", (int)width, "VOLUME", "SIZE", "TYPE",
	       "FILE SYSTEM", "LABEL", "STATE", "ON");
	print_volumes(layout, NULL, (int)width);
	for (size_t i = 0; i < layout->n_groups; i++) {
		print_group(layout->groups[i]);
		print_volumes(layout, layout->groups[i], (int)width);
	}
}

/* @why: what is wrong with all of it, or NULL */
static int print_json(const struct layout *layout, const struct error *why, struct error *err)
{
	CLEANUP(free_cleanup) char *json = NULL;
	int rc = layout_json(layout, &json, err);
	if (rc < 0)
		return rc;
	json_t *doc = json_loads(json, 0, NULL);
	if (why)
		json_object_set_new(doc, "error", cmd_failure_json(why->code, why));
	return cmd_print_json(doc, err);
}

/* Something was recognised on one of the disks, if only an empty table. */
static bool is_anything(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		if (layout->disks[i].table != LAYOUT_TABLE_NONE)
			return true;
	return layout->n_volumes + layout->n_groups > 0;
}

/* What is not as it should be is on the screen; the status tells it to a script. */
static bool is_all_well(const struct layout *layout)
{
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (layout->volumes[i].state == LAYOUT_DEGRADED ||
		    layout->volumes[i].state == LAYOUT_INCOMPLETE)
			return false;
	return true;
}

static int run(void *ctx, char **specs, size_t n, struct error *err)
{
	struct probe_args *args = ctx;
	if (n == 1 && portal_is_named(specs[0]))
		return probe_portal(&args->sources, specs[0], args->json, err);
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = cmd_sources_open(&args->sources, specs, n, &layout, err);
	if (rc)
		return rc;
	bool warned = cmd_warn_layout(layout);
	if (!args->json)
		print_layout(layout);
	struct error why = { 0 };
	if (!is_anything(layout))
		error_set(&why, -ENOENT,
			  "nothing was recognised on '%s'%s: there is no partition table that can "
			  "be used, and no file system on the whole disk",
			  specs[0], n > 1 ? " and the other disks" : "");
	rc = args->json ? print_json(layout, why.code ? &why : NULL, err) : cmd_print("", err);
	if (rc < 0)
		return rc;
	if (why.code)
		return error_copy(err, why.code, &why);
	return warned || !is_all_well(layout) ? STATUS_WARNINGS : STATUS_DONE;
}

const struct command cmd_probe = {
	.name = "probe",
	.summary = "show disks, volumes and file systems",
	.words = { "SOURCE...", 1, COMMAND_ANY },
	.help = "Shows what is on disks: partition tables, volumes, file systems. Reads only.\n"
		"`lunette probe iscsi://[USER@]HOST[:PORT][/IQN]` lists targets and LUNs.",
	.status =
		"0 done, 1 failed or nothing was recognised, 2 wrong usage, 3 done with warnings.",
	.options = options,
	.args_size = sizeof(struct probe_args),
	.run = run,
};
