/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hurt-ranges - what a report of damage is made of: lists of ranges that are bounded, and count
 * what they leave out, and text from anywhere. See hurt.h.
 */
#include <errno.h>

#include "hurt.h"

int hurt_ranges_add(struct hurt_ranges *ranges, uint64_t start, uint64_t length, struct error *err)
{
	if (ranges->n > 0) {
		struct layout_range *last = &ranges->ranges[ranges->n - 1];
		if (last->start + last->length == start) {
			last->length += length;
			ranges->end = start + length;
			return 0;
		}
	}
	if (ranges->n == HURT_RANGES_MAX) {
		ranges->more += length;
		return 0;
	}
	if (ranges->n == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 16;
		struct layout_range *grown = reallocarray(ranges->ranges, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list of damaged ranges: %m");
		ranges->ranges = grown;
		ranges->room = room;
	}
	ranges->ranges[ranges->n++] = (struct layout_range){ .start = start, .length = length };
	ranges->end = start + length;
	return 0;
}

uint64_t hurt_ranges_bytes(const struct hurt_ranges *ranges)
{
	uint64_t bytes = ranges->more;
	for (size_t i = 0; i < ranges->n; i++)
		bytes += ranges->ranges[i].length;
	return bytes;
}

static int by_start(const void *a, const void *b)
{
	const struct layout_range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

void hurt_ranges_sort(struct hurt_ranges *ranges)
{
	if (ranges->n == 0)
		return;
	qsort(ranges->ranges, ranges->n, sizeof(*ranges->ranges), by_start);
	size_t n = 1;
	for (size_t i = 1; i < ranges->n; i++) {
		struct layout_range *last = &ranges->ranges[n - 1], *next = &ranges->ranges[i];
		uint64_t end = last->start + last->length;
		if (next->start > end)
			ranges->ranges[n++] = *next;
		else if (next->start + next->length > end)
			last->length = next->start + next->length - last->start;
	}
	ranges->n = n;
}

bool hurt_ranges_touch(const struct hurt_ranges *ranges, uint64_t start, uint64_t length)
{
	size_t lo = 0, hi = ranges->n; /* the first one that ends behind @start is between them */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct layout_range *range = &ranges->ranges[mid];
		if (range->start + range->length <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ranges->n && ranges->ranges[lo].start < start + length;
}

json_t *hurt_text(const char *text)
{
	json_t *json = json_string(text);
	if (json)
		return json;
	/* It is no UTF-8. */
	CLEANUP(free_cleanup) char *safe = strdup(text);
	for (char *p = safe; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	return safe ? json_string(safe) : NULL;
}
