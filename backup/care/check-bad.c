/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check-bad - restore points that lack what could not be read when they were made. That is no
 * damage of the repository, and nothing mends it but another backup.
 */
#include "check-private.h"
#include "hurt.h"

int check_bad(struct check *check, const char id[65], const json_t *point, struct error *err)
{
	struct check_result *result = check->result;
	CLEANUP(hurt_disks_clear) struct hurt_disks disks = { 0 };
	int rc = hurt_disks_new(point, &disks, err);
	for (size_t i = 0; rc == 0 && i < disks.n; i++) {
		struct repo_disk disk;
		repo_point_disk(point, i, &disk);
		rc = bad_ranges_parse(disk.unreadable, disk.size, &disks.disks[i].list, err);
	}
	if (rc < 0 || hurt_disks_bytes(&disks) == 0 ||
	    result->n_unreadable++ >= CHECK_UNREADABLE_MAX)
		return rc;
	return hurt_point(check->repo, id, point, &disks, check->opts->stop, result->unreadable,
			  err);
}
