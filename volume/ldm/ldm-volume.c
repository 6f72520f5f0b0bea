/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-volume - a volume's records, its state, and why: in words that name disks.
 *
 * Records are believed as far as they agree. A volume that cannot be read is still there, with its
 * name and size, because the user must see what is missing. Source: LDM.md, "From records to
 * bytes".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"

static void say(struct ldm_assembly *out, const char *fmt, ...) ERROR_FORMAT(2, 3);

/* Adds to the reason; what does not fit is cut. */
static void say(struct ldm_assembly *out, const char *fmt, ...)
{
	size_t len = strlen(out->reason);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(out->reason + len, sizeof(out->reason) - len, fmt, ap);
	va_end(ap);
}

/* ---- in words -------------------------------------------------------------------------------- */

/* What is true of a disk of the volume; several may be. */
#define MISSING 0x1u
#define CUT     0x2u
#define STALE   0x4u
#define GOOD    0x8u

#define LIST_MAX 3u /* disks by name; the rest is counted */

/* What is true of each of the group's disks as far as this volume is concerned. */
static uint8_t *look_at_disks(const struct ldm_parts *parts)
{
	const struct ldm_db *db = parts->group->db;
	const struct ldm_record *members = &db->records[db->first[LDM_MEMBER]];
	uint8_t *seen = calloc(db->first[LDM_MEMBER + 1] - db->first[LDM_MEMBER] + 1, 1);
	for (size_t p = 0; seen && p < parts->n_plexes; p++) {
		const struct ldm_plex *plex = &parts->plexes[p];
		for (size_t i = 0; i < plex->n_extents; i++) {
			const struct ldm_record *extent = &plex->extents[i];
			size_t member =
				(size_t)(ldm_db_find(db, LDM_MEMBER, extent->extent.member) -
					 members);
			seen[member] |= !ldm_parts_disk(parts, extent)         ? MISSING
					: !ldm_parts_leg(parts, extent, 0).blk ? CUT
					: ldm_parts_is_stale(parts, extent) ||
							(parts->n_plexes + parts->lost > 1 &&
							 !ldm_plex_is_good(plex))
						? STALE
						: GOOD;
		}
	}
	return seen;
}

/* Names the disks of which @what is true, and goes on with @one or @many. */
static void say_disks(const struct ldm_parts *parts, struct ldm_assembly *out, const uint8_t *seen,
		      unsigned int what, const char *one, const char *many)
{
	const struct ldm_db *db = parts->group->db;
	unsigned int n = 0;
	for (size_t i = db->first[LDM_MEMBER]; i < db->first[LDM_MEMBER + 1]; i++) {
		if (!(seen[i - db->first[LDM_MEMBER]] & what) || n++ >= LIST_MAX)
			continue;
		const struct ldm_record *member = &db->records[i];
		const struct ldm_disk *disk = ldm_group_disk(parts->group, &member->member.guid);
		char guid[LDM_GUID_TEXT];
		say(out, "%s%s (%s)",
		    n > 1            ? ", "
		    : out->reason[0] ? "; "
				     : "",
		    member->name, disk ? disk->name : ldm_guid_text(&member->member.guid, guid));
	}
	if (n > LIST_MAX)
		say(out, " and %u more", n - LIST_MAX);
	if (n > 0)
		say(out, " %s", n == 1 ? one : many);
}

static int explain(const struct ldm_parts *parts, struct ldm_assembly *out, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *seen = look_at_disks(parts);
	if (!seen)
		return error_set(err, -ENOMEM, "volume '%s': %m", parts->volume->name);
	if (parts->lost)
		say(out, "%s%u of its components cannot be used", out->reason[0] ? "; " : "",
		    parts->lost);
	say_disks(parts, out, seen, MISSING, "is missing", "are missing");
	say_disks(parts, out, seen, CUT, "ends too early", "end too early");
	say_disks(parts, out, seen, STALE, "is out of date", "are out of date");
	if (ldm_parts_is_unsettled(parts))
		say(out, "%sits state is '%s'", out->reason[0] ? "; " : "",
		    parts->volume->volume.state);
	if (out->state == LAYOUT_DEGRADED)
		say_disks(parts, out, seen, GOOD, "has what is read", "have what is read");
	return 0;
}

/* ---- from the records on --------------------------------------------------------------------- */

/* Believes the records as far as they agree; what is wrong with the first that does not is said. */
static int check_records(struct ldm_parts *parts, struct ldm_assembly *out, struct error *err)
{
	const struct ldm_volume *record = &parts->volume->volume;
	size_t n;
	const struct ldm_record *components =
		ldm_db_children(parts->group->db, LDM_COMPONENT, parts->volume->id, &n);
	if (record->size == 0 || n == 0 || record->n_components == 0 || n > record->n_components ||
	    record->n_components > MAP_MAX_LEGS) {
		say(out,
		    "its record speaks of %" PRIu64 " bytes and %" PRIu64
		    " components, and the database has %zu components",
		    record->size, record->n_components, n);
		return 0;
	}
	parts->plexes = calloc(n, sizeof(*parts->plexes));
	if (!parts->plexes)
		return error_set(err, -ENOMEM, "%zu components: %m", n);
	for (size_t i = 0; i < n; i++) {
		struct error why;
		if (ldm_plex_check(parts->group->db, &components[i], record->size,
				   &parts->plexes[parts->n_plexes], &why) == 0)
			parts->n_plexes++;
		else if (!out->reason[0])
			say(out, "%s", why.msg);
	}
	parts->lost = (unsigned int)(record->n_components - parts->n_plexes);
	return 0;
}

static enum layout_type type_of(const struct ldm_parts *parts)
{
	if (parts->volume->volume.n_components > 1)
		return LAYOUT_MIRRORED;
	if (parts->n_plexes == 0)
		return LAYOUT_UNKNOWN;
	const struct ldm_plex *plex = parts->plexes;
	return plex->layout == LDM_RAID5     ? LAYOUT_RAID5
	       : plex->layout == LDM_STRIPED ? LAYOUT_STRIPED
	       : plex->n_extents > 1         ? LAYOUT_SPANNED
					     : LAYOUT_SIMPLE;
}

/* What the volume's disks know and count in. */
static void look_around(struct ldm_parts *parts)
{
	parts->sector = 512;
	for (size_t p = 0; p < parts->n_plexes; p++) {
		for (size_t i = 0; i < parts->plexes[p].n_extents; i++) {
			const struct ldm_disk *disk =
				ldm_parts_disk(parts, &parts->plexes[p].extents[i]);
			if (!disk)
				continue;
			parts->sector = MAX(parts->sector, disk->head.sector);
			if (disk->readable)
				parts->newest = MAX(parts->newest, ldm_disk_knows(disk));
		}
	}
}

/* Numbers that no map can be made of cost this volume, not the group. */
static int set_map(const struct ldm_parts *parts, struct ldm_assembly *out, struct error *err)
{
	struct error why;
	bool torn;
	int rc = ldm_map_new(parts, &out->map, &torn, &why);
	if (rc == -ENOMEM)
		return error_set(err, rc, "volume '%s': %s", parts->volume->name, why.msg);
	if (rc < 0) {
		say(out, "%s%s", out->reason[0] ? "; " : "", why.msg);
		out->state = LAYOUT_INCOMPLETE;
		return 0;
	}
	if (torn || !map_is_readable(out->map))
		out->state = LAYOUT_INCOMPLETE;
	else if (!map_is_whole(out->map))
		out->state = LAYOUT_DEGRADED;
	return out->state == LAYOUT_OK ? 0 : explain(parts, out, err);
}

int ldm_volume_assemble(const struct ldm_group *group, const struct ldm_record *volume,
			struct ldm_assembly *ret, struct error *err)
{
	struct ldm_parts parts = { .group = group, .volume = volume };
	struct ldm_assembly out = { .state = LAYOUT_OK };
	int rc = check_records(&parts, &out, err);
	if (rc < 0)
		return rc;
	look_around(&parts);
	out.type = type_of(&parts);
	out.sector = parts.sector;
	if (parts.n_plexes == 0)
		out.state = LAYOUT_INCOMPLETE;
	else
		rc = set_map(&parts, &out, err);
	free(parts.plexes);
	if (rc < 0) {
		map_free(out.map);
		return rc;
	}
	*ret = out;
	return 0;
}
