/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attach - `lunette attach` and `lunette detach`: volumes as kernel block devices. */
#include <errno.h>
#include <stdio.h>

#include "cmd.h"
#include "lunette/attach.h"
#include "lunette/json.h"

struct attach_args {
	bool json;
	struct option_list volumes;
};

/* Of both commands. */
#define VOLUME_OPTION                                                            \
	{                                                                        \
		"volume", "VOL", "only this volume; may be given several times", \
			OPTION_LIST(struct attach_args, volumes)                 \
	}

static const struct option_row attach_options[] = {
	VOLUME_OPTION,
	{ "json", NULL, "print a JSON array of {\"volume\", \"path\"}",
	  OPTION_FLAG(struct attach_args, json) },
	{ 0 },
};

static const struct option_row detach_options[] = {
	VOLUME_OPTION,
	CMD_JSON_OPTION(struct attach_args, json),
	{ 0 },
};

/* Takes away again what this call made. */
static void undo(char **disks, size_t n_disks, const json_t *devices)
{
	size_t i;
	json_t *device;
	json_array_foreach(devices, i, device)
	{
		unsigned int n;
		const char *volume = json_string_value(json_object_get(device, "volume"));
		for (size_t d = 0; d < n_disks; d++)
			attach_detach(disks[d], volume, &n, NULL);
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

static int attach_chosen(const struct option_list *chosen, const struct layout *layout,
			 json_t *devices, struct error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < chosen->n; i++) {
		const struct layout_volume *volume = layout_find(layout, chosen->items[i]);
		rc = volume ? attach_one(layout, volume, devices, err)
			    : error_set(err, -ENOENT,
					"there is no volume '%s'; 'lunette probe' lists them",
					chosen->items[i]);
	}
	for (size_t i = 0; rc == 0 && chosen->n == 0 && i < layout->n_volumes; i++) {
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

static int print_devices(json_t *devices, bool json, struct error *err)
{
	size_t i;
	const json_t *device;
	if (json)
		return cmd_print_json(json_incref(devices), err);
	json_array_foreach(devices, i, device) puts(cmd_json_text(device, "path"));
	return cmd_print("", err);
}

static int run_attach(void *ctx, char **disks, size_t n, struct error *err)
{
	struct attach_args *args = ctx;
	CLEANUP(cmd_sources_free) struct cmd_sources sources = { 0 };
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	int rc = cmd_sources_open(&sources, disks, n, &layout, err);
	if (rc)
		return rc;
	bool warned = cmd_warn_layout(layout);
	CLEANUP(json_decref_cleanup) json_t *devices = json_array();
	if (!devices)
		return error_set(err, -ENOMEM, "attach: %m");
	rc = attach_chosen(&args->volumes, layout, devices, err);
	if (rc == 0)
		rc = print_devices(devices, args->json, err);
	if (rc < 0)
		undo(disks, n, devices);
	return rc < 0 ? rc : warned ? STATUS_WARNINGS : STATUS_DONE;
}

static int run_detach(void *ctx, char **disks, size_t n_disks, struct error *err)
{
	const struct attach_args *args = ctx;
	const struct option_list *volumes = &args->volumes;
	unsigned int total = 0;
	for (size_t d = 0; d < n_disks; d++)
		for (size_t v = 0; v < MAX(volumes->n, (size_t)1); v++) {
			unsigned int n = 0;
			int rc = attach_detach(disks[d], volumes->n ? volumes->items[v] : NULL, &n,
					       err);
			if (rc < 0)
				return rc;
			total += n;
		}
	if (total == 0)
		return error_set(err, -ENOENT, "nothing of '%s'%s is attached", disks[0],
				 n_disks > 1 ? " and the other disks" : "");
	cmd_done();
	return args->json ? cmd_print_json(json_pack("{s:i}", "detached", (int)total), err)
			  : STATUS_DONE;
}

const struct command cmd_attach = {
	.name = "attach",
	.summary = "make volumes kernel block devices",
	.words = { "DISK...", 1, COMMAND_ANY },
	.help = "Makes the volumes on block devices kernel block devices of their own, read-only, "
		"through device-mapper, and prints their paths. Needs root.",
	.notes =
		"Each DISK is a block device; several are the disks of one server at one moment. Names "
		"begin with the number of the volume's first disk, so that clones never clash. "
		"`lunette detach DISK...` removes the devices again.",
	.status =
		"0 done, 1 failed (nothing is left attached), 2 wrong usage, 3 done with warnings.",
	.options = attach_options,
	.args_size = sizeof(struct attach_args),
	.run = run_attach,
};

const struct command cmd_detach = {
	.name = "detach",
	.summary = "remove what attach made",
	.words = { "DISK...", 1, COMMAND_ANY },
	.help = "Removes the kernel block devices that `lunette attach` made of volumes on these disks; "
		"more exactly, of each volume whose first bytes lie on one of them.",
	.status = "0 done, 1 failed or nothing was attached, 2 wrong usage, 12 a device is in use.",
	.options = detach_options,
	.args_size = sizeof(struct attach_args),
	.run = run_detach,
};
