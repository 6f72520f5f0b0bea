/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm - the recogniser of Windows dynamic disks: tells a layout which groups and volumes there are.
 *
 * A partition table marks a disk as dynamic and says little else, so the partitions that stand for
 * the inside of a dynamic disk go, and volumes come in their place. Basic partitions beside them
 * stay. The steps in between are in ldm.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"
#include "recognise.h"

#define MBR_DYNAMIC  "42"
#define GPT_METADATA "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"
#define GPT_DATA     "af9b60a0-1431-4f62-bc68-3311714a69ad"

/* ---- disks ----------------------------------------------------------------------------------- */

static bool is_on(const struct layout_volume *volume, const struct layout_disk *disk)
{
	char name[48];
	snprintf(name, sizeof(name), "%s-p%u", disk->name, volume->partition);
	return strcmp(volume->name, volume->partition ? name : disk->name) == 0;
}

static bool is_dynamic(const struct layout_volume *volume)
{
	const char *type = volume->partition_type;
	return strcmp(type, MBR_DYNAMIC) == 0 || strcmp(type, GPT_METADATA) == 0 ||
	       strcmp(type, GPT_DATA) == 0;
}

/* A disk without a table is a dynamic disk if a header is where MBR disks have it. What may be left
 * in other places says nothing: a file system has the disk now. */
static bool has_head_in_front(const struct layout_disk *disk)
{
	static const uint64_t places[] = { UINT64_C(6) * 512, UINT64_C(6) * 4096 };
	char magic[8];
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (blk_read(disk->blk, magic, sizeof(magic), places[i], NULL) == 0 &&
		    memcmp(magic, "PRIVHEAD", sizeof(magic)) == 0)
			return true;
	return false;
}

/* Does the table mark the disk as dynamic? @metadata_end as for ldm_head_find(). */
static bool is_marked(const struct layout *layout, const struct layout_disk *disk,
		      uint64_t *metadata_end)
{
	*metadata_end = 0;
	if (disk->table == LAYOUT_TABLE_NONE)
		return has_head_in_front(disk);
	bool marked = false;
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *v = &layout->volumes[i];
		if (!is_on(v, disk))
			continue;
		marked |= strcmp(v->partition_type, MBR_DYNAMIC) == 0;
		if (strcmp(v->partition_type, GPT_METADATA) == 0 && v->map) {
			marked = true;
			*metadata_end = v->map->segments[0].legs[0].start + v->size;
		}
	}
	return marked;
}

static void drop_partitions(struct layout *layout, const struct layout_disk *disk)
{
	bool whole = disk->table == LAYOUT_TABLE_NONE;
	for (size_t i = layout->n_volumes; i-- > 0;) {
		struct layout_volume *v = &layout->volumes[i];
		if (is_on(v, disk) && (whole || is_dynamic(v)))
			layout_drop(layout, v);
	}
}

static int add_metadata(struct layout *layout, const struct ldm_disk *disk, bool gpt,
			struct error *err)
{
	int rc = 0;
	if (!gpt)
		rc = layout_add_metadata(layout, disk->blk, disk->head.sector,
					 UINT64_C(6) * disk->head.sector, err);
	if (rc == 0)
		rc = layout_add_metadata(layout, disk->blk, disk->head.private_size,
					 disk->head.private_start, err);
	return rc;
}

/* Return: 1 when @ret is a dynamic disk. */
static int look_at_disk(struct layout *layout, struct layout_disk *disk, struct ldm_disk *ret,
			struct error *err)
{
	uint64_t metadata_end;
	if (!is_marked(layout, disk, &metadata_end))
		return 0;
	*ret = (struct ldm_disk){ .name = disk->name, .blk = disk->blk };
	struct error why;
	unsigned int damaged;
	int rc = ldm_head_find(disk->blk, disk->sector, metadata_end, &ret->head, &damaged, &why);
	if (rc < 0)
		return layout_warn(
			layout, err,
			"%s ('%s'): its partition table says that it is a dynamic disk: %s",
			disk->name, disk->source, why.msg);
	drop_partitions(layout, disk);
	disk->sector = ret->head.sector;
	rc = add_metadata(layout, ret, metadata_end != 0, err);
	if (rc == 0 && damaged)
		rc = layout_warn(layout, err,
				 "%s ('%s'): LDM private header: not all copies are sound: %u "
				 "cannot be used",
				 disk->name, disk->source, damaged);
	if (rc == 0 && ldm_disk_read(ret, &why) < 0)
		rc = layout_warn(layout, err, "%s ('%s'): %s", disk->name, disk->source, why.msg);
	return rc < 0 ? rc : 1;
}

/* ---- groups and volumes ---------------------------------------------------------------------- */

static int add_missing(const struct ldm_group *group, struct layout_group *to, struct error *err)
{
	const struct ldm_db *db = group->db;
	for (size_t i = db->first[LDM_MEMBER]; i < db->first[LDM_MEMBER + 1]; i++) {
		const struct ldm_record *r = &db->records[i];
		char guid[LDM_GUID_TEXT];
		if (ldm_group_disk(group, &r->member.guid))
			continue;
		int rc = layout_miss(to, err, "%s (%s)", r->name,
				     ldm_guid_text(&r->member.guid, guid));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The drive letter that Windows gave it last, else the name that the database has for it. */
static char *name_of(const struct layout *layout, const struct ldm_record *record)
{
	const char *hint = record->volume.hint;
	char letter[2] = { hint[0] };
	bool is_letter = isalpha((unsigned char)hint[0]) && strcmp(hint + 1, ":") == 0;
	return layout_unique_name(layout, is_letter ? letter : record->name);
}

static int add_volume(struct layout *layout, const struct ldm_group *group,
		      const struct layout_group *to, const struct ldm_record *record,
		      struct error *err)
{
	struct ldm_assembly assembly;
	int rc = ldm_volume_assemble(group, record, &assembly, err);
	if (rc < 0)
		return rc;
	struct layout_volume volume = {
		.name = name_of(layout, record),
		.title = strdup(record->name),
		.label = strdup(""),
		.group = to,
		.type = assembly.type,
		.size = record->volume.size,
		.state = assembly.state,
		.map = assembly.map,
	};
	memcpy(volume.reason, assembly.reason, sizeof(volume.reason));
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "volume '%s': %m", record->name);
	if (rc == 0 && assembly.state != LAYOUT_INCOMPLETE) {
		volume.map = NULL; /* from here on it is the blk's, or gone */
		rc = map_blk(assembly.map, assembly.sector, &volume.blk, err);
		if (rc == 0)
			volume.map = map_of(volume.blk);
	}
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return layout_add_volume(layout, &volume, err);
}

static int add_group(struct layout *layout, const struct ldm_group *group, struct error *err)
{
	struct layout_group *to;
	char guid[LDM_GUID_TEXT];
	int rc = layout_add_group(layout, LAYOUT_LDM, group->name, ldm_guid_text(&group->id, guid),
				  &to, err);
	if (rc < 0 || !group->db)
		return rc;
	rc = add_missing(group, to, err);
	const struct ldm_db *db = group->db;
	for (size_t i = db->first[LDM_VOLUME]; rc == 0 && i < db->first[LDM_VOLUME + 1]; i++)
		rc = add_volume(layout, group, to, &db->records[i], err);
	return rc;
}

int layout_find_ldm(struct layout *layout, struct error *err)
{
	CLEANUP(free_cleanup) struct ldm_disk *disks = calloc(layout->n_disks, sizeof(*disks));
	if (!disks)
		return error_set(err, -ENOMEM, "%zu disks: %m", layout->n_disks);
	size_t n = 0, n_groups;
	for (size_t i = 0; i < layout->n_disks; i++) {
		int rc = look_at_disk(layout, &layout->disks[i], &disks[n], err);
		if (rc < 0)
			return rc;
		n += rc > 0;
	}
	struct ldm_group *groups;
	int rc = ldm_groups_new(disks, n, layout, &groups, &n_groups, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n_groups; i++)
		rc = add_group(layout, &groups[i], err);
	ldm_groups_free(groups, n_groups);
	return rc;
}
