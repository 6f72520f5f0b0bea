/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe - `lunette probe`: what is on these disks, for people and as the document of layout_json().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "old.h"

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

static const char *meaning(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(partition_types); i++)
		if (strcmp(type, partition_types[i].type) == 0)
			return partition_types[i].meaning;
	return type;
}

static void print_disk(FILE *out, const struct layout_disk *disk, const struct source *source)
{
	char size[CMD_SIZE_MAX];
	fprintf(out, "%-8s %s, %" PRIu32 "-byte sectors, %s%s%s\n         ", disk->name,
		cmd_size(disk->blk->size, size), disk->sector,
		disk->table == LAYOUT_TABLE_GPT   ? "GPT"
		: disk->table == LAYOUT_TABLE_MBR ? "MBR"
						  : "no partition table",
		*disk->id ? " " : "", disk->id);
	cmd_put(out, disk->source, 0);
	fputc('\n', out);
	if (!*source->vendor && !*source->serial && !*source->id)
		return;
	fputs("         ", out);
	cmd_put(out, source->vendor, 0);
	fputc(' ', out);
	cmd_put(out, source->product, 0);
	fputs(*source->serial ? ", serial " : "", out);
	cmd_put(out, source->serial, 0);
	fputs(*source->id ? ", " : "", out);
	cmd_put(out, source->id, 0);
	fputc('\n', out);
}

/* "disk0 disk3": what a volume lives on, as far as it was given. */
static void print_disks_of(FILE *out, const struct layout *layout,
			   const struct layout_volume *volume)
{
	for (size_t i = 0; volume->blk && i < layout->n_disks; i++)
		if (map_is_on(volume->blk, layout->disks[i].blk))
			fprintf(out, " %s", layout->disks[i].name);
}

static void print_volume(FILE *out, const struct layout *layout, const struct layout_volume *volume,
			 int indent, int name_width)
{
	char text[64];
	fprintf(out, "%*s", indent, "");
	cmd_put(out, volume->name, name_width - indent);
	fputc(' ', out);
	cmd_put(out, cmd_size(volume->size, text), 9);
	fputc(' ', out);
	cmd_put(out, layout_type_name(volume->type), 9);
	fputc(' ', out);
	if (*volume->filesystem || !*volume->partition_type)
		snprintf(text, sizeof(text), "%s", volume->filesystem);
	else
		snprintf(text, sizeof(text), "(%s)", meaning(volume->partition_type));
	cmd_put(out, text, 20);
	fputc(' ', out);
	cmd_put(out, volume->label, 16);
	fprintf(out, " %-10s", layout_state_name(volume->state));
	print_disks_of(out, layout, volume);
	fputc('\n', out);
	if (*volume->reason) {
		fprintf(out, "%*s", indent + 2, "");
		cmd_put(out, volume->reason, 0);
		fputc('\n', out);
	}
}

static void print_group(FILE *out, const struct layout_group *group)
{
	fprintf(out, "%s ", layout_kind_name(group->kind));
	cmd_put(out, group->name, 0);
	if (*group->id) {
		fputs("  ", out);
		cmd_put(out, group->id, 0);
	}
	fputc('\n', out);
	for (size_t i = 0; i < group->n_missing; i++) {
		fputs("  missing: ", out);
		cmd_put(out, group->missing[i], 0);
		fputc('\n', out);
	}
}

/* Volumes of one group, or, with NULL, those that belong to none. */
static void print_volumes(FILE *out, const struct layout *layout, const struct layout_group *group,
			  int name_width)
{
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (layout->volumes[i].group == group)
			print_volume(out, layout, &layout->volumes[i], group ? 2 : 0, name_width);
}

static void print_layout(FILE *out, const struct layout *layout, const struct cmd_sources *sources)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		print_disk(out, &layout->disks[i], sources->sources[i]);
	if (layout->n_volumes + layout->n_groups == 0)
		return;
	size_t width = 8;
	for (size_t i = 0; i < layout->n_volumes; i++)
		width = MAX(width,
			    strlen(layout->volumes[i].name) + (layout->volumes[i].group ? 2 : 0));
	fprintf(out, "\n%-*s %-9s %-9s %-20s %-16s %-10s %s\n", (int)width, "VOLUME", "SIZE",
		"TYPE", "FILE SYSTEM", "LABEL", "STATE", "ON");
	print_volumes(out, layout, NULL, (int)width);
	for (size_t i = 0; i < layout->n_groups; i++) {
		print_group(out, layout->groups[i]);
		print_volumes(out, layout, layout->groups[i], (int)width);
	}
}

static int print_text(const struct layout *layout, const struct cmd_sources *sources,
		      struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(err, -errno, "print: %m");
	print_layout(out, layout, sources);
	bool failed = ferror(out);
	if (fclose(out) != 0 || failed)
		return error_set(err, -ENOMEM, "print: %m");
	return cmd_print(text, err);
}

static int print_json(const struct layout *layout, struct error *err)
{
	CLEANUP(free_cleanup) char *json = NULL;
	int rc = layout_json(layout, &json, err);
	return rc < 0 ? rc : cmd_print(json, err);
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
		if (layout->volumes[i].state != LAYOUT_OK)
			return false;
	return true;
}

static int probe(struct cmd_sources *sources, char **specs, size_t n, bool json, struct error *err)
{
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = cmd_sources_open(sources, specs, n, &layout, err);
	if (rc)
		return rc;
	bool warned = cmd_warn_layout(layout);
	rc = json ? print_json(layout, err) : print_text(layout, sources, err);
	if (rc < 0)
		return rc;
	if (!is_anything(layout))
		return error_set(
			err, -ENOENT,
			"nothing was recognised on '%s'%s: there is no partition table that can "
			"be used, and no file system on the whole disk",
			specs[0], n > 1 ? " and the other disks" : "");
	return warned || !is_all_well(layout) ? STATUS_WARNINGS : STATUS_DONE;
}

static int run(int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		OLD_SOURCE_OPTIONS,
		{ 0 },
	};
	CLEANUP(cmd_sources_free) struct cmd_sources sources = { 0 };
	bool json = false;
	int opt;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'j') {
			json = true;
			continue;
		}
		int rc = old_sources_option(&sources, opt, optarg, err);
		if (rc == 1)
			return old_no_option(opt, argv[optind - 1], err);
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cmd_usage(err, "which disks? At least one SOURCE is needed");
	return probe(&sources, argv + optind, (size_t)(argc - optind), json, err);
}

const struct command cmd_probe = {
	.name = "probe",
	.summary = "show disks, volumes and file systems",
	.help = "Usage: lunette probe [--json] [OPTIONS] SOURCE...\n"
		"Shows what is on disks: partition tables, volumes, file systems. Reads only.\n"
		"\n"
		"  --json      the same as a JSON document, with sizes and offsets in bytes\n"
		"\n" OLD_SOURCE_HELP "\n"
		"Exit status: 0 done, 1 failed or nothing was recognised, 2 wrong usage, 3 done with\n"
		"warnings.\n",
	.main = run,
};
