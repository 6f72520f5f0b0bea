/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * point-open - a restore point opened: its disks as blks, and what is found on them, by the same
 * code that looked at the live snapshot.
 */
#ifndef LUNETTE_POINT_OPEN_H
#define LUNETTE_POINT_OPEN_H

#include <jansson.h>

#include "lunette/layout.h"
#include "lunette/points.h"
#include "lunette/repo.h"

/**
 * point_open() - the disks and volumes of a restore point
 * @repo: must outlive the layout
 * @point: as repo_points() or repo_point_find() gave it; borrowed
 * @ret: to be freed with layout_free(); file systems are identified
 */
int point_open(struct repo *repo, const json_t *point, struct layout **ret, struct error *err);

/**
 * point_try_bad() - can a disk or a volume be read where bad sectors were left out of the backup?
 * @layout: of @point
 * @blk: one of its disks or volumes
 *
 * Return: 0; -EIO when something of it is not there; another error of reading it.
 */
int point_try_bad(const json_t *point, const struct layout *layout, struct blk *blk,
		  struct error *err);

/**
 * point_find_stored() - a volume that is stored, in the layout of now
 * @layout: of @point
 * @name: one of its stored volumes; NULL: all of them
 *
 * Return: 0; -EUCLEAN when it is not found, as what describes it is lost.
 */
int point_find_stored(const json_t *point, const struct layout *layout, const char *name,
		      struct error *err);

/* Is the volume of this name in the restore point, or only known to it? */
bool point_stores(const json_t *point, const char *volume);

/**
 * point_source_new() - a repository's restore points, for the tree
 * @repo: must outlive it
 * @ret: to be freed with point_source_free(), after all who use it are gone
 */
int point_source_new(struct repo *repo, struct points **ret, struct error *err);
void point_source_free(struct points *points); /* may be NULL */
DEFINE_CLEANUP(struct points *, point_source_free)

#endif
