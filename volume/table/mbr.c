/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mbr - the partition table in the first sector, and its chain of logical partitions.
 *
 * Four primary entries count from the disk's start. One of them may be an extended partition: a
 * container that begins with an extended boot record (EBR), which looks like an MBR and uses two
 * entries: a logical partition, counted from this EBR, and a link to the next EBR, counted from the
 * container's start. Numbers are sectors of the disk's logical size. Logical partitions are
 * numbered from 5 in the order of the chain.
 *
 * The signature 55 AA alone says nothing: boot sectors of file systems end in it too.
 *
 * Left out: the CHS fields, and the tables that BSD, Solaris and Minix keep inside of a partition.
 *
 * Source: UEFI Specification 2.10, section 5.2.1 (legacy MBR) and 5.2.3 (protective MBR);
 * Microsoft's "Basic Disks and Volumes Technical Reference" (extended boot records); for numbers
 * and for which types are containers, Linux block/partitions/msdos.c.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

struct mbr_entry {
	uint8_t flag;         /*  0  0x80 active, 0x00 not */
	uint8_t chs_first[3]; /*  1 */
	uint8_t type;         /*  4  0 when unused */
	uint8_t chs_last[3];  /*  5 */
	uint32_t start;       /*  8  sectors */
	uint32_t length;      /* 12  sectors, 0 when unused */
} __attribute__((packed));

struct mbr {
	uint8_t code[440];           /*   0 */
	uint32_t id;                 /* 440  "disk signature" */
	uint16_t unknown;            /* 444 */
	struct mbr_entry entries[4]; /* 446 */
	uint8_t signature[2];        /* 510  55 AA */
} __attribute__((packed));

_Static_assert(sizeof(struct mbr) == 512, "an MBR has 512 bytes, whatever the sector size");

#define TYPE_PROTECTIVE 0xEE

/* Linux makes device nodes for no more than this on a disk, so nobody can have used more. */
#define LOGICAL_MAX 255

static bool is_container(const struct mbr_entry *e)
{
	return e->type == 0x05 || e->type == 0x0F || e->type == 0x85;
}

static bool is_used(const struct mbr_entry *e)
{
	return e->length != 0;
}

static bool has_signature(const struct mbr *mbr)
{
	return mbr->signature[0] == 0x55 && mbr->signature[1] == 0xAA;
}

/* The boot sector of a file system, by its name or by the parameters that FAT keeps in front. */
static bool is_boot_sector(const uint8_t *s)
{
	static const char names[][9] = { "NTFS    ", "EXFAT   ", "-FVE-FS-", "ReFS\0\0\0\0" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (memcmp(s + 3, names[i], 8) == 0)
			return true;
	uint32_t sector = s[11] | (uint32_t)s[12] << 8;
	uint8_t cluster = s[13], reserved = s[14], tables = s[16], media = s[21];
	return (s[0] == 0xEB || s[0] == 0xE9) && is_power_of_2(sector) && sector >= 512 &&
	       sector <= 4096 && is_power_of_2(cluster) && reserved && tables >= 1 && tables <= 2 &&
	       media >= 0xF0;
}

/* Whether the entries make sense as they do only if somebody partitioned this disk. */
static bool entries_fit(const struct mbr *mbr, uint64_t sectors)
{
	uint64_t end = 0;
	bool any = false;
	for (int i = 0; i < 4; i++) {
		const struct mbr_entry *e = &mbr->entries[i];
		if (!is_used(e))
			continue;
		uint64_t start = le32toh(e->start);
		if (e->type == 0 || start == 0 || start < end ||
		    !range_inside(le32toh(e->length), start, sectors))
			return false;
		end = start + le32toh(e->length);
		any = true;
	}
	return any;
}

static bool is_mbr(const struct mbr *mbr, uint64_t sectors)
{
	if (!has_signature(mbr))
		return false;
	bool any = mbr->id != 0;
	for (int i = 0; i < 4; i++) {
		if (mbr->entries[i].flag != 0x00 && mbr->entries[i].flag != 0x80)
			return false;
		if (is_used(&mbr->entries[i]))
			any = true;
	}
	/* GRUB's own code may sit behind the remains of a FAT boot sector: then the entries decide.
	 */
	return is_boot_sector(mbr->code) ? entries_fit(mbr, sectors) : any;
}

/* @base: sector that the entry's start counts from */
static int add_partition(struct table *table, const struct mbr_entry *e, uint64_t base,
			 unsigned int number, struct error *err)
{
	struct table_entry entry = {
		.number = number,
		.start = (base + le32toh(e->start)) * table->sector,
		.length = (uint64_t)le32toh(e->length) * table->sector,
	};
	snprintf(entry.type, sizeof(entry.type), "%02x", e->type);
	return table_add_entry(table, &entry, err);
}

/**
 * struct chain - a walk along the EBRs of one container
 * @start: of the container, in sectors
 * @length: of the container, in sectors
 * @number: of the next logical partition
 * @seen: EBRs so far
 */
struct chain {
	struct blk *disk;
	struct table *table;
	uint64_t start;
	uint64_t length;
	unsigned int number;
	size_t n_seen;
	uint64_t seen[LOGICAL_MAX];
};

/* The logical partition of one EBR: strange places are told of, but it stays what it is. */
static int add_logical(struct chain *chain, const struct mbr_entry *e, uint64_t ebr,
		       struct error *err)
{
	uint64_t from_container = ebr - chain->start + le32toh(e->start);
	int rc = 0;
	if (!range_inside(le32toh(e->length), from_container, chain->length))
		rc = table_warn(chain->table, err,
				"logical partition %u is not inside the extended partition",
				chain->number);
	else if (le32toh(e->start) == 0)
		rc = table_warn(chain->table, err,
				"logical partition %u overlaps its own boot record", chain->number);
	if (rc == 0)
		rc = add_partition(chain->table, e, ebr, chain->number, err);
	chain->number++;
	return rc;
}

/* Reads the EBR at @ebr. Sets @ret to false if the chain ends here because there is none. */
static int read_ebr(struct chain *chain, uint64_t ebr, struct mbr *mbr, bool *ret,
		    struct error *err)
{
	struct error why;
	*ret = false;
	if (blk_read(chain->disk, mbr, sizeof(*mbr), ebr * chain->table->sector, &why) < 0)
		return table_warn(chain->table, err,
				  "the chain of logical partitions ends at sector %" PRIu64 ": %s",
				  ebr, why.msg);
	if (has_signature(mbr)) {
		*ret = true;
		return table_add_metadata(chain->table, chain->table->sector,
					  ebr * chain->table->sector, err);
	}
	/* A container that nobody put anything into need not have an EBR. */
	static const struct mbr empty;
	if (chain->n_seen == 1 && memcmp(mbr, &empty, sizeof(empty)) == 0)
		return 0;
	return table_warn(chain->table, err,
			  "the chain of logical partitions ends at sector %" PRIu64
			  ": there is no boot record",
			  ebr);
}

/* Whether the chain may go on at @ebr; says why when not. */
static int check_link(struct chain *chain, uint64_t ebr, bool *ret, struct error *err)
{
	*ret = false;
	if (ebr - chain->start >= chain->length)
		return table_warn(
			chain->table, err,
			"the chain of logical partitions leaves the extended partition, to sector "
			"%" PRIu64,
			ebr);
	for (size_t i = 0; i < chain->n_seen; i++)
		if (chain->seen[i] == ebr)
			return table_warn(
				chain->table, err,
				"the chain of logical partitions is a loop: it comes back to "
				"sector %" PRIu64,
				ebr);
	if (chain->n_seen == ARRAY_SIZE(chain->seen))
		return table_warn(
			chain->table, err,
			"there are more than %d logical partitions; the others are left out",
			LOGICAL_MAX);
	uint64_t at = ebr * chain->table->sector;
	for (size_t i = 0; i < chain->table->n_entries; i++) {
		const struct table_entry *e = &chain->table->entries[i];
		if (at >= e->start && at - e->start < e->length) {
			int rc = table_warn(chain->table, err,
					    "the boot record at sector %" PRIu64
					    " lies inside of partition %u",
					    ebr, e->number);
			if (rc < 0)
				return rc;
			break;
		}
	}
	chain->seen[chain->n_seen++] = ebr;
	*ret = true;
	return 0;
}

static int follow_chain(struct chain *chain, struct error *err)
{
	for (uint64_t ebr = chain->start;;) {
		struct mbr mbr;
		bool go_on;
		int rc = check_link(chain, ebr, &go_on, err);
		if (rc < 0 || !go_on)
			return rc;
		rc = read_ebr(chain, ebr, &mbr, &go_on, err);
		if (rc < 0 || !go_on)
			return rc;

		const struct mbr_entry *link = NULL;
		for (int i = 0; i < 2; i++) {
			const struct mbr_entry *e = &mbr.entries[i];
			if (!is_used(e))
				continue;
			if (is_container(e)) {
				link = e;
				continue;
			}
			rc = add_logical(chain, e, ebr, err);
			if (rc < 0)
				return rc;
		}
		if (!link)
			return 0;
		ebr = chain->start + le32toh(link->start);
	}
}

static int add_entries(struct blk *disk, const struct mbr *mbr, struct table *table,
		       struct error *err)
{
	for (unsigned int i = 0; i < 4; i++) {
		const struct mbr_entry *e = &mbr->entries[i];
		if (!is_used(e) || is_container(e) || e->type == TYPE_PROTECTIVE)
			continue;
		int rc = add_partition(table, e, 0, i + 1, err);
		if (rc < 0)
			return rc;
	}
	unsigned int number = 5;
	for (unsigned int i = 0; i < 4; i++) {
		const struct mbr_entry *e = &mbr->entries[i];
		if (!is_used(e) || !is_container(e))
			continue;
		struct chain chain = {
			.disk = disk,
			.table = table,
			.start = le32toh(e->start),
			.length = le32toh(e->length),
			.number = number,
		};
		int rc = follow_chain(&chain, err);
		if (rc < 0)
			return rc;
		number = chain.number;
	}
	return 0;
}

int mbr_read(struct blk *disk, struct table *table, uint64_t *protective, struct error *err)
{
	*protective = 0;
	struct mbr mbr;
	if (disk->size < sizeof(mbr))
		return 0;
	int rc = blk_read(disk, &mbr, sizeof(mbr), 0, err);
	if (rc < 0)
		return error_wrap(err, rc, "first sector");
	if (!is_mbr(&mbr, disk->size / table->sector))
		return 0;

	bool other = false;
	for (int i = 0; i < 4; i++) {
		const struct mbr_entry *e = &mbr.entries[i];
		if (!is_used(e))
			continue;
		if (e->type == TYPE_PROTECTIVE)
			*protective = MAX((uint64_t)le32toh(e->start), UINT64_C(1)) +
				      le32toh(e->length) - 1;
		else
			other = true;
	}
	if (*protective && !other)
		return 0;
	table->kind = LAYOUT_TABLE_MBR;
	if (mbr.id)
		snprintf(table->id, sizeof(table->id), "%08" PRIx32, le32toh(mbr.id));
	return add_entries(disk, &mbr, table, err);
}
