/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-head - where things are on a dynamic disk: its private header and its table of contents.
 *
 * Both are one checksummed sector in several copies, and the newest sound copy counts. The header
 * has no fixed place that all disks share, so it is looked for wherever Windows puts a copy, and
 * the first one found tells where the others must be. Source: LDM.md, "The private header" and
 * "The table of contents".
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ldm.h"
#include "lunette/hex.h"
#include "lunette/utf8.h"

/* Of the private region, in sectors, as Windows lays it out. */
#define REGION_SECTORS   2048u
#define REGION_SECONDARY 1856u

/* The sector of an MBR disk that holds a copy. */
#define HEAD_SECTOR 6u

/* No region that a real system made is larger than 1 MiB; this leaves room for others. */
#define REGION_MAX (8u << 20)

/* ---- GUIDs ----------------------------------------------------------------------------------- */

bool ldm_guid_parse(const void *text, size_t size, struct ldm_guid *ret)
{
	const char *s = text;
	if (size < LDM_GUID_TEXT - 1 || (size > LDM_GUID_TEXT - 1 && s[LDM_GUID_TEXT - 1]))
		return false;
	struct ldm_guid guid;
	for (size_t i = 0, at = 0; i < sizeof(guid.bytes); i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && s[at++] != '-')
			return false;
		int high = hex_digit(s[at]), low = hex_digit(s[at + 1]);
		if (high < 0 || low < 0)
			return false;
		guid.bytes[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	*ret = guid;
	return true;
}

const char *ldm_guid_text(const struct ldm_guid *guid, char buf[static LDM_GUID_TEXT])
{
	hex_uuid(guid->bytes, buf);
	return buf;
}

bool ldm_guid_equal(const struct ldm_guid *a, const struct ldm_guid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* ---- the private header ---------------------------------------------------------------------- */

/* The sum of 512 bytes, the four of the sum itself taken as zero. */
static bool checksum_holds(const uint8_t *sector)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < 512; i++)
		sum += i >= 8 && i < 12 ? 0 : sector[i];
	return sum == ldm_be(sector + 8, 4);
}

/* Turns sectors into bytes; false when they do not fit into [0, size). */
static bool region(uint64_t sectors, uint64_t at, uint32_t sector, uint64_t size, uint64_t *length,
		   uint64_t *start)
{
	return !__builtin_mul_overflow(sectors, sector, length) &&
	       !__builtin_mul_overflow(at, sector, start) && range_inside(*length, *start, size);
}

int ldm_head_parse(const uint8_t *sector, uint64_t disk_size, struct ldm_head *ret,
		   struct error *err)
{
	if (memcmp(sector, "PRIVHEAD", 8) != 0)
		return error_set(err, -ENOENT, "there is no LDM private header");
	if (!checksum_holds(sector))
		return error_set(err, -EBADMSG, "the checksum is wrong");

	struct ldm_head head = {
		.version = (uint32_t)ldm_be(sector + 0x0c, 4),
		.sequence = ldm_be(sector + 0x18, 8),
		.sector = (uint32_t)ldm_be(sector + 0x10f, 4),
	};
	if (head.version >> 16 != 2)
		return error_set(err, -ENOTSUP, "version %u.%u is not known", head.version >> 16,
				 head.version & 0xffff);
	if (!is_power_of_2(head.sector) || head.sector < 512 || head.sector > 65536)
		return error_set(err, -EBADMSG, "sectors of %" PRIu32 " bytes are not possible",
				 head.sector);
	if (!ldm_guid_parse(sector + 0x30, 64, &head.disk))
		return error_set(err, -EBADMSG, "the disk's GUID is not a GUID");
	if (!ldm_guid_parse(sector + 0xb0, 64, &head.group))
		return error_set(err, -EBADMSG, "the disk group's GUID is not a GUID");
	utf8_clean(sector + 0xf0, 31, head.group_name, sizeof(head.group_name));

	/* The public region may reach past the end of a disk that was cut: extents tell. */
	if (!region(ldm_be(sector + 0x123, 8), ldm_be(sector + 0x11b, 8), head.sector, INT64_MAX,
		    &head.public_size, &head.public_start))
		return error_set(err, -EBADMSG, "the public region is not possible");
	if (!region(ldm_be(sector + 0x133, 8), ldm_be(sector + 0x12b, 8), head.sector, disk_size,
		    &head.private_size, &head.private_start))
		return error_set(err, -EBADMSG, "the private region is not on the disk");
	if (head.private_size < 4 * (uint64_t)head.sector || head.private_size > REGION_MAX)
		return error_set(err, -EBADMSG,
				 "a private region of %" PRIu64 " bytes is not possible",
				 head.private_size);

	static const struct {
		const char *name;
		size_t at, field;
	} places[] = {
		{ "first header", 0x20, offsetof(struct ldm_head, primary) },
		{ "second header", 0x28, offsetof(struct ldm_head, secondary) },
		{ "first table of contents", 0x13b, offsetof(struct ldm_head, toc[0]) },
		{ "second table of contents", 0x143, offsetof(struct ldm_head, toc[1]) },
	};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t length;
		if (!region(1, ldm_be(sector + places[i].at, 8), head.sector, head.private_size,
			    &length, (uint64_t *)((char *)&head + places[i].field)))
			return error_set(err, -EBADMSG, "the %s is not in the private region",
					 places[i].name);
	}
	*ret = head;
	return 0;
}

/* One copy of the header at a byte offset, which may be anything. */
static int read_head(struct blk *disk, uint64_t off, struct ldm_head *ret, struct error *err)
{
	uint8_t sector[512];
	if (!range_inside(sizeof(sector), off, disk->size))
		return error_set(err, -ENOENT, "there is no LDM private header");
	int rc = blk_read(disk, sector, sizeof(sector), off, err);
	if (rc == 0)
		rc = ldm_head_parse(sector, disk->size, ret, err);
	if (rc && rc != -ENOENT)
		return error_wrap(err, rc, "LDM private header at byte %" PRIu64, off);
	return rc;
}

/* Where Windows puts copies, as far as one can tell without having seen one. An image of a disk
 * with large sectors does not say so, hence the other sizes. */
static size_t places_of_heads(const struct blk *disk, uint32_t sector, uint64_t metadata_end,
			      uint64_t ret[static 9])
{
	const uint64_t secondary_from_end = REGION_SECTORS - REGION_SECONDARY;
	size_t n = 0;
	if (metadata_end) {
		ret[n++] = metadata_end - sector;
		ret[n++] = metadata_end - secondary_from_end * sector;
		return n;
	}
	const uint32_t sizes[] = { sector, 512, 4096 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t end = disk->size / sizes[i] * sizes[i];
		ret[n++] = (uint64_t)HEAD_SECTOR * sizes[i];
		ret[n++] = end - sizes[i];
		ret[n++] = end - secondary_from_end * sizes[i];
	}
	return n;
}

int ldm_head_find(struct blk *disk, uint32_t sector, uint64_t metadata_end, struct ldm_head *ret,
		  unsigned int *damaged, struct error *err)
{
	uint64_t places[9];
	size_t n = places_of_heads(disk, sector, metadata_end, places);
	struct ldm_head head;
	struct error best = { .code = 0 };
	int rc = -ENOENT;
	for (size_t i = 0; i < n && rc < 0; i++) {
		struct error why;
		rc = read_head(disk, places[i], &head, &why);
		if (rc < 0 && (best.code == 0 || best.code == -ENOENT))
			best = why;
	}
	if (rc < 0)
		return error_copy(err, best.code, &best);

	uint64_t copies[3] = { head.private_start + head.primary,
			       head.private_start + head.secondary,
			       (uint64_t)HEAD_SECTOR * head.sector };
	size_t n_copies = metadata_end ? 2 : 3;
	*damaged = 0;
	struct ldm_head newest = head;
	for (size_t i = 0; i < n_copies; i++) {
		struct ldm_head copy;
		if (read_head(disk, copies[i], &copy, NULL) < 0 ||
		    !ldm_guid_equal(&copy.disk, &head.disk))
			*damaged += 1;
		else if (copy.sequence > newest.sequence)
			newest = copy;
	}
	*ret = newest;
	return 0;
}

/* ---- the table of contents ------------------------------------------------------------------- */

#define TOC_REGION_SIZE 34u
#define TOC_NOT_THERE   0x1u
#define TOC_DELETED     0x4u

int ldm_toc_parse(const uint8_t *sector, const struct ldm_head *head, struct ldm_toc *ret,
		  struct error *err)
{
	if (memcmp(sector, "TOCBLOCK", 8) != 0)
		return error_set(err, -EBADMSG, "there is no table of contents");
	if (!checksum_holds(sector))
		return error_set(err, -EBADMSG, "the checksum is wrong");

	struct ldm_toc toc = { .sequence = ldm_be(sector + 0x0c, 8) };
	for (size_t at = 0x24; at + TOC_REGION_SIZE <= 512 && sector[at]; at += TOC_REGION_SIZE) {
		const uint8_t *entry = sector + at;
		if (memcmp(entry, "config\0", 8) != 0 ||
		    (ldm_be(entry + 8, 2) & (TOC_NOT_THERE | TOC_DELETED)))
			continue;
		uint64_t start;
		if (!region(ldm_be(entry + 18, 8), ldm_be(entry + 10, 8), head->sector,
			    head->private_size, &toc.config_size, &start))
			return error_set(err, -EBADMSG,
					 "the database is not in the private region");
		if (toc.config_size < 512)
			return error_set(err, -EBADMSG, "the database has no room");
		toc.config_start = head->private_start + start;
		*ret = toc;
		return 0;
	}
	return error_set(err, -EBADMSG, "no database is listed");
}

static int read_toc(struct blk *disk, const struct ldm_head *head, uint64_t off,
		    struct ldm_toc *ret, struct error *err)
{
	uint8_t sector[512];
	int rc = blk_read(disk, sector, sizeof(sector), head->private_start + off, err);
	if (rc == 0)
		rc = ldm_toc_parse(sector, head, ret, err);
	if (rc)
		return error_wrap(err, rc, "LDM table of contents at byte %" PRIu64,
				  head->private_start + off);
	return 0;
}

/* The newest valid one of several places; why the first place has none when none has. */
static int newest_toc(struct blk *disk, const struct ldm_head *head, const uint64_t *places,
		      size_t n, struct ldm_toc *ret, struct error *err)
{
	int rc = 0;
	bool found = false;
	for (size_t i = 0; i < n; i++) {
		struct ldm_toc toc;
		int bad = read_toc(disk, head, places[i], &toc, i == 0 ? err : NULL);
		if (i == 0)
			rc = bad;
		if (bad < 0 || (found && toc.sequence <= ret->sequence))
			continue;
		*ret = toc;
		found = true;
	}
	return found ? 0 : rc;
}

/* Windows writes a new table beside the old one, and old ones stay: the header knows. Only when
 * both that it names are damaged, the places where others may be are looked at. */
int ldm_toc_find(struct blk *disk, const struct ldm_head *head, struct ldm_toc *ret,
		 struct error *err)
{
	const uint64_t step = head->sector, last = head->private_size - step;
	const uint64_t usual[] = { 0, step, 2 * step, last - step, last - 2 * step };
	int rc = newest_toc(disk, head, head->toc, ARRAY_SIZE(head->toc), ret, err);
	if (rc < 0 && newest_toc(disk, head, usual, ARRAY_SIZE(usual), ret, NULL) == 0)
		return 0;
	return rc;
}
