/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signature - names what is on a volume, without opening it.
 *
 * libblkid knows 80 formats and wants a file descriptor. It gets one of a file in memory that is as
 * long as the volume and all holes, but for those few places where any format has its magic: so a
 * volume costs two reads when it is known by its beginning or its end, and a few more when not.
 *
 * Places that only one format points to are not there, but for the root directories of FAT and
 * exFAT, where Windows puts the label, wherever their clusters lie. What is missing reads as zeros,
 * which are nobody's magic.
 *
 * This is a name for a list, not a verdict: the first format that fits is the answer, and libblkid
 * asks for members of arrays and volume groups first, since they may begin with what is inside.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <blkid/blkid.h>

#include "lunette/filesystem.h"
#include "lunette/utf8.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* ---- the file in memory -----------------------------------------------------------------------
 */

struct signature_range {
	uint64_t start;
	uint64_t length;
};

/*
 * Most formats: up to btrfs' superblock at 64 KiB; and at the end MD, DDF (257 sectors before it)
 * and the like.
 */
static size_t usual_places(uint64_t size, struct signature_range *ret)
{
	ret[0] = (struct signature_range){ 0, 128 * KIB };
	ret[1] = (struct signature_range){ size - MIN(size, 132 * KIB), 132 * KIB };
	return 2;
}

/*
 * ZFS has four labels of 256 KiB, two at the end, aligned. UDF of blocks of 2 KiB has its anchor at
 * 512 KiB. LUKS' second header may be at up to 4
 * MiB, VMFS' headers are at 1 and 2 MiB, and one kind of firmware RAID begins 3087 sectors before
 * the end.
 */
static size_t rare_places(uint64_t size, struct signature_range *ret)
{
	uint64_t labels = size & ~(256 * KIB - 1);
	labels -= MIN(labels, 512 * KIB);
	ret[0] = (struct signature_range){ 128 * KIB, 388 * KIB };
	ret[1] = (struct signature_range){ labels, size - labels };
	ret[2] = (struct signature_range){ 1 * MIB, 4 * KIB };
	ret[3] = (struct signature_range){ 2 * MIB, 4 * KIB };
	ret[4] = (struct signature_range){ 4 * MIB, 4 * KIB };
	ret[5] = (struct signature_range){ size - MIN(size, 3087 * UINT64_C(512)), 512 };
	return 6;
}
#define PLACES_MAX 6

/* Descriptors of optical media begin at 32 KiB, and UDF's anchor is in sector 256 of 2 KiB. */
static size_t disc_places(uint64_t size, struct signature_range *ret)
{
	ret[0] = (struct signature_range){ 128 * KIB, MIN(size, 1 * MIB) };
	return 1;
}

static uint32_t le16_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32_at(const uint8_t *p)
{
	return le16_at(p) | le16_at(p + 2) << 16;
}

/**
 * struct signature_root - the root directory of FAT, or exFAT
 * @fat: where the table begins that leads from cluster to cluster
 * @heap: where cluster 2 begins
 * @length: of a cluster
 * @first: cluster; 0: there is only what begins at @heap
 */
struct signature_root {
	uint64_t fat;
	uint64_t heap;
	uint64_t length;
	uint32_t first;
};

/* Source: Microsoft's FAT specification 1.03, "Boot Sector and BPB". */
static struct signature_root fat_root(const uint8_t *boot)
{
	uint64_t sector = le16_at(boot + 11), reserved = le16_at(boot + 14), tables = boot[16];
	uint64_t length = le16_at(boot + 22);
	bool fat32 = length == 0;
	uint64_t heap = reserved + tables * (fat32 ? le32_at(boot + 36) : length);
	return (struct signature_root){
		.fat = reserved * sector,
		.heap = heap * sector,
		.length = fat32 ? boot[13] * sector : UINT64_C(32) * le16_at(boot + 17),
		.first = fat32 ? le32_at(boot + 44) : 0,
	};
}

/* Source: Microsoft's exFAT specification, section 3.1. */
static struct signature_root exfat_root(const uint8_t *boot)
{
	unsigned int sector_shift = boot[108] & 15, cluster_shift = sector_shift + (boot[109] & 31);
	return (struct signature_root){
		.fat = (uint64_t)le32_at(boot + 80) << sector_shift,
		.heap = (uint64_t)le32_at(boot + 88) << sector_shift,
		.length = UINT64_C(1) << MIN(cluster_shift, 25u),
		.first = le32_at(boot + 96),
	};
}

static int copy_range(struct blk *blk, int fd, struct signature_range range, struct error *err)
{
	if (range.start >= blk->size)
		return 0;
	size_t len = (size_t)MIN(range.length, blk->size - range.start);
	CLEANUP(free_cleanup) uint8_t *buf = malloc(len);
	if (!buf)
		return error_set(err, -ENOMEM, "signatures: %m");
	int rc = blk_read(blk, buf, len, range.start, err);
	if (rc < 0)
		return rc;
	/* Memory is what zeros need not take. */
	if (is_all_zero(buf, len))
		return 0;
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, buf + done, len - done, (off_t)(range.start + done));
		if (n < 0)
			return error_set(err, -errno, "signatures: write: %m");
		done += (size_t)n;
	}
	return 0;
}

/* So much of a root directory is looked through for a label, by libblkid as well. */
#define ROOT_CLUSTERS     100
#define ROOT_CLUSTER_MOST (256 * KIB)

/* The root directory, cluster by cluster, and what leads from each to the next. */
static int copy_root(struct blk *blk, int fd, const struct signature_root *root, struct error *err)
{
	uint64_t length = MIN(root->length, ROOT_CLUSTER_MOST);
	if (root->first == 0)
		return copy_range(blk, fd, (struct signature_range){ root->heap, length }, err);
	int rc = 0;
	uint32_t cluster = root->first;
	for (int i = 0; rc == 0 && i < ROOT_CLUSTERS && cluster >= 2 && cluster < 0xfffffff; i++) {
		uint64_t at = root->heap + (cluster - (uint64_t)2) * root->length;
		struct signature_range entry = { root->fat + UINT64_C(4) * cluster, 4 };
		uint8_t next[4];
		if (!range_inside(entry.length, entry.start, blk->size))
			break;
		rc = copy_range(blk, fd, (struct signature_range){ at, length }, err);
		if (rc == 0)
			rc = copy_range(blk, fd, entry, err);
		if (rc == 0)
			rc = blk_read(blk, next, sizeof(next), entry.start, err);
		cluster = rc == 0 ? le32_at(next) & 0xfffffff : 0;
	}
	return rc;
}

static int copy_places(struct blk *blk, int fd,
		       size_t (*places)(uint64_t, struct signature_range *), struct error *err)
{
	struct signature_range ranges[PLACES_MAX];
	size_t n = places(blk->size, ranges);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = copy_range(blk, fd, ranges[i], err);
	return rc;
}

/* ---- what libblkid says -----------------------------------------------------------------------
 */

/* Copies a value, as UTF-8; "" when there is none. */
static void take(blkid_probe probe, const char *name, char *buf, size_t size)
{
	const char *value;
	size_t len;
	buf[0] = '\0';
	if (blkid_probe_lookup_value(probe, name, &value, &len) == 0)
		utf8_clean(value, len ? strnlen(value, len) : 0, buf, size);
	for (size_t n = strlen(buf); n > 0 && buf[n - 1] == ' '; n--)
		buf[n - 1] = '\0'; /* FAT fills up with spaces */
}

/* Return: 1 when there is something, or something more. */
static int find_next(blkid_probe probe, struct error *err)
{
	errno = 0;
	int rc = blkid_do_probe(probe);
	return rc < 0 ? error_set(err, errno ? -errno : -EIO, "libblkid: %m") : rc == 0;
}

static int ask(blkid_probe probe, struct fs_info *ret, struct error *err)
{
	int rc = find_next(probe, err);
	if (rc <= 0)
		return rc;
	struct fs_info info = { 0 };
	take(probe, "TYPE", info.type, sizeof(info.type));
	take(probe, "LABEL", info.label, sizeof(info.label));
	if (!*info.label)
		take(probe, "LABEL_FATBOOT", info.label, sizeof(info.label));
	take(probe, "UUID", info.uuid, sizeof(info.uuid));
	take(probe, "UUID_SUB", info.member, sizeof(info.member));
	*ret = info;
	return *info.type != '\0';
}

static int new_probe(const struct blk *blk, int fd, blkid_probe *ret, struct error *err)
{
	blkid_probe probe = blkid_new_probe();
	if (!probe)
		return error_set(err, -ENOMEM, "libblkid: %m");
	*ret = probe;
	errno = 0;
	if (blkid_probe_set_device(probe, fd, 0, (blkid_loff_t)blk->size) < 0 ||
	    blkid_probe_set_sectorsize(probe, blk->sector) < 0 ||
	    blkid_probe_enable_superblocks(probe, true) < 0 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							     BLKID_SUBLKS_UUID) < 0)
		return error_set(err, errno ? -errno : -EIO, "libblkid: %m");
	return 0;
}

/* A new probe each time: libblkid remembers what it has read. */
static int probe(const struct blk *blk, int fd, struct fs_info *ret, struct error *err)
{
	blkid_probe probe = NULL;
	int rc = new_probe(blk, fd, &probe, err);
	if (rc == 0)
		rc = ask(probe, ret, err);
	blkid_free_probe(probe);
	return rc;
}

/* ReFS' serial number libblkid does not tell. Source: libfsrefs' format description, section 3. */
static void add_serial(struct fs_info *info, const uint8_t *boot)
{
	const uint8_t *p = boot + 56;
	if (strcmp(info->type, "ReFS") == 0 && !is_all_zero(p, 8))
		snprintf(info->uuid, sizeof(info->uuid), "%08" PRIX32 "%08" PRIX32, le32_at(p + 4),
			 le32_at(p));
}

/* A format that keeps something in places of its own: @ret is asked for again with these. */
static int look_further(struct blk *blk, int fd, struct fs_info *ret, struct error *err)
{
	uint8_t boot[512];
	int rc = blk_read(blk, boot, (size_t)MIN(blk->size, (uint64_t)sizeof(boot)), 0, err);
	if (rc < 0)
		return rc;
	if (strcmp(ret->type, "vfat") == 0) {
		const struct signature_root root = fat_root(boot);
		rc = copy_root(blk, fd, &root, err);
	} else if (strcmp(ret->type, "exfat") == 0) {
		const struct signature_root root = exfat_root(boot);
		rc = copy_root(blk, fd, &root, err);
	} else if (strcmp(ret->type, "udf") == 0 || strcmp(ret->type, "iso9660") == 0) {
		rc = copy_places(blk, fd, disc_places, err);
	} else {
		add_serial(ret, boot);
		return 1;
	}
	return rc < 0 ? rc : probe(blk, fd, ret, err);
}

/* A file as long as @blk, with nothing in it; @ret is to be closed, also on failure. */
static int new_file(const struct blk *blk, int *ret, struct error *err)
{
	*ret = memfd_create("lunette-signature", MFD_CLOEXEC);
	if (*ret < 0 || ftruncate(*ret, (off_t)blk->size) < 0)
		return error_set(err, -errno, "signatures: a file in memory: %m");
	return 0;
}

int fs_signature(struct blk *blk, struct fs_info *ret, struct error *err)
{
	if (blk->size == 0 || blk->size > INT64_MAX)
		return 0;
	CLEANUP(close_cleanup) int fd = -1;
	int rc = new_file(blk, &fd, err);
	if (rc == 0)
		rc = copy_places(blk, fd, usual_places, err);
	if (rc == 0)
		rc = probe(blk, fd, ret, err);
	if (rc == 0)
		rc = copy_places(blk, fd, rare_places, err);
	else if (rc > 0)
		return look_further(blk, fd, ret, err);
	return rc < 0 ? rc : probe(blk, fd, ret, err);
}

/* ---- more than one ----------------------------------------------------------------------------
 */

/* FAT's boot sector is where others have theirs, and little of it is a magic. */
static bool is_rival(const char *type, const char *own)
{
	return *type && strcmp(type, own) != 0 && strcmp(type, "vfat") != 0;
}

/* libblkid goes on where it was; the formats that it knows are the end of it. */
static int ask_for_rivals(blkid_probe probe, const char *own, char *ret, size_t size,
			  struct error *err)
{
	for (;;) {
		int rc = find_next(probe, err);
		if (rc <= 0)
			return rc;
		char type[sizeof(((struct fs_info *)NULL)->type)];
		take(probe, "TYPE", type, sizeof(type));
		if (is_rival(type, own)) {
			snprintf(ret, size, "%s", type);
			return 1;
		}
	}
}

/* What cannot be read says nothing. */
static int copy_readable(struct blk *blk, int fd,
			 size_t (*places)(uint64_t, struct signature_range *), struct error *err)
{
	struct signature_range ranges[PLACES_MAX];
	size_t n = places(blk->size, ranges);
	for (size_t i = 0; i < n; i++) {
		struct error why = { 0 };
		int rc = copy_range(blk, fd, ranges[i], &why);
		if (rc < 0 && rc != -EIO)
			return error_copy(err, rc, &why);
	}
	return 0;
}

int fs_rival(struct blk *blk, const char *own, char *ret, size_t size, struct error *err)
{
	if (blk->size == 0 || blk->size > INT64_MAX)
		return 0;
	CLEANUP(close_cleanup) int fd = -1;
	blkid_probe probe = NULL;
	int rc = new_file(blk, &fd, err);
	if (rc == 0)
		rc = copy_readable(blk, fd, usual_places, err);
	if (rc == 0)
		rc = copy_readable(blk, fd, rare_places, err);
	if (rc == 0)
		rc = new_probe(blk, fd, &probe, err);
	if (rc == 0)
		rc = ask_for_rivals(probe, own, ret, size, err);
	blkid_free_probe(probe);
	return rc;
}
