/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldm - Windows dynamic disks: from the database that every disk of a group carries to maps.
 *
 * A step is a file, and hands plain structs to the next: a disk's headers (ldm-head.c), one record
 * of the database (ldm-vblk.c), one copy of the database (ldm-db.c), the disks that belong together
 * and the copy that holds for them (ldm-group.c), one component of a volume (ldm-plex.c), the
 * volume's map (ldm-map.c) and what that means (ldm-volume.c). ldm.c tells a layout. LDM.md
 * describes the format.
 *
 * Numbers in here are bytes, whatever the disk counts in, and have been checked so that
 * start + length does not overflow. Names are valid UTF-8; a long one is cut.
 */
#ifndef LDM_H
#define LDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/layout.h"
#include "lunette/map.h"

#define LDM_GUID_TEXT 37 /* 36 characters and the NUL */
#define LDM_NAME      64

/* The order is that of the text, not the mixed order that Windows uses elsewhere. */
struct ldm_guid {
	uint8_t bytes[16];
};

/* An unsigned number of @n bytes, at most 8; every number of LDM is big-endian. */
static inline uint64_t ldm_be(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

/* ---- ldm-head.c: where things are on one disk ------------------------------------------------ */

/**
 * struct ldm_head - what a disk's private header says
 * @version: major << 16 | minor
 * @sequence: grows with every update
 * @sector: bytes of the sectors that the disk counts in
 * @public_start: byte offset on the disk from which extents count
 * @private_start: of the region that holds the database
 * @private_size: at least four sectors; the region lies inside the disk
 * @primary: offset in the private region of the header's first copy; @secondary of its second
 * @toc: offsets of the two current tables of contents, inside the private region
 */
struct ldm_head {
	uint32_t version;
	uint64_t sequence;
	uint32_t sector;
	struct ldm_guid disk;
	struct ldm_guid group;
	char group_name[LDM_NAME];
	uint64_t public_start;
	uint64_t public_size;
	uint64_t private_start;
	uint64_t private_size;
	uint64_t primary;
	uint64_t secondary;
	uint64_t toc[2];
};

/**
 * struct ldm_toc - the current table of contents
 * @config_start: byte offset on the disk of the database, which lies inside the private region
 * @config_size: at least 512
 */
struct ldm_toc {
	uint64_t sequence;
	uint64_t config_start;
	uint64_t config_size;
};

/**
 * ldm_guid_parse() - read the text of a GUID, upper or lower case
 * @text: @size bytes, padded with NULs
 *
 * Return: false when it is not one.
 */
bool ldm_guid_parse(const void *text, size_t size, struct ldm_guid *ret);

/**
 * ldm_guid_text() - write a GUID in lower case
 *
 * Return: @buf.
 */
const char *ldm_guid_text(const struct ldm_guid *guid, char buf[static LDM_GUID_TEXT]);

/**
 * ldm_guid_equal() - compare two GUIDs
 */
bool ldm_guid_equal(const struct ldm_guid *a, const struct ldm_guid *b);

/**
 * ldm_head_parse() - check and read a private header
 * @sector: 512 bytes
 * @disk_size: bytes of the disk that it describes
 *
 * Return: 0; -ENOENT when there is no such header; -EBADMSG, or -ENOTSUP for an unknown version.
 */
int ldm_head_parse(const uint8_t *sector, uint64_t disk_size, struct ldm_head *ret,
		   struct error *err);

/**
 * ldm_head_find() - find the newest valid private header of a disk
 * @sector: bytes of the sectors that its partition table counts in
 * @metadata_end: end in bytes of the GPT partition for LDM metadata; 0 on other disks
 * @damaged: set to how many of its copies are not valid
 *
 * Return: 0; -ENOENT when no copy is found at all; -EBADMSG or -ENOTSUP, which say what is wrong
 * with the best copy; the disk's error.
 */
int ldm_head_find(struct blk *disk, uint32_t sector, uint64_t metadata_end, struct ldm_head *ret,
		  unsigned int *damaged, struct error *err);

/**
 * ldm_toc_parse() - check and read a table of contents
 * @sector: 512 bytes
 *
 * Return: 0; -EBADMSG.
 */
int ldm_toc_parse(const uint8_t *sector, const struct ldm_head *head, struct ldm_toc *ret,
		  struct error *err);

/**
 * ldm_toc_find() - find the newest valid table of contents of a disk
 *
 * Return: 0; -EBADMSG; the disk's error.
 */
int ldm_toc_find(struct blk *disk, const struct ldm_head *head, struct ldm_toc *ret,
		 struct error *err);

/* ---- ldm-vblk.c: one record ------------------------------------------------------------------ */

enum ldm_kind {
	LDM_VOLUME = 1,
	LDM_COMPONENT = 2,
	LDM_EXTENT = 3,
	LDM_MEMBER = 4,
	LDM_GROUP = 5,
};

/**
 * struct ldm_volume - a volume record
 * @state: "ACTIVE", ...
 * @n_components: how many there should be
 * @hint: the drive letter that it had last ("E:"), or ""
 */
struct ldm_volume {
	char state[16];
	uint64_t n_components;
	uint64_t size;
	struct ldm_guid guid;
	char hint[LDM_NAME];
};

enum ldm_layout {
	LDM_STRIPED = 1,
	LDM_CONCAT = 2,
	LDM_RAID5 = 3,
};

#define LDM_COMPONENT_RECOVER 0x2u
#define LDM_COMPONENT_IOFAIL  0x4u

/**
 * struct ldm_component - a component ("plex") record: one whole copy of its volume
 * @layout: enum ldm_layout, or a number that is not known
 * @n_extents: how many there should be
 * @chunk: stripe unit; 0 when it has none
 * @n_columns: 1 when it has no stripes
 */
struct ldm_component {
	char state[16];
	unsigned int layout;
	uint32_t flags;
	uint64_t n_extents;
	uint64_t volume;
	uint64_t chunk;
	uint64_t n_columns;
};

#define LDM_EXTENT_RECOVER 0x08u
#define LDM_EXTENT_DETACH  0x10u

/**
 * struct ldm_extent - an extent ("subdisk", "partition") record: a run of a disk
 * @start: from the disk's public_start
 * @offset: in its column
 * @overlaps: another extent claims the same bytes of the disk
 */
struct ldm_extent {
	uint32_t flags;
	bool overlaps;
	uint64_t start;
	uint64_t offset;
	uint64_t size;
	uint64_t component;
	uint64_t member;
	uint64_t column;
};

/**
 * struct ldm_member - a disk record: a disk that belongs to the group, here or not
 */
struct ldm_member {
	struct ldm_guid guid;
};

/**
 * struct ldm_record - any record
 * @status: LDM_ACTIVE, ...
 * @id: by which other records name it
 */
struct ldm_record {
	unsigned int status;
	enum ldm_kind kind;
	uint64_t id;
	char name[LDM_NAME];
	union {
		struct ldm_volume volume;
		struct ldm_component component;
		struct ldm_extent extent;
		struct ldm_member member;
		struct ldm_guid group;
	};
};

/* What a record's status says about a transaction. */
#define LDM_ACTIVE   0u
#define LDM_DELETING 1u
#define LDM_CREATING 2u

/**
 * ldm_record_parse() - read a record whose fragments have been joined
 *
 * Return: 0; -EBADMSG; -ENOTSUP for an unknown type or revision.
 */
int ldm_record_parse(const uint8_t *data, size_t len, struct ldm_record *ret, struct error *err);

/* ---- ldm-db.c: one copy of the database ------------------------------------------------------ */

/**
 * struct ldm_vmdb - the head of a database
 * @slots: how many slots there are for fragments, behind @first; they lie inside the region
 * @slot_size: bytes
 * @first: byte offset of the first slot
 * @committed: the last transaction that is complete; grows
 * @pending: the transaction under way; the same when there is none
 * @effective: the transaction that the database stands for, read as this project reads it
 * @changed: FILETIME of the last change
 * @counts: of volumes, components, extents and disks at @effective
 */
struct ldm_vmdb {
	uint32_t slots;
	uint32_t slot_size;
	uint32_t first;
	unsigned int status;
	struct ldm_guid group;
	char group_name[LDM_NAME];
	uint64_t committed;
	uint64_t pending;
	uint64_t effective;
	uint64_t changed;
	uint32_t counts[4];
};

/**
 * struct ldm_db - the records that hold
 * @records: ordered by kind, then volumes and members by id, components by volume and id, extents
 *           by component, column and offset
 * @first: index of the first record of each kind; of the kind behind the last, their number
 * @n_damaged: how many faults there were
 * @damage: the first of them, for people
 */
struct ldm_db {
	struct ldm_vmdb vmdb;
	struct ldm_record *records;
	size_t first[LDM_GROUP + 2];
	size_t n_damaged;
	char damage[256];
};

/**
 * ldm_vmdb_parse() - check and read the head of a database
 * @sector: 512 bytes
 * @config_size: bytes of the region that it begins
 *
 * Return: 0; -EBADMSG; -ENOTSUP for an unknown version.
 */
int ldm_vmdb_parse(const uint8_t *sector, uint64_t config_size, struct ldm_vmdb *ret,
		   struct error *err);

/**
 * ldm_db_parse() - read a database
 * @config: the whole region
 * @ret: to be freed with ldm_db_free(); a damaged record is left out and counted
 *
 * Return: 0; -EBADMSG, -ENOTSUP; -ENOMEM.
 */
int ldm_db_parse(const uint8_t *config, size_t len, struct ldm_db **ret, struct error *err);

/**
 * ldm_db_free() - free a database
 * @db: may be NULL
 */
void ldm_db_free(struct ldm_db *db);
DEFINE_CLEANUP(struct ldm_db *, ldm_db_free)

/**
 * ldm_db_children() - the components of a volume, or the extents of a component
 * @kind: LDM_COMPONENT or LDM_EXTENT
 * @parent: id
 * @n: set to their number
 *
 * Return: the first, in the order of @records.
 */
const struct ldm_record *ldm_db_children(const struct ldm_db *db, enum ldm_kind kind,
					 uint64_t parent, size_t *n);

/**
 * ldm_db_find() - a volume or a member by id
 *
 * Return: the record, or NULL.
 */
const struct ldm_record *ldm_db_find(const struct ldm_db *db, enum ldm_kind kind, uint64_t id);

/* ---- ldm-group.c: disks that belong together ------------------------------------------------- */

/**
 * struct ldm_disk - a dynamic disk among those given
 * @name: "disk0", ..., for messages; not owned
 * @blk: not owned
 * @readable: @vmdb could be read
 */
struct ldm_disk {
	const char *name;
	struct blk *blk;
	struct ldm_head head;
	struct ldm_toc toc;
	bool readable;
	struct ldm_vmdb vmdb;
};

/**
 * struct ldm_group - one instance of a disk group
 * @disks: @n_disks pointers to the caller's disks, no two of the same GUID
 * @db: the newest database that they carry; NULL when none could be read
 */
struct ldm_group {
	struct ldm_guid id;
	char name[LDM_NAME];
	size_t n_disks;
	const struct ldm_disk **disks;
	struct ldm_db *db;
};

/**
 * ldm_disk_read() - read the table of contents and the head of the database of a disk
 * @disk: name, blk and head are set
 *
 * Return: 0; an error that says why the disk's own database cannot be used.
 */
int ldm_disk_read(struct ldm_disk *disk, struct error *err);

/**
 * ldm_groups_new() - sort disks into groups, and choose each group's database
 * @layout: gets the warnings
 * @ret: @n groups, to be freed with ldm_groups_free()
 *
 * Return: 0 or -ENOMEM; what is wrong with a disk or a group is a warning.
 */
int ldm_groups_new(const struct ldm_disk *disks, size_t n_disks, struct layout *layout,
		   struct ldm_group **ret, size_t *n, struct error *err);

/**
 * ldm_groups_free() - free @n groups
 */
void ldm_groups_free(struct ldm_group *groups, size_t n);

/**
 * ldm_group_disk() - the disk of a group that bears a GUID
 *
 * Return: the disk, or NULL when it is missing.
 */
const struct ldm_disk *ldm_group_disk(const struct ldm_group *group, const struct ldm_guid *guid);

/**
 * ldm_disk_knows() - the last transaction that a disk has heard of
 *
 * Return: the number; UINT64_MAX for one whose database is damaged, which does not mean that it was
 * away.
 */
uint64_t ldm_disk_knows(const struct ldm_disk *disk);

/* ---- ldm-plex.c: one component --------------------------------------------------------------- */

/**
 * struct ldm_plex - a component whose records agree with each other: one whole copy of a volume
 * @extents: @n_extents records, column by column and each column without gaps
 * @n_columns: one, if it is not striped
 * @chunk: 0 if it is not striped
 */
struct ldm_plex {
	const struct ldm_record *record;
	const struct ldm_record *extents;
	size_t n_extents;
	enum ldm_layout layout;
	unsigned int n_columns;
	uint64_t chunk;
};

/**
 * ldm_plex_check() - put the extents of a component in order, and believe none of its numbers
 * @size: of the volume, which the component must be able to hold
 *
 * Return: 0; -EBADMSG, which says what contradicts what.
 */
int ldm_plex_check(const struct ldm_db *db, const struct ldm_record *component, uint64_t size,
		   struct ldm_plex *ret, struct error *err);

/**
 * ldm_plex_is_good() - do state and flags say that the copy is up to date?
 */
bool ldm_plex_is_good(const struct ldm_plex *plex);

/* ---- ldm-map.c: from components to a map ----------------------------------------------------- */

/**
 * struct ldm_parts - what a volume is made of
 * @plexes: @n_plexes components that can be used
 * @lost: how many more there should be
 * @newest: the last transaction that any of its disks knows of
 * @sector: bytes; the largest of its disks'
 */
struct ldm_parts {
	const struct ldm_group *group;
	const struct ldm_record *volume;
	size_t n_plexes;
	struct ldm_plex *plexes;
	unsigned int lost;
	uint64_t newest;
	uint32_t sector;
};

/**
 * ldm_parts_disk() - the disk that an extent lies on
 *
 * Return: the disk, or NULL when it is missing.
 */
const struct ldm_disk *ldm_parts_disk(const struct ldm_parts *parts,
				      const struct ldm_record *extent);

/**
 * ldm_parts_leg() - where an extent's bytes lie
 * @in: byte offset in the extent
 *
 * Return: a leg that owns no reference; without a blk when the disk, or that part of it, is
 * missing.
 */
struct map_leg ldm_parts_leg(const struct ldm_parts *parts, const struct ldm_record *extent,
			     uint64_t in);

/**
 * ldm_parts_is_stale() - may an extent be out of date?
 */
bool ldm_parts_is_stale(const struct ldm_parts *parts, const struct ldm_record *extent);

/**
 * ldm_parts_is_unsettled() - may the volume's copies differ, without anybody knowing which is
 * right?
 */
bool ldm_parts_is_unsettled(const struct ldm_parts *parts);

/**
 * ldm_map_new() - the map of a volume
 * @parts: at least one component
 * @ret: owned by the caller; a leg without a blk is missing or not to be used
 * @torn: set when the map can be read, but old content and new would be mixed
 *
 * Return: 0; -EINVAL or -ERANGE for numbers that make no map; -ENOMEM.
 */
int ldm_map_new(const struct ldm_parts *parts, struct map **ret, bool *torn, struct error *err);

/* ---- ldm-volume.c: a volume and its state -----------------------------------------------------
 */

/**
 * struct ldm_assembly - a volume, put together as far as possible
 * @type: LAYOUT_UNKNOWN without a component
 * @state: what can be had; when it is not LAYOUT_OK, @reason says why in words
 * @sector: bytes; the largest of the disks'
 * @map: owned by the caller; NULL when its records contradict each other
 */
struct ldm_assembly {
	enum layout_type type;
	enum layout_state state;
	char reason[256];
	uint32_t sector;
	struct map *map;
};

/**
 * ldm_volume_assemble() - put a volume together
 * @volume: a record of @group's database
 *
 * Return: 0, also when the volume cannot be used, which @ret says; -ENOMEM.
 */
int ldm_volume_assemble(const struct ldm_group *group, const struct ldm_record *volume,
			struct ldm_assembly *ret, struct error *err);

#endif
