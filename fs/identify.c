/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * identify - which file system is on a volume, and the driver that opens it.
 *
 * Drivers are asked first: they know their format. What has no driver is named by its signature.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "drivers.h"

bool fs_can_open(const char *type)
{
	for (size_t i = 0; fs_drivers[i]; i++)
		for (const char *const *known = fs_drivers[i]->types; *known; known++)
			if (strcmp(*known, type) == 0)
				return true;
	return false;
}

/* Return: 1 and @ret set, 0 when nobody knows it, or the blk's error. @driver may stay NULL. */
static int identify(struct blk *blk, struct fs_info *ret, const struct fs_driver **driver,
		    struct error *err)
{
	for (size_t i = 0; fs_drivers[i]; i++) {
		int rc = fs_drivers[i]->probe(blk, ret, err);
		if (rc > 0)
			*driver = fs_drivers[i];
		if (rc != 0)
			return rc;
	}
	int known = fs_signature(blk, ret, err);
	/* Whoever knows the format has said that it is not one, or not any more. */
	if (known > 0 && fs_can_open(ret->type)) {
		*ret = (struct fs_info){ 0 };
		known = 0;
	}
	for (size_t i = 0; known == 0 && fs_drivers[i]; i++)
		if (fs_drivers[i]->remains)
			known = fs_drivers[i]->remains(blk, err);
	return known;
}

static int identify_volume(struct layout *layout, struct layout_volume *volume, struct error *err)
{
	struct fs_info info = { 0 };
	const struct fs_driver *driver = NULL;
	struct error why;
	int rc = identify(volume->blk, &info, &driver, &why);
	if (rc < 0)
		return layout_warn(layout, err,
				   "volume %s: cannot tell what file system is on it: %s",
				   volume->name, why.msg);
	if (info.size > volume->size) {
		rc = layout_warn(layout, err,
				 "volume %s: the file system on it has %" PRIu64
				 " bytes, but the volume only %" PRIu64 ": its end is missing",
				 volume->name, info.size, volume->size);
		if (rc < 0)
			return rc;
	}
	char *label = strdup(info.label);
	if (!label)
		return error_set(err, -ENOMEM, "volume %s: %m", volume->name);
	free(volume->label);
	volume->label = label;
	memcpy(volume->filesystem, info.type, sizeof(volume->filesystem));
	memcpy(volume->uuid, info.uuid, sizeof(volume->uuid));
	return 0;
}

int fs_identify(struct layout *layout, struct error *err)
{
	for (size_t i = 0; i < layout->n_volumes;) {
		struct layout_volume *volume = &layout->volumes[i];
		if (volume->blk) {
			int rc = identify_volume(layout, volume, err);
			if (rc < 0)
				return rc;
		}
		/* A whole disk without a table was a guess, and a wrong one if nothing is on it. */
		if (volume->type == LAYOUT_DISK && volume->state == LAYOUT_OK &&
		    !*volume->filesystem)
			layout_drop(layout, volume);
		else
			i++;
	}
	return 0;
}

int fs_open(const struct fs_source *source, struct fs **ret, struct error *err)
{
	struct fs_info info = { 0 };
	const struct fs_driver *driver = NULL;
	int rc = identify(source->blk, &info, &driver, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return error_set(err, -ENOTSUP, "there is no file system that lunette knows");
	if (!driver)
		return error_set(err, -ENOTSUP, "%s: lunette cannot open this kind of file system",
				 info.type);
	rc = driver->open(source, ret, err);
	if (rc == 0)
		(*ret)->driver = driver;
	return rc;
}
