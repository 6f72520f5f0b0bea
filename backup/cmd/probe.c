/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe - `lunette probe`: what is on these disks, for people and as the document of layout_json().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

/* What a partition is for, when no file system in it says so. */
static const struct {
	const char *type, *meaning;
} partition_types[] = {
	{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system" },
	{ "21686148-6449-6e6f-744e-656564454649", "BIOS boot" },
	{ "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved" },
	{ "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Microsoft basic data" },
	{ "de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery" },
	{ "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "LDM metadata" },
	{ "af9b60a0-1431-4f62-bc68-3311714a69ad", "LDM data" },
	{ "e75caf8f-f680-4cee-afa3-b001e56efc2d", "Storage Spaces" },
	{ "0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux" },
	{ "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap" },
	{ "e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM" },
	{ "a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID" },
	{ "07", "NTFS or exFAT" },
	{ "0b", "FAT" },
	{ "0c", "FAT" },
	{ "0e", "FAT" },
	{ "27", "Windows recovery" },
	{ "42", "LDM" },
	{ "82", "Linux swap" },
	{ "83", "Linux" },
	{ "8e", "Linux LVM" },
	{ "ef", "EFI system" },
	{ "fd", "Linux RAID" },
};

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

static const char *meaning(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(partition_types); i++)
		if (strcmp(type, partition_types[i].type) == 0)
			return partition_types[i].meaning;
	return type;
}

static void print_disk(const struct layout_disk *disk, const struct source *source)
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
	if (!*source->vendor && !*source->serial && !*source->id)
		return;
	fputs("         ", stdout);
	cmd_put(stdout, source->vendor, 0);
	putchar(' ');
	cmd_put(stdout, source->product, 0);
	fputs(*source->serial ? ", serial " : "", stdout);
	cmd_put(stdout, source->serial, 0);
	fputs(*source->id ? ", " : "", stdout);
	cmd_put(stdout, source->id, 0);
	putchar('\n');
}

/* "disk0 disk3": what a volume lives on, as far as it was given. */
static void print_disks_of(const struct layout *layout, const struct layout_volume *volume)
{
	for (size_t i = 0; volume->blk && i < layout->n_disks; i++)
		if (blk_is_on(volume->blk, layout->disks[i].blk))
			printf(" %s", layout->disks[i].name);
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
		snprintf(text, sizeof(text), "(%s)", meaning(volume->partition_type));
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

static void print_layout(const struct layout *layout, const struct cmd_sources *sources)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		print_disk(&layout->disks[i], sources->sources[i]);
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
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = cmd_sources_open(&args->sources, specs, n, &layout, err);
	if (rc)
		return rc;
	bool warned = cmd_warn_layout(layout);
	if (!args->json)
		print_layout(layout, &args->sources);
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
	.help = "Shows what is on disks: partition tables, volumes, file systems. Reads only.",
	.status =
		"0 done, 1 failed or nothing was recognised, 2 wrong usage, 3 done with warnings.",
	.options = options,
	.args_size = sizeof(struct probe_args),
	.run = run,
};
