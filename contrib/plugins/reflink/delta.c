/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * delta - what differs between two snapshots, by where their blocks are.
 *
 * Two files that share a block have the same content there, and a shared block is never written in
 * place. So what is at the same place of the disk is the same; all else is said to differ, also
 * what only lies elsewhere. Where the file system does not tell the place of the very bytes
 * (compressed, inline), they differ.
 *
 * Something may move blocks in between (balance, defragmentation): the first file is asked again
 * after the second, and counts only when it says the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "lunette/json.h"
#include "reflink.h"

#define BATCH    1024
#define ATTEMPTS 100
#define NO_ADDRESS                                                                \
	(FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | \
	 FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_TAIL)

/* Some extents of a file, from one place on. */
struct piece {
	_Alignas(struct fiemap)
		uint8_t bytes[sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent)];
};

static struct fiemap *extents_of(const struct piece *p)
{
	return (struct fiemap *)(uintptr_t)p->bytes;
}

static int get_piece(int fd, uint64_t start, uint64_t size, struct piece *p, struct error *err)
{
	memset(p, 0, sizeof(*p));
	struct fiemap *map = extents_of(p);
	map->fm_start = start;
	map->fm_length = size - start;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = BATCH;
	if (ioctl(fd, FS_IOC_FIEMAP, map) < 0)
		return error_set(err, -errno, "FIEMAP: %m");
	return 0;
}

/* How far the extents tell what there is: behind the last one when there may be more. */
static uint64_t known_until(const struct piece *p, uint64_t size)
{
	const struct fiemap_extent *extents = extents_of(p)->fm_extents;
	uint32_t n = extents_of(p)->fm_mapped_extents;
	if (n < BATCH || extents[n - 1].fe_flags & FIEMAP_EXTENT_LAST)
		return size;
	return MIN(size, extents[n - 1].fe_logical + extents[n - 1].fe_length);
}

/* The run of a file at a place: a hole, or blocks. */
struct run {
	bool hole;
	bool placed;
	uint64_t address;
	uint64_t end;
};

static struct run run_at(const struct piece *p, uint32_t *i, uint64_t at, uint64_t until)
{
	const struct fiemap_extent *e = extents_of(p)->fm_extents;
	while (*i < extents_of(p)->fm_mapped_extents && e[*i].fe_logical + e[*i].fe_length <= at)
		(*i)++;
	e += *i;
	if (*i == extents_of(p)->fm_mapped_extents)
		return (struct run){ .hole = true, .end = until };
	if (e->fe_logical > at)
		return (struct run){ .hole = true, .end = MIN(e->fe_logical, until) };
	return (struct run){
		.hole = e->fe_flags & FIEMAP_EXTENT_UNWRITTEN,
		.placed = !(e->fe_flags & NO_ADDRESS),
		.address = e->fe_physical + (at - e->fe_logical),
		.end = MIN(e->fe_logical + e->fe_length, until),
	};
}

static bool same(const struct run *a, const struct run *b)
{
	if (a->hole || b->hole)
		return a->hole && b->hole;
	return a->placed && b->placed && a->address == b->address;
}

/* Compares [@at, until]; moves @at to where it came, which is before the end when the page is full.
 */
static bool compare(const struct piece *a, const struct piece *b, uint64_t until, uint64_t *at,
		    struct plug_extents *page)
{
	uint32_t i = 0, k = 0;
	while (*at < until) {
		struct run ra = run_at(a, &i, *at, until);
		struct run rb = run_at(b, &k, *at, until);
		uint64_t end = MIN(ra.end, rb.end);
		if (!same(&ra, &rb) && !plug_extents_add(page, end - *at, *at))
			return false;
		*at = end;
	}
	return true;
}

struct pieces {
	struct piece from;
	struct piece again;
	struct piece to;
};

static int get_pieces(int from, int to, uint64_t at, uint64_t size, struct pieces *p,
		      struct error *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int rc = get_piece(from, at, size, &p->from, err);
		if (rc == 0)
			rc = get_piece(to, at, size, &p->to, err);
		if (rc == 0)
			rc = get_piece(from, at, size, &p->again, err);
		if (rc < 0)
			return rc;
		if (memcmp(&p->from, &p->again, sizeof(p->from)) == 0)
			return 0;
	}
	return error_set(err, -EBUSY, "the file system moves the snapshot's blocks all the time");
}

static int compare_all(int from, int to, uint64_t at, uint64_t size, json_t **ret,
		       struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	CLEANUP(free_cleanup) struct pieces *p = malloc(sizeof(*p));
	struct plug_extents page = { .list = list };
	bool room = true;
	if (!p)
		return error_set(err, -ENOMEM, "%m");
	while (room && at < size) {
		int rc = get_pieces(from, to, at, size, p, err);
		if (rc < 0)
			return rc;
		uint64_t until = MIN(known_until(&p->from, size), known_until(&p->to, size));
		room = compare(&p->from, &p->to, until, &at, &page);
	}
	*ret = plug_extents_reply(&page, !room, at);
	return 0;
}

int extents_delta(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(close_cleanup) int from = -1, to = -1;
	CLEANUP(json_decref_cleanup) json_t *from_volume = NULL;
	CLEANUP(json_decref_cleanup) json_t *to_volume = NULL;
	uint64_t start, size, other;
	const char *text;
	int rc = plug_offset(request, "start", &start, err);
	if (rc == 0)
		rc = plug_text(request, "from", &text, err);
	if (rc == 0)
		rc = plug_text(request, "to", &text, err);
	if (rc == 0)
		rc = store_open(request, STORE_READ, &store, err);
	if (rc == 0)
		rc = snapshot_open(&store, request, "from", &from, &from_volume, &other, err);
	if (rc == 0)
		rc = snapshot_open(&store, request, "to", &to, &to_volume, &size, err);
	if (rc < 0)
		return rc;
	if (!json_equal(from_volume, to_volume))
		return error_set(err, -ESTALE, "'from' and 'to' are snapshots of two volumes");
	return compare_all(from, to, start, size, ret, err);
}
