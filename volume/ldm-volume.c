/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-volume - a volume's components made into a map, and what a missing disk does to it.
 *
 * A component is a map of its own; several are legs of a mirror. Where all components are runs of
 * disks one after the other, the mirror is cut wherever one of them changes disks: any part of it
 * can then be read as long as one copy of that part is there.
 *
 * A copy that may be out of date is worse than a missing one, because it reads well. It is left
 * out (a leg without a blk) as long as the volume can be had without it. Source: LDM.md, "Which
 * copies are good".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"

/**
 * struct volume - a volume while it is put together
 * @plexes: @n_plexes components that can be used
 * @lost: how many more there should be
 * @newest: the last transaction that any of its disks knows of
 * @out: what comes out
 */
struct volume {
	const struct ldm_group *group;
	const struct ldm_record *record;
	size_t n_plexes;
	struct ldm_plex *plexes;
	unsigned int lost;
	uint64_t newest;
	struct ldm_assembly *out;
};

static void say(struct ldm_assembly *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds to the reason; what does not fit is cut. */
static void say(struct ldm_assembly *out, const char *fmt, ...)
{
	size_t len = strlen(out->reason);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(out->reason + len, sizeof(out->reason) - len, fmt, ap);
	va_end(ap);
}

/* ---- legs ------------------------------------------------------------------------------------ */

static const struct ldm_disk *disk_of(const struct volume *v, const struct ldm_record *extent)
{
	const struct ldm_record *member =
		ldm_db_find(v->group->db, LDM_MEMBER, extent->extent.member);
	return ldm_group_disk(v->group, &member->member.guid);
}

/* The last transaction that a disk knows of; one whose database is damaged was not away. */
static uint64_t knows(const struct ldm_disk *disk)
{
	return disk->readable ? MAX(disk->vmdb.effective, disk->vmdb.pending) : UINT64_MAX;
}

/* A disk that was away while others of the volume were written to has old content. */
static bool is_stale(const struct volume *v, const struct ldm_record *extent)
{
	const struct ldm_disk *disk = disk_of(v, extent);
	return (extent->extent.flags & (LDM_EXTENT_RECOVER | LDM_EXTENT_DETACH)) ||
	       (disk && knows(disk) < v->newest);
}

/* Where an extent lies from @in on; without a blk when its disk, or that part of it, is missing. */
static struct map_leg leg_of(const struct volume *v, const struct ldm_record *extent, uint64_t in)
{
	const struct ldm_disk *disk = disk_of(v, extent);
	const struct ldm_extent *e = &extent->extent;
	if (!disk || !range_inside(e->size, e->start, disk->head.public_size) ||
	    !range_inside(e->size, disk->head.public_start + e->start, disk->blk->size))
		return (struct map_leg){ .blk = NULL };
	return (struct map_leg){ .blk = disk->blk,
				 .start = disk->head.public_start + e->start + in };
}

/* ---- a component ----------------------------------------------------------------------------- */

/* Extents of one column as a map of their own. */
static int column_map(const struct volume *v, const struct ldm_record *extents, size_t n,
		      struct map **ret, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct map_leg leg = leg_of(v, &extents[i], 0);
		rc = map_add(map,
			     &(struct map_segment){ .length = extents[i].extent.size,
						    .kind = MAP_LINEAR,
						    .n_legs = 1,
						    .legs = &leg },
			     err);
	}
	if (rc < 0)
		return rc;
	*ret = steal(&map);
	return 0;
}

/* Takes a map over and makes it a leg; a map that cannot be read is a missing leg. */
static int leg_of_map(const struct volume *v, struct map *map, struct map_leg *ret,
		      struct error *err)
{
	*ret = (struct map_leg){ .blk = NULL };
	if (map_is_readable(map))
		return map_blk(map, v->out->sector, &ret->blk, err);
	map_free(map);
	return 0;
}

static void put_legs(struct map_leg *legs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blk_unref(legs[i].blk);
	free(legs);
}

/* One leg a column, with a reference; @stale says of each whether it may be out of date. */
static int column_legs(const struct volume *v, const struct ldm_plex *plex, struct map_leg *legs,
		       bool *stale, struct error *err)
{
	size_t first = 0;
	for (unsigned int column = 0; column < plex->n_columns; column++) {
		const struct ldm_record *extents = plex->extents + first;
		size_t n = 0;
		while (first + n < plex->n_extents && extents[n].extent.column == column)
			stale[column] |= is_stale(v, &extents[n++]);
		first += n;
		if (n == 1) {
			legs[column] = leg_of(v, extents, 0);
			if (legs[column].blk)
				blk_ref(legs[column].blk);
			continue;
		}
		struct map *map;
		int rc = column_map(v, extents, n, &map, err);
		if (rc == 0)
			rc = leg_of_map(v, map, &legs[column], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Parity makes up for one column that is stale, but a second one would spoil the sum. */
static void drop_stale_column(const struct volume *v, struct map_leg *legs, const bool *stale,
			      unsigned int n)
{
	unsigned int bad = 0, present = 0, which = 0;
	for (unsigned int i = 0; i < n; i++) {
		present += legs[i].blk != NULL;
		if (legs[i].blk && !stale[i])
			continue;
		bad++;
		if (legs[i].blk)
			which = i;
	}
	if (bad == 0 || present == n - bad)
		return;
	if (bad == 1) {
		blk_unref(legs[which].blk);
		legs[which].blk = NULL;
	} else if (bad < n) {
		v->out->state = LAYOUT_INCOMPLETE;
	}
}

static int striped_map(const struct volume *v, const struct ldm_plex *plex, struct map **ret,
		       struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	CLEANUP(free_cleanup) bool *stale = calloc(plex->n_columns, sizeof(*stale));
	struct map_leg *legs = calloc(plex->n_columns, sizeof(*legs));
	int rc = 0;
	if (!stale || !legs)
		rc = error_set(err, -ENOMEM, "%u columns: %m", plex->n_columns);
	if (rc == 0)
		rc = map_new(&map, err);
	if (rc == 0)
		rc = column_legs(v, plex, legs, stale, err);
	if (rc == 0) {
		if (plex->layout == LDM_RAID5)
			drop_stale_column(v, legs, stale, plex->n_columns);
		struct map_segment segment = {
			.length = v->record->volume.size,
			.kind = plex->layout == LDM_RAID5 ? MAP_RAID5 : MAP_STRIPED,
			.chunk = plex->chunk,
			.layout = plex->layout == LDM_RAID5 ? MAP_LEFT_SYMMETRIC : 0,
			.n_legs = plex->n_columns,
			.legs = legs,
		};
		rc = map_add(map, &segment, err);
	}
	if (legs)
		put_legs(legs, plex->n_columns);
	if (rc < 0)
		return rc;
	*ret = steal(&map);
	return 0;
}

/* ---- the volume ------------------------------------------------------------------------------ */

/* Of the legs of a mirror those that may be out of date go; when no other is there, one stays. */
static void drop_stale_legs(const struct volume *v, struct map_leg *legs, const bool *stale)
{
	bool good = false, kept = false;
	for (size_t i = 0; i < v->n_plexes; i++)
		good |= legs[i].blk && !stale[i];
	for (size_t i = 0; i < v->n_plexes; i++) {
		if (legs[i].blk && stale[i] && (good || kept))
			legs[i].blk = NULL;
		kept |= legs[i].blk != NULL;
	}
}

/* Where copies may differ without anybody knowing which is right, all must come from one. */
static bool is_unsettled(const struct volume *v)
{
	const char *state = v->record->volume.state;
	return strcmp(state, "ACTIVE") != 0 && strcmp(state, "CLEAN") != 0;
}

/* Appends what all components hold at one place; @legs has room for the lost ones, too. */
static int add_mirrored(const struct volume *v, uint64_t length, struct map_leg *legs, bool *stale,
			struct map *map, struct error *err)
{
	size_t n = v->n_plexes + v->lost;
	for (size_t i = 0, seen = 0; i < v->n_plexes; i++) {
		stale[i] |= !ldm_plex_is_good(&v->plexes[i]);
		if (is_unsettled(v) && legs[i].blk && !stale[i])
			stale[i] = seen++ > 0;
	}
	drop_stale_legs(v, legs, stale);
	struct map_segment segment = {
		.length = length,
		.kind = n == 1 ? MAP_LINEAR : MAP_MIRROR,
		.n_legs = (unsigned int)n,
		.legs = legs,
	};
	return map_add(map, &segment, err);
}

/* All components are runs of disks: cut where any of them changes disks. */
static int add_runs(const struct volume *v, struct map *map, struct error *err)
{
	size_t n = v->n_plexes + v->lost;
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(n, sizeof(*legs));
	CLEANUP(free_cleanup) bool *stale = calloc(n, sizeof(*stale));
	CLEANUP(free_cleanup) size_t *at = calloc(n, sizeof(*at));
	if (!legs || !stale || !at)
		return error_set(err, -ENOMEM, "%zu components: %m", n);
	const uint64_t size = v->record->volume.size;
	for (uint64_t off = 0, length; off < size; off += length) {
		length = size - off;
		for (size_t i = 0; i < v->n_plexes; i++) {
			const struct ldm_record *extent = &v->plexes[i].extents[at[i]];
			uint64_t in = off - extent->extent.offset;
			if (in == extent->extent.size) {
				extent++;
				at[i]++;
				in = 0;
			}
			legs[i] = leg_of(v, extent, in);
			stale[i] = is_stale(v, extent);
			length = MIN(length, extent->extent.size - in);
		}
		int rc = add_mirrored(v, length, legs, stale, map, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A mirror of which at least one component is striped: each component is a blk of its own. */
static int add_components(const struct volume *v, struct map *map, struct error *err)
{
	size_t n = v->n_plexes + v->lost;
	struct map_leg *legs = calloc(n, sizeof(*legs));
	CLEANUP(free_cleanup) struct map_leg *used = calloc(n, sizeof(*used));
	CLEANUP(free_cleanup) bool *stale = calloc(n, sizeof(*stale));
	int rc = 0;
	if (!legs || !used || !stale)
		rc = error_set(err, -ENOMEM, "%zu components: %m", n);
	for (size_t i = 0; rc == 0 && i < v->n_plexes; i++) {
		const struct ldm_plex *plex = &v->plexes[i];
		struct map *component;
		rc = plex->layout == LDM_CONCAT
			     ? column_map(v, plex->extents, plex->n_extents, &component, err)
			     : striped_map(v, plex, &component, err);
		if (rc == 0)
			rc = leg_of_map(v, component, &legs[i], err);
		for (size_t e = 0; e < plex->n_extents; e++)
			stale[i] |= is_stale(v, &plex->extents[e]);
	}
	if (rc == 0) {
		memcpy(used, legs, n * sizeof(*used));
		rc = add_mirrored(v, v->record->volume.size, used, stale, map, err);
	}
	if (legs)
		put_legs(legs, n);
	return rc;
}

static int map_components(struct volume *v, struct error *err)
{
	if (v->n_plexes + v->lost == 1 && v->plexes->layout != LDM_CONCAT)
		return striped_map(v, v->plexes, &v->out->map, err);
	bool runs = true;
	for (size_t i = 0; i < v->n_plexes; i++)
		runs &= v->plexes[i].layout == LDM_CONCAT;
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	if (rc == 0)
		rc = runs ? add_runs(v, map, err) : add_components(v, map, err);
	if (rc == 0)
		v->out->map = steal(&map);
	return rc;
}

/* Numbers that no map can be made of cost this volume, not the group. */
static int make_map(struct volume *v, struct error *err)
{
	struct error why;
	int rc = map_components(v, &why);
	if (rc == -ENOMEM)
		return error_set(err, rc, "volume '%s': %s", v->record->name, why.msg);
	if (rc < 0) {
		v->out->state = LAYOUT_INCOMPLETE;
		say(v->out, "%s%s", v->out->reason[0] ? "; " : "", why.msg);
	}
	return 0;
}

/* ---- in words -------------------------------------------------------------------------------- */

/* What is true of a disk of the volume; several may be. */
#define MISSING 0x1u
#define CUT     0x2u
#define STALE   0x4u
#define GOOD    0x8u

#define LIST_MAX 3u /* disks by name; the rest is counted */

/* What is true of each of the group's disks as far as this volume is concerned. */
static uint8_t *look_at_disks(const struct volume *v)
{
	const struct ldm_db *db = v->group->db;
	const struct ldm_record *members = &db->records[db->first[LDM_MEMBER]];
	uint8_t *seen = calloc(db->first[LDM_MEMBER + 1] - db->first[LDM_MEMBER] + 1, 1);
	for (size_t p = 0; seen && p < v->n_plexes; p++) {
		const struct ldm_plex *plex = &v->plexes[p];
		for (size_t i = 0; i < plex->n_extents; i++) {
			const struct ldm_record *extent = &plex->extents[i];
			size_t member =
				(size_t)(ldm_db_find(db, LDM_MEMBER, extent->extent.member) -
					 members);
			seen[member] |= !disk_of(v, extent)         ? MISSING
					: !leg_of(v, extent, 0).blk ? CUT
					: is_stale(v, extent) || (v->n_plexes + v->lost > 1 &&
								  !ldm_plex_is_good(plex))
						? STALE
						: GOOD;
		}
	}
	return seen;
}

/* Names the disks of which @what is true, and goes on with @one or @many. */
static void say_disks(const struct volume *v, const uint8_t *seen, unsigned int what,
		      const char *one, const char *many)
{
	const struct ldm_db *db = v->group->db;
	unsigned int n = 0;
	for (size_t i = db->first[LDM_MEMBER]; i < db->first[LDM_MEMBER + 1]; i++) {
		if (!(seen[i - db->first[LDM_MEMBER]] & what) || n++ >= LIST_MAX)
			continue;
		const struct ldm_record *member = &db->records[i];
		const struct ldm_disk *disk = ldm_group_disk(v->group, &member->member.guid);
		char guid[LDM_GUID_TEXT];
		say(v->out, "%s%s (%s)",
		    n > 1               ? ", "
		    : v->out->reason[0] ? "; "
					: "",
		    member->name, disk ? disk->name : ldm_guid_text(&member->member.guid, guid));
	}
	if (n > LIST_MAX)
		say(v->out, " and %u more", n - LIST_MAX);
	if (n > 0)
		say(v->out, " %s", n == 1 ? one : many);
}

static int explain(const struct volume *v, struct error *err)
{
	CLEANUP(free_cleanup) uint8_t *seen = look_at_disks(v);
	if (!seen)
		return error_set(err, -ENOMEM, "volume '%s': %m", v->record->name);
	if (v->lost)
		say(v->out, "%s%u of its components cannot be used", v->out->reason[0] ? "; " : "",
		    v->lost);
	say_disks(v, seen, MISSING, "is missing", "are missing");
	say_disks(v, seen, CUT, "ends too early", "end too early");
	say_disks(v, seen, STALE, "is out of date", "are out of date");
	if (is_unsettled(v))
		say(v->out, "%sits state is '%s'", v->out->reason[0] ? "; " : "",
		    v->record->volume.state);
	if (v->out->state == LAYOUT_DEGRADED)
		say_disks(v, seen, GOOD, "has what is read", "have what is read");
	return 0;
}

/* ---- from the records on --------------------------------------------------------------------- */

/* Believes the records as far as they agree; what is wrong with the first that does not is said. */
static int check_records(struct volume *v, struct error *err)
{
	const struct ldm_volume *record = &v->record->volume;
	size_t n;
	const struct ldm_record *components =
		ldm_db_children(v->group->db, LDM_COMPONENT, v->record->id, &n);
	if (record->size == 0 || n == 0 || record->n_components == 0 || n > record->n_components ||
	    record->n_components > MAP_MAX_LEGS) {
		say(v->out,
		    "its record speaks of %" PRIu64 " bytes and %" PRIu64
		    " components, and the database has %zu components",
		    record->size, record->n_components, n);
		return 0;
	}
	v->plexes = calloc(n, sizeof(*v->plexes));
	if (!v->plexes)
		return error_set(err, -ENOMEM, "%zu components: %m", n);
	for (size_t i = 0; i < n; i++) {
		struct error why;
		if (ldm_plex_check(v->group->db, &components[i], record->size,
				   &v->plexes[v->n_plexes], &why) == 0)
			v->n_plexes++;
		else if (!v->out->reason[0])
			say(v->out, "%s", why.msg);
	}
	v->lost = (unsigned int)(record->n_components - v->n_plexes);
	return 0;
}

static const char *type_of(const struct volume *v)
{
	if (v->record->volume.n_components > 1)
		return "mirrored";
	if (v->n_plexes == 0)
		return "unknown";
	const struct ldm_plex *plex = v->plexes;
	return plex->layout == LDM_RAID5     ? "raid5"
	       : plex->layout == LDM_STRIPED ? "striped"
	       : plex->n_extents > 1         ? "spanned"
					     : "simple";
}

/* What the volume's disks know and count in. */
static void look_around(struct volume *v)
{
	v->out->sector = 512;
	for (size_t p = 0; p < v->n_plexes; p++) {
		for (size_t i = 0; i < v->plexes[p].n_extents; i++) {
			const struct ldm_disk *disk = disk_of(v, &v->plexes[p].extents[i]);
			if (!disk)
				continue;
			v->out->sector = MAX(v->out->sector, disk->head.sector);
			if (disk->readable)
				v->newest = MAX(v->newest, knows(disk));
		}
	}
}

int ldm_volume_assemble(const struct ldm_group *group, const struct ldm_record *volume,
			struct ldm_assembly *ret, struct error *err)
{
	struct ldm_assembly out = { .state = LAYOUT_OK };
	struct volume v = { .group = group, .record = volume, .out = &out };
	int rc = check_records(&v, err);
	if (rc == 0) {
		out.type = type_of(&v);
		look_around(&v);
		if (v.n_plexes == 0)
			out.state = LAYOUT_INCOMPLETE;
		else
			rc = make_map(&v, err);
	}
	if (rc == 0 && out.state == LAYOUT_OK && !map_is_whole(out.map))
		out.state = map_is_readable(out.map) ? LAYOUT_DEGRADED : LAYOUT_INCOMPLETE;
	if (rc == 0 && out.state != LAYOUT_OK && v.n_plexes > 0)
		rc = explain(&v, err);
	free(v.plexes);
	if (rc < 0) {
		map_free(out.map);
		return rc;
	}
	*ret = out;
	return 0;
}
