/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bad-ranges - see bad-ranges.h. */
#include <errno.h>
#include <stdlib.h>

#include "lunette/bad-ranges.h"
#include "lunette/json.h"

void bad_ranges_clear(struct bad_ranges *bad)
{
	if (!bad)
		return;
	free(bad->ranges);
	*bad = (struct bad_ranges){ 0 };
}

int bad_ranges_add(struct bad_ranges *bad, uint64_t length, uint64_t start, struct error *err)
{
	struct bad_range *last = bad->n ? &bad->ranges[bad->n - 1] : NULL;
	if (last && last->start + last->length == start) {
		last->length += length;
		return 0;
	}
	if (bad->n == BAD_RANGES_MAX)
		return error_set(err, -EFBIG, "a disk has more than %d unreadable ranges",
				 BAD_RANGES_MAX);
	if (!bad->ranges || bad->n == bad->room) {
		size_t room = bad->room ? 2 * bad->room : 16;
		struct bad_range *grown = reallocarray(bad->ranges, room, sizeof(*grown));
		if (!grown)
			return error_set(err, -ENOMEM, "list of unreadable ranges: %m");
		bad->ranges = grown;
		bad->room = room;
	}
	bad->ranges[bad->n++] = (struct bad_range){ .start = start, .length = length };
	return 0;
}

void bad_ranges_cut(struct bad_ranges *bad, uint64_t end)
{
	while (bad->n > 0 && bad->ranges[bad->n - 1].start >= end)
		bad->n--;
	if (bad->n == 0)
		return;
	struct bad_range *last = &bad->ranges[bad->n - 1];
	last->length = MIN(last->length, end - last->start);
}

uint64_t bad_ranges_bytes(const struct bad_ranges *bad)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < bad->n; i++)
		bytes += bad->ranges[i].length;
	return bytes;
}

const struct bad_range *bad_ranges_next(const struct bad_ranges *bad, uint64_t off)
{
	size_t low = 0, high = bad->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct bad_range *range = &bad->ranges[middle];
		if (range->start + range->length <= off)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bad->n ? &bad->ranges[low] : NULL;
}

const struct bad_range *bad_ranges_in(const struct bad_ranges *bad, uint64_t length, uint64_t off)
{
	const struct bad_range *next = bad_ranges_next(bad, off);
	return next && next->start < off + length ? next : NULL;
}

json_t *bad_ranges_json(const struct bad_ranges *bad)
{
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	for (size_t i = 0; i < bad->n; i++)
		if (json_array_append_new(
			    list, json_pack("{s:I, s:I}", "start", (json_int_t)bad->ranges[i].start,
					    "length", (json_int_t)bad->ranges[i].length)) < 0)
			return NULL;
	return steal(&list);
}

/* -1 when it is not a number. */
static json_int_t number_in(const json_t *range, const char *key)
{
	const json_t *number = json_object_get(range, key);
	return json_is_integer(number) ? json_integer_value(number) : -1;
}

int bad_ranges_parse(const json_t *list, uint64_t size, struct bad_ranges *ret, struct error *err)
{
	size_t i;
	const json_t *range;
	uint64_t end = 0;
	if (list && !json_is_array(list))
		return error_set(err, -EUCLEAN, "a disk's unreadable ranges are no list");
	json_array_foreach(list, i, range)
	{
		json_int_t start = number_in(range, "start"), length = number_in(range, "length");
		if (start < 0 || length < 1 || (uint64_t)start < end ||
		    !range_inside((uint64_t)length, (uint64_t)start, size))
			return error_set(
				err, -EUCLEAN,
				"an unreadable range of a disk is not one, or in disorder");
		int rc = bad_ranges_add(ret, (uint64_t)length, (uint64_t)start, err);
		if (rc < 0)
			return rc;
		end = (uint64_t)start + (uint64_t)length;
	}
	return 0;
}
