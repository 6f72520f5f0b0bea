/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-vblk - one record of an LDM database.
 *
 * A record is a run of fields without fixed places: each begins where the one before ends, and
 * flags say which of the last ones are there. A cursor walks over them and remembers when it ran
 * off the end, so that every field can be taken without looking, and one check comes last.
 * Source: LDM.md, "Records".
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ldm.h"
#include "lunette/utf8.h"

#define RECORD_HEAD 8u /* status, flags, type, length */

#define UNIT 512u /* of sizes in records, whatever the disk's sectors are */

/**
 * struct cursor - where the next field begins
 * @bad: what was wrong first, or NULL
 */
struct cursor {
	const uint8_t *at, *end;
	const char *bad;
};

static void blame(struct cursor *c, const char *what)
{
	if (!c->bad)
		c->bad = what;
}

/* @n bytes, or NULL when there are not as many. */
static const uint8_t *take(struct cursor *c, size_t n)
{
	if (c->bad || (size_t)(c->end - c->at) < n) {
		blame(c, "it ends in the middle of a field");
		return NULL;
	}
	const uint8_t *p = c->at;
	c->at += n;
	return p;
}

static uint64_t take_fixed(struct cursor *c, size_t n)
{
	const uint8_t *p = take(c, n);
	return p ? ldm_be(p, n) : 0;
}

/* A length in one byte, and as many bytes. */
static const uint8_t *take_counted(struct cursor *c, size_t *n)
{
	*n = take_fixed(c, 1);
	return take(c, *n);
}

static uint64_t take_number(struct cursor *c)
{
	size_t n;
	const uint8_t *p = take_counted(c, &n);
	if (p && n > 8)
		blame(c, "a number has more than 8 bytes");
	return p && n <= 8 ? ldm_be(p, n) : 0;
}

/* Sizes are kept in bytes, and any two of them can be added. */
static uint64_t bytes(struct cursor *c, uint64_t units)
{
	if (units > INT64_MAX / UNIT / 2)
		blame(c, "a size is not possible");
	return units * UNIT;
}

static uint64_t take_size(struct cursor *c)
{
	return bytes(c, take_number(c));
}

static void take_text(struct cursor *c, char *buf, size_t size)
{
	size_t n;
	const uint8_t *p = take_counted(c, &n);
	utf8_clean(p ? (const char *)p : "", p ? n : 0, buf, size);
}

static void skip_counted(struct cursor *c)
{
	size_t n;
	take_counted(c, &n);
}

/* Revision 3 spells it out, later ones have the bytes. */
static void take_guid(struct cursor *c, unsigned int revision, struct ldm_guid *ret)
{
	size_t n = sizeof(ret->bytes);
	const uint8_t *p = revision == 3 ? take_counted(c, &n) : take(c, n);
	if (!p)
		return;
	if (revision != 3)
		memcpy(ret->bytes, p, sizeof(ret->bytes));
	else if (!ldm_guid_parse(p, n, ret))
		blame(c, "a GUID is not a GUID");
}

/* ---- the kinds: each takes the fields behind id and name ------------------------------------- */

#define VOLUME_ID1  0x08u
#define VOLUME_ID2  0x20u
#define VOLUME_SIZE 0x80u
#define VOLUME_HINT 0x02u

static void volume(struct cursor *c, unsigned int flags, struct ldm_volume *ret)
{
	skip_counted(c); /* type: "gen", "raid5"; the components know better */
	skip_counted(c); /* whether a drive letter is given */
	const uint8_t *state = take(c, 14);
	utf8_clean(state ? (const char *)state : "", state ? 14 : 0, ret->state,
		   sizeof(ret->state));
	take(c, 1);      /* how to choose among mirrors */
	skip_counted(c); /* number */
	take(c, 4);      /* flags */
	ret->n_components = take_number(c);
	take(c, 8 + 8); /* transactions */
	ret->size = take_size(c);
	take(c, 4 + 1); /* zero, partition type */
	take_guid(c, 5, &ret->guid);
	if (flags & VOLUME_ID1)
		skip_counted(c);
	if (flags & VOLUME_ID2)
		skip_counted(c);
	if (flags & VOLUME_SIZE)
		skip_counted(c);
	if (flags & VOLUME_HINT)
		take_text(c, ret->hint, sizeof(ret->hint));
}

#define COMPONENT_STRIPES 0x10u

static void component(struct cursor *c, unsigned int flags, struct ldm_component *ret)
{
	take_text(c, ret->state, sizeof(ret->state));
	ret->layout = (unsigned int)take_fixed(c, 1);
	ret->flags = (uint32_t)take_fixed(c, 4);
	ret->n_extents = take_number(c);
	take(c, 8 + 8); /* transaction, zero */
	ret->volume = take_number(c);
	skip_counted(c); /* log */
	ret->n_columns = 1;
	if (flags & COMPONENT_STRIPES) {
		ret->chunk = take_size(c);
		ret->n_columns = take_number(c);
	}
}

#define EXTENT_COLUMN 0x08u

static void extent(struct cursor *c, unsigned int flags, struct ldm_extent *ret)
{
	ret->flags = (uint32_t)take_fixed(c, 4);
	take(c, 8); /* transaction */
	ret->start = bytes(c, take_fixed(c, 8));
	ret->offset = bytes(c, take_fixed(c, 8));
	ret->size = take_size(c);
	ret->component = take_number(c);
	ret->member = take_number(c);
	if (flags & EXTENT_COLUMN)
		ret->column = take_number(c);
}

/* Behind the GUID follow the name of the device, flags and the transaction. */
static void member(struct cursor *c, unsigned int revision, struct ldm_member *ret)
{
	take_guid(c, revision, &ret->guid);
}

/* ---- any record ------------------------------------------------------------------------------ */

static const char *const kind_names[] = {
	[LDM_VOLUME] = "volume", [LDM_COMPONENT] = "component", [LDM_EXTENT] = "extent",
	[LDM_MEMBER] = "disk",   [LDM_GROUP] = "disk group",
};

/* Type and revision in one byte: all that are known to have been written. */
static bool known(unsigned int type)
{
	static const uint8_t types[] = { 0x51, 0x32, 0x33, 0x34, 0x44, 0x35, 0x45 };
	return memchr(types, (int)type, sizeof(types));
}

int ldm_record_parse(const uint8_t *data, size_t len, struct ldm_record *ret, struct error *err)
{
	if (len < RECORD_HEAD)
		return error_set(err, -EBADMSG, "a record of %zu bytes has no head", len);
	unsigned int flags = data[2], type = data[3], revision = type >> 4;
	uint64_t length = ldm_be(data + 4, 4);
	if (!known(type))
		return error_set(err, -ENOTSUP, "a record of type 0x%02x is not known", type);
	struct ldm_record record = {
		.status = (unsigned int)ldm_be(data, 2),
		.kind = type & 0xf,
	};
	if (length > len - RECORD_HEAD)
		return error_set(err, -EBADMSG,
				 "%s record: %" PRIu64 " bytes do not fit into its fragments",
				 kind_names[record.kind], length);
	if (record.status > LDM_CREATING)
		return error_set(err, -EBADMSG, "%s record: status %u is not known",
				 kind_names[record.kind], record.status);

	struct cursor c = { .at = data + RECORD_HEAD, .end = data + RECORD_HEAD + length };
	record.id = take_number(&c);
	take_text(&c, record.name, sizeof(record.name));
	switch (record.kind) {
	case LDM_VOLUME:
		volume(&c, flags, &record.volume);
		break;
	case LDM_COMPONENT:
		component(&c, flags, &record.component);
		break;
	case LDM_EXTENT:
		extent(&c, flags, &record.extent);
		break;
	case LDM_MEMBER:
		member(&c, revision, &record.member);
		break;
	case LDM_GROUP:
		take_guid(&c, revision, &record.group);
		break;
	}
	if (c.bad)
		return error_set(err, -EBADMSG, "%s record '%s': %s", kind_names[record.kind],
				 record.name, c.bad);
	*ret = record;
	return 0;
}
