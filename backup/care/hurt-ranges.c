/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hurt-ranges - what a report of damage is made of: lists of ranges that are bounded, and count
 * what they leave out, and text from anywhere. See hurt.h.
 */
#include <errno.h>

#include "hurt.h"

int hurt_ranges_add(struct hurt_ranges *ranges, uint64_t start, uint64_t length, struct error *err)
{
	struct error why = { 0 };
	int rc = bad_ranges_add(&ranges->list, length, start, &why);
	if (rc == -EFBIG)
		ranges->more += length;
	else if (rc < 0)
		return error_copy(err, rc, &why);
	return 0;
}

uint64_t hurt_ranges_bytes(const struct hurt_ranges *ranges)
{
	return bad_ranges_bytes(&ranges->list) + ranges->more;
}

static int by_start(const void *a, const void *b)
{
	const struct bad_range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

void hurt_ranges_sort(struct hurt_ranges *ranges)
{
	struct bad_ranges *list = &ranges->list;
	if (list->n == 0)
		return;
	qsort(list->ranges, list->n, sizeof(*list->ranges), by_start);
	size_t n = 1;
	for (size_t i = 1; i < list->n; i++) {
		struct bad_range *last = &list->ranges[n - 1], *next = &list->ranges[i];
		uint64_t end = last->start + last->length;
		if (next->start > end)
			list->ranges[n++] = *next;
		else if (next->start + next->length > end)
			last->length = next->start + next->length - last->start;
	}
	list->n = n;
}

void hurt_ranges_clear(struct hurt_ranges *ranges)
{
	bad_ranges_clear(&ranges->list);
}

int hurt_disks_new(const json_t *point, struct hurt_disks *ret, struct error *err)
{
	size_t n = repo_point_disks(point);
	struct hurt_ranges *disks = calloc(n, sizeof(*disks));
	if (!disks)
		return error_set(err, -ENOMEM, "tell what is damaged: %m");
	*ret = (struct hurt_disks){ n, disks };
	return 0;
}

uint64_t hurt_disks_bytes(const struct hurt_disks *disks)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < disks->n; i++)
		bytes += hurt_ranges_bytes(&disks->disks[i]);
	return bytes;
}

void hurt_disks_clear(struct hurt_disks *disks)
{
	for (size_t i = 0; i < disks->n; i++)
		hurt_ranges_clear(&disks->disks[i]);
	free(disks->disks);
}
