/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * partitions - the recogniser of partition tables: turns what a table says into volumes, and
 * decides what becomes of a partition that its disk does not hold.
 *
 * A table that is not a disk's own, but in a partition, an array or a logical volume, must be
 * beyond doubt: boot sectors, and remains of what was there before, look much like one.
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
		rc = blk_map(volume->blk, &volume->map, err);
	return rc;
}

static int set_incomplete(struct layout *layout, const struct candidate *c,
			  struct layout_volume *volume, uint64_t start, struct error *err)
{
	volume->state = LAYOUT_INCOMPLETE;
	volume->settled = true;
	snprintf(volume->reason, sizeof(volume->reason),
		 "it begins at offset %" PRIu64 ", past the end of %s, which has %" PRIu64
		 " bytes: the end of the disk is missing",
		 start, c->name, c->blk->size);
	return layout_warn(layout, err, "%s: partition %u cannot be read: %s", c->where,
			   volume->partition, volume->reason);
}

/* As Linux does: a disk that was cut, or put into a box that takes the end of it, is used as far as
 * it goes. */
static int cut(struct layout *layout, const struct candidate *c, struct layout_volume *volume,
	       uint64_t start, struct error *err)
{
	uint64_t end = start + volume->size;
	volume->size = c->blk->size - start;
	return layout_warn(layout, err,
			   "%s: partition %u ends %" PRIu64
			   " bytes past the end of the disk, which "
			   "has %" PRIu64 " bytes: it is used as far as it goes",
			   c->where, volume->partition, end - c->blk->size, c->blk->size);
}

/* Gives a partition its bytes, as many as its disk has. */
static int place(struct layout *layout, const struct candidate *c, struct layout_volume *volume,
		 uint64_t start, struct error *err)
{
	if (start >= c->blk->size)
		return set_incomplete(layout, c, volume, start, err);
	int rc = range_inside(volume->size, start, c->blk->size)
			 ? 0
			 : cut(layout, c, volume, start, err);
	return rc < 0 ? rc : map_volume(volume, c->blk, c->table->sector, start, err);
}

static char *name_partition(const struct layout *layout, const struct candidate *c,
			    unsigned int number)
{
	CLEANUP(free_cleanup) char *name = NULL;
	if (asprintf(&name, "%s-p%u", c->name, number) < 0)
		name = NULL;
	return !name || c->disk ? steal(&name) : layout_unique_name(layout, name);
}

static int add_partition(struct search *search, struct candidate *c,
			 const struct table_entry *entry, struct error *err)
{
	struct layout_volume volume = {
		.type = LAYOUT_BASIC,
		.partition = entry->number,
		.size = entry->length,
		.name = name_partition(search->layout, c, entry->number),
		.title = strdup(entry->title),
		.label = strdup(""),
	};
	memcpy(volume.partition_type, entry->type, sizeof(volume.partition_type));
	int rc = 0;
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "partition %u: %m", entry->number);
	else
		rc = place(search->layout, c, &volume, entry->start, err);
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return search_add(search, &volume, c, err);
}

/* A disk without a table, or whose table is empty, as what makes file systems and volume groups may
 * leave it: all of it, if there is anything on it. */
static int add_whole_disk(struct layout *layout, struct candidate *c, struct error *err)
{
	struct layout_volume volume = {
		.type = LAYOUT_DISK,
		.size = c->blk->size,
		.name = strdup(c->name),
		.title = strdup(""),
		.label = strdup(""),
		.number = c->number,
	};
	int rc = 0;
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "volume: %m");
	else
		rc = map_volume(&volume, c->blk, c->disk->sector, 0, err);
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return layout_add_volume(layout, &volume, err);
}

/* ---- tables of disks, and others --------------------------------------------------------------
 */

/* What may have code, or remains of a table, in its first sectors, and lies around them. */
static bool is_file_system(const struct candidate *c)
{
	static const struct {
		uint64_t at;
		const char *magic;
		size_t len;
	} known[] = {
		{ 512, "LABELONE", 8 },     { 1024, "H+", 2 },        { 1080, "\x53\xef", 2 },
		{ 4086, "SWAPSPACE2", 10 }, { 32768, "JFS1", 4 },     { 32769, "CD001", 5 },
		{ 65588, "ReIsEr", 6 },     { 65600, "_BHRfS_M", 8 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char magic[16];
		if (range_inside(known[i].len, known[i].at, c->blk->size) &&
		    blk_read(c->look, magic, known[i].len, known[i].at, NULL) == 0 &&
		    memcmp(magic, known[i].magic, known[i].len) == 0)
			return true;
	}
	return false;
}

static int by_start(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_number(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Everything between the partitions is stored in full: it takes little, and may be anything. */
static int store_gaps(struct layout *layout, const struct candidate *c, struct error *err)
{
	uint64_t end = 0;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < c->table->n_entries; i++) {
		const struct table_entry *e = &c->table->entries[i];
		rc = layout_add_metadata(layout, c->blk, e->start - end, end, err);
		end = e->start + e->length;
	}
	return rc < 0 ? rc : layout_add_metadata(layout, c->blk, c->blk->size - end, end, err);
}

/* Partitions that lie in @c, one behind the other; the table is ordered by their start then. */
static bool is_believable(const struct candidate *c, struct table *table)
{
	uint64_t end = 0;
	if (table->n_entries == 0 || is_file_system(c))
		return false;
	qsort(table->entries, table->n_entries, sizeof(*table->entries), by_start);
	for (size_t i = 0; i < table->n_entries; i++) {
		const struct table_entry *e = &table->entries[i];
		if (e->start < MAX(end, (uint64_t)512) ||
		    !range_inside(e->length, e->start, c->blk->size))
			return false;
		end = e->start + e->length;
	}
	return true;
}

static int take_inner(struct search *search, struct candidate *c, struct table *table,
		      struct error *err)
{
	if (!is_believable(c, table)) {
		table_free(table);
		return 0;
	}
	c->table = table;
	int rc = store_gaps(search->layout, c, err);
	qsort(table->entries, table->n_entries, sizeof(*table->entries), by_number);
	struct layout_volume *volume = search_volume(search, c);
	if (volume)
		volume->holds = true;
	return rc;
}

static int take_disk(struct search *search, struct candidate *c, struct table *table,
		     struct error *err)
{
	struct layout_disk *disk = c->disk;
	disk->table = table->kind;
	disk->sector = table->sector;
	memcpy(disk->id, table->id, sizeof(disk->id));
	disk->n_metadata = table->n_metadata;
	disk->metadata = steal(&table->metadata);
	if (table->n_entries > 0) {
		c->table = table;
		return 0;
	}
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < table->n_warnings; i++)
		rc = layout_warn(search->layout, err, "%s: %s", c->where, table->warnings[i]);
	table_free(table);
	return rc < 0 ? rc : add_whole_disk(search->layout, c, err);
}

static int look(void *state, struct search *search, struct candidate *c, struct error *err)
{
	(void)state;
	struct table *table;
	int rc = table_read(c->look, &table, err);
	if (rc < 0)
		return c->disk || rc == -ENOMEM ? error_wrap(err, rc, "%s", c->where) : 0;
	rc = c->disk ? take_disk(search, c, table, err) : take_inner(search, c, table, err);
	if (rc < 0 || !c->table)
		return rc;
	for (size_t i = 0; rc == 0 && i < c->table->n_warnings; i++)
		rc = layout_warn(search->layout, err, "%s: %s", c->where, c->table->warnings[i]);
	for (size_t i = 0; rc == 0 && i < c->table->n_entries; i++)
		rc = add_partition(search, c, &c->table->entries[i], err);
	return rc;
}

const struct recogniser layout_partitions = { .look = look };
