/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-map - a volume's components made into a map.
 *
 * A component is a map of its own; several are legs of a mirror. Where all components are runs of
 * disks one after the other, the mirror is cut wherever one of them changes disks: any part of it
 * can then be read as long as one copy of that part is there.
 *
 * A copy that may be out of date is worse than a missing one, because it reads well. It is left
 * out (a leg without a blk) as long as the volume can be had without it, and old content is never
 * mixed with new. Source: LDM.md, "Which copies are good".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"

/* ---- legs ------------------------------------------------------------------------------------ */

const struct ldm_disk *ldm_parts_disk(const struct ldm_parts *parts,
				      const struct ldm_record *extent)
{
	const struct ldm_record *member =
		ldm_db_find(parts->group->db, LDM_MEMBER, extent->extent.member);
	return ldm_group_disk(parts->group, &member->member.guid);
}

/* A disk that was away while others of the volume were written to has old content. */
bool ldm_parts_is_stale(const struct ldm_parts *parts, const struct ldm_record *extent)
{
	const struct ldm_disk *disk = ldm_parts_disk(parts, extent);
	return (extent->extent.flags & (LDM_EXTENT_RECOVER | LDM_EXTENT_DETACH)) ||
	       (disk && ldm_disk_knows(disk) < parts->newest);
}

/* Where an extent lies from @in on; without a blk when its disk, or that part of it, is missing. */
struct map_leg ldm_parts_leg(const struct ldm_parts *parts, const struct ldm_record *extent,
			     uint64_t in)
{
	const struct ldm_disk *disk = ldm_parts_disk(parts, extent);
	const struct ldm_extent *e = &extent->extent;
	if (!disk || !range_inside(e->size, e->start, disk->head.public_size) ||
	    !range_inside(e->size, disk->head.public_start + e->start, disk->blk->size))
		return (struct map_leg){ .blk = NULL };
	return (struct map_leg){ .blk = disk->blk,
				 .start = disk->head.public_start + e->start + in };
}

/* ---- a component ----------------------------------------------------------------------------- */

/* Extents of one column as a map of their own. */
static int column_map(const struct ldm_parts *parts, const struct ldm_record *extents, size_t n,
		      struct map **ret, struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct map_leg leg = ldm_parts_leg(parts, &extents[i], 0);
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
static int leg_of_map(const struct ldm_parts *parts, struct map *map, struct map_leg *ret,
		      struct error *err)
{
	*ret = (struct map_leg){ .blk = NULL };
	if (map_is_readable(map))
		return map_blk(map, parts->sector, &ret->blk, err);
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
static int column_legs(const struct ldm_parts *parts, const struct ldm_plex *plex,
		       struct map_leg *legs, bool *stale, struct error *err)
{
	size_t first = 0;
	for (unsigned int column = 0; column < plex->n_columns; column++) {
		const struct ldm_record *extents = plex->extents + first;
		size_t n = 0;
		while (first + n < plex->n_extents && extents[n].extent.column == column)
			stale[column] |= ldm_parts_is_stale(parts, &extents[n++]);
		first += n;
		if (n == 1) {
			legs[column] = ldm_parts_leg(parts, extents, 0);
			if (legs[column].blk)
				blk_ref(legs[column].blk);
			continue;
		}
		struct map *map;
		int rc = column_map(parts, extents, n, &map, err);
		if (rc == 0)
			rc = leg_of_map(parts, map, &legs[column], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Parity makes up for one column that is stale; true when a second one would spoil the sum. */
static bool drop_stale_column(struct map_leg *legs, const bool *stale, unsigned int n)
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
	if (present == n - bad)
		return false;
	if (bad == 1) {
		blk_unref(legs[which].blk);
		legs[which].blk = NULL;
	}
	return bad > 1 && bad < n;
}

static int striped_map(const struct ldm_parts *parts, const struct ldm_plex *plex, struct map **ret,
		       bool *torn, struct error *err)
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
		rc = column_legs(parts, plex, legs, stale, err);
	if (rc == 0) {
		if (plex->layout == LDM_RAID5)
			*torn = drop_stale_column(legs, stale, plex->n_columns);
		struct map_segment segment = {
			.length = parts->volume->volume.size,
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

/* All components that are lost are one missing leg. */
static size_t count_legs(const struct ldm_parts *parts)
{
	return parts->n_plexes + (parts->lost > 0);
}

/* Of the legs of a mirror those that may be out of date go; when no other is there, one stays.
 * Return: whether it did not come to that. */
static bool drop_stale_legs(const struct ldm_parts *parts, struct map_leg *legs, const bool *stale)
{
	bool good = false, kept = false;
	for (size_t i = 0; i < parts->n_plexes; i++)
		good |= legs[i].blk && !stale[i];
	for (size_t i = 0; i < parts->n_plexes; i++) {
		if (legs[i].blk && stale[i] && (good || kept))
			legs[i].blk = NULL;
		kept |= legs[i].blk != NULL;
	}
	return good || !kept;
}

/* Where copies may differ without anybody knowing which is right, all must come from one. */
bool ldm_parts_is_unsettled(const struct ldm_parts *parts)
{
	const char *state = parts->volume->volume.state;
	return strcmp(state, "ACTIVE") != 0 && strcmp(state, "CLEAN") != 0;
}

/* Appends what all components hold at one place; @good is set when that is up to date. */
static int add_mirrored(const struct ldm_parts *parts, uint64_t length, struct map_leg *legs,
			bool *stale, bool *good, struct map *map, struct error *err)
{
	size_t n = count_legs(parts);
	for (size_t i = 0, seen = 0; i < parts->n_plexes; i++) {
		stale[i] |= !ldm_plex_is_good(&parts->plexes[i]);
		if (ldm_parts_is_unsettled(parts) && legs[i].blk && !stale[i])
			stale[i] = seen++ > 0;
	}
	*good = drop_stale_legs(parts, legs, stale);
	struct map_segment segment = {
		.length = length,
		.kind = n == 1 ? MAP_LINEAR : MAP_MIRROR,
		.n_legs = (unsigned int)n,
		.legs = legs,
	};
	return map_add(map, &segment, err);
}

/* All components are runs of disks: cut where any of them changes disks. */
static int add_runs(const struct ldm_parts *parts, struct map *map, bool *torn, struct error *err)
{
	size_t n = count_legs(parts);
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(n, sizeof(*legs));
	CLEANUP(free_cleanup) bool *stale = calloc(n, sizeof(*stale));
	CLEANUP(free_cleanup) size_t *at = calloc(n, sizeof(*at));
	if (!legs || !stale || !at)
		return error_set(err, -ENOMEM, "%zu components: %m", n);
	const uint64_t size = parts->volume->volume.size;
	bool some_good = false, some_old = false;
	for (uint64_t off = 0, length; off < size; off += length) {
		length = size - off;
		for (size_t i = 0; i < parts->n_plexes; i++) {
			const struct ldm_record *extent = &parts->plexes[i].extents[at[i]];
			uint64_t in = off - extent->extent.offset;
			if (in == extent->extent.size) {
				extent++;
				at[i]++;
				in = 0;
			}
			legs[i] = ldm_parts_leg(parts, extent, in);
			stale[i] = ldm_parts_is_stale(parts, extent);
			length = MIN(length, extent->extent.size - in);
		}
		bool good;
		int rc = add_mirrored(parts, length, legs, stale, &good, map, err);
		if (rc < 0)
			return rc;
		some_good |= good;
		some_old |= !good;
	}
	/* What has no mirror was not written to either while one of its disks was away. */
	*torn = n > 1 && some_good && some_old;
	return 0;
}

/* A mirror of which at least one component is striped: each component is a blk of its own. */
static int add_components(const struct ldm_parts *parts, struct map *map, bool *torn,
			  struct error *err)
{
	size_t n = count_legs(parts);
	struct map_leg *legs = calloc(n, sizeof(*legs));
	CLEANUP(free_cleanup) struct map_leg *used = calloc(n, sizeof(*used));
	CLEANUP(free_cleanup) bool *stale = calloc(n, sizeof(*stale));
	int rc = 0;
	if (!legs || !used || !stale)
		rc = error_set(err, -ENOMEM, "%zu components: %m", n);
	for (size_t i = 0; rc == 0 && i < parts->n_plexes; i++) {
		const struct ldm_plex *plex = &parts->plexes[i];
		struct map *component;
		rc = plex->layout == LDM_CONCAT
			     ? column_map(parts, plex->extents, plex->n_extents, &component, err)
			     : striped_map(parts, plex, &component, torn, err);
		if (rc == 0)
			rc = leg_of_map(parts, component, &legs[i], err);
		for (size_t e = 0; e < plex->n_extents; e++)
			stale[i] |= ldm_parts_is_stale(parts, &plex->extents[e]);
	}
	if (rc == 0) {
		memcpy(used, legs, n * sizeof(*used));
		bool good;
		rc = add_mirrored(parts, parts->volume->volume.size, used, stale, &good, map, err);
	}
	if (legs)
		put_legs(legs, n);
	return rc;
}

int ldm_map_new(const struct ldm_parts *parts, struct map **ret, bool *torn, struct error *err)
{
	*torn = false;
	if (count_legs(parts) == 1 && parts->plexes->layout != LDM_CONCAT)
		return striped_map(parts, parts->plexes, ret, torn, err);
	bool runs = true;
	for (size_t i = 0; i < parts->n_plexes; i++)
		runs &= parts->plexes[i].layout == LDM_CONCAT;
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	if (rc == 0)
		rc = runs ? add_runs(parts, map, torn, err) : add_components(parts, map, torn, err);
	if (rc == 0)
		*ret = steal(&map);
	return rc;
}
