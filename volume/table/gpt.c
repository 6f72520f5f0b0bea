/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gpt - the GUID partition table: two copies of a header and of an array of entries.
 *
 * The primary header lies in sector 1, its backup in the disk's last sector; each names the array
 * that belongs to it, and carries a CRC of itself and of that array. A copy is used only if both
 * CRCs hold, so a table is all right or not there. When the primary copy is damaged, the backup is
 * looked for in every place that it can be: where what is left of the primary header says, at the
 * end of the protective MBR entry, and in the disk's last sector; so a disk that was enlarged, and
 * one whose end is missing, keep their partitions.
 *
 * An image file does not know the sector size of the disk that it was taken from, but the table
 * lies in the second sector: where it is found tells the size.
 *
 * Source: UEFI Specification 2.10, section 5.3 (GUID Partition Table), appendix A (GUID text).
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lunette/hex.h"
#include "lunette/utf8.h"
#include "table.h"

struct gpt_header {
	char signature[8];      /*  0  "EFI PART" */
	uint32_t revision;      /*  8  0x00010000 */
	uint32_t header_size;   /* 12  bytes, 92 up to a sector */
	uint32_t header_crc;    /* 16  CRC-32 of header_size bytes, with this field as 0 */
	uint32_t reserved;      /* 20 */
	uint64_t my_lba;        /* 24  where this header lies */
	uint64_t alternate_lba; /* 32  where the other one lies */
	uint64_t first_usable;  /* 40  first sector that a partition may have */
	uint64_t last_usable;   /* 48  the last one */
	uint8_t disk_guid[16];  /* 56 */
	uint64_t array_lba;     /* 72 */
	uint32_t n_entries;     /* 80 */
	uint32_t entry_size;    /* 84  bytes: 128 times a power of two */
	uint32_t array_crc;     /* 88  CRC-32 of n_entries * entry_size bytes */
} __attribute__((packed));

struct gpt_entry {
	uint8_t type[16];    /*  0  zero when unused */
	uint8_t guid[16];    /* 16 */
	uint64_t first;      /* 32  sector */
	uint64_t last;       /* 40  sector, inclusive */
	uint64_t attributes; /* 48 */
	uint8_t name[72];    /* 56  36 units of UTF-16 */
} __attribute__((packed));

_Static_assert(sizeof(struct gpt_header) == 92, "size of a GPT header");
_Static_assert(sizeof(struct gpt_entry) == 128, "size of a GPT entry");

/* 128 entries of 128 bytes are usual; this is room for 8192. */
#define ARRAY_MAX (1u << 20)

/* Sector sizes that disks have. */
static const uint32_t sector_sizes[] = { 512, 4096 };

/**
 * struct gpt - one copy
 * @sector: bytes of a sector
 * @header: as on disk
 * @array: n_entries * entry_size bytes, owned; NULL when this copy cannot be used
 * @why: then says why not; @why.code is -ENOENT when there is not even a signature
 */
struct gpt {
	uint32_t sector;
	struct gpt_header header;
	uint8_t *array;
	struct error why;
};

static void gpt_clear(struct gpt *gpt)
{
	free(gpt->array);
}

static int read_header(struct blk *disk, uint64_t lba, struct gpt *gpt, uint8_t *buf)
{
	struct error *why = &gpt->why;
	struct gpt_header *h = &gpt->header;
	uint64_t sectors = disk->size / gpt->sector;
	if (lba >= sectors)
		return error_set(why, -ENOENT, "sector %" PRIu64 " is past the end of the disk",
				 lba);
	int rc = blk_read(disk, buf, gpt->sector, lba * gpt->sector, why);
	if (rc < 0)
		return rc;
	memcpy(h, buf, sizeof(*h));
	if (memcmp(h->signature, "EFI PART", 8) != 0)
		return error_set(why, -ENOENT, "there is no header in sector %" PRIu64, lba);

	uint32_t size = le32toh(h->header_size);
	if (size < sizeof(*h) || size > gpt->sector)
		return error_set(why, -EUCLEAN, "the header says that it has %" PRIu32 " bytes",
				 size);
	memset(buf + offsetof(struct gpt_header, header_crc), 0, sizeof(h->header_crc));
	if (crc32(0, buf, size) != le32toh(h->header_crc))
		return error_set(why, -EUCLEAN, "the header's CRC is wrong");
	if (le64toh(h->my_lba) != lba)
		return error_set(why, -EUCLEAN,
				 "the header in sector %" PRIu64
				 " says that it lies in sector %" PRIu64,
				 lba, le64toh(h->my_lba));
	return 0;
}

static int read_array(struct blk *disk, struct gpt *gpt)
{
	struct error *why = &gpt->why;
	const struct gpt_header *h = &gpt->header;
	uint32_t entry = le32toh(h->entry_size), n = le32toh(h->n_entries);
	if (entry < sizeof(struct gpt_entry) || !is_power_of_2(entry))
		return error_set(why, -EUCLEAN, "its entries have %" PRIu32 " bytes", entry);
	if ((uint64_t)n * entry > ARRAY_MAX)
		return error_set(why, -EUCLEAN,
				 "it has %" PRIu32 " entries of %" PRIu32
				 " bytes, more than makes sense",
				 n, entry);
	size_t size = (size_t)n * entry;
	uint64_t lba = le64toh(h->array_lba);
	if (lba >= disk->size / gpt->sector || !range_inside(size, lba * gpt->sector, disk->size))
		return error_set(why, -EUCLEAN,
				 "its entries, at sector %" PRIu64 ", are past the end of the disk",
				 lba);

	CLEANUP(free_cleanup) uint8_t *array = malloc(size + 1);
	if (!array)
		return error_set(why, -ENOMEM, "table of %" PRIu32 " entries: %m", n);
	int rc = blk_read(disk, array, size, lba * gpt->sector, why);
	if (rc < 0)
		return rc;
	if (crc32(0, array, (uInt)size) != le32toh(h->array_crc))
		return error_set(why, -EUCLEAN, "the CRC of its entries is wrong");
	gpt->array = steal(&array);
	return 0;
}

/* Reads the copy whose header is in sector @lba; whether that worked is in @ret. */
static int load(struct blk *disk, uint32_t sector, uint64_t lba, struct gpt *ret, struct error *err)
{
	*ret = (struct gpt){ .sector = sector };
	CLEANUP(free_cleanup) uint8_t *buf = malloc(sector);
	if (!buf)
		return error_set(err, -ENOMEM, "GPT: %m");
	int rc = read_header(disk, lba, ret, buf);
	if (rc == 0)
		rc = read_array(disk, ret);
	return rc == -ENOMEM ? error_set(err, rc, "GPT: %s", ret->why.msg) : 0;
}

static bool is_found(const struct gpt *gpt)
{
	return gpt->array || gpt->why.code != -ENOENT;
}

/* The primary copy, in sectors of the disk's size or of the size in which there is one. */
static int load_primary(struct blk *disk, struct gpt *ret, struct error *err)
{
	int rc = load(disk, disk->sector, 1, ret, err);
	for (size_t i = 0; rc == 0 && !is_found(ret) && i < ARRAY_SIZE(sector_sizes); i++)
		rc = load(disk, sector_sizes[i], 1, ret, err);
	return rc;
}

/* The backup copy of a primary that is damaged or gone, in each place where it may be. */
static int search_backup(struct blk *disk, const struct gpt *primary, uint64_t protective,
			 struct gpt *ret, struct error *err)
{
	*ret = (struct gpt){ .why.code = -ENOENT };
	for (size_t i = 0; i < ARRAY_SIZE(sector_sizes); i++) {
		uint32_t sector = sector_sizes[i];
		const uint64_t places[] = {
			is_found(primary) ? le64toh(primary->header.alternate_lba) : 0,
			protective,
			MAX(disk->size / sector, UINT64_C(1)) - 1,
		};
		for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
			if (places[p] <= 1 || (is_found(primary) && sector != primary->sector))
				continue;
			struct gpt gpt;
			int rc = load(disk, sector, places[p], &gpt, err);
			if (rc < 0)
				return rc;
			if (gpt.array || (is_found(&gpt) && !is_found(ret)))
				*ret = gpt;
			if (gpt.array)
				return 0;
		}
	}
	return 0;
}

/* Source: UEFI appendix A: the first three groups are little-endian numbers. */
static void format_guid(const uint8_t *g, char buf[HEX_UUID])
{
	const uint8_t in_order[16] = { g[3], g[2], g[1],  g[0],  g[5],  g[4],  g[7],  g[6],
				       g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15] };
	hex_uuid(in_order, buf);
}

static int add_entry(struct table *table, const struct gpt *gpt, const struct gpt_entry *e,
		     unsigned int number, struct error *err)
{
	uint64_t first = le64toh(e->first), last = le64toh(e->last);
	if (first > last)
		return table_warn(table, err,
				  "partition %u is left out: it ends (sector %" PRIu64
				  ") before it begins (sector %" PRIu64 ")",
				  number, last, first);
	if (last >= INT64_MAX / gpt->sector)
		return table_warn(table, err,
				  "partition %u is left out: no disk has a sector %" PRIu64, number,
				  last);
	if (first < le64toh(gpt->header.first_usable) || last > le64toh(gpt->header.last_usable)) {
		int rc = table_warn(table, err,
				    "partition %u lies outside of the area for partitions", number);
		if (rc < 0)
			return rc;
	}
	struct table_entry entry = {
		.number = number,
		.start = first * gpt->sector,
		.length = (last - first + 1) * gpt->sector,
	};
	format_guid(e->type, entry.type);
	utf8_from_utf16le(e->name, sizeof(e->name) / 2, entry.title, sizeof(entry.title));
	return table_add_entry(table, &entry, err);
}

static int use(struct table *table, const struct gpt *gpt, struct error *err)
{
	table->kind = LAYOUT_TABLE_GPT;
	table->sector = gpt->sector;
	table->n_entries = 0;
	format_guid(gpt->header.disk_guid, table->id);
	uint32_t size = le32toh(gpt->header.entry_size);
	for (uint32_t i = 0; i < le32toh(gpt->header.n_entries); i++) {
		struct gpt_entry e;
		memcpy(&e, gpt->array + (size_t)i * size, sizeof(e));
		static const uint8_t unused[16];
		if (memcmp(e.type, unused, sizeof(unused)) == 0)
			continue;
		int rc = add_entry(table, gpt, &e, i + 1, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A copy's sectors, as far as it says itself where they are. */
static int add_metadata(struct table *table, const struct gpt *gpt, uint64_t lba, struct error *err)
{
	uint64_t sector = gpt->sector;
	if (lba > INT64_MAX / sector)
		return 0;
	int rc = table_add_metadata(table, sector, lba * sector, err);
	if (rc < 0 || !gpt->array)
		return rc;
	uint64_t size = (uint64_t)le32toh(gpt->header.n_entries) * le32toh(gpt->header.entry_size);
	return table_add_metadata(table, (size + sector - 1) / sector * sector,
				  le64toh(gpt->header.array_lba) * sector, err);
}

/* Whether two sound copies say the same. */
static bool copies_agree(const struct gpt_header *a, const struct gpt_header *b)
{
	return a->array_crc == b->array_crc && a->n_entries == b->n_entries &&
	       memcmp(a->disk_guid, b->disk_guid, sizeof(a->disk_guid)) == 0;
}

/* The primary copy is sound; the backup only matters to whoever will need it one day. */
static int use_primary(struct blk *disk, struct table *table, const struct gpt *primary,
		       struct error *err)
{
	uint64_t lba = le64toh(primary->header.alternate_lba);
	CLEANUP(gpt_clear) struct gpt backup;
	int rc = load(disk, primary->sector, lba, &backup, err);
	if (rc == 0)
		rc = use(table, primary, err);
	if (rc == 0)
		rc = add_metadata(table, primary, 1, err);
	if (rc == 0)
		rc = add_metadata(table, &backup, lba, err);
	if (rc < 0)
		return rc;
	if (lba >= disk->size / primary->sector)
		return table_warn(table, err,
				  "the end of the disk is missing: its GPT was made for %" PRIu64
				  " sectors, and %" PRIu64 " are there",
				  lba + 1, disk->size / primary->sector);
	if (!backup.array)
		return table_warn(table, err,
				  "the backup GPT is damaged: %s; the primary one is used",
				  backup.why.msg);
	if (!copies_agree(&primary->header, &backup.header))
		return table_warn(table, err,
				  "the two copies of the GPT differ; the primary one is used");
	return 0;
}

static int use_backup(struct table *table, const struct gpt *primary, const struct gpt *backup,
		      struct error *err)
{
	int rc = use(table, backup, err);
	if (rc == 0)
		rc = add_metadata(table, primary, 1, err);
	if (rc == 0)
		rc = add_metadata(table, backup, le64toh(backup->header.my_lba), err);
	if (rc == 0)
		rc = table_warn(table, err, "the primary GPT is damaged: %s; its backup is used",
				primary->why.msg);
	return rc;
}

int gpt_read(struct blk *disk, uint64_t protective, struct table *table, struct error *err)
{
	CLEANUP(gpt_clear) struct gpt primary;
	int rc = load_primary(disk, &primary, err);
	if (rc < 0)
		return rc;
	if (primary.array) {
		rc = use_primary(disk, table, &primary, err);
		if (rc == 0 && !protective)
			rc = table_warn(table, err,
					"there is a GPT, but no protective MBR; the GPT is used");
		return rc;
	}

	CLEANUP(gpt_clear) struct gpt backup;
	rc = search_backup(disk, &primary, protective, &backup, err);
	if (rc < 0)
		return rc;
	/* A backup alone may be left from an earlier life of the disk: something must point to it.
	 */
	if (backup.array && (protective || is_found(&primary)))
		return use_backup(table, &primary, &backup, err);
	if (protective || is_found(&primary))
		return table_warn(table, err, "the GPT is damaged: primary: %s; backup: %s",
				  primary.why.msg,
				  is_found(&backup) ? backup.why.msg : "there is none");
	return 0;
}
