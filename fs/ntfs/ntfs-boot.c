/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntfs-boot - recognises NTFS and reads its label without opening it, so that listing volumes costs
 * two small reads each and no library.
 *
 * Source: [MS] "NTFS Overview" (boot sector fields), and the Linux-NTFS project's documentation,
 * chapters "$Boot", "FILE record" and "$VOLUME_NAME".
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lunette/bytes.h"
#include "lunette/utf8.h"
#include "ntfs-private.h"

#define FILE_VOLUME      3 /* number of $Volume's MFT record */
#define AT_VOLUME_NAME_  0x60
#define AT_END_          0xffffffff
#define RECORD_MAX       65536
#define CLUSTER_MAX      (2u << 20)
#define MFT_RECORD_MAGIC "FILE"

/* The boot sector: the first sector of the volume, and again the last one of the partition. */
struct boot_sector {
	/*  0 */ uint8_t jump[3];
	/*  3 */ char oem_id[8]; /* "NTFS    " */
	/* 11 */ uint16_t bytes_per_sector;
	/* 13 */ uint8_t sectors_per_cluster; /* above 128: 2^(256 - n) */
	/* 14 */ uint8_t zero[7];             /* reserved sectors, FATs, root entries, sectors */
	/* 21 */ uint8_t media;
	/* 22 */ uint16_t sectors_per_fat;
	/* 24 */ uint8_t geometry[8];
	/* 32 */ uint32_t large_sectors;
	/* 36 */ uint8_t drive[4];
	/* 40 */ uint64_t n_sectors; /* without the last one, which holds the copy */
	/* 48 */ uint64_t mft_lcn;
	/* 56 */ uint64_t mirror_lcn;
	/* 64 */ int8_t clusters_per_record; /* below 0: 2^-n bytes */
	/* 65 */ uint8_t reserved1[3];
	/* 68 */ int8_t clusters_per_index; /* below 0: 2^-n bytes */
	/* 69 */ uint8_t reserved2[3];
	/* 72 */ uint64_t serial;
	/* 80 */ uint32_t checksum;
	/* 84 */ uint8_t code[426];
	/* 510 */ uint8_t end[2]; /* 55 aa */
} __attribute__((packed));
_Static_assert(sizeof(struct boot_sector) == 512, "boot sector");

/* An MFT record's head; attributes follow at @attrs. */
struct record {
	/*  0 */ char magic[4];
	/*  4 */ uint16_t fixups; /* offset of the update sequence */
	/*  6 */ uint16_t n_fixups;
	/*  8 */ uint64_t lsn;
	/* 16 */ uint16_t sequence;
	/* 18 */ uint16_t n_links;
	/* 20 */ uint16_t attrs;
	/* 22 */ uint16_t flags;
	/* 24 */ uint32_t used;
	/* 28 */ uint32_t allocated;
} __attribute__((packed));

/* A resident attribute's head. */
struct attribute {
	/*  0 */ uint32_t type;
	/*  4 */ uint32_t length;
	/*  8 */ uint8_t non_resident;
	/*  9 */ uint8_t name_length;
	/* 10 */ uint16_t name;
	/* 12 */ uint16_t flags;
	/* 14 */ uint16_t instance;
	/* 16 */ uint32_t value_length;
	/* 20 */ uint16_t value;
	/* 22 */ uint16_t indexed;
} __attribute__((packed));

/* Sizes that are either a number of clusters or, below zero, a power of two in bytes. */
static uint64_t coded_size(int8_t code, uint64_t cluster)
{
	if (code >= 0)
		return (uint64_t)code * cluster;
	return code >= -31 ? 1ull << -code : 0;
}

static uint64_t cluster_size(const struct boot_sector *bs)
{
	uint64_t sectors = bs->sectors_per_cluster;
	if (sectors > 128)
		sectors = 256 - sectors < 32 ? 1ull << (256 - sectors) : 0;
	return sectors * le16toh(bs->bytes_per_sector);
}

static const char *check_sizes(const struct boot_sector *bs, const struct ntfs_boot *boot)
{
	static const uint8_t zero[7];
	uint64_t sector = le16toh(bs->bytes_per_sector);
	uint64_t cluster = cluster_size(bs);
	uint64_t record = coded_size(bs->clusters_per_record, cluster);
	uint64_t index = coded_size(bs->clusters_per_index, cluster);
	if (!is_power_of_2(sector) || sector < 256 || sector > 4096)
		return "the sector size is impossible";
	if (!is_power_of_2(cluster) || cluster < 512 || cluster > CLUSTER_MAX)
		return "the cluster size is impossible";
	if (!is_power_of_2(record) || record < 512 || record > RECORD_MAX)
		return "the size of MFT records is impossible";
	if (!is_power_of_2(index) || index < 512 || index > CLUSTER_MAX)
		return "the size of index blocks is impossible";
	if (memcmp(bs->zero, zero, sizeof(zero)) != 0 || bs->sectors_per_fat || bs->large_sectors)
		return "fields that must be zero are not";
	if (le64toh(bs->n_sectors) == 0 || le64toh(bs->n_sectors) > (uint64_t)INT64_MAX / sector)
		return "the number of sectors is impossible";
	if (boot->mft == 0 || boot->mirror == 0 || boot->mft == boot->mirror)
		return "the MFT lies in an impossible place";
	return NULL;
}

/* Where a record table lies in bytes; 0 when that is outside the file system. */
static uint64_t place(uint64_t lcn, const struct ntfs_boot *boot)
{
	return lcn < boot->n_clusters ? lcn * boot->cluster : 0;
}

/* Reads a boot sector. Returns 1; 0 when it is none of NTFS; with what is wrong with it in @wrong.
 */
static int read_sector(struct blk *blk, uint64_t off, struct ntfs_boot *ret, const char **wrong,
		       struct error *err)
{
	struct boot_sector bs;
	int rc = blk_read(blk, &bs, sizeof(bs), off, err);
	if (rc < 0)
		return error_wrap(err, rc, "NTFS: boot sector");
	if (memcmp(bs.oem_id, "NTFS    ", sizeof(bs.oem_id)) != 0)
		return 0;

	struct ntfs_boot boot = { .serial = le64toh(bs.serial) };
	uint64_t cluster = cluster_size(&bs);
	uint64_t sector = le16toh(bs.bytes_per_sector);
	if (cluster > 0 && cluster <= CLUSTER_MAX && sector > 0 &&
	    le64toh(bs.n_sectors) <= (uint64_t)INT64_MAX / sector) {
		boot.cluster = (uint32_t)cluster;
		boot.size = le64toh(bs.n_sectors) * sector;
		boot.n_clusters = boot.size / cluster;
		boot.mft = place(le64toh(bs.mft_lcn), &boot);
		boot.mirror = place(le64toh(bs.mirror_lcn), &boot);
		boot.record = (uint32_t)coded_size(bs.clusters_per_record, cluster);
	}
	*wrong = check_sizes(&bs, &boot);
	*ret = boot;
	return 1;
}

int fs_ntfs_boot_read(struct blk *blk, struct ntfs_boot *ret, struct error *err)
{
	struct ntfs_boot boot = { 0 };
	const char *wrong = NULL;
	if (blk->size < sizeof(struct boot_sector))
		return 0;
	int rc = read_sector(blk, 0, &boot, &wrong, err);
	if (rc <= 0)
		return rc;
	if (wrong)
		return error_set(err, -EUCLEAN, "NTFS: the boot sector is damaged: %s", wrong);
	*ret = boot;
	return 1;
}

int fs_ntfs_remains(struct blk *blk, struct error *err)
{
	struct ntfs_boot boot = { 0 };
	const char *wrong = NULL;
	uint64_t last = blk->size - MIN(blk->size, (uint64_t)blk->sector);
	if (blk->size < sizeof(struct boot_sector))
		return 0;
	int rc = read_sector(blk, last, &boot, &wrong, err);
	if (rc <= 0 || wrong || boot.size != last)
		return rc < 0 ? rc : 0;
	return error_set(err, -EUCLEAN,
			 "NTFS: the boot sector is overwritten, but its copy at the end of the "
			 "volume is whole");
}

bool fs_ntfs_fix_up(uint8_t *record, uint32_t size)
{
	uint32_t at = get_le16(record + 4), n = get_le16(record + 6);
	bool whole = true;
	if (n != size / NTFS_SECTOR + 1 || at % 2 != 0 || at + 2 * n > NTFS_SECTOR - 2)
		return false;
	for (uint32_t i = 1; i < n; i++) {
		uint8_t *end = record + NTFS_SECTOR * i - 2;
		if (memcmp(end, record + at, 2) == 0)
			memcpy(end, record + at + 2 * i, 2);
		else
			whole = false;
	}
	return whole;
}

/* $Volume is always in the first run of the MFT, so its place is known without a runlist. */
static void find_label(const uint8_t *record, uint32_t size, char *label, size_t label_size)
{
	const struct record *head = (const struct record *)record;
	uint32_t used = MIN(le32toh(head->used), size);
	uint32_t at = le16toh(head->attrs);
	struct attribute attr;
	for (; used >= sizeof(attr) && at <= used - sizeof(attr); at += le32toh(attr.length)) {
		memcpy(&attr, record + at, sizeof(attr));
		uint32_t length = le32toh(attr.length);
		if (le32toh(attr.type) == AT_END_ || length < sizeof(attr) || length > used - at)
			return;
		uint32_t value = le16toh(attr.value);
		uint32_t value_length = le32toh(attr.value_length);
		if (le32toh(attr.type) != AT_VOLUME_NAME_)
			continue;
		if (!attr.non_resident && value <= length && value_length <= length - value)
			utf8_from_utf16le(record + at + value, value_length / 2, label, label_size);
		return;
	}
}

static int read_label(struct blk *blk, const struct ntfs_boot *boot, char *label, size_t label_size,
		      struct error *err)
{
	uint64_t at = boot->mft + (uint64_t)FILE_VOLUME * boot->record;
	if (!range_inside(boot->record, at, blk->size))
		return 0;
	CLEANUP(free_cleanup) uint8_t *record = malloc(boot->record);
	if (!record)
		return error_set(err, -ENOMEM, "NTFS: label: %m");
	int rc = blk_read(blk, record, boot->record, at, err);
	if (rc < 0)
		return error_wrap(err, rc, "NTFS: label");
	/* Its table does not lie in its own head. */
	if (memcmp(record, MFT_RECORD_MAGIC, 4) == 0 &&
	    get_le16(record + 4) >= sizeof(struct record) - 8 &&
	    fs_ntfs_fix_up(record, boot->record))
		find_label(record, boot->record, label, label_size);
	return 0;
}

int fs_ntfs_probe(struct blk *blk, struct fs_info *ret, struct error *err)
{
	struct ntfs_boot boot = { 0 };
	int rc = fs_ntfs_boot_read(blk, &boot, err);
	if (rc <= 0)
		return rc;
	struct fs_info info = { .size = boot.size, .type = "ntfs" };
	rc = read_label(blk, &boot, info.label, sizeof(info.label), err);
	if (rc < 0)
		return rc;
	snprintf(info.uuid, sizeof(info.uuid), "%016" PRIX64, boot.serial);
	*ret = info;
	return 1;
}
