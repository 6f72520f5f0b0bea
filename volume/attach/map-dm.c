/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * map-dm - a map printed as a device-mapper table.
 *
 * Source: Linux, Documentation/admin-guide/device-mapper/, linear.rst, striped.rst, dm-raid.rst,
 * and drivers/md/dm-raid1.c for mirror.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lunette/map-dm.h"

#define SECTOR 512u

/**
 * struct printer - a table that is being printed
 * @at: start of the next line, in bytes of the volume
 */
struct printer {
	FILE *out;
	map_device_fn *device;
	void *ctx;
	uint64_t at;
};

/* Begins a line for the next @length bytes. */
static int begin(struct printer *p, uint64_t length, const char *target, struct error *err)
{
	if (p->at % SECTOR || length % SECTOR)
		return error_set(err, -EINVAL,
				 "%" PRIu64 " bytes at offset %" PRIu64
				 " are not whole sectors: device-mapper cannot show them",
				 length, p->at);
	fprintf(p->out, "%" PRIu64 " %" PRIu64 " %s", p->at / SECTOR, length / SECTOR, target);
	p->at += length;
	return 0;
}

/* Prints " DEVICE", and " START" unless the target takes whole devices. */
static int print_leg(struct printer *p, const struct map_leg *leg, uint64_t length, bool whole,
		     struct error *err)
{
	if (!leg->blk)
		return error_set(err, -ENODEV, "a member is missing");
	char name[128];
	uint64_t start = 0;
	int rc = p->device(p->ctx, leg, length, whole, name, sizeof(name), &start, err);
	if (rc < 0)
		return rc;
	if (start % SECTOR)
		return error_set(err, -EINVAL,
				 "offset %" PRIu64
				 " is not on a sector: device-mapper cannot use it",
				 start);
	if (whole)
		fprintf(p->out, " %s", name);
	else
		fprintf(p->out, " %s %" PRIu64, name, start / SECTOR);
	return 0;
}

static int print_linear(struct printer *p, const struct map_leg *leg, uint64_t length,
			struct error *err)
{
	int rc = begin(p, length, "linear", err);
	if (rc == 0)
		rc = print_leg(p, leg, length, false, err);
	fputc('\n', p->out);
	return rc;
}

/* The target takes whole rows only: what is left of the last one follows as linear pieces. */
static int print_striped(struct printer *p, const struct map_segment *seg, struct error *err)
{
	uint64_t row = seg->chunk * seg->n_legs;
	assert(row > 0); /* or there were no such map */
	uint64_t rows = seg->length / row;
	int rc = 0;
	if (rows > 0) {
		rc = begin(p, rows * row, "striped", err);
		fprintf(p->out, " %u %" PRIu64, seg->n_legs, seg->chunk / SECTOR);
		for (unsigned int l = 0; rc == 0 && l < seg->n_legs; l++)
			rc = print_leg(p, &seg->legs[l], rows * seg->chunk, false, err);
		fputc('\n', p->out);
	}
	uint64_t left = seg->length % row;
	for (unsigned int l = 0; rc == 0 && left > 0; l++) {
		struct map_leg tail = seg->legs[l];
		tail.start += rows * seg->chunk;
		uint64_t n = MIN(left, seg->chunk);
		rc = print_linear(p, &tail, n, err);
		left -= n;
	}
	return rc;
}

/* Only the mirrors that are there; one alone is linear. It is read-only: nothing to keep in sync.
 */
static int print_mirror(struct printer *p, const struct map_segment *seg, struct error *err)
{
	unsigned int present = 0;
	const struct map_leg *last = &seg->legs[0];
	for (unsigned int l = 0; l < seg->n_legs; l++)
		if (seg->legs[l].blk) {
			present++;
			last = &seg->legs[l];
		}
	if (present < 2)
		return print_linear(p, last, seg->length, err);
	int rc = begin(p, seg->length, "mirror", err);
	fprintf(p->out, " core 2 1024 nosync %u", present);
	for (unsigned int l = 0; rc == 0 && l < seg->n_legs; l++)
		if (seg->legs[l].blk)
			rc = print_leg(p, &seg->legs[l], seg->length, false, err);
	fputc('\n', p->out);
	return rc;
}

/* NULL when device-mapper has no name for it. */
static const char *raid_name(const struct map_segment *seg)
{
	static const char *const raid5[] = {
		[MAP_LEFT_ASYMMETRIC] = "raid5_la", [MAP_RIGHT_ASYMMETRIC] = "raid5_ra",
		[MAP_LEFT_SYMMETRIC] = "raid5_ls",  [MAP_RIGHT_SYMMETRIC] = "raid5_rs",
		[MAP_PARITY_FIRST] = "raid4",       [MAP_PARITY_LAST] = "raid5_n",
	};
	static const char *const raid6[] = {
		[MAP_PARITY_LAST] = "raid6_n_6",
		[MAP_ROTATING_ZERO_RESTART] = "raid6_zr",
		[MAP_ROTATING_N_RESTART] = "raid6_nr",
		[MAP_ROTATING_N_CONTINUE] = "raid6_nc",
		[MAP_LEFT_ASYMMETRIC_6] = "raid6_la_6",
		[MAP_RIGHT_ASYMMETRIC_6] = "raid6_ra_6",
		[MAP_LEFT_SYMMETRIC_6] = "raid6_ls_6",
		[MAP_RIGHT_SYMMETRIC_6] = "raid6_rs_6",
		[MAP_PARITY_FIRST_6] = NULL,
	};
	switch (seg->kind) {
	case MAP_RAID4:
	case MAP_RAID5:
		return raid5[seg->layout];
	case MAP_RAID6:
		return raid6[seg->layout];
	default:
		return NULL;
	}
}

/*
 * The target makes no RAID-10 without metadata devices. To read, one copy of each chunk is enough:
 * where the copies fall into place, that is a stripe over one leg of each set of copies.
 */
static int print_raid10(struct printer *p, const struct map_segment *seg, struct error *err)
{
	unsigned int near = seg->layout & 0xff, far = seg->layout >> 8 & 0xff;
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(seg->n_legs, sizeof(*legs));
	if (!legs)
		return error_set(err, -ENOMEM, "%u legs: %m", seg->n_legs);
	bool known = seg->n_legs % near == 0 && (far == 1 || (near == 1 && seg->layout >> 16 == 0));
	struct map_segment out = *seg;
	out.legs = legs;
	out.n_legs = seg->n_legs / near;
	for (unsigned int l = 0; known && l < out.n_legs; l++) {
		for (unsigned int c = 0; c < near && !legs[l].blk; c++)
			legs[l] = seg->legs[l * near + c];
		known = legs[l].blk;
	}
	if (!known)
		return error_set(err, -ENOTSUP,
				 "device-mapper has no raid10 with layout %#x over these %u disks",
				 seg->layout, seg->n_legs);
	return print_striped(p, &out, err);
}

static int print_raid(struct printer *p, const struct map_segment *seg, struct error *err)
{
	const char *name = raid_name(seg);
	if (!name)
		return error_set(err, -ENOTSUP, "device-mapper has no %s with layout %#x",
				 map_kind_name(seg->kind), seg->layout);
	/* RAID-6 may not be told that it is in sync; nothing is synced that is read-only. */
	int rc = begin(p, seg->length, "raid", err);
	fprintf(p->out, " %s %s %" PRIu64 "%s %u", name, seg->kind == MAP_RAID6 ? "1" : "2",
		seg->chunk / SECTOR, seg->kind == MAP_RAID6 ? "" : " nosync", seg->n_legs);
	for (unsigned int l = 0; rc == 0 && l < seg->n_legs; l++) {
		fputs(" -", p->out); /* no metadata device */
		if (seg->legs[l].blk)
			rc = print_leg(p, &seg->legs[l], map_leg_length(seg, l), true, err);
		else
			fputs(" -", p->out);
	}
	fputc('\n', p->out);
	return rc;
}

static int print_segment(struct printer *p, const struct map_segment *seg, struct error *err)
{
	switch (seg->kind) {
	case MAP_LINEAR:
		return print_linear(p, &seg->legs[0], seg->length, err);
	case MAP_STRIPED:
		return print_striped(p, seg, err);
	case MAP_MIRROR:
		return print_mirror(p, seg, err);
	case MAP_ZERO: {
		int rc = begin(p, seg->length, "zero", err);
		fputc('\n', p->out);
		return rc;
	}
	case MAP_RAID10:
		return print_raid10(p, seg, err);
	default:
		return print_raid(p, seg, err);
	}
}

int map_dm_table(const struct map *map, map_device_fn *device, void *ctx, char **ret,
		 struct error *err)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	struct printer p = { .device = device, .ctx = ctx };
	p.out = open_memstream(&text, &size);
	if (!p.out)
		return error_set(err, -ENOMEM, "device-mapper table: %m");
	int rc = map_is_readable(map) ? 0
				      : error_set(err, -ENODEV,
						  "members are missing: not all of it "
						  "can be read");
	for (size_t i = 0; rc == 0 && i < map->n_segments; i++)
		rc = print_segment(&p, &map->segments[i], err);
	bool lost = ferror(p.out);
	if ((fclose(p.out) != 0 || lost) && rc == 0)
		rc = error_set(err, -ENOMEM, "device-mapper table: %m");
	if (rc == 0)
		*ret = steal(&text);
	return rc;
}
