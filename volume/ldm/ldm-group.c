/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm-group - which dynamic disks belong together, and which of their databases holds.
 *
 * Every disk of a group carries the database of the whole group, so the newest sound copy speaks
 * for all, also for disks that are missing. Disks are told apart by GUIDs alone: names, order and
 * signatures repeat. Source: LDM.md, "Which copy holds".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instances.h"
#include "ldm.h"

/* ---- a disk's own database ------------------------------------------------------------------- */

static int read_vmdb(struct ldm_disk *disk, struct error *err)
{
	uint8_t sector[512];
	int rc = blk_read(disk->blk, sector, sizeof(sector), disk->toc.config_start, err);
	if (rc == 0)
		rc = ldm_vmdb_parse(sector, disk->toc.config_size, &disk->vmdb, err);
	if (rc == 0 && !ldm_guid_equal(&disk->vmdb.group, &disk->head.group))
		rc = error_set(err, -EBADMSG, "it is another group's");
	return rc < 0 ? error_wrap(err, rc, "LDM database") : 0;
}

int ldm_disk_read(struct ldm_disk *disk, struct error *err)
{
	int rc = ldm_toc_find(disk->blk, &disk->head, &disk->toc, err);
	if (rc == 0)
		rc = read_vmdb(disk, err);
	disk->readable = rc == 0;
	return rc;
}

static int load(const struct ldm_disk *disk, struct ldm_db **ret, struct error *err)
{
	size_t len = (size_t)disk->vmdb.first + (size_t)disk->vmdb.slots * disk->vmdb.slot_size;
	len = MAX(len, (size_t)512);
	CLEANUP(free_cleanup) uint8_t *config = malloc(len);
	if (!config)
		return error_set(err, -ENOMEM, "LDM database of %zu bytes: %m", len);
	int rc = blk_read(disk->blk, config, len, disk->toc.config_start, err);
	if (rc == 0)
		rc = ldm_db_parse(config, len, ret, err);
	return rc ? error_wrap(err, rc, "LDM database") : 0;
}

/* ---- the group's database -------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
	const struct ldm_disk *const *x = a, *const *y = b;
	uint64_t m = (*x)->readable ? (*x)->vmdb.effective : 0;
	uint64_t n = (*y)->readable ? (*y)->vmdb.effective : 0;
	if (m != n)
		return m > n ? -1 : 1;
	return *x < *y ? -1 : *x > *y; /* they are in one array */
}

/* The newest copy, and of several the one that is least damaged. */
static int choose_db(struct ldm_group *group, struct layout *layout, struct error *err)
{
	CLEANUP(free_cleanup)
	const struct ldm_disk **disks = calloc(group->n_disks, sizeof(const void *));
	if (!disks)
		return error_set(err, -ENOMEM, "group of %zu disks: %m", group->n_disks);
	memcpy(disks, group->disks, group->n_disks * sizeof(const void *));
	qsort(disks, group->n_disks, sizeof(const void *), newest_first);

	for (size_t i = 0; i < group->n_disks && disks[i]->readable; i++) {
		if (group->db && (group->db->n_damaged == 0 ||
				  disks[i]->vmdb.effective < group->db->vmdb.effective))
			break;
		struct ldm_db *db = NULL;
		struct error why;
		int rc = load(disks[i], &db, &why);
		if (rc == 0 && db->n_damaged)
			rc = error_set(&why, -EBADMSG, "LDM database: %s", db->damage);
		if (rc < 0 && layout_warn(layout, err, "%s: %s", disks[i]->name, why.msg) < 0) {
			ldm_db_free(db);
			return -ENOMEM;
		}
		if (db && (!group->db || db->n_damaged < group->db->n_damaged)) {
			ldm_db_free(group->db);
			group->db = steal(&db);
		}
		ldm_db_free(db);
	}
	return 0;
}

static bool is_member(const struct ldm_db *db, const struct ldm_guid *guid)
{
	for (size_t i = db->first[LDM_MEMBER]; i < db->first[LDM_MEMBER + 1]; i++)
		if (ldm_guid_equal(&db->records[i].member.guid, guid))
			return true;
	return false;
}

static int warn_of_group(const struct ldm_group *group, struct layout *layout, struct error *err)
{
	char guid[LDM_GUID_TEXT];
	ldm_guid_text(&group->id, guid);
	if (!group->db)
		return layout_warn(layout, err,
				   "LDM disk group '%s' (%s): no disk has a database that can be "
				   "read: its volumes are not known",
				   group->name, guid);
	for (size_t i = 0; i < group->n_disks; i++) {
		const struct ldm_disk *disk = group->disks[i];
		const struct ldm_vmdb *newest = &group->db->vmdb;
		int rc = 0;
		if (!is_member(group->db, &disk->head.disk))
			rc = layout_warn(
				layout, err,
				"%s: the database of its LDM disk group '%s' (%s) does not "
				"know it",
				disk->name, group->name, guid);
		else if (ldm_disk_knows(disk) < newest->effective)
			rc = layout_warn(
				layout, err,
				"%s: it was away when LDM disk group '%s' (%s) changed last: "
				"it knows transaction %" PRIu64 ", the group is at %" PRIu64,
				disk->name, group->name, guid, disk->vmdb.effective,
				newest->effective);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- which disks belong together ------------------------------------------------------------- */

/* Clones are there: says which disk went where, and on what ground. */
static int warn_of_clones(const struct ldm_group *groups, size_t n, bool by_order,
			  struct layout *layout, struct error *err)
{
	char guid[LDM_GUID_TEXT], list[512];
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t d = 0; d < groups[i].n_disks && len < sizeof(list); d++)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						d   ? ", "
						: i ? "; "
						    : "",
						groups[i].disks[d]->name);
	}
	return layout_warn(
		layout, err, "LDM disk group '%s' (%s) is there %zu times (%s): %s", groups->name,
		ldm_guid_text(&groups->id, guid), n, list,
		by_order ? "their databases are the same, so the order in which the disks "
			   "were given decided which belong together; to be sure, give the "
			   "disks of one clone at a time"
			 : "their databases tell which disks belong together");
}

/* Puts the @n disks of one group ID into as many groups as there are clones. */
static int split_clones(const struct ldm_disk *const *disks, size_t n, struct layout *layout,
			struct ldm_group *groups, size_t *n_groups, struct error *err)
{
	CLEANUP(free_cleanup) struct instance_member *members = calloc(n, sizeof(*members));
	CLEANUP(free_cleanup) char(*guids)[LDM_GUID_TEXT] = calloc(n, sizeof(*guids));
	if (!members || !guids)
		return error_set(err, -ENOMEM, "group of %zu disks: %m", n);
	for (size_t i = 0; i < n; i++) {
		members[i].id = ldm_guid_text(&disks[i]->head.disk, guids[i]);
		/* Clones that lived on may have made as many changes, but not at the same time. */
		if (disks[i]->readable)
			members[i].generation = disks[i]->vmdb.effective ^ disks[i]->vmdb.changed;
	}
	unsigned int n_instances;
	enum instances_verdict verdict = instances_assign(members, n, &n_instances);

	struct ldm_group *first = groups + *n_groups;
	bool matters = false;
	for (unsigned int i = 0; i < n_instances; i++) {
		struct ldm_group *group = &first[i];
		group->id = disks[0]->head.group;
		memcpy(group->name, disks[0]->head.group_name, sizeof(group->name));
		group->disks = calloc(n, sizeof(const void *));
		*n_groups += 1;
		if (!group->disks)
			return error_set(err, -ENOMEM, "group of %zu disks: %m", n);
		size_t n_disks = 0;
		for (size_t d = 0; d < n; d++)
			if (members[d].instance == i)
				group->disks[n_disks++] = disks[d];
		group->n_disks = n_disks;
		matters |= n_disks > 1;
	}
	if (n_instances > 1)
		return warn_of_clones(first, n_instances, verdict == INSTANCES_BY_ORDER && matters,
				      layout, err);
	return 0;
}

static int find_groups(const struct ldm_disk *disks, size_t n, struct layout *layout,
		       struct ldm_group *groups, size_t *n_groups, struct error *err)
{
	CLEANUP(free_cleanup) const struct ldm_disk **same = calloc(n + 1, sizeof(const void *));
	CLEANUP(free_cleanup) bool *done = calloc(n + 1, sizeof(*done));
	if (!same || !done)
		return error_set(err, -ENOMEM, "%zu dynamic disks: %m", n);
	for (size_t i = 0; i < n; i++) {
		size_t n_same = 0;
		for (size_t j = i; j < n; j++) {
			if (done[j] || !ldm_guid_equal(&disks[i].head.group, &disks[j].head.group))
				continue;
			done[j] = true;
			same[n_same++] = &disks[j];
		}
		if (n_same == 0)
			continue;
		int rc = split_clones(same, n_same, layout, groups, n_groups, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int ldm_groups_new(const struct ldm_disk *disks, size_t n_disks, struct layout *layout,
		   struct ldm_group **ret, size_t *n, struct error *err)
{
	/* There cannot be more groups than disks. */
	struct ldm_group *groups = calloc(n_disks + 1, sizeof(*groups));
	if (!groups)
		return error_set(err, -ENOMEM, "%zu dynamic disks: %m", n_disks);
	size_t n_groups = 0;
	int rc = find_groups(disks, n_disks, layout, groups, &n_groups, err);
	for (size_t i = 0; rc == 0 && i < n_groups; i++) {
		rc = choose_db(&groups[i], layout, err);
		if (rc == 0)
			rc = warn_of_group(&groups[i], layout, err);
	}
	if (rc < 0) {
		ldm_groups_free(groups, n_groups);
		return rc;
	}
	*ret = groups;
	*n = n_groups;
	return 0;
}

void ldm_groups_free(struct ldm_group *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(groups[i].disks);
		ldm_db_free(groups[i].db);
	}
	free(groups);
}

const struct ldm_disk *ldm_group_disk(const struct ldm_group *group, const struct ldm_guid *guid)
{
	for (size_t i = 0; i < group->n_disks; i++)
		if (ldm_guid_equal(&group->disks[i]->head.disk, guid))
			return group->disks[i];
	return NULL;
}

uint64_t ldm_disk_knows(const struct ldm_disk *disk)
{
	return disk->readable ? MAX(disk->vmdb.effective, disk->vmdb.pending) : UINT64_MAX;
}
