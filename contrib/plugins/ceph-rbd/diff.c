/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diff - `allocated` and `delta`, as `rbd diff` tells them.
 *
 * It tells everything at once. What was told last is kept for the next page: snapshots do not
 * change.
 */
#include <errno.h>
#include <stdio.h>

#include "ceph.h"
#include "lunette/json.h"

/* The last answer, sorted and joined, and what it is of. */
static struct {
	char of[2 * CEPH_SPEC_SIZE];
	size_t n;
	struct range {
		uint64_t start;
		uint64_t length;
	} * ranges;
} last;

static int compare_ranges(const void *a, const void *b)
{
	const struct range *one = a, *two = b;
	return one->start < two->start ? -1 : one->start > two->start;
}

/* Images with striping are told object by object. */
static int keep(const char *of, const json_t *diff, struct error *err)
{
	size_t n = json_array_size(diff), i, k = 0;
	json_t *entry;
	struct range *ranges = calloc(n + 1, sizeof(*ranges));
	if (!ranges)
		return error_set(err, -ENOMEM, "%m");
	json_array_foreach(diff, i, entry)
	{
		json_int_t start = json_integer_value(json_object_get(entry, "offset"));
		json_int_t length = json_integer_value(json_object_get(entry, "length"));
		if (start < 0 || length <= 0 || start > INT64_MAX - length) {
			free(ranges);
			return error_set(err, -EPROTO, "rbd diff tells a range that cannot be");
		}
		ranges[i] = (struct range){ (uint64_t)start, (uint64_t)length };
	}
	qsort(ranges, n, sizeof(*ranges), compare_ranges);
	for (i = 0; i < n; i++) {
		uint64_t end = ranges[i].start + ranges[i].length;
		if (k && ranges[k - 1].start + ranges[k - 1].length >= ranges[i].start)
			ranges[k - 1].length =
				MAX(end, ranges[k - 1].start + ranges[k - 1].length) -
				ranges[k - 1].start;
		else
			ranges[k++] = ranges[i];
	}
	free(last.ranges);
	last.ranges = ranges;
	last.n = k;
	snprintf(last.of, sizeof(last.of), "%s", of);
	return 0;
}

static json_t *page(uint64_t start)
{
	json_t *list = json_array(), *next = NULL;
	for (size_t i = 0; i < last.n; i++) {
		uint64_t end = last.ranges[i].start + last.ranges[i].length;
		uint64_t from = MAX(last.ranges[i].start, start);
		if (end <= start)
			continue;
		if (json_array_size(list) == PLUG_EXTENTS_MAX) {
			next = json_integer((json_int_t)from);
			break;
		}
		json_array_append_new(
			list, json_pack("[I,I]", (json_int_t)from, (json_int_t)(end - from)));
	}
	return json_pack("{s:o, s:o}", "extents", list, "next", next ? next : json_null());
}

static int get(const struct ceph *ceph, const struct snapshot *from, const struct snapshot *to,
	       uint64_t start, json_t **ret, struct error *err)
{
	char spec[CEPH_SPEC_SIZE], base[CEPH_SPEC_SIZE] = "", of[2 * CEPH_SPEC_SIZE];
	CLEANUP(json_decref_cleanup) json_t *diff = NULL;
	int rc = 0;
	ceph_spec(ceph, to->image, to->set, spec);
	if (from)
		snprintf(base, sizeof(base), "lunette.%s", from->set);
	snprintf(of, sizeof(of), "%s %s", spec, base);
	if (strcmp(of, last.of) == 0) {
		*ret = page(start);
		return 0;
	}
	if (from && strcmp(from->set, to->set) == 0)
		diff = json_array();
	else if (from)
		rc = CEPH_RBD(ceph, &diff, err, "diff", "--from-snap", base, spec, "--format",
			      "json");
	else
		rc = CEPH_RBD(ceph, &diff, err, "diff", spec, "--format", "json");
	if (rc == -EINVAL)
		return error_set(err, -ESTALE, "'from' is not older than 'to'");
	if (rc == 0)
		rc = keep(of, diff, err);
	if (rc == 0)
		*ret = page(start);
	return rc;
}

int diff_allocated(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *text;
	uint64_t start;
	struct snapshot s;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = plug_text(request, "snapshot", &text, err);
	if (rc == 0)
		rc = plug_offset(request, "start", &start, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_READ, &ceph, err);
	if (rc == 0)
		rc = snapshot_find(&ceph, text, &s, err);
	return rc < 0 ? rc : get(&ceph, NULL, &s, start, ret, err);
}

int diff_delta(const struct plug_request *request, json_t **ret, struct error *err)
{
	const char *from_text, *to_text;
	uint64_t start;
	struct snapshot from, to;
	CLEANUP(ceph_close) struct ceph ceph = { .lock = -1 };
	int rc = plug_text(request, "from", &from_text, err);
	if (rc == 0)
		rc = plug_text(request, "to", &to_text, err);
	if (rc == 0)
		rc = plug_offset(request, "start", &start, err);
	if (rc == 0)
		rc = ceph_open(request, CEPH_READ, &ceph, err);
	if (rc == 0)
		rc = snapshot_find(&ceph, from_text, &from, err);
	if (rc == 0)
		rc = snapshot_find(&ceph, to_text, &to, err);
	if (rc < 0)
		return rc;
	if (strcmp(from.image, to.image) != 0)
		return error_set(err, -ESTALE, "'from' and 'to' are snapshots of two volumes");
	return get(&ceph, &from, &to, start, ret, err);
}
