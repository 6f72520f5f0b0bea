/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table - which table a disk has. See table.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* Boot loaders lie in front of the first partition; partitions begin at 1 MiB at the latest. */
#define BOOT_AREA_MAX (1u << 20)

static int by_start(const void *a, const void *b)
{
	const struct table_entry *const *x = a, *const *y = b;
	return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

static int warn_of_overlaps(struct table *table, struct error *err)
{
	CLEANUP(free_cleanup)
	const struct table_entry **sorted = calloc(table->n_entries + 1, sizeof(const void *));
	if (!sorted)
		return error_set(err, -ENOMEM, "table of %zu partitions: %m", table->n_entries);
	for (size_t i = 0; i < table->n_entries; i++)
		sorted[i] = &table->entries[i];
	qsort(sorted, table->n_entries, sizeof(*sorted), by_start);

	for (size_t i = 1, furthest = 0; i < table->n_entries; i++) {
		const struct table_entry *before = sorted[furthest], *entry = sorted[i];
		if (entry->start < before->start + before->length) {
			int rc = table_warn(table, err, "partitions %u and %u overlap",
					    before->number, entry->number);
			if (rc < 0)
				return rc;
		}
		if (entry->start + entry->length > before->start + before->length)
			furthest = i;
	}
	return 0;
}

/* What the first sector loads lies between it and the first partition: it belongs to the disk. */
static int add_boot_area(struct table *table, struct error *err)
{
	uint64_t end = BOOT_AREA_MAX;
	for (size_t i = 0; i < table->n_entries; i++)
		end = MIN(end, table->entries[i].start);
	return table_add_metadata(table, MAX(end, (uint64_t)table->sector), 0, err);
}

static int range_by_start(const void *a, const void *b)
{
	const struct layout_range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorts, clips to the disk and merges. */
static void tidy_metadata(struct table *table, uint64_t disk_size)
{
	qsort(table->metadata, table->n_metadata, sizeof(*table->metadata), range_by_start);
	size_t n = 0;
	for (size_t i = 0; i < table->n_metadata; i++) {
		struct layout_range r = table->metadata[i];
		if (r.start >= disk_size)
			break;
		r.length = MIN(r.length, disk_size - r.start);
		struct layout_range *last = n ? &table->metadata[n - 1] : NULL;
		if (last && r.start <= last->start + last->length)
			last->length = MAX(last->length, r.start + r.length - last->start);
		else
			table->metadata[n++] = r;
	}
	table->n_metadata = n;
}

int table_read(struct blk *disk, struct table **ret, struct error *err)
{
	CLEANUP(table_free_cleanup) struct table *table = calloc(1, sizeof(*table));
	if (!table)
		return error_set(err, -ENOMEM, "partition table: %m");
	table->kind = LAYOUT_TABLE_NONE;
	table->sector = disk->sector;

	uint64_t protective;
	int rc = mbr_read(disk, table, &protective, err);
	if (rc < 0)
		return rc;
	/* An MBR with partitions of its own and no protective entry is right about the disk: the
	 * GPT that some tools leave behind when they make one is not. */
	if (protective || table->kind == LAYOUT_TABLE_NONE) {
		rc = gpt_read(disk, protective, table, err);
		if (rc < 0)
			return rc;
	}
	if (table->kind != LAYOUT_TABLE_NONE) {
		rc = warn_of_overlaps(table, err);
		if (rc == 0)
			rc = add_boot_area(table, err);
		if (rc < 0)
			return rc;
		tidy_metadata(table, disk->size);
	}
	*ret = steal(&table);
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_warnings; i++)
		free(table->warnings[i]);
	free(table->warnings);
	free(table->metadata);
	free(table->entries);
	free(table);
}
