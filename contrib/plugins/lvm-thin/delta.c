/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * delta - what differs between two snapshots, and what one has, by the pool's own metadata.
 *
 * thin_delta reads them from a copy that the pool keeps for it (a "metadata snapshot"), of which
 * there can be one only; so calls wait for each other. A block that both have at the same place is
 * the same, since the pool never writes in place what two volumes share. A volume and itself: what
 * is the same is all that it has.
 */
#include <errno.h>

#include "lunette/clock.h"
#include "lunette/json.h"
#include "lvm-thin.h"

/**
 * struct query - one page that is asked for
 * @start: where the page begins, in bytes
 * @size: of the volume
 * @common: in the larger volume's last part the smaller one has nothing
 */
struct query {
	const struct vg *vg;
	const json_t *from;
	const json_t *to;
	uint64_t start;
	uint64_t size;
	uint64_t common;
};

static int open_query(const struct plug_request *request, const char *from, const char *to,
		      struct vg *vg, struct query *ret, struct error *err)
{
	const char *a, *b;
	struct query q = { .vg = vg };
	int rc = plug_offset(request, "start", &q.start, err);
	if (rc == 0)
		rc = plug_text(request, from, &a, err);
	if (rc == 0)
		rc = plug_text(request, to, &b, err);
	if (rc == 0)
		rc = vg_open(request, VG_READ, vg, err);
	if (rc == 0)
		rc = snapshot_find(vg, a, &q.from, err);
	if (rc == 0)
		rc = snapshot_find(vg, b, &q.to, err);
	if (rc < 0)
		return rc;
	if (strcmp(lv_tag(q.from, "volume"), lv_tag(q.to, "volume")) != 0 ||
	    strcmp(lv_text(q.from, "pool_lv"), lv_text(q.to, "pool_lv")) != 0)
		return error_set(err, -ESTALE, "'from' and 'to' are snapshots of two volumes");
	q.size = (uint64_t)lv_number(q.to, "lv_size");
	q.common = MIN(q.size, (uint64_t)lv_number(q.from, "lv_size"));
	*ret = q;
	return 0;
}

/* One range into the page; moves @at to where the next page starts when there is no room. */
static bool add(const struct query *q, struct plug_extents *page, uint64_t begin, uint64_t end,
		uint64_t *at)
{
	begin = MAX(begin, q->start);
	if (begin >= end || plug_extents_add(page, end - begin, begin))
		return true;
	*at = begin;
	return false;
}

/*
 * '<same begin="0" length="3"/>', and likewise different, left_only, right_only: in ascending
 * order. Only with the last line it is complete.
 */
static int read_ranges(const struct query *q, FILE *xml, uint64_t block, json_t **ret,
		       struct error *err)
{
	CLEANUP(json_decref_cleanup) json_t *list = json_array();
	struct plug_extents page = { .list = list };
	bool wants_same = q->from == q->to, room = true, complete = false;
	char line[256], what[16];
	uint64_t at = 0, last = 0;
	while (room && fgets(line, sizeof(line), xml)) {
		unsigned long long begin, length;
		complete = complete || strstr(line, "</superblock>");
		if (sscanf(line, " <%15[a-z_] begin=\"%llu\" length=\"%llu\"", what, &begin,
			   &length) != 3)
			continue;
		if (begin < last || length == 0 || begin > UINT64_MAX / 2 / block ||
		    length > UINT64_MAX / 2 / block)
			return error_set(err, -EPROTO, "thin_delta prints no ascending ranges");
		last = begin + length;
		if ((strcmp(what, "same") == 0) == wants_same)
			room = add(q, &page, begin * block, MIN(last * block, q->common), &at);
	}
	if (room && !complete)
		return error_set(err, -EPROTO, "what thin_delta prints has no end");
	if (room)
		room = add(q, &page, q->common, q->size, &at);
	*ret = plug_extents_reply(&page, !room, at);
	return 0;
}

static void release(void *pool)
{
	thin_message(pool, NULL, "release_metadata_snap");
}

static int run_thin_delta(const struct query *q, struct thin *pool, const char *metadata, int lock,
			  FILE **ret, struct error *err)
{
	const char *const argv[] = { "thin_delta", "-m",
				     "--thin1",    lv_text(q->from, "thin_id"),
				     "--thin2",    lv_text(q->to, "thin_id"),
				     metadata,     NULL };
	const struct plug_request *request = q->vg->request;
	struct plug_guard guard;
	struct error why = { 0 };
	int ms = (int)MAX(request->deadline - clock_now_ms(), (int64_t)1);
	int rc = thin_message(pool, &why, "reserve_metadata_snap");
	if (rc == -EBUSY)
		return error_set(err, rc,
				 "another program reads the metadata of pool '%s', or died while "
				 "it did: then 'dmsetup message %s-%s-tpool 0 "
				 "release_metadata_snap' helps",
				 lv_text(q->to, "pool_lv"), q->vg->name, lv_text(q->to, "pool_lv"));
	if (rc < 0)
		return error_copy(err, rc, &why);
	rc = plug_guard_begin(&guard, ms, release, pool, err);
	if (rc < 0) {
		release(pool);
		return rc;
	}
	rc = run_program(RUN_READS, argv, lock, request->deadline, ret, err);
	int end = plug_guard_end(&guard, NULL);
	if (rc == 0 && end < 0)
		rc = error_set(err, -ETIMEDOUT, "no time is left");
	return rc;
}

static int answer(const struct query *q, json_t **ret, struct error *err)
{
	struct thin pool;
	uint64_t block;
	char metadata[64], name[300];
	const char *pool_lv = lv_text(q->to, "pool_lv");
	CLEANUP(close_cleanup) int lock = -1;
	CLEANUP(file_cleanup) FILE *xml = NULL;
	int len = snprintf(name, sizeof(name), "%s/%s", q->vg->name, pool_lv);
	int rc = vg_lock(q->vg->request, name, (size_t)len, &lock, err);
	if (rc == 0)
		rc = thin_of(vg_find(q->vg, pool_lv), &pool, err);
	if (rc == 0)
		rc = thin_pool(&pool, metadata, &block, err);
	if (rc == 0)
		rc = run_thin_delta(q, &pool, metadata, lock, &xml, err);
	return rc < 0 ? rc : read_ranges(q, xml, block, ret, err);
}

int delta_allocated(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	struct query q;
	int rc = open_query(request, "snapshot", "snapshot", &vg, &q, err);
	return rc < 0 ? rc : answer(&q, ret, err);
}

int delta_between(const struct plug_request *request, json_t **ret, struct error *err)
{
	CLEANUP(vg_close) struct vg vg = { .lock = -1 };
	struct query q;
	int rc = open_query(request, "from", "to", &vg, &q, err);
	if (rc < 0)
		return rc;
	if (q.from != q.to)
		return answer(&q, ret, err);
	*ret = json_pack("{s:[], s:n}", "extents", "next");
	return 0;
}
