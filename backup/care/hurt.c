/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hurt - from disks up to volumes. See hurt.h; hurt-files.c goes on from there. */
#include <errno.h>

#include "hurt-files.h"
#include "lunette/json.h"
#include "lunette/point-open.h"

/**
 * struct lost_volume - what of a volume lies in what is lost
 */
struct lost_volume {
	struct hurt_ranges ranges;
};

static void lost_volume_cleanup(struct lost_volume *lost)
{
	free(lost->ranges.ranges);
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "tell what is damaged: %m");
}

static json_t *describe_disk(const struct repo_disk *disk, const struct hurt_ranges *lost)
{
	json_t *ranges = json_array();
	for (size_t i = 0; ranges && i < lost->n; i++)
		json_array_append_new(ranges, json_pack("{s:I, s:I}", "start",
							(json_int_t)lost->ranges[i].start, "length",
							(json_int_t)lost->ranges[i].length));
	return json_pack("{s:s, s:I, s:I, s:o}", "name", disk->name, "bytes",
			 (json_int_t)hurt_ranges_bytes(lost), "more", (json_int_t)lost->more,
			 "ranges", ranges);
}

/* ---- volumes -----------------------------------------------------------------------------------
 */

static int add_range(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk;
	struct lost_volume *lost = ctx;
	if (lost->ranges.n == HURT_RANGES_MAX)
		hurt_ranges_sort(&lost->ranges); /* there are many that are one */
	return hurt_ranges_add(&lost->ranges, off, length, err);
}

/* Which ranges of a volume lie in what is lost of all disks? */
static int find_lost(const struct layout_volume *volume, const struct layout *layout,
		     const struct hurt_ranges *disks, struct lost_volume *ret, struct error *err)
{
	for (size_t d = 0; d < layout->n_disks; d++)
		for (size_t i = 0; i < disks[d].n; i++) {
			const struct layout_range *range = &disks[d].ranges[i];
			int rc = blk_find(volume->blk, layout->disks[d].blk, range->length,
					  range->start, add_range, ret, err);
			if (rc < 0)
				return rc;
		}
	hurt_ranges_sort(&ret->ranges);
	return 0;
}

static int describe_volume(const struct layout_volume *volume, const struct hurt_ranges *lost,
			   const atomic_bool *stop, json_t *ret, struct error *err)
{
	CLEANUP(fs_close_cleanup) struct fs *fs = NULL;
	struct error why = { 0 };
	struct fs_source source = { .blk = volume->blk };
	int rc = fs_open(&source, &fs, &why);
	if (rc == 0)
		rc = hurt_files(fs, lost, stop, ret, &why);
	if (rc == -EINTR || rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0 && json_object_set_new(ret, "error", hurt_text(why.msg)) < 0)
		return no_memory(err);
	return 0;
}

static int add_volume(const struct layout_volume *volume, const struct layout *layout,
		      const struct hurt_ranges *disks, const atomic_bool *stop, json_t *volumes,
		      struct error *err)
{
	CLEANUP(lost_volume_cleanup) struct lost_volume lost = { 0 };
	int rc = find_lost(volume, layout, disks, &lost, err);
	if (rc < 0 || lost.ranges.n == 0)
		return rc;
	json_t *found =
		json_pack("{s:s, s:s, s:I}", "name", volume->name, "filesystem", volume->filesystem,
			  "bytes", (json_int_t)hurt_ranges_bytes(&lost.ranges));
	if (json_array_append_new(volumes, found) < 0)
		return no_memory(err);
	return describe_volume(volume, &lost.ranges, stop, found, err);
}

/* ---- what lies in no volume --------------------------------------------------------------------
 */

static int note_found(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk, (void)length, (void)off, (void)err;
	*(bool *)ctx = true;
	return 0;
}

/* Bytes of lost ranges in which no volume lies: tables, and what is not known. */
static int count_outside(const struct layout *layout, const struct hurt_ranges *disks,
			 uint64_t *ret, struct error *err)
{
	*ret = 0;
	for (size_t d = 0; d < layout->n_disks; d++)
		for (size_t i = 0; i < disks[d].n; i++) {
			const struct layout_range *range = &disks[d].ranges[i];
			bool inside = false;
			for (size_t v = 0; v < layout->n_volumes && !inside; v++) {
				struct blk *blk = layout->volumes[v].blk;
				int rc = blk ? blk_find(blk, layout->disks[d].blk, range->length,
							range->start, note_found, &inside, err)
					     : 0;
				if (rc < 0)
					return rc;
			}
			*ret += inside ? 0 : range->length;
		}
	return 0;
}

static int describe_volumes(struct repo *repo, const json_t *point, const struct hurt_ranges *disks,
			    const atomic_bool *stop, json_t *ret, struct error *err)
{
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	struct error why = { 0 };
	int rc = point_open(repo, point, &layout, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0)
		return json_object_set_new(ret, "error", hurt_text(why.msg)) < 0 ? no_memory(err)
										 : 0;
	json_t *volumes = json_array();
	if (json_object_set_new(ret, "volumes", volumes) < 0)
		return no_memory(err);
	for (size_t i = 0; rc == 0 && i < layout->n_volumes; i++)
		if (layout->volumes[i].blk)
			rc = add_volume(&layout->volumes[i], layout, disks, stop, volumes, err);
	uint64_t outside = 0;
	if (rc == 0)
		rc = count_outside(layout, disks, &outside, err);
	if (rc == 0 && json_object_set_new(ret, "outside", json_integer((json_int_t)outside)) < 0)
		rc = no_memory(err);
	return rc;
}

int hurt_point(struct repo *repo, const char id[65], const json_t *point,
	       const struct hurt_ranges *disks, const atomic_bool *stop, json_t **ret,
	       struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *found = json_pack("{s:s, s:s, s:s, s:[]}", "id", id, "name", repo_point_name(point),
				  "time", repo_point_time(point), "disks");
	for (size_t i = 0; found && i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		if (disks[i].n > 0 && json_array_append_new(json_object_get(found, "disks"),
							    describe_disk(&disk, &disks[i])) < 0)
			return no_memory(err);
	}
	if (!found)
		return no_memory(err);
	int rc = describe_volumes(repo, point, disks, stop, found, err);
	if (rc < 0)
		return rc;
	*ret = steal(&found);
	return 0;
}
