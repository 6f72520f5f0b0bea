/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-label - what marks a physical volume: a label in one of the first four sectors, which says
 * where the metadata areas are.
 *
 * Source: LVM2, lib/label/label.h, lib/format_text/layout.h, lib/misc/crc.c.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "lvm.h"

#define LABEL_SECTORS 4

struct label_header {
	char magic[8];   /* 0: "LABELONE" */
	uint64_t sector; /* 8: where this label is */
	uint32_t crc;    /* 16: of the sector from byte 20 on */
	uint32_t offset; /* 20: of the header below, from the start of the sector */
	char type[8];    /* 24: "LVM2 001" */
} __attribute__((packed));

/* Behind it: data areas up to one at offset 0, then metadata areas up to one at offset 0. */
struct pv_header {
	char id[LVM_ID_BYTES]; /* 0 */
	uint64_t size;         /* 32: bytes */
} __attribute__((packed));

struct disk_location {
	uint64_t offset; /* 0: bytes from the start of the physical volume */
	uint64_t size;   /* 8: bytes; of a data area 0 is all the rest */
} __attribute__((packed));

uint32_t lvm_crc(uint32_t crc, const void *buf, size_t len)
{
	return ~(uint32_t)crc32(~crc, buf, (uInt)len);
}

/* 32 characters in groups of 6, 4, 4, 4, 4, 4 and 6. */
static int format_id(const char *id, char *buf, struct error *err)
{
	for (unsigned int i = 0; i < LVM_ID_BYTES; i++) {
		char c = id[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    c != '!' && c != '#')
			return error_set(err, -EUCLEAN, "LVM label: its UUID is not one");
		if (i >= 6 && i % 4 == 2 && i < 30)
			*buf++ = '-';
		*buf++ = c;
	}
	*buf = '\0';
	return 0;
}

/* Reads the locations from @pos of the sector on, up to the one that ends them. */
static int read_locations(const char *sector, size_t *pos, struct lvm_area *areas, size_t max,
			  size_t *n, struct error *err)
{
	*n = 0;
	for (;;) {
		struct disk_location loc;
		if (!range_inside(sizeof(loc), *pos, LVM_SECTOR))
			return error_set(err, -EUCLEAN, "LVM label: its areas have no end");
		memcpy(&loc, sector + *pos, sizeof(loc));
		*pos += sizeof(loc);
		if (loc.offset == 0)
			return 0;
		if (*n == max)
			return error_set(err, -EUCLEAN, "LVM label: it has more than %zu areas",
					 max);
		areas[(*n)++] = (struct lvm_area){ le64toh(loc.offset), le64toh(loc.size) };
	}
}

static int parse(struct blk *blk, const char *sector, struct lvm_label *ret, struct error *err)
{
	struct label_header label;
	memcpy(&label, sector, sizeof(label));
	if (lvm_crc(LVM_CRC_INITIAL, sector + 20, LVM_SECTOR - 20) != le32toh(label.crc))
		return error_set(err, -EUCLEAN, "LVM label: its checksum is wrong");

	struct pv_header pv;
	size_t pos = le32toh(label.offset);
	if (!range_inside(sizeof(pv), pos, LVM_SECTOR))
		return error_set(err, -EUCLEAN,
				 "LVM label: its header at %zu is outside the sector", pos);
	memcpy(&pv, sector + pos, sizeof(pv));
	pos += sizeof(pv);
	int rc = format_id(pv.id, ret->id, err);
	if (rc < 0)
		return rc;
	ret->size = le64toh(pv.size);
	/* Where data begins the text of the volume group says, too. */
	struct lvm_area data[LVM_MAX_AREAS];
	size_t n_data;
	rc = read_locations(sector, &pos, data, LVM_MAX_AREAS, &n_data, err);
	if (rc == 0)
		rc = read_locations(sector, &pos, ret->areas, LVM_MAX_AREAS, &ret->n_areas, err);
	for (size_t i = 0; rc == 0 && i < ret->n_areas; i++)
		if (!range_inside(ret->areas[i].length, ret->areas[i].start, blk->size))
			rc = error_set(err, -EUCLEAN,
				       "LVM label: metadata area %zu reaches past the end (%" PRIu64
				       " bytes)",
				       i, blk->size);
	return rc < 0 ? rc : 1;
}

int lvm_label_read(struct blk *blk, struct lvm_label *ret, struct error *err)
{
	char buf[LABEL_SECTORS][LVM_SECTOR];
	if (blk->size < sizeof(buf))
		return 0;
	int rc = blk_read(blk, buf, sizeof(buf), 0, err);
	if (rc < 0)
		return error_wrap(err, rc, "LVM label");
	int damaged = 0;
	for (unsigned int i = 0; i < LABEL_SECTORS; i++) {
		struct label_header label;
		memcpy(&label, buf[i], sizeof(label));
		if (memcmp(label.magic, "LABELONE", 8) != 0 || le64toh(label.sector) != i ||
		    memcmp(label.type, "LVM2 001", 8) != 0)
			continue;
		rc = parse(blk, buf[i], ret, err);
		if (rc > 0)
			return rc;
		damaged = rc;
	}
	return damaged;
}
