/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md-super1 - version 1 of the MD super-block: little-endian, 256 bytes and a table of roles.
 *
 * Source: Linux, include/uapi/linux/raid/md_p.h, struct mdp_superblock_1; drivers/md/md.c,
 * super_1_load() and super_1_validate().
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lunette/hex.h"
#include "lunette/map.h"
#include "lunette/utf8.h"
#include "md-super.h"

#define SECTOR UINT64_C(512)

enum feature {
	FEATURE_RECOVERY_OFFSET = 2,
	FEATURE_RESHAPE_ACTIVE = 4,
	FEATURE_BAD_BLOCKS = 8,
	FEATURE_REPLACEMENT = 16,
	FEATURE_JOURNAL = 512,
	FEATURE_RAID0_LAYOUT = 4096,
	FEATURES_KNOWN = 8191,
};

struct super1 {
	uint32_t magic;               /* 0 */
	uint32_t major;               /* 4: 1 */
	uint32_t features;            /* 8: enum feature */
	uint32_t pad0;                /* 12 */
	uint8_t set_uuid[16];         /* 16 */
	char set_name[32];            /* 32: "host:name", padded with NULs */
	uint64_t ctime;               /* 64 */
	uint32_t level;               /* 72: signed */
	uint32_t layout;              /* 76 */
	uint64_t size;                /* 80: sectors used of each member */
	uint32_t chunk;               /* 88: sectors */
	uint32_t raid_disks;          /* 92 */
	uint32_t bitmap_offset;       /* 96 */
	uint32_t new_level;           /* 100 */
	uint64_t reshape_position;    /* 104 */
	uint32_t delta_disks;         /* 112 */
	uint32_t new_layout;          /* 116 */
	uint32_t new_chunk;           /* 120 */
	uint32_t new_offset;          /* 124 */
	uint64_t data_offset;         /* 128: sectors from the start of the member */
	uint64_t data_size;           /* 136: sectors */
	uint64_t super_offset;        /* 144: sector of this super-block */
	uint64_t recovery_offset;     /* 152: sectors of data that are recovered */
	uint32_t dev_number;          /* 160 */
	uint32_t corrected_reads;     /* 164 */
	uint8_t device_uuid[16];      /* 168 */
	uint8_t devflags;             /* 184 */
	uint8_t bblog_shift;          /* 185 */
	uint16_t bblog_size;          /* 186 */
	uint32_t bblog_offset;        /* 188 */
	uint64_t utime;               /* 192 */
	uint64_t events;              /* 200 */
	uint64_t resync_offset;       /* 208: sectors that are known to be in sync */
	uint32_t checksum;            /* 216: of the fixed part and max_dev roles */
	uint32_t max_dev;             /* 220: entries of roles */
	uint8_t pad3[32];             /* 224 */
	uint16_t roles[MD_MAX_ROLES]; /* 256 */
} __attribute__((packed));
_Static_assert(sizeof(struct super1) == 4096, "struct super1");

/* The sum of all words with 0 in place of the sum itself; an odd half word counts too. */
static uint32_t checksum(const struct super1 *sb, uint32_t max_dev)
{
	size_t len = offsetof(struct super1, roles) + 2 * (size_t)max_dev;
	uint64_t sum = 0;
	for (size_t i = 0; i + 4 <= len; i += 4) {
		uint32_t word;
		memcpy(&word, (const char *)sb + i, 4);
		if (i != offsetof(struct super1, checksum))
			sum += le32toh(word);
	}
	if (len % 4)
		sum += le16toh(sb->roles[max_dev - 1]);
	return (uint32_t)((sum & UINT32_MAX) + (sum >> 32));
}

/* As mdadm writes it: four groups. */
static void format_uuid(const uint8_t uuid[16], char buf[36])
{
	for (unsigned int i = 0; i < 4; i++) {
		hex_text(uuid + 4 * i, 4, buf + 9 * i);
		if (i < 3)
			buf[9 * i + 8] = ':';
	}
}

/* "host:name" where the array was made by a host that names itself. */
static void copy_name(const struct super1 *sb, char *buf, size_t size)
{
	const char *colon = memchr(sb->set_name, ':', strnlen(sb->set_name, sizeof(sb->set_name)));
	const char *name = colon ? colon + 1 : sb->set_name;
	utf8_clean(name, (size_t)(sb->set_name + sizeof(sb->set_name) - name), buf, size);
}

/* Sectors in bytes; what overflows is beyond every disk. */
static uint64_t to_bytes(uint64_t sectors)
{
	return sectors > UINT64_MAX / SECTOR ? UINT64_MAX : sectors * SECTOR;
}

static int check(struct blk *blk, const struct super1 *sb, unsigned int minor, struct error *err)
{
	uint64_t start = to_bytes(le64toh(sb->data_offset));
	uint64_t length = to_bytes(le64toh(sb->data_size));
	uint32_t disks = le32toh(sb->raid_disks);
	if (le32toh(sb->features) & ~(uint32_t)FEATURES_KNOWN)
		return error_set(err, -EUCLEAN,
				 "MD super-block 1.%u: features 0x%" PRIx32 " are not known", minor,
				 le32toh(sb->features) & ~(uint32_t)FEATURES_KNOWN);
	if (disks == 0 || disks > MAP_MAX_LEGS)
		return error_set(err, -EUCLEAN,
				 "MD super-block 1.%u: an array of %" PRIu32 " members", minor,
				 disks);
	if (!range_inside(length, start, blk->size))
		return error_set(err, -EUCLEAN,
				 "MD super-block 1.%u: its data (%" PRIu64
				 " bytes at offset %" PRIu64 ") reaches past the end (%" PRIu64
				 " bytes)",
				 minor, length, start, blk->size);
	return 0;
}

static void fill(const struct super1 *sb, unsigned int minor, struct md_super *ret)
{
	uint32_t features = le32toh(sb->features);
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->version, sizeof(ret->version), "1.%u", minor % 10);
	format_uuid(sb->set_uuid, ret->uuid);
	format_uuid(sb->device_uuid, ret->device);
	copy_name(sb, ret->name, sizeof(ret->name));
	ret->level = (int)le32toh(sb->level);
	ret->layout = le32toh(sb->layout);
	if (ret->level == MD_RAID0 && !(features & FEATURE_RAID0_LAYOUT))
		ret->layout = MD_RAID0_UNKNOWN;
	ret->chunk = le32toh(sb->chunk) * SECTOR;
	ret->raid_disks = le32toh(sb->raid_disks);
	ret->size = to_bytes(le64toh(sb->size));
	ret->events = le64toh(sb->events);
	ret->clean = sb->resync_offset == UINT64_MAX;
	ret->reshaping = features & FEATURE_RESHAPE_ACTIVE;
	ret->journal = features & FEATURE_JOURNAL;
	ret->replacement = features & FEATURE_REPLACEMENT;
	ret->bad_blocks = features & FEATURE_BAD_BLOCKS;
	ret->number = le32toh(sb->dev_number);
	ret->data_start = to_bytes(le64toh(sb->data_offset));
	ret->data_length = to_bytes(le64toh(sb->data_size));
	ret->recovered = UINT64_MAX;
	if (features & FEATURE_RECOVERY_OFFSET)
		ret->recovered = to_bytes(le64toh(sb->recovery_offset));
	ret->n_roles = le32toh(sb->max_dev);
	for (unsigned int i = 0; i < ret->n_roles; i++)
		ret->roles[i] = le16toh(sb->roles[i]);
}

int md_super1_parse(struct blk *blk, const void *buf, uint64_t off, unsigned int minor,
		    struct md_super *ret, struct error *err)
{
	const struct super1 *sb = buf;
	if (le32toh(sb->magic) != MD_MAGIC || le32toh(sb->major) != 1 ||
	    to_bytes(le64toh(sb->super_offset)) != off)
		return 0;
	uint32_t max_dev = le32toh(sb->max_dev);
	if (max_dev > MD_MAX_ROLES || checksum(sb, max_dev) != le32toh(sb->checksum))
		return error_set(err, -EUCLEAN, "MD super-block 1.%u: its checksum is wrong",
				 minor);
	int rc = check(blk, sb, minor, err);
	if (rc < 0)
		return rc;
	fill(sb, minor, ret);
	return 1;
}
