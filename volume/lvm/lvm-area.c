/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-area - a metadata area: a header, and a ring behind it in which texts follow each other.
 *
 * Source: LVM2, lib/format_text/layout.h, lib/format_text/format-text.c, vg_read_raw().
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lvm.h"

enum { LOCATION_IGNORED = 1 };

struct area_header {
	uint32_t crc;     /* 0: of the rest of these 512 bytes */
	char magic[16];   /* 4 */
	uint32_t version; /* 20: 1 */
	uint64_t start;   /* 24: byte offset of this area */
	uint64_t size;    /* 32: bytes, this header included */
	struct {
		uint64_t offset; /* from the start of the area */
		uint64_t size;   /* bytes */
		uint32_t crc;
		uint32_t flags;
	} __attribute__((packed)) committed; /* 40: the next one would be what is prepared */
	char rest[512 - 64];
} __attribute__((packed));
_Static_assert(sizeof(struct area_header) == 512, "struct area_header");

static int check(const struct area_header *h, const struct lvm_area *area, struct error *err)
{
	if (memcmp(h->magic, " LVM2 x[5A%r0N*>", 16) != 0)
		return error_set(err, -EUCLEAN, "LVM metadata area: there is none");
	if (lvm_crc(LVM_CRC_INITIAL, h->magic, sizeof(*h) - sizeof(h->crc)) != le32toh(h->crc))
		return error_set(err, -EUCLEAN, "LVM metadata area: its checksum is wrong");
	if (le32toh(h->version) != 1)
		return error_set(err, -EUCLEAN,
				 "LVM metadata area: version %" PRIu32 " is not known",
				 le32toh(h->version));
	if (le64toh(h->start) != area->start || le64toh(h->size) != area->length)
		return error_set(err, -EUCLEAN, "LVM metadata area: it says it is elsewhere");
	return 0;
}

/* Reads @len bytes from @off of the area on, around the end of the ring. */
static int read_ring(struct blk *blk, const struct lvm_area *area, uint64_t off, char *buf,
		     size_t len, struct error *err)
{
	size_t before = (size_t)MIN((uint64_t)len, area->length - off);
	int rc = blk_read(blk, buf, before, area->start + off, err);
	if (rc == 0)
		rc = blk_read(blk, buf + before, len - before,
			      area->start + sizeof(struct area_header), err);
	return rc < 0 ? error_wrap(err, rc, "LVM metadata area") : 0;
}

int lvm_area_read(struct blk *blk, const struct lvm_area *area, char **text, size_t *len,
		  uint32_t *crc, struct error *err)
{
	struct area_header h;
	if (area->length <= sizeof(h))
		return error_set(err, -EUCLEAN, "LVM metadata area: %" PRIu64 " bytes are too few",
				 area->length);
	int rc = blk_read(blk, &h, sizeof(h), area->start, err);
	if (rc < 0)
		return error_wrap(err, rc, "LVM metadata area");
	rc = check(&h, area, err);
	if (rc < 0)
		return rc;
	uint64_t off = le64toh(h.committed.offset), size = le64toh(h.committed.size);
	if (off == 0 || le32toh(h.committed.flags) & LOCATION_IGNORED)
		return 0;
	if (size > LVM_MAX_TEXT)
		return error_set(err, -EFBIG,
				 "LVM metadata area: a text of %" PRIu64
				 " bytes; more than %u are not read",
				 size, LVM_MAX_TEXT);
	if (off < sizeof(h) || off >= area->length || size == 0 || size > area->length - sizeof(h))
		return error_set(err, -EUCLEAN,
				 "LVM metadata area: a text of %" PRIu64 " bytes at %" PRIu64
				 " is not inside it",
				 size, off);
	CLEANUP(free_cleanup) char *buf = malloc((size_t)size + 1);
	if (!buf)
		return error_set(err, -ENOMEM, "LVM metadata of %" PRIu64 " bytes: %m", size);
	rc = read_ring(blk, area, off, buf, (size_t)size, err);
	if (rc < 0)
		return rc;
	if (lvm_crc(LVM_CRC_INITIAL, buf, (size_t)size) != le32toh(h.committed.crc))
		return error_set(err, -EUCLEAN,
				 "LVM metadata area: the checksum of its text is wrong");
	buf[size] = '\0';
	*len = (size_t)size;
	*crc = le32toh(h.committed.crc);
	*text = steal(&buf);
	return 1;
}
