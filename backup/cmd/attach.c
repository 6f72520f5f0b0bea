/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attach - `lunette attach` and `lunette detach`: volumes as kernel block devices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "old.h"
#include "lunette/attach.h"

/**
 * struct arguments - what both commands take
 * @volumes: names given with --volume; they belong to argv
 */
struct arguments {
	bool json;
	size_t n_volumes;
	const char **volumes;
	char **disks;
	size_t n_disks;
};

static int parse(int argc, char **argv, bool takes_json, struct arguments *a, struct error *err)
{
	static const struct option options[] = {
		{ "volume", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	a->volumes = calloc((size_t)argc, sizeof(*a->volumes));
	if (!a->volumes)
		return error_set(err, -ENOMEM, "arguments: %m");
	int opt;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'v')
			a->volumes[a->n_volumes++] = optarg;
		else if (opt == 'j' && takes_json)
			a->json = true;
		else
			return cmd_usage(err,
					 opt == ':' ? "%s: an argument is missing"
						    : "%s: there is no such option",
					 argv[optind - 1]);
	}
	if (optind == argc)
		return cmd_usage(err, "which disks? At least one block device is needed");
	a->disks = argv + optind;
	a->n_disks = (size_t)(argc - optind);
	return 0;
}

static void free_arguments(struct arguments *a)
{
	free(a->volumes);
}

/* Takes away again what this call made. */
static void undo(const struct arguments *a, const json_t *devices)
{
	size_t i;
	json_t *device;
	json_array_foreach(devices, i, device)
	{
		unsigned int n;
		const char *volume = json_string_value(json_object_get(device, "volume"));
		for (size_t d = 0; d < a->n_disks; d++)
			attach_detach(a->disks[d], volume, &n, NULL);
	}
}

static int attach_one(const struct layout *layout, const struct layout_volume *volume,
		      json_t *devices, struct error *err)
{
	char name[ATTACH_NAME_MAX];
	int rc = attach_volume(layout, volume, name, err);
	if (rc < 0)
		return rc;
	char path[sizeof("/dev/mapper/") + ATTACH_NAME_MAX];
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (json_array_append_new(
		    devices, json_pack("{s:s, s:s}", "volume", volume->name, "path", path)) < 0)
		return error_set(err, -ENOMEM, "volume '%s': %m", volume->name);
	return 0;
}

static int attach_chosen(const struct arguments *a, const struct layout *layout, json_t *devices,
			 struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < a->n_volumes; i++) {
		const struct layout_volume *volume = layout_find(layout, a->volumes[i]);
		rc = volume ? attach_one(layout, volume, devices, err)
			    : error_set(err, -ENOENT,
					"there is no volume '%s'; 'lunette probe' lists them",
					a->volumes[i]);
	}
	for (size_t i = 0; rc == 0 && a->n_volumes == 0 && i < layout->n_volumes; i++) {
		const struct layout_volume *volume = &layout->volumes[i];
		if (volume->state == LAYOUT_INCOMPLETE)
			cmd_warn("volume '%s' is left out: %s", volume->name, volume->reason);
		else
			rc = attach_one(layout, volume, devices, err);
	}
	if (rc == 0 && json_array_size(devices) == 0)
		rc = error_set(err, -ENOENT, "there is no volume that can be attached");
	return rc;
}

static int print_devices(const json_t *devices, bool json, struct error *err)
{
	if (json) {
		CLEANUP(free_cleanup) char *text = json_dumps(devices, JSON_INDENT(2));
		int rc = text ? cmd_print(text, err) : error_set(err, -ENOMEM, "print: %m");
		return rc < 0 ? rc : cmd_print("\n", err);
	}
	size_t i;
	json_t *device;
	int rc = 0;
	json_array_foreach(devices, i, device)
	{
		rc = cmd_print(json_string_value(json_object_get(device, "path")), err);
		if (rc == 0)
			rc = cmd_print("\n", err);
		if (rc < 0)
			break;
	}
	return rc;
}

static int run_attach(int argc, char **argv, struct error *err)
{
	CLEANUP(free_arguments) struct arguments a = { 0 };
	int rc = parse(argc, argv, true, &a, err);
	if (rc)
		return rc;
	CLEANUP(cmd_sources_free) struct cmd_sources sources = { 0 };
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	rc = cmd_sources_open(&sources, a.disks, a.n_disks, &layout, err);
	if (rc)
		return rc;
	bool warned = cmd_warn_layout(layout);
	json_t *devices = json_array();
	if (!devices)
		return error_set(err, -ENOMEM, "attach: %m");
	rc = attach_chosen(&a, layout, devices, err);
	if (rc == 0)
		rc = print_devices(devices, a.json, err);
	if (rc < 0)
		undo(&a, devices);
	json_decref(devices);
	return rc < 0 ? rc : warned ? STATUS_WARNINGS : STATUS_DONE;
}

static int run_detach(int argc, char **argv, struct error *err)
{
	CLEANUP(free_arguments) struct arguments a = { 0 };
	int rc = parse(argc, argv, false, &a, err);
	if (rc)
		return rc;
	unsigned int total = 0;
	for (size_t d = 0; d < a.n_disks; d++)
		for (size_t v = 0; v < MAX(a.n_volumes, (size_t)1); v++) {
			unsigned int n = 0;
			rc = attach_detach(a.disks[d], a.n_volumes ? a.volumes[v] : NULL, &n, err);
			if (rc < 0)
				return rc;
			total += n;
		}
	if (total == 0)
		return error_set(err, -ENOENT, "nothing of '%s'%s is attached", a.disks[0],
				 a.n_disks > 1 ? " and the other disks" : "");
	return STATUS_DONE;
}

const struct command cmd_attach = {
	.name = "attach",
	.summary = "make volumes kernel block devices",
	.help = "Usage: lunette attach [--json] [--volume VOL]... DISK...\n"
		"Makes the volumes on block devices kernel block devices of their own, read-only,\n"
		"through device-mapper, and prints their paths. Needs root.\n"
		"\n"
		"  --volume VOL  only this volume; may be given several times\n"
		"  --json        print a JSON array of {\"volume\", \"path\"}\n"
		"\n"
		"Each DISK is a block device; several are the disks of one server at one moment.\n"
		"Names begin with the number of the volume's first disk, so that clones never clash.\n"
		"`lunette detach DISK...` removes the devices again.\n"
		"\n"
		"Exit status: 0 done, 1 failed (nothing is left attached), 2 wrong usage, 3 done with\n"
		"warnings.\n",
	.main = run_attach,
};

const struct command cmd_detach = {
	.name = "detach",
	.summary = "remove what attach made",
	.help = "Usage: lunette detach [--volume VOL]... DISK...\n"
		"Removes the kernel block devices that `lunette attach` made of volumes on these\n"
		"disks; more exactly, of each volume whose first bytes lie on one of them.\n"
		"\n"
		"  --volume VOL  only this volume; may be given several times\n"
		"\n"
		"Exit status: 0 done, 1 failed or nothing was attached, 2 wrong usage.\n",
	.main = run_detach,
};
