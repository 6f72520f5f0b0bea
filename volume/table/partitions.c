/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * partitions - the recogniser of partition tables: turns what a table says into volumes, and
 * decides what becomes of a partition that its disk does not hold.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recognise.h"
#include "table.h"

/* Gives @volume the bytes of a disk from @start on, as many as it has. */
static int map_volume(struct layout_volume *volume, struct blk *disk, uint32_t sector,
		      uint64_t start, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	if (rc == 0)
		rc = map_add_linear(map, volume->size, disk, start, err);
	if (rc == 0)
		rc = map_blk(steal(&map), sector, &volume->blk, err);
	if (rc == 0)
		volume->map = map_of(volume->blk);
	return rc;
}

static int set_incomplete(struct layout *layout, const struct layout_disk *disk,
			  struct layout_volume *volume, uint64_t end, struct error *err)
{
	volume->state = LAYOUT_INCOMPLETE;
	snprintf(volume->reason, sizeof(volume->reason),
		 "it ends %" PRIu64 " bytes past the end of %s, which has %" PRIu64
		 " bytes: the end of the disk is missing",
		 end - disk->blk->size, disk->name, disk->blk->size);
	return layout_warn(layout, err, "%s ('%s'): partition %u cannot be read: %s", disk->name,
			   disk->source, volume->partition, volume->reason);
}

static int add_partition(struct layout *layout, const struct layout_disk *disk,
			 const struct table_entry *entry, struct error *err)
{
	struct layout_volume volume = {
		.type = LAYOUT_BASIC,
		.partition = entry->number,
		.size = entry->length,
		.title = strdup(entry->title),
		.label = strdup(""),
	};
	memcpy(volume.partition_type, entry->type, sizeof(volume.partition_type));
	int rc = 0;
	if (asprintf(&volume.name, "%s-p%u", disk->name, entry->number) < 0)
		volume.name = NULL;
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "partition %u: %m", entry->number);
	else if (range_inside(entry->length, entry->start, disk->blk->size))
		rc = map_volume(&volume, disk->blk, disk->sector, entry->start, err);
	else
		rc = set_incomplete(layout, disk, &volume, entry->start + entry->length, err);
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return layout_add_volume(layout, &volume, err);
}

static int add_whole_disk(struct layout *layout, const struct layout_disk *disk, struct error *err)
{
	struct layout_volume volume = {
		.type = LAYOUT_DISK,
		.size = disk->blk->size,
		.name = strdup(disk->name),
		.title = strdup(""),
		.label = strdup(""),
	};
	int rc = 0;
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "volume: %m");
	else
		rc = map_volume(&volume, disk->blk, disk->sector, 0, err);
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return layout_add_volume(layout, &volume, err);
}

static int look_at_disk(struct layout *layout, struct layout_disk *disk, struct error *err)
{
	CLEANUP(table_free_cleanup) struct table *table = NULL;
	int rc = table_read(disk->blk, &table, err);
	if (rc < 0)
		return error_wrap(err, rc, "%s ('%s')", disk->name, disk->source);
	disk->table = table->kind;
	disk->sector = table->sector;
	memcpy(disk->id, table->id, sizeof(disk->id));
	disk->n_metadata = table->n_metadata;
	disk->metadata = steal(&table->metadata);
	for (size_t i = 0; i < table->n_warnings; i++) {
		rc = layout_warn(layout, err, "%s ('%s'): %s", disk->name, disk->source,
				 table->warnings[i]);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < table->n_entries; i++) {
		rc = add_partition(layout, disk, &table->entries[i], err);
		if (rc < 0)
			return rc;
	}
	if (table->kind == LAYOUT_TABLE_NONE && disk->blk->size > 0)
		return add_whole_disk(layout, disk, err);
	return 0;
}

int layout_find_partitions(struct layout *layout, struct error *err)
{
	for (size_t i = 0; i < layout->n_disks; i++) {
		int rc = look_at_disk(layout, &layout->disks[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
