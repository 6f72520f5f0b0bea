/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signature - see signature.h.
 *
 * A format is one row: its magic and where that, the label and the UUID lie. The first row that
 * fits is the answer, so order matters: the member of an array or of a volume group may well begin
 * with the file system that is inside of it, hence those come first; and FAT's boot sector, which
 * many formats imitate, comes last.
 *
 * This is a name for a list, not a verdict: nothing but the magic is checked. Labels of exFAT, and
 * of FAT where Windows gave it, lie in the root directory and are not looked for.
 *
 * Source: md: Linux include/uapi/linux/raid/md_p.h; LVM2: lib/format_text/layout.h; BitLocker:
 * libbde's format description, section 3; ReFS: libfsrefs' format description, section 3; btrfs:
 * include/uapi/linux/btrfs_tree.h; XFS: fs/xfs/libxfs/xfs_format.h; ext: Documentation/filesystems/
 * ext4; swap: mkswap(8) of util-linux; exFAT: Microsoft's exFAT specification, section 3.1; FAT:
 * Microsoft's FAT specification 1.03, "Boot Sector and BPB".
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunette/utf8.h"
#include "signature.h"

enum id {
	ID_NONE,
	ID_UUID,   /* 16 bytes, as they are */
	ID_MD,     /* 16 bytes, as mdadm groups them */
	ID_LVM,    /* 32 characters, grouped */
	ID_SERIAL, /* 32-bit little-endian, as FAT's tools print it */
	ID_LONG,   /* 64-bit little-endian */
};

/**
 * struct signature - a format
 * @record: offset in the volume of the record that the others count from, a function of its size
 *          for a record that lies at the end; NULL for the volume's start
 * @magic_len: bytes of @magic
 * @magic_at: offset in the record
 * @label_at: offset in the record, 0 when there is no label; of @label_len bytes
 * @id_at: offset in the record of the UUID, of kind @id
 * @more: what else must hold, and a finer name; NULL when the magic says it all
 */
struct signature {
	const char *type;
	uint64_t (*record)(uint64_t size);
	const char *magic;
	uint32_t magic_len;
	uint32_t magic_at;
	uint32_t label_at;
	uint32_t label_len;
	enum id id;
	uint32_t id_at;
	bool (*more)(const uint8_t *record, struct fs_info *info);
};

/* A record and what belongs to it, as much as a volume has: btrfs' superblock, at 64 KiB, fits. */
#define HEAD_MAX   (68u << 10)
#define RECORD_MAX 4096u

/* The superblock of version 1.0: at least 8 KiB before the end, at a multiple of 4 KiB. */
static uint64_t md_1_0(uint64_t size)
{
	return size < 16384 ? UINT64_MAX : ((size / 512 - 16) & ~UINT64_C(7)) * 512;
}

/* The superblock of version 0.90: at the last multiple of 64 KiB that leaves 64 KiB behind it. */
static uint64_t md_0_90(uint64_t size)
{
	return size < 131072 ? UINT64_MAX : (size & ~UINT64_C(65535)) - 65536;
}

static uint32_t le32_at(const uint8_t *p)
{
	uint32_t n;
	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static bool ext_more(const uint8_t *record, struct fs_info *info)
{
	const uint8_t *sb = record + 1024;
	uint32_t compat = le32_at(sb + 0x5C), incompat = le32_at(sb + 0x60),
		 ro_compat = le32_at(sb + 0x64);
	/* Anything newer than what ext3 knew: incompat filetype, recover, meta_bg; ro_compat sparse
	 * superblocks, large files, B-tree directories. */
	if (incompat & ~0x16u || ro_compat & ~0x7u)
		strcpy(info->type, "ext4");
	else
		strcpy(info->type, compat & 0x4 ? "ext3" : "ext2");
	return true;
}

static bool swap_more(const uint8_t *record, struct fs_info *info)
{
	(void)info;
	return le32_at(record + 1024) == 1; /* version */
}

/* Boot signature and a sector size: a text in the right place is not enough. */
static bool fat_more(const uint8_t *record, struct fs_info *info)
{
	uint32_t sector = record[11] | (uint32_t)record[12] << 8;
	if (strcmp(info->label, "NO NAME") == 0)
		info->label[0] = '\0';
	return record[510] == 0x55 && record[511] == 0xAA && is_power_of_2(sector) &&
	       sector >= 512 && sector <= 4096;
}

#define MAGIC(text) .magic = (text), .magic_len = sizeof(text) - 1

static const struct signature signatures[] = {
	{ "linux_raid", md_1_0, MAGIC("\xfc\x4e\x2b\xa9"), .label_at = 32, .label_len = 32,
	  .id = ID_MD, .id_at = 16 },
	{ "linux_raid", NULL, MAGIC("\xfc\x4e\x2b\xa9"), .label_at = 32, .label_len = 32,
	  .id = ID_MD, .id_at = 16 },
	{ "linux_raid", NULL, MAGIC("\xfc\x4e\x2b\xa9"), .magic_at = 4096, .label_at = 4096 + 32,
	  .label_len = 32, .id = ID_MD, .id_at = 4096 + 16 },
	{ "linux_raid", md_0_90, MAGIC("\xfc\x4e\x2b\xa9") },
	{ "LVM2_member", NULL, MAGIC("LVM2 001"), .magic_at = 24, .id = ID_LVM, .id_at = 32 },
	{ "LVM2_member", NULL, MAGIC("LVM2 001"), .magic_at = 536, .id = ID_LVM, .id_at = 544 },
	{ "BitLocker", NULL, MAGIC("-FVE-FS-"), .magic_at = 3 },
	{ "ReFS", NULL, MAGIC("ReFS\0\0\0\0"), .magic_at = 3, .id = ID_LONG, .id_at = 56 },
	{ "btrfs", NULL, MAGIC("_BHRfS_M"), .magic_at = 65536 + 64, .label_at = 65536 + 299,
	  .label_len = 256, .id = ID_UUID, .id_at = 65536 + 32 },
	{ "xfs", NULL, MAGIC("XFSB"), .label_at = 108, .label_len = 12, .id = ID_UUID,
	  .id_at = 32 },
	{ "ext", NULL, MAGIC("\x53\xef"), .magic_at = 1024 + 0x38, .label_at = 1024 + 0x78,
	  .label_len = 16, .id = ID_UUID, .id_at = 1024 + 0x68, .more = ext_more },
	{ "swap", NULL, MAGIC("SWAPSPACE2"), .magic_at = 4096 - 10, .label_at = 1052,
	  .label_len = 16, .id = ID_UUID, .id_at = 1036, .more = swap_more },
	{ "swap", NULL, MAGIC("SWAPSPACE2"), .magic_at = 65536 - 10, .label_at = 1052,
	  .label_len = 16, .id = ID_UUID, .id_at = 1036, .more = swap_more },
	{ "exfat", NULL, MAGIC("EXFAT   "), .magic_at = 3, .id = ID_SERIAL, .id_at = 100 },
	{ "vfat", NULL, MAGIC("FAT32   "), .magic_at = 82, .label_at = 71, .label_len = 11,
	  .id = ID_SERIAL, .id_at = 67, .more = fat_more },
	{ "vfat", NULL, MAGIC("FAT16   "), .magic_at = 54, .label_at = 43, .label_len = 11,
	  .id = ID_SERIAL, .id_at = 39, .more = fat_more },
	{ "vfat", NULL, MAGIC("FAT12   "), .magic_at = 54, .label_at = 43, .label_len = 11,
	  .id = ID_SERIAL, .id_at = 39, .more = fat_more },
};

/* Groups of bytes as hex digits: @groups are their lengths, @between stands between them. */
static void print_hex(const uint8_t *p, const char *groups, char between, char *buf)
{
	for (const char *g = groups; *g; g++) {
		if (g > groups)
			*buf++ = between;
		for (int i = *g - '0'; i > 0; i--)
			buf += sprintf(buf, "%02x", *p++);
	}
}

static void print_id(enum id id, const uint8_t *p, char *buf, size_t size)
{
	static const uint8_t none[16];
	if (id == ID_NONE || memcmp(p, none, id == ID_SERIAL ? 4 : id == ID_LONG ? 8 : 16) == 0)
		return;
	switch (id) {
	case ID_NONE:
		break;
	case ID_UUID:
		print_hex(p, "42226", '-', buf);
		break;
	case ID_MD:
		print_hex(p, "4444", ':', buf);
		break;
	case ID_SERIAL:
		snprintf(buf, size, "%04X-%04X", le32_at(p) >> 16, le32_at(p) & 0xFFFF);
		break;
	case ID_LONG:
		snprintf(buf, size, "%08X%08X", le32_at(p + 4), le32_at(p));
		break;
	case ID_LVM: {
		const char *c = (const char *)p;
		char text[40];
		snprintf(text, sizeof(text), "%.6s-%.4s-%.4s-%.4s-%.4s-%.4s-%.6s", c, c + 6, c + 10,
			 c + 14, c + 18, c + 22, c + 26);
		utf8_clean(text, sizeof(text), buf, size);
		break;
	}
	}
}

static bool matches(const struct signature *s, const uint8_t *record, struct fs_info *ret)
{
	if (memcmp(record + s->magic_at, s->magic, s->magic_len) != 0)
		return false;
	struct fs_info info = { 0 };
	snprintf(info.type, sizeof(info.type), "%s", s->type);
	utf8_clean(record + s->label_at, s->label_len, info.label, sizeof(info.label));
	for (size_t n = strlen(info.label); n > 0 && info.label[n - 1] == ' '; n--)
		info.label[n - 1] = '\0'; /* FAT fills up with spaces */
	print_id(s->id, record + s->id_at, info.uuid, sizeof(info.uuid));
	if (s->more && !s->more(record, &info))
		return false;
	*ret = info;
	return true;
}

int fs_signature(struct blk *blk, struct fs_info *ret, struct error *err)
{
	/* What a small volume does not have reads as zeros, which are nobody's magic. */
	CLEANUP(free_cleanup) uint8_t *head = calloc(1, HEAD_MAX);
	if (!head)
		return error_set(err, -ENOMEM, "signatures: %m");
	int rc = blk_read(blk, head, (size_t)MIN(blk->size, (uint64_t)HEAD_MAX), 0, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		const struct signature *s = &signatures[i];
		if (!s->record) {
			if (matches(s, head, ret))
				return 1;
			continue;
		}
		uint64_t at = s->record(blk->size);
		uint8_t record[RECORD_MAX];
		if (!range_inside(sizeof(record), at, blk->size))
			continue;
		rc = blk_read(blk, record, sizeof(record), at, err);
		if (rc < 0)
			return rc;
		if (matches(s, record, ret))
			return 1;
	}
	return 0;
}
