/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout-json - the document of `probe --json` and `layout.json`: a promise to scripts.
 *
 * Sizes and offsets are bytes. What is not known is null, and so is the disk of a leg that is
 * missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lunette/json.h"
#include "lunette/layout.h"

static json_t *text_or_null(const char *s)
{
	return s && *s ? json_text(s) : json_null();
}

static json_t *bytes(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *disk_object(const struct layout_disk *disk)
{
	return json_pack("{so so so so so so so so so so}", "name", json_text(disk->name), "source",
			 json_text(disk->source), "vendor", text_or_null(disk->vendor), "product",
			 text_or_null(disk->product), "serial", text_or_null(disk->serial),
			 "identity", text_or_null(disk->identity), "size", bytes(disk->blk->size),
			 "sector_size", bytes(disk->sector), "table",
			 json_text(layout_table_name(disk->table)), "id", text_or_null(disk->id));
}

static json_t *group_object(const struct layout_group *group)
{
	json_t *missing = json_array();
	for (size_t i = 0; i < group->n_missing; i++)
		if (json_array_append_new(missing, json_text(group->missing[i])) < 0) {
			json_decref(missing);
			return NULL;
		}
	return json_pack("{so so so so}", "kind", json_text(layout_kind_name(group->kind)), "name",
			 json_text(group->name), "id", text_or_null(group->id), "missing", missing);
}

/* Follows a leg to where it begins on a disk, below what only takes a part of something else:
 * partitions, linear volumes. The disk's name, or NULL; @leg is left at the place. */
static const char *bottom(const struct layout *layout, struct map_leg *leg)
{
	while (leg->blk) {
		for (size_t i = 0; i < layout->n_disks; i++)
			if (layout->disks[i].blk == leg->blk)
				return layout->disks[i].name;
		const struct map *map;
		if (leg->start >= leg->blk->size || blk_map(leg->blk, &map, NULL) < 0)
			return NULL;
		const struct map_segment *seg = map->segments;
		while (leg->start - seg->start >= seg->length)
			seg++;
		if (seg->kind != MAP_LINEAR)
			return NULL;
		*leg = (struct map_leg){ seg->legs[0].blk,
					 seg->legs[0].start + (leg->start - seg->start) };
	}
	return NULL;
}

static json_t *leg_object(const struct layout *layout, const struct map_leg *from)
{
	struct map_leg leg = *from;
	const char *name = bottom(layout, &leg);
	return json_pack("{so so}", "disk", text_or_null(name), "start", bytes(leg.start));
}

static json_t *segment_object(const struct layout *layout, const struct map_segment *seg)
{
	json_t *legs = json_array();
	for (unsigned int i = 0; i < seg->n_legs; i++)
		if (json_array_append_new(legs, leg_object(layout, &seg->legs[i])) < 0) {
			json_decref(legs);
			return NULL;
		}
	return json_pack("{so so so so}", "start", bytes(seg->start), "length", bytes(seg->length),
			 "type", json_text(map_kind_name(seg->kind)), "legs", legs);
}

/* What a volume lies on, as far as it was given. */
static json_t *disks_of(const struct layout *layout, const struct layout_volume *volume)
{
	json_t *names = json_array();
	for (size_t i = 0; volume->blk && i < layout->n_disks; i++)
		if (blk_is_on(volume->blk, layout->disks[i].blk) &&
		    json_array_append_new(names, json_text(layout->disks[i].name)) < 0) {
			json_decref(names);
			return NULL;
		}
	return names;
}

static json_t *volume_object(const struct layout *layout, const struct layout_volume *volume)
{
	json_t *segments = json_array();
	for (size_t i = 0; volume->map && i < volume->map->n_segments; i++)
		if (json_array_append_new(segments,
					  segment_object(layout, &volume->map->segments[i])) < 0) {
			json_decref(segments);
			return NULL;
		}
	return json_pack("{so so so so so so so so so so so so so so so}", "name",
			 json_text(volume->name), "title", text_or_null(volume->title), "group",
			 text_or_null(volume->group ? volume->group->name : NULL), "partition",
			 volume->partition ? bytes(volume->partition) : json_null(),
			 "partition_type", text_or_null(volume->partition_type), "purpose",
			 text_or_null(layout_purpose(volume)), "type",
			 json_text(layout_type_name(volume->type)), "size", bytes(volume->size),
			 "state", json_text(layout_state_name(volume->state)), "reason",
			 text_or_null(volume->reason), "filesystem",
			 text_or_null(volume->filesystem), "label", text_or_null(volume->label),
			 "uuid", text_or_null(volume->uuid), "disks", disks_of(layout, volume),
			 "segments", segments);
}

/* Every function above returns NULL for want of memory, and jansson passes that on. */
static int build(const struct layout *layout, json_t *disks, json_t *groups, json_t *volumes,
		 json_t *warnings)
{
	for (size_t i = 0; i < layout->n_disks; i++)
		if (json_array_append_new(disks, disk_object(&layout->disks[i])) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < layout->n_groups; i++)
		if (json_array_append_new(groups, group_object(layout->groups[i])) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < layout->n_volumes; i++)
		if (json_array_append_new(volumes, volume_object(layout, &layout->volumes[i])) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < layout->n_warnings; i++)
		if (json_array_append_new(warnings, json_text(layout->warnings[i])) < 0)
			return -ENOMEM;
	return 0;
}

int layout_json(const struct layout *layout, char **ret, struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *disks = json_array();
	CLEANUP(json_decref_cleanup) json_t *groups = json_array();
	CLEANUP(json_decref_cleanup) json_t *volumes = json_array();
	CLEANUP(json_decref_cleanup) json_t *warnings = json_array();
	CLEANUP(json_decref_cleanup) json_t *root = NULL;
	if (build(layout, disks, groups, volumes, warnings) == 0)
		root = json_pack("{sO sO sO sO}", "disks", disks, "groups", groups, "volumes",
				 volumes, "warnings", warnings);
	CLEANUP(free_cleanup) char *dump = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	char *document;
	if (!dump || asprintf(&document, "%s\n", dump) < 0)
		return error_set(err, -ENOMEM, "layout as JSON: %m");
	*ret = document;
	return 0;
}
