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

#include "lunette/layout.h"
#include "lunette/repo.h"

/* So many ranges of a disk, and files of a volume, are listed; the rest is counted. */
#define HURT_RANGES_MAX 65536
#define HURT_FILES_MAX  10000

/**
 * struct hurt_ranges - ranges in ascending order, merged
 * @more: bytes in ranges that are not listed
 * @end: where the last range ends, listed or not
 */
struct hurt_ranges {
	size_t n, room;
	struct layout_range *ranges;
	uint64_t more;
	uint64_t end;
};

/* Adds a range that does not begin before the end of the last one. Return: 0 or -ENOMEM. */
int hurt_ranges_add(struct hurt_ranges *ranges, uint64_t start, uint64_t length, struct error *err);
uint64_t hurt_ranges_bytes(const struct hurt_ranges *ranges);

/* Sorts and merges ranges that were put there in no order. */
void hurt_ranges_sort(struct hurt_ranges *ranges);

/* Does any byte of this range lie in one of them? */
bool hurt_ranges_touch(const struct hurt_ranges *ranges, uint64_t start, uint64_t length);

/**
 * hurt_point() - what of a restore point cannot be read
 * @disks: what is lost on each of the point's disks
 * @stop: when it becomes true this ends with -EINTR
 * @ret: {"id", "name", "time", "disks": [{"name", "bytes", "ranges", "more"}], "volumes": [{"name",
 *       "files", "more_files", "structures", "unused", "error"}], "outside", "error"}
 *
 * Return: 0, also when little could be told; -EINTR; -ENOMEM.
 */
int hurt_point(struct repo *repo, const char id[65], const json_t *point,
	       const struct hurt_ranges *disks, const atomic_bool *stop, json_t **ret,
	       struct error *err);

/* Text that a disk or a store may have had a hand in, as JSON; NULL when there is no memory. */
json_t *hurt_text(const char *text);

#endif
