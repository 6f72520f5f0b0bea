/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-bad - restore points that lack what could not be read when they were made. That is no
 * damage of the repository, and nothing mends it but another backup.
 */
#include <errno.h>

#include "check-private.h"
#include "hurt.h"
#include "lunette/bad-ranges.h"

struct bad_disks {
	size_t n;
	struct hurt_ranges *bad;
};

static void bad_disks_cleanup(struct bad_disks *disks)
{
	for (size_t i = 0; i < disks->n; i++)
		free(disks->bad[i].ranges);
	free(disks->bad);
}

static int add_disk(struct bad_disks *disks, const struct repo_disk *disk, struct error *err)
{
	CLEANUP(bad_ranges_clear) struct bad_ranges bad = { 0 };
	int rc = bad_ranges_parse(disk->unreadable, disk->size, &bad, err);
	for (size_t i = 0; rc == 0 && i < bad.n; i++)
		rc = hurt_ranges_add(&disks->bad[disks->n], bad.ranges[i].start,
				     bad.ranges[i].length, err);
	disks->n++;
	return rc;
}

int check_bad(struct check *check, const char id[65], const json_t *point, struct error *err)
{
	struct check_result *result = check->result;
	CLEANUP(bad_disks_cleanup) struct bad_disks disks = { 0 };
	disks.bad = calloc(repo_point_disks(point), sizeof(*disks.bad));
	if (!disks.bad)
		return error_set(err, -ENOMEM, "check a restore point: %m");
	uint64_t bytes = 0;
	for (size_t i = 0; i < repo_point_disks(point); i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		int rc = add_disk(&disks, &disk, err);
		if (rc < 0)
			return rc;
		bytes += hurt_ranges_bytes(&disks.bad[i]);
	}
	if (bytes == 0 || result->n_unreadable++ >= CHECK_UNREADABLE_MAX)
		return 0;
	json_t *found = NULL;
	static const atomic_bool never;
	int rc = hurt_point(check->repo, id, point, disks.bad,
			    check->opts->stop ? check->opts->stop : &never, &found, err);
	if (rc == 0 && json_array_append_new(result->unreadable, found) < 0)
		rc = error_set(err, -ENOMEM, "check: %m");
	return rc;
}
