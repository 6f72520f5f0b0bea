/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ntfs-ranges - ranges of clusters that are gathered in any order, in bounded memory. */
#define NTFS_WANT_LIBRARY
#include "ntfs-private.h"

static int by_first(const void *a, const void *b)
{
	const struct ntfs_range *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

void fs_ntfs_ranges_merge(struct ntfs_ranges *ranges)
{
	if (ranges->n == 0)
		return;
	qsort(ranges->v, ranges->n, sizeof(*ranges->v), by_first);
	size_t last = 0;
	for (size_t i = 1; i < ranges->n; i++) {
		struct ntfs_range *into = &ranges->v[last];
		if (ranges->v[i].first > into->stop)
			ranges->v[++last] = ranges->v[i];
		else
			into->stop = MAX(into->stop, ranges->v[i].stop);
	}
	ranges->n = last + 1;
}

static int make_room(struct ntfs_ranges *ranges, uint64_t n_clusters, struct error *err)
{
	if (ranges->n < ranges->room)
		return 0;
	fs_ntfs_ranges_merge(ranges);
	if (ranges->n > NTFS_RANGES_MAX / 2) { /* too many to remember: all of the volume, then */
		ranges->v[0] = (struct ntfs_range){ 0, n_clusters };
		ranges->n = 1;
	}
	if (ranges->room > 0 && ranges->n * 2 <= ranges->room)
		return 0;
	size_t room = MAX(ranges->room * 2, 64u);
	struct ntfs_range *v = reallocarray(ranges->v, room, sizeof(*v));
	if (!v)
		return error_set(err, -ENOMEM, "NTFS: ranges of clusters: %m");
	ranges->v = v;
	ranges->room = room;
	return 0;
}

int fs_ntfs_ranges_add(struct ntfs_ranges *ranges, uint64_t n_clusters, uint64_t first,
		       uint64_t stop, struct error *err)
{
	stop = MIN(stop, n_clusters);
	if (first >= stop)
		return 0;
	int rc = make_room(ranges, n_clusters, err);
	if (rc == 0)
		ranges->v[ranges->n++] = (struct ntfs_range){ first, stop };
	return rc;
}

size_t fs_ntfs_ranges_find(const struct ntfs_ranges *ranges, uint64_t cluster)
{
	size_t low = 0;
	size_t high = ranges->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->v[middle].stop > cluster)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
