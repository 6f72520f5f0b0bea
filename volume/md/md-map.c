/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md-map - from a super-block's numbers to a map.
 *
 * Most levels are one segment. A RAID-0 whose members differ in size has one segment for each zone:
 * the first goes over all members up to the end of the smallest, the next over those that are
 * longer, and so on.
 *
 * Source: Linux, drivers/md/raid0.c, raid5.c (raid5_size()), raid10.c (raid10_size()), md-linear.c.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "md-map.h"

/* Rounded down; a chunk of 0 rounds nothing. */
static uint64_t whole_chunks(uint64_t length, uint64_t chunk)
{
	return chunk ? length - length % chunk : length;
}

static int add(struct map *map, struct map_segment *seg, struct error *err)
{
	if (seg->length == 0)
		return error_set(err, -EINVAL, "its members have no room for data");
	return map_add(map, seg, err);
}

/* Levels in which every member contributes the same: one segment over all of them. */
static int map_equal(const struct md_super *super, const struct md_slot *slots,
		     struct map_segment *seg, struct map *map, struct error *err)
{
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(super->raid_disks, sizeof(*legs));
	if (!legs)
		return error_set(err, -ENOMEM, "%u members: %m", super->raid_disks);
	for (unsigned int i = 0; i < super->raid_disks; i++)
		legs[i] = (struct map_leg){ slots[i].blk, slots[i].start };
	seg->legs = legs;
	seg->n_legs = super->raid_disks;
	return add(map, seg, err);
}

static int need_chunk(const struct md_super *super, struct error *err)
{
	if (super->chunk == 0 || super->chunk % 512)
		return error_set(err, -EINVAL, "a chunk of %" PRIu64 " bytes", super->chunk);
	return 0;
}

static int map_parity(const struct md_super *super, const struct md_slot *slots, struct map *map,
		      struct error *err)
{
	unsigned int parity = super->level == MD_RAID6 ? 2 : 1;
	struct map_segment seg = {
		.kind = super->level == MD_RAID6   ? MAP_RAID6
			: super->level == MD_RAID4 ? MAP_RAID4
						   : MAP_RAID5,
		.chunk = super->chunk,
		.layout = super->level == MD_RAID4 ? MAP_PARITY_LAST : super->layout,
	};
	int rc = need_chunk(super, err);
	if (rc < 0)
		return rc;
	if (super->raid_disks <= parity)
		return error_set(err, -EINVAL, "only %u members", super->raid_disks);
	if (__builtin_mul_overflow(whole_chunks(super->size, super->chunk),
				   super->raid_disks - parity, &seg.length))
		return error_set(err, -ERANGE, "members of %" PRIu64 " bytes", super->size);
	return map_equal(super, slots, &seg, map, err);
}

static int map_raid10_level(const struct md_super *super, const struct md_slot *slots,
			    struct map *map, struct error *err)
{
	struct map_segment seg = { .kind = MAP_RAID10,
				   .chunk = super->chunk,
				   .layout = super->layout };
	uint64_t near = super->layout & 0xff, far = super->layout >> 8 & 0xff;
	int rc = need_chunk(super, err);
	if (rc < 0)
		return rc;
	/* Bit 17 stands for a far layout of sets of members, with one more bit for its repair. */
	if (super->layout >> 17)
		return error_set(err, -ENOTSUP, "RAID-10 layout 0x%x is not known", super->layout);
	if (near == 0 || far == 0)
		return error_set(err, -EINVAL, "RAID-10 layout 0x%x", super->layout);
	uint64_t chunks = super->size / super->chunk / far;
	if (__builtin_mul_overflow(chunks, super->raid_disks, &chunks) ||
	    __builtin_mul_overflow(chunks / near, super->chunk, &seg.length))
		return error_set(err, -ERANGE, "members of %" PRIu64 " bytes", super->size);
	return map_equal(super, slots, &seg, map, err);
}

/* ---- levels in which members may differ ------------------------------------------------------ */

static int need_all(const struct md_super *super, const struct md_slot *slots, struct error *err)
{
	for (unsigned int i = 0; i < super->raid_disks; i++)
		if (!slots[i].blk)
			return error_set(err, -ENODATA, "member %u of %u is missing", i,
					 super->raid_disks);
	return 0;
}

static int map_linear_level(const struct md_super *super, const struct md_slot *slots,
			    struct map *map, struct error *err)
{
	int rc = need_all(super, slots, err);
	for (unsigned int i = 0; rc == 0 && i < super->raid_disks; i++) {
		struct map_leg leg = { slots[i].blk, slots[i].start };
		rc = add(map,
			 &(struct map_segment){
				 .kind = MAP_LINEAR,
				 .length = whole_chunks(slots[i].length, super->chunk),
				 .n_legs = 1,
				 .legs = &leg,
			 },
			 err);
	}
	return rc;
}

/* The end on its members of the zone that starts at @start; 0 when there is no such zone. */
static uint64_t zone_end(const struct md_super *super, const struct md_slot *slots, uint64_t start)
{
	uint64_t end = 0;
	for (unsigned int i = 0; i < super->raid_disks; i++) {
		uint64_t length = whole_chunks(slots[i].length, super->chunk);
		if (length > start && (end == 0 || length < end))
			end = length;
	}
	return end;
}

/*
 * One zone of a RAID-0. The original layout counts chunks from the start of the array to choose the
 * member, the alternate one from the start of the zone: the same members, rotated.
 */
static int map_zone(const struct md_super *super, const struct md_slot *slots, uint64_t start,
		    uint64_t end, struct map *map, struct error *err)
{
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(2 * super->raid_disks, sizeof(*legs));
	if (!legs)
		return error_set(err, -ENOMEM, "%u members: %m", super->raid_disks);
	unsigned int n = 0;
	for (unsigned int i = 0; i < super->raid_disks; i++)
		if (whole_chunks(slots[i].length, super->chunk) > start)
			legs[n++] = (struct map_leg){ slots[i].blk, slots[i].start + start };
	assert(n > 0); /* it ends where one of them does */
	if (start > 0 && n > 1 && super->layout != MD_RAID0_ORIGINAL &&
	    super->layout != MD_RAID0_ALTERNATE)
		return error_set(err, -ENOTSUP,
				 "its members differ in size, and it does not say in which of two "
				 "ways its later zones are laid out");
	unsigned int first = 0;
	if (super->layout == MD_RAID0_ORIGINAL)
		first = (unsigned int)(map->size / super->chunk % n);
	for (unsigned int i = 0; i < n; i++)
		legs[n + i] = legs[i];
	struct map_segment seg = {
		.kind = n == 1 ? MAP_LINEAR : MAP_STRIPED,
		.chunk = super->chunk,
		.n_legs = n,
		.legs = legs + first,
	};
	if (__builtin_mul_overflow(end - start, n, &seg.length))
		return error_set(err, -ERANGE, "members of %" PRIu64 " bytes", end);
	return add(map, &seg, err);
}

static int map_raid0_level(const struct md_super *super, const struct md_slot *slots,
			   struct map *map, struct error *err)
{
	int rc = need_chunk(super, err);
	if (rc == 0)
		rc = need_all(super, slots, err);
	uint64_t start = 0;
	while (rc == 0) {
		uint64_t end = zone_end(super, slots, start);
		if (end == 0)
			break;
		rc = map_zone(super, slots, start, end, map, err);
		start = end;
	}
	if (rc == 0 && map->size == 0)
		return error_set(err, -EINVAL, "its members have no room for data");
	return rc;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int map_level(const struct md_super *super, const struct md_slot *slots, struct map *map,
		     struct error *err)
{
	struct map_segment mirror = {
		.kind = MAP_MIRROR,
		.length = super->size,
		.layout = super->clean ? 0 : MAP_IN_ORDER,
	};
	switch (super->level) {
	case MD_LINEAR:
		return map_linear_level(super, slots, map, err);
	case MD_RAID0:
		return map_raid0_level(super, slots, map, err);
	case MD_RAID1:
		return map_equal(super, slots, &mirror, map, err);
	case MD_RAID4:
	case MD_RAID5:
	case MD_RAID6:
		return map_parity(super, slots, map, err);
	case MD_RAID10:
		return map_raid10_level(super, slots, map, err);
	default:
		return error_set(err, -ENOTSUP, "MD level %d is not known", super->level);
	}
}

int md_map(const struct md_super *super, const struct md_slot *slots, struct map **ret,
	   struct error *err)
{
	CLEANUP(map_free_cleanup) struct map *map = NULL;
	int rc = map_new(&map, err);
	if (rc == 0)
		rc = map_level(super, slots, map, err);
	if (rc < 0)
		return rc;
	*ret = steal(&map);
	return 0;
}
