/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hurt - from disks up to volumes. See hurt.h; hurt-files.c goes on from there. */
#include <errno.h>

#include "hurt-files.h"
#include "lunette/json.h"
#include "lunette/point-open.h"

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "tell what is damaged: %m");
}

static json_t *describe_disk(const struct repo_disk *disk, const struct hurt_ranges *lost)
{
	return json_pack("{s:s, s:I, s:I, s:o}", "name", disk->name, "bytes",
			 (json_int_t)hurt_ranges_bytes(lost), "more", (json_int_t)lost->more,
			 "ranges", bad_ranges_json(&lost->list));
}

/* ---- volumes -----------------------------------------------------------------------------------
 */

static int add_range(void *ctx, struct blk *blk, uint64_t length, uint64_t off, struct error *err)
{
	(void)blk;
	struct hurt_ranges *lost = ctx;
	if (lost->list.n == HURT_RANGES_MAX)
		hurt_ranges_sort(lost); /* there are many that are one */
	return hurt_ranges_add(lost, off, length, err);
}

/* Which ranges of a volume lie in what is lost of all disks? */
static int find_lost(const struct layout_volume *volume, const struct layout *layout,
		     const struct hurt_disks *disks, struct hurt_ranges *ret, struct error *err)
{
	for (size_t d = 0; d < layout->n_disks; d++)
		for (size_t i = 0; i < disks->disks[d].list.n; i++) {
			const struct bad_range *range = &disks->disks[d].list.ranges[i];
			int rc = blk_find(volume->blk, layout->disks[d].blk, range->length,
					  range->start, add_range, ret, err);
			if (rc < 0)
				return rc;
		}
	hurt_ranges_sort(ret);
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
	if (rc < 0 && json_object_set_new(ret, "error", json_text(why.msg)) < 0)
		return no_memory(err);
	return 0;
}

static int add_volume(const struct layout_volume *volume, const struct layout *layout,
		      const struct hurt_disks *disks, const atomic_bool *stop, json_t *volumes,
		      struct error *err)
{
	CLEANUP(hurt_ranges_clear) struct hurt_ranges lost = { 0 };
	int rc = find_lost(volume, layout, disks, &lost, err);
	if (rc < 0 || lost.list.n == 0)
		return rc;
	json_t *found =
		json_pack("{s:s, s:s, s:I}", "name", volume->name, "filesystem", volume->filesystem,
			  "bytes", (json_int_t)hurt_ranges_bytes(&lost));
	if (json_array_append_new(volumes, found) < 0)
		return no_memory(err);
	return describe_volume(volume, &lost, stop, found, err);
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
static int count_outside(const struct layout *layout, const struct hurt_disks *disks, uint64_t *ret,
			 struct error *err)
{
	*ret = 0;
	for (size_t d = 0; d < layout->n_disks; d++)
		for (size_t i = 0; i < disks->disks[d].list.n; i++) {
			const struct bad_range *range = &disks->disks[d].list.ranges[i];
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

static int describe_volumes(struct repo *repo, const json_t *point, const struct hurt_disks *disks,
			    const atomic_bool *stop, json_t *ret, struct error *err)
{
	CLEANUP(layout_free_cleanup) struct layout *layout = NULL;
	struct error why = { 0 };
	int rc = point_open(repo, point, &layout, &why);
	if (rc == -ENOMEM)
		return error_copy(err, rc, &why);
	if (rc < 0)
		return json_object_set_new(ret, "error", json_text(why.msg)) < 0 ? no_memory(err)
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
	if (rc == 0 && point_find_stored(point, layout, NULL, &why) < 0 &&
	    json_object_set_new(ret, "error", json_text(why.msg)) < 0)
		rc = no_memory(err);
	if (rc == 0 && json_object_set_new(ret, "outside", json_integer((json_int_t)outside)) < 0)
		rc = no_memory(err);
	return rc;
}

int hurt_point(struct repo *repo, const char id[65], const json_t *point,
	       const struct hurt_disks *disks, const atomic_bool *stop, json_t *list,
	       struct error *err)
{
	CLEANUP(json_decref_cleanup)
	json_t *found = json_pack("{s:s, s:s, s:s, s:[]}", "id", id, "name", repo_point_name(point),
				  "time", repo_point_time(point), "disks");
	for (size_t i = 0; found && i < disks->n; i++) {
		const struct hurt_ranges *lost = &disks->disks[i];
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		if (lost->list.n > 0 && json_array_append_new(json_object_get(found, "disks"),
							      describe_disk(&disk, lost)) < 0)
			return no_memory(err);
	}
	if (!found)
		return no_memory(err);
	static const atomic_bool never;
	int rc = describe_volumes(repo, point, disks, stop ? stop : &never, found, err);
	if (rc < 0)
		return rc;
	return json_array_append(list, found) < 0 ? no_memory(err) : 0;
}
