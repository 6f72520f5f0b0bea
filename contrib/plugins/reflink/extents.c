/* SPDX-License-Identifier: GPL-3.0-or-later */
/* extents - a page of a reply with ranges; and `allocated`, by SEEK_DATA. */
#include <errno.h>
#include <unistd.h>

#include "reflink.h"

static bool flush(struct extents *page)
{
	if (page->end == page->start)
		return true;
	if (json_array_size(page->list) == PLUG_EXTENTS_MAX)
		return false;
	json_array_append_new(page->list, json_pack("[I,I]", (json_int_t)page->start,
						    (json_int_t)(page->end - page->start)));
	return true;
}

bool extents_add(struct extents *page, uint64_t len, uint64_t start)
{
	if (start == page->end && page->end != page->start) {
		page->end += len;
		return true;
	}
	if (!flush(page))
		return false;
	page->start = start;
	page->end = start + len;
	return true;
}

/* When the last range does not fit, it is the first of the next page. */
json_t *extents_reply(struct extents *page, bool more, uint64_t next)
{
	if (!flush(page)) {
		more = true;
		next = page->start;
	}
	return json_pack("{s:O, s:o}", "extents", page->list, "next",
			 more ? json_integer((json_int_t)next) : json_null());
}

int extents_allocated(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(json_decref_cleanup) json_t *volume = NULL;
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	struct extents page = { .list = list };
	uint64_t at, size;
	int rc = plug_offset(request, "start", &at, err);
	if (rc == 0)
		rc = store_open(request, STORE_READ, &store, err);
	if (rc == 0)
		rc = snapshot_open(&store, request, "snapshot", &fd, &volume, &size, err);
	if (rc < 0)
		return rc;
	bool more = false;
	while (!more && at < size) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		off_t hole = data < 0 ? data : lseek(fd, data, SEEK_HOLE);
		if (hole < 0 && errno == ENXIO)
			break;
		if (hole < 0)
			return error_set(err, -errno, "look for data: %m");
		at = MIN((uint64_t)hole, size);
		more = (uint64_t)data < at &&
		       !extents_add(&page, at - (uint64_t)data, (uint64_t)data);
	}
	*ret = extents_reply(&page, more, at);
	return 0;
}
