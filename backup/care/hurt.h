/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hurt - what do lost chunks hurt? From ranges of a restore point's disks up to volumes, through
 * their file systems, to the files whose bytes lie there.
 *
 * The restore point's own image is opened for that, holes and all: where the file system's own
 * structures are hit too, some files cannot be told, and that is said.
 */
#ifndef HURT_H
#define HURT_H

#include <stdatomic.h>

#include "lunette/bad-ranges.h"
#include "lunette/layout.h"
#include "lunette/repo.h"

/* So many ranges of a disk, and files of a volume, are listed; the rest is counted. */
#define HURT_RANGES_MAX BAD_RANGES_MAX
#define HURT_FILES_MAX  10000

/**
 * struct hurt_ranges - ranges, of which not all need be listed
 * @list: in ascending order once they are sorted, or were added so
 * @more: bytes in ranges that are not listed
 */
struct hurt_ranges {
	struct bad_ranges list;
	uint64_t more;
};

/* Adds a range. Return: 0 or -ENOMEM. */
int hurt_ranges_add(struct hurt_ranges *ranges, uint64_t start, uint64_t length, struct error *err);
uint64_t hurt_ranges_bytes(const struct hurt_ranges *ranges);

/* Sorts and merges ranges that were put there in no order. */
void hurt_ranges_sort(struct hurt_ranges *ranges);

void hurt_ranges_clear(struct hurt_ranges *ranges); /* fits CLEANUP() */

/**
 * struct hurt_disks - ranges of each disk of a restore point; @n disks
 */
struct hurt_disks {
	size_t n;
	struct hurt_ranges *disks;
};

int hurt_disks_new(const json_t *point, struct hurt_disks *ret, struct error *err);
uint64_t hurt_disks_bytes(const struct hurt_disks *disks);
void hurt_disks_clear(struct hurt_disks *disks); /* fits CLEANUP() */

/**
 * hurt_point() - what of a restore point cannot be read
 * @disks: what is lost on each of the point's disks
 * @stop: when it becomes true this ends with -EINTR; may be NULL
 * @list: one more is added to it: {"id", "name", "time", "disks": [{"name", "bytes", "ranges",
 * "more"}], "volumes": [{"name", "files", "more_files", "structures", "unused", "error"}],
 * "outside", "error"}
 *
 * Return: 0, also when little could be told; -EINTR; -ENOMEM.
 */
int hurt_point(struct repo *repo, const char id[65], const json_t *point,
	       const struct hurt_disks *disks, const atomic_bool *stop, json_t *list,
	       struct error *err);

#endif
