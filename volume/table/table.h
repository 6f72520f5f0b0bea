/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * table - a disk's partition table, whatever its format: what mbr.c and gpt.c find.
 *
 * Tables are hostile: a reader checks that numbers can be computed with, and warns of what is
 * strange. Whether a partition fits on the disk is the layout's business, because a disk that was
 * cut still has usable partitions.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/layout.h"

/**
 * struct table_entry - a partition
 * @number: as the kernel counts
 * @start: byte offset on the disk
 * @length: bytes, at least 1; start + length is less than 2^63
 * @type: type GUID or two hex digits
 * @title: its name in UTF-8: 36 units of UTF-16 at most
 */
struct table_entry {
	unsigned int number;
	uint64_t start;
	uint64_t length;
	char type[40];
	char title[3 * 36 + 1];
};

/**
 * struct table - what a disk's table says
 * @id: disk GUID or 8 hex digits; "" when it has none
 * @sector: bytes of the sectors that the table counts in
 * @entries: ordered by number
 * @metadata: where the table and the boot code lie; ascending, merged, inside the disk
 * @warnings: sentences, with nothing in them that names the disk
 */
struct table {
	enum layout_table kind;
	char id[40];
	uint32_t sector;
	size_t n_entries;
	struct table_entry *entries;
	size_t n_metadata;
	struct layout_range *metadata;
	size_t n_warnings;
	char **warnings;
};

/**
 * table_read() - find and read the partition table of a disk
 * @ret: to be freed with table_free(); of LAYOUT_TABLE_NONE when there is none that can be used
 *
 * Return: 0; -ENOMEM; the disk's error when not even its first sector can be read.
 */
int table_read(struct blk *disk, struct table **ret, struct error *err);

/**
 * table_free() - free a table
 * @table: may be NULL
 */
void table_free(struct table *table);
DEFINE_CLEANUP(struct table *, table_free)

/* ---- for mbr.c and gpt.c --------------------------------------------------------------------- */

/* Each returns 0 or -ENOMEM. Of very many warnings only the first are kept. */
int table_add_entry(struct table *table, const struct table_entry *entry, struct error *err);
int table_add_metadata(struct table *table, uint64_t length, uint64_t start, struct error *err);
int table_warn(struct table *table, struct error *err, const char *fmt, ...) ERROR_FORMAT(3, 4);

/**
 * mbr_read() - the MBR and its chains of logical partitions
 * @table: kind, id and entries are set when there is one; a protective entry alone is none
 * @protective: set to the last sector of the protective entry, 0 when there is no such entry
 *
 * Return: 0; -ENOMEM; the disk's error when its first sector cannot be read.
 */
int mbr_read(struct blk *disk, struct table *table, uint64_t *protective, struct error *err);

/**
 * gpt_read() - the GPT, from whichever of its two copies is sound
 * @table: when there is a GPT, it replaces what mbr_read() found
 * @protective: from mbr_read(): tells where the backup may be, and that there should be a GPT
 *
 * Return: 0 or -ENOMEM.
 */
int gpt_read(struct blk *disk, uint64_t protective, struct table *table, struct error *err);

#endif
