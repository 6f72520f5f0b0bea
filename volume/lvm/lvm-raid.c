/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm-raid - RAID volumes of LVM: images, and beside each the super-block in which the kernel keeps
 * whether it counts.
 *
 * Source: LVM2, lib/raid/raid.c; Linux, drivers/md/dm-raid.c, struct dm_raid_superblock,
 * raid_types[].
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lvm.h"

struct type {
	const char *name;
	enum map_kind kind;
	unsigned int layout;
	unsigned int parity; /* images beyond those that hold data; 0 for mirrors */
};

static const struct type types[] = {
	{ "raid0", MAP_STRIPED, 0, 0 },
	{ "raid0_meta", MAP_STRIPED, 0, 0 },
	{ "raid1", MAP_MIRROR, 0, 0 },
	{ "raid10", MAP_RAID10, 0, 0 },
	{ "raid10_near", MAP_RAID10, 0, 0 },
	{ "raid4", MAP_RAID4, MAP_PARITY_FIRST, 1 },
	{ "raid5", MAP_RAID5, MAP_LEFT_SYMMETRIC, 1 },
	{ "raid5_la", MAP_RAID5, MAP_LEFT_ASYMMETRIC, 1 },
	{ "raid5_ra", MAP_RAID5, MAP_RIGHT_ASYMMETRIC, 1 },
	{ "raid5_ls", MAP_RAID5, MAP_LEFT_SYMMETRIC, 1 },
	{ "raid5_rs", MAP_RAID5, MAP_RIGHT_SYMMETRIC, 1 },
	{ "raid5_n", MAP_RAID5, MAP_PARITY_LAST, 1 },
	{ "raid6", MAP_RAID6, MAP_ROTATING_ZERO_RESTART, 2 },
	{ "raid6_zr", MAP_RAID6, MAP_ROTATING_ZERO_RESTART, 2 },
	{ "raid6_nr", MAP_RAID6, MAP_ROTATING_N_RESTART, 2 },
	{ "raid6_nc", MAP_RAID6, MAP_ROTATING_N_CONTINUE, 2 },
	{ "raid6_la_6", MAP_RAID6, MAP_LEFT_ASYMMETRIC_6, 2 },
	{ "raid6_ra_6", MAP_RAID6, MAP_RIGHT_ASYMMETRIC_6, 2 },
	{ "raid6_ls_6", MAP_RAID6, MAP_LEFT_SYMMETRIC_6, 2 },
	{ "raid6_rs_6", MAP_RAID6, MAP_RIGHT_SYMMETRIC_6, 2 },
	{ "raid6_0_6", MAP_RAID6, MAP_PARITY_FIRST_6, 2 },
	{ "raid6_n_6", MAP_RAID6, MAP_PARITY_LAST, 2 },
};

#define SUPER_MAGIC 0x64526d44u /* "DmRd" */

enum {
	FEATURE_V190 = 1,
	FLAG_RESHAPE_ACTIVE = 1,
};

struct super {
	uint32_t magic;          /* 0 */
	uint32_t features;       /* 4 */
	uint32_t devices;        /* 8 */
	uint32_t position;       /* 12 */
	uint64_t events;         /* 16 */
	uint64_t failed;         /* 24: a bit for each of the first 64 images */
	uint64_t recovered;      /* 32: sectors that are rebuilt; all ones for all */
	uint64_t synced;         /* 40: sectors of which the array knows that they are in sync */
	uint32_t level;          /* 48 */
	uint32_t layout;         /* 52 */
	uint32_t stripe;         /* 56 */
	uint32_t flags;          /* 60: from here on with FEATURE_V190 */
	uint64_t reshape;        /* 64 */
	uint32_t new_level;      /* 72 */
	uint32_t new_layout;     /* 76 */
	uint32_t new_stripe;     /* 80 */
	uint32_t delta;          /* 84 */
	uint64_t array_sectors;  /* 88 */
	uint64_t data_offset;    /* 96: sectors of each image that are in front of the data */
	uint64_t new_offset;     /* 104 */
	uint64_t sectors;        /* 112 */
	uint64_t more_failed[3]; /* 120: images 64 to 255 */
} __attribute__((packed));

/* An image and what its super-block says. */
struct raid_image {
	struct map_leg leg;
	bool split; /* split off for a while, with its changes tracked: a volume of its own now */
	bool blank; /* it has a place for a super-block, with none in it */
	bool known; /* it has a super-block */
	struct super super;
};

static int read_super(struct lvm_build *build, const char *name, struct raid_image *image,
		      struct error *err)
{
	struct map_leg meta;
	int rc = lvm_area_leg(build, name, 0, 0, &meta, err);
	if (rc < 0 || !meta.blk)
		return rc;
	rc = build->metadata(build->ctx, meta.blk, meta.blk->size, 0, err);
	if (rc == 0)
		rc = blk_read(meta.blk, &image->super, sizeof(image->super), 0, err);
	if (rc == 0)
		image->known = le32toh(image->super.magic) == SUPER_MAGIC;
	image->blank = rc == 0 && !image->known;
	return rc;
}

/* Reads the list of images; in the one of kind "raids" each has its metadata in front of it. */
static int read_images(struct lvm_build *build, const struct lvm_segment *seg, bool with_meta,
		       uint64_t length, struct raid_image *images, uint64_t n, struct error *err)
{
	const struct dm_config_value *v =
		lvm_text_list(seg->node, with_meta ? "raids" : "raid0_lvs");
	for (uint64_t i = 0; i < n; i++) {
		const char *meta, *image;
		if ((with_meta && !lvm_text_take_string(&v, &meta)) ||
		    !lvm_text_take_string(&v, &image))
			return error_set(err, -EUCLEAN, "its list of images is too short");
		const struct lvm_lv *lv = lvm_vg_lv(build->vg, image);
		images[i].split = lv && lv->visible;
		int rc = lvm_area_leg(build, image, 0, length, &images[i].leg, err);
		if (rc == 0 && with_meta)
			rc = read_super(build, meta, &images[i], err);
		if (rc < 0)
			return rc;
	}
	return v ? error_set(err, -EUCLEAN, "its list of images is too long") : 0;
}

static bool is_failed(const struct super *super, uint64_t i)
{
	uint64_t word = i < 64 ? super->failed
			       : (le32toh(super->features) & FEATURE_V190 && i < 256
					  ? super->more_failed[i / 64 - 1]
					  : 0);
	return le64toh(word) >> (i % 64) & 1;
}

static const struct super *find_freshest(const struct raid_image *images, uint64_t n)
{
	const struct super *best = NULL;
	for (uint64_t i = 0; i < n; i++)
		if (images[i].known &&
		    (!best || le64toh(images[i].super.events) > le64toh(best->events)))
			best = &images[i].super;
	return best;
}

/* Why the array does not count on an image; NULL when it does. */
static const char *why_not(const struct raid_image *image, uint64_t i, const struct super *best)
{
	if (image->split)
		return "an image that is split off, and has old content, is not used";
	if (!best)
		return NULL;
	if (is_failed(best, i) ||
	    (image->known && le64toh(image->super.events) + 1 < le64toh(best->events)))
		return "an image that fell behind the others is not used";
	if (image->blank || (image->known && image->super.recovered != UINT64_MAX))
		return "an image that is being rebuilt is not used";
	return NULL;
}

static int drop_stale(struct lvm_build *build, struct raid_image *images, uint64_t n,
		      struct error *err)
{
	const struct super *best = find_freshest(images, n);
	for (uint64_t i = 0; i < n; i++) {
		struct raid_image *image = &images[i];
		const char *why = image->leg.blk ? why_not(image, i, best) : NULL;
		if (!why)
			continue;
		image->leg.blk = NULL;
		int rc = build->warn(build->ctx, why, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* An offset in front of the data is left behind by a reshape that made room for itself. */
static int add_offsets(struct raid_image *images, uint64_t n, uint64_t length, struct error *err)
{
	for (uint64_t i = 0; i < n; i++) {
		const struct super *s = &images[i].super;
		uint64_t offset;
		if (!images[i].known || !(le32toh(s->features) & FEATURE_V190))
			continue;
		if (le32toh(s->flags) & FLAG_RESHAPE_ACTIVE)
			return error_set(err, -ENOTSUP,
					 "it was being reshaped: let LVM finish that on its host, "
					 "then take the snapshot again");
		if (__builtin_mul_overflow(le64toh(s->data_offset), LVM_SECTOR, &offset) ||
		    (images[i].leg.blk &&
		     (!range_inside(offset, images[i].leg.start, images[i].leg.blk->size) ||
		      !range_inside(length, images[i].leg.start + offset,
				    images[i].leg.blk->size))))
			return error_set(err, -ERANGE, "its image %" PRIu64 " is too short", i);
		images[i].leg.start += offset;
	}
	return 0;
}

static int find_type(const struct lvm_segment *seg, const struct type **ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, seg->type) == 0) {
			*ret = &types[i];
			return 0;
		}
	return error_set(err, -ENOTSUP, "segments of type '%s' cannot be read", seg->type);
}

/* The numbers of the segment, but for its legs. */
static int describe(const struct lvm_segment *seg, const struct type *type, struct map_segment *out,
		    struct error *err)
{
	uint64_t n, stripe = 0, copies = 2;
	if (!lvm_text_number(seg->node, type->kind == MAP_STRIPED ? "stripe_count" : "device_count",
			     &n) ||
	    n <= type->parity || n > MAP_MAX_LEGS)
		return error_set(err, -EUCLEAN, "its number of images makes no sense");
	if (type->kind != MAP_MIRROR && (!lvm_text_number(seg->node, "stripe_size", &stripe) ||
					 stripe == 0 || stripe > UINT32_MAX))
		return error_set(err, -EUCLEAN, "its stripes make no sense");
	if (type->kind == MAP_RAID10) {
		lvm_text_number(seg->node, "data_copies", &copies);
		if (copies == 0 || copies > n)
			return error_set(err, -EUCLEAN, "its copies make no sense");
	}
	*out = (struct map_segment){
		.length = seg->length,
		.kind = type->kind,
		.chunk = stripe * LVM_SECTOR,
		.layout = type->kind == MAP_RAID10 ? (unsigned int)copies | 1u << 8 : type->layout,
		.n_legs = (unsigned int)n,
	};
	return 0;
}

/* Bytes that the segment takes of each image. */
static uint64_t image_length(const struct map_segment *out, const struct type *type)
{
	uint64_t n = out->n_legs;
	if (type->kind == MAP_MIRROR)
		return out->length;
	if (type->kind == MAP_RAID10)
		return out->length / n * (out->layout & 0xff);
	return out->length / (n - type->parity);
}

int lvm_add_raid(struct lvm_build *build, const struct lvm_segment *seg, struct map *map,
		 struct error *err)
{
	const struct type *type = NULL;
	struct map_segment out;
	int rc = find_type(seg, &type, err);
	if (rc == 0)
		rc = describe(seg, type, &out, err);
	if (rc)
		return rc;
	CLEANUP(free_cleanup) struct raid_image *images = calloc(out.n_legs, sizeof(*images));
	CLEANUP(free_cleanup) struct map_leg *legs = calloc(out.n_legs, sizeof(*legs));
	if (!images || !legs)
		return error_set(err, -ENOMEM, "%u images: %m", out.n_legs);
	uint64_t length = image_length(&out, type);
	rc = read_images(build, seg, lvm_text_list(seg->node, "raids"), length, images, out.n_legs,
			 err);
	if (rc == 0)
		rc = drop_stale(build, images, out.n_legs, err);
	if (rc == 0)
		rc = add_offsets(images, out.n_legs, length, err);
	if (rc < 0)
		return rc;
	const struct super *best = find_freshest(images, out.n_legs);
	if (type->kind == MAP_MIRROR && best && best->synced != UINT64_MAX)
		out.layout = MAP_IN_ORDER;
	for (unsigned int i = 0; i < out.n_legs; i++)
		legs[i] = images[i].leg;
	out.legs = legs;
	return map_add(map, &out, err);
}
