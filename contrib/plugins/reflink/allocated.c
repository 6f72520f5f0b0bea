/* SPDX-License-Identifier: GPL-3.0-or-later */
/* allocated - where a snapshot has data, by SEEK_DATA. */
#include <errno.h>
#include <unistd.h>

#include "lunette/json.h"
#include "reflink.h"

int extents_allocated(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(store_close) struct store store = { .dir = -1, .lock = -1 };
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(json_decref_cleanup) json_t *volume = NULL;
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	struct plug_extents page = { .list = list };
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
		       !plug_extents_add(&page, at - (uint64_t)data, (uint64_t)data);
	}
	*ret = plug_extents_reply(&page, more, at);
	return 0;
}
