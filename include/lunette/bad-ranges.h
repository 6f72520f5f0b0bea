/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bad-ranges - which bytes of a disk could not be read when it was backed up, and so are not in the
 * restore point: zeros lie in their place in the repository, and nobody may be given these for
 * them.
 */
#ifndef LUNETTE_BAD_RANGES_H
#define LUNETTE_BAD_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lunette/error.h"
#include "lunette/util.h"

/* The member of a disk in a manifest, and the feature of one that has it. */
#define BAD_RANGES "unreadable"

/* So many of one disk can be described. */
#define BAD_RANGES_MAX 65536

struct bad_range {
	uint64_t start;
	uint64_t length;
};

/**
 * struct bad_ranges - in ascending order, no two of them touch; zeroed it is empty
 */
struct bad_ranges {
	size_t n, room;
	struct bad_range *ranges;
};

void bad_ranges_clear(struct bad_ranges *bad); /* fits CLEANUP(); may be NULL */

/**
 * bad_ranges_add() - add a range that does not begin before the end of the last one
 *
 * Return: 0; -EFBIG when there are too many; -ENOMEM.
 */
int bad_ranges_add(struct bad_ranges *bad, uint64_t length, uint64_t start, struct error *err);

/* Takes away what lies at @end and behind it. */
void bad_ranges_cut(struct bad_ranges *bad, uint64_t end);

/* All bytes in them. */
uint64_t bad_ranges_bytes(const struct bad_ranges *bad);

/* The first one that ends behind @off; NULL when there is none. */
const struct bad_range *bad_ranges_next(const struct bad_ranges *bad, uint64_t off);

/* The first one with a byte in this range; NULL when all of it could be read. */
const struct bad_range *bad_ranges_in(const struct bad_ranges *bad, uint64_t length, uint64_t off);

/* As a manifest has them. Return: a new reference; NULL without memory. */
json_t *bad_ranges_json(const struct bad_ranges *bad);

/**
 * bad_ranges_parse() - from a manifest, whose bytes are foreign
 * @list: NULL: there are none
 * @size: of the disk
 * @ret: cleared by the caller, also on failure
 *
 * Return: 0; -EUCLEAN when it is not such a list, or leaves the disk; -EFBIG; -ENOMEM.
 */
int bad_ranges_parse(const json_t *list, uint64_t size, struct bad_ranges *ret, struct error *err);

#endif
