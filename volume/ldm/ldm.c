/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm - the recogniser of Windows dynamic disks: tells a layout which groups and volumes there are.
 *
 * A partition table marks a disk as dynamic and says little else, so the partitions that stand for
 * the inside of a dynamic disk go, and volumes come in their place. Basic partitions beside them
 * stay. The steps in between are in ldm.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ldm.h"
#include "recognise.h"
#include "table.h"

#define MBR_DYNAMIC  "42"
#define GPT_METADATA "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"
#define GPT_DATA     "af9b60a0-1431-4f62-bc68-3311714a69ad"

/**
 * struct ldm_found - a dynamic disk
 * @c: what it is
 * @done: its group has been put together
 */
struct ldm_found {
	struct candidate *c;
	struct ldm_disk disk;
	bool done;
};

struct ldm_finds {
	size_t n;
	struct ldm_found *list;
};

static void clear(void *state)
{
	free(((struct ldm_finds *)state)->list);
}

/* ---- disks ----------------------------------------------------------------------------------- */

static bool is_dynamic(const struct layout_volume *volume)
{
	const char *type = volume->partition_type;
	return strcmp(type, MBR_DYNAMIC) == 0 || strcmp(type, GPT_METADATA) == 0 ||
	       strcmp(type, GPT_DATA) == 0;
}

/* A disk without a table is a dynamic disk if a header is where MBR disks have it. What may be left
 * in other places says nothing: a file system has the disk now. */
static bool has_head_in_front(const struct candidate *c)
{
	static const uint64_t places[] = { UINT64_C(6) * 512, UINT64_C(6) * 4096 };
	char magic[8];
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (blk_read(c->look, magic, sizeof(magic), places[i], NULL) == 0 &&
		    memcmp(magic, "PRIVHEAD", sizeof(magic)) == 0)
			return true;
	return false;
}

/* Does the table mark the disk as dynamic? @metadata_end as for ldm_head_find(). */
static bool is_marked(const struct candidate *c, uint64_t *metadata_end)
{
	*metadata_end = 0;
	if (!c->table)
		return !c->inside && has_head_in_front(c);
	bool marked = false;
	for (size_t i = 0; i < c->table->n_entries; i++) {
		const struct table_entry *e = &c->table->entries[i];
		marked |= strcmp(e->type, MBR_DYNAMIC) == 0;
		if (strcmp(e->type, GPT_METADATA) == 0 &&
		    range_inside(e->length, e->start, c->blk->size)) {
			marked = true;
			*metadata_end = e->start + e->length;
		}
	}
	return marked;
}

static int add_metadata(struct layout *layout, const struct ldm_disk *disk, bool gpt,
			struct error *err)
{
	int rc = 0;
	if (!gpt)
		rc = layout_add_metadata(layout, disk->blk, disk->head.sector,
					 UINT64_C(6) * disk->head.sector, err);
	if (rc == 0)
		rc = layout_add_metadata(layout, disk->blk, disk->head.private_size,
					 disk->head.private_start, err);
	return rc;
}

static int keep(struct ldm_finds *finds, struct candidate *c, const struct ldm_disk *disk,
		struct error *err)
{
	void *bigger = reallocarray(finds->list, finds->n + 1, sizeof(*finds->list));
	if (!bigger)
		return error_set(err, -ENOMEM, "%zu dynamic disks: %m", finds->n);
	finds->list = bigger;
	finds->list[finds->n++] = (struct ldm_found){ .c = c, .disk = *disk };
	return 0;
}

static int look(void *state, struct search *search, struct candidate *c, struct error *err)
{
	struct layout *layout = search->layout;
	uint64_t metadata_end;
	if (!is_marked(c, &metadata_end))
		return 0;
	struct ldm_disk disk = { .name = c->name, .blk = c->blk };
	struct error why;
	unsigned int damaged;
	uint32_t sector = c->table ? c->table->sector : c->blk->sector;
	int rc = ldm_head_find(c->look, sector, metadata_end, &disk.head, &damaged, &why);
	if (rc < 0) {
		rc = layout_warn(layout, err,
				 "%s: its partition table says that it is a dynamic disk: %s",
				 c->where, why.msg);
		return rc < 0 ? rc : layout_doubt(layout, c->blk, c->blk->size, 0, err);
	}
	char guid[LDM_GUID_TEXT];
	if (search_is_in_itself(search, c, LAYOUT_LDM, ldm_guid_text(&disk.head.group, guid)))
		return layout_warn(layout, err, "%s: LDM disk group '%s' lies in itself", c->where,
				   disk.head.group_name);
	search_drop_inside(search, c, is_dynamic);
	if (c->disk)
		c->disk->sector = disk.head.sector;
	rc = add_metadata(layout, &disk, metadata_end != 0, err);
	if (rc == 0 && damaged)
		rc = layout_warn(layout, err,
				 "%s: LDM private header: not all copies are sound: %u cannot be "
				 "used",
				 c->where, damaged);
	if (rc == 0 && ldm_disk_read(&disk, &why) < 0) {
		rc = layout_warn(layout, err, "%s: %s", c->where, why.msg);
		if (rc == 0)
			rc = layout_doubt(layout, c->blk, c->blk->size, 0, err);
	}
	if (rc == 0)
		rc = keep(state, c, &disk, err);
	return rc < 0 ? rc : 1;
}

/* ---- groups and volumes ---------------------------------------------------------------------- */

static int add_missing(const struct ldm_group *group, struct layout_group *to, struct error *err)
{
	const struct ldm_db *db = group->db;
	for (size_t i = db->first[LDM_MEMBER]; i < db->first[LDM_MEMBER + 1]; i++) {
		const struct ldm_record *r = &db->records[i];
		char guid[LDM_GUID_TEXT];
		if (ldm_group_disk(group, &r->member.guid))
			continue;
		int rc = layout_miss(to, err, "%s (%s)", r->name,
				     ldm_guid_text(&r->member.guid, guid));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The drive letter that Windows gave it last, else the name that the database has for it. */
static char *name_of(const struct layout *layout, const struct ldm_record *record)
{
	const char *hint = record->volume.hint;
	char letter[2] = { hint[0] };
	bool is_letter = isalpha((unsigned char)hint[0]) && strcmp(hint + 1, ":") == 0;
	return layout_unique_name(layout, is_letter ? letter : record->name);
}

static int add_volume(struct search *search, const struct ldm_group *group,
		      const struct layout_group *to, const struct ldm_record *record,
		      struct error *err)
{
	struct layout *layout = search->layout;
	struct ldm_assembly assembly;
	int rc = ldm_volume_assemble(group, record, &assembly, err);
	if (rc < 0)
		return rc;
	struct layout_volume volume = {
		.name = name_of(layout, record),
		.title = strdup(record->name),
		.label = strdup(""),
		.group = to,
		.type = assembly.type,
		.size = record->volume.size,
		.state = assembly.state,
		.map = assembly.map,
		.settled = to->n_missing == 0,
	};
	memcpy(volume.reason, assembly.reason, sizeof(volume.reason));
	if (!volume.name || !volume.title || !volume.label)
		rc = error_set(err, -ENOMEM, "volume '%s': %m", record->name);
	if (rc == 0 && assembly.state != LAYOUT_INCOMPLETE) {
		volume.map = NULL; /* from here on it is the blk's, or gone */
		rc = map_blk(assembly.map, assembly.sector, &volume.blk, err);
		if (rc == 0)
			rc = blk_map(volume.blk, &volume.map, err);
	}
	if (rc < 0) {
		layout_clear_volume(&volume);
		return rc;
	}
	return search_add(search, &volume, NULL, err);
}

/**
 * struct members - the disks of one group ID
 * @from: which candidate each of @disks is; both have @n
 */
struct members {
	size_t n;
	struct ldm_disk *disks;
	struct candidate **from;
};

static int add_group(struct search *search, const struct members *members,
		     const struct ldm_group *group, struct error *err)
{
	struct layout_group *to;
	char guid[LDM_GUID_TEXT];
	int rc = layout_add_group(search->layout, LAYOUT_LDM, group->name,
				  ldm_guid_text(&group->id, guid), &to, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < group->n_disks; i++)
		search_take(search, members->from[group->disks[i] - members->disks], to);
	if (!group->db)
		return 0;
	rc = add_missing(group, to, err);
	const struct ldm_db *db = group->db;
	for (size_t i = db->first[LDM_VOLUME]; rc == 0 && i < db->first[LDM_VOLUME + 1]; i++)
		rc = add_volume(search, group, to, &db->records[i], err);
	return rc;
}

/* ---- which groups are ready ------------------------------------------------------------------ */

/* Is each of the disks that the newest database counts there, each as often? */
static bool is_complete(const struct ldm_disk *disks, size_t n)
{
	const struct ldm_disk *newest = &disks[0];
	for (size_t i = 1; i < n; i++)
		if (disks[i].readable &&
		    (!newest->readable || disks[i].vmdb.effective > newest->vmdb.effective))
			newest = &disks[i];
	size_t different = 0, copies = 0;
	for (size_t i = 0; i < n; i++) {
		size_t same = 0, before = 0;
		for (size_t j = 0; j < n; j++) {
			bool equal = ldm_guid_equal(&disks[i].head.disk, &disks[j].head.disk);
			same += equal;
			before += equal && j < i;
		}
		if (i > 0 && same != copies)
			return false;
		copies = same;
		different += before == 0;
	}
	return newest->readable && different >= newest->vmdb.counts[3];
}

static int assemble_group(struct search *search, const struct members *members, struct error *err)
{
	struct ldm_group *groups;
	size_t n_groups;
	int rc =
		ldm_groups_new(members->disks, members->n, search->layout, &groups, &n_groups, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n_groups; i++)
		rc = add_group(search, members, &groups[i], err);
	ldm_groups_free(groups, n_groups);
	return rc;
}

/* The disks of the group that @first belongs to; none if they have been asked for before. Returns
 * how deep the deepest of them lies. */
static unsigned int collect(const struct ldm_finds *finds, const struct ldm_found *first,
			    struct members *ret)
{
	unsigned int deepest = 0;
	ret->n = 0;
	for (const struct ldm_found *f = finds->list; f < finds->list + finds->n; f++) {
		if (f->done || !ldm_guid_equal(&f->disk.head.group, &first->disk.head.group))
			continue;
		if (f < first)
			return 0;
		deepest = MAX(deepest, f->c->depth);
		ret->from[ret->n] = f->c;
		ret->disks[ret->n++] = f->disk;
	}
	return deepest;
}

static int assemble(void *state, struct search *search, unsigned int depth, struct error *err)
{
	struct ldm_finds *finds = state;
	CLEANUP(free_cleanup) struct ldm_disk *disks = calloc(finds->n + 1, sizeof(*disks));
	CLEANUP(free_cleanup) struct candidate **from = calloc(finds->n + 1, sizeof(*from));
	if (!disks || !from)
		return error_set(err, -ENOMEM, "%zu dynamic disks: %m", finds->n);
	struct members members = { 0, disks, from };
	int made = 0;
	for (size_t i = 0; i < finds->n; i++) {
		if (finds->list[i].done)
			continue;
		unsigned int deepest = collect(finds, &finds->list[i], &members);
		if (members.n == 0 ||
		    (depth == SEARCH_COMPLETE ? !is_complete(disks, members.n) : deepest > depth))
			continue;
		for (size_t j = i; j < finds->n; j++)
			finds->list[j].done |= ldm_guid_equal(&finds->list[j].disk.head.group,
							      &disks[0].head.group);
		int rc = assemble_group(search, &members, err);
		if (rc < 0)
			return rc;
		made = 1;
	}
	return made;
}

const struct recogniser layout_ldm = {
	.state_size = sizeof(struct ldm_finds),
	.look = look,
	.assemble = assemble,
	.clear = clear,
};
