/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * layout - from disks to volumes: finds partition tables, groups and volumes, and puts them
 * together.
 *
 * It is a search: whatever may hold something (a disk, a partition, an array, a logical volume, an
 * unlocked volume) is looked at for everything that can be in it, to a depth and a number that
 * nothing real reaches. A group is put together when no more of its members come.
 *
 * What one disk cannot say is never fatal for the others: a damaged table, a volume that reaches
 * past the end of its disk or a group that lacks a member becomes a warning or a state, with words
 * for the user, and all else stays usable.
 */
#ifndef LUNETTE_LAYOUT_H
#define LUNETTE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lunette/blk.h"
#include "lunette/error.h"
#include "lunette/map.h"

/**
 * struct layout_range - a run of bytes on a disk
 */
struct layout_range {
	uint64_t start;
	uint64_t length;
};

enum layout_table {
	LAYOUT_TABLE_NONE,
	LAYOUT_TABLE_MBR,
	LAYOUT_TABLE_GPT,
};

/**
 * struct layout_identity - who a disk says that it is; "" where it says nothing
 * @serial: VPD page 0x80
 * @id: VPD page 0x83: what a LUN is known by
 */
struct layout_identity {
	const char *vendor;
	const char *product;
	const char *serial;
	const char *id;
};

/**
 * struct layout_disk - one disk as given
 * @name: "disk0", "disk1", ... in the order given
 * @source: where it came from, for people
 * @vendor, @product, @serial, @identity: who it says that it is, see layout_introduce(); NULL or ""
 * where that is not known
 * @blk: its bytes; the layout holds a reference
 * @sector: logical sector size in bytes: that of @blk, but an image file may have a GPT which
 * counts in larger ones
 * @id: of the table: disk GUID, or MBR signature as 8 hex digits; "" when it has none
 * @metadata: what a backup stores in full: tables, and what lies before the first partition (boot
 *            code), in ascending order, merged, inside the disk
 * @doubts: where something may lie of which no record could be read: what a file system calls free
 *          there may be in use by that; in the same order
 */
struct layout_disk {
	char name[16];
	char *source;
	char *vendor;
	char *product;
	char *serial;
	char *identity;
	struct blk *blk;
	uint32_t sector;
	enum layout_table table;
	char id[40];
	size_t n_metadata;
	struct layout_range *metadata;
	size_t n_doubts;
	struct layout_range *doubts;
};

enum layout_state {
	LAYOUT_OK,
	LAYOUT_DEGRADED,   /* readable, but a redundant part is missing */
	LAYOUT_INCOMPLETE, /* not readable: something is missing */
	LAYOUT_LOCKED,     /* encrypted, and not opened: its bytes can be read, but say nothing */
};

enum layout_kind {
	LAYOUT_LDM, /* a disk group of Windows' Logical Disk Manager */
	LAYOUT_MD,  /* an array of Linux */
	LAYOUT_LVM, /* a volume group of LVM2 */
};

/* How a volume is made, in the words of the system that made it. */
enum layout_type {
	LAYOUT_UNKNOWN,
	LAYOUT_BASIC, /* a partition */
	LAYOUT_DISK,  /* a whole disk without a table */
	LAYOUT_SIMPLE,
	LAYOUT_SPANNED,
	LAYOUT_MIRRORED,
	LAYOUT_MD_OTHER,
	LAYOUT_LINEAR, /* from here on LVM has a name for each */
	LAYOUT_STRIPED,
	LAYOUT_MIRROR,
	LAYOUT_RAID0,
	LAYOUT_RAID0_META,
	LAYOUT_RAID1,
	LAYOUT_RAID10,
	LAYOUT_RAID10_NEAR,
	LAYOUT_RAID4, /* from here on with parity */
	LAYOUT_RAID5,
	LAYOUT_RAID5_LA,
	LAYOUT_RAID5_RA,
	LAYOUT_RAID5_LS,
	LAYOUT_RAID5_RS,
	LAYOUT_RAID5_N,
	LAYOUT_RAID6,
	LAYOUT_RAID6_ZR,
	LAYOUT_RAID6_NR,
	LAYOUT_RAID6_NC,
	LAYOUT_RAID6_LA_6,
	LAYOUT_RAID6_RA_6,
	LAYOUT_RAID6_LS_6,
	LAYOUT_RAID6_RS_6,
	LAYOUT_RAID6_0_6,
	LAYOUT_RAID6_N_6, /* the last with parity */
	LAYOUT_THIN,
	LAYOUT_SNAPSHOT,
	LAYOUT_CACHE,
	LAYOUT_WRITECACHE,
	LAYOUT_VDO,
	LAYOUT_INTEGRITY,
	LAYOUT_ZERO,
	LAYOUT_ERROR,
};

/* The words for them in documents. */
const char *layout_table_name(enum layout_table table);
const char *layout_kind_name(enum layout_kind kind);
const char *layout_type_name(enum layout_type type);
const char *layout_state_name(enum layout_state state);

struct layout_volume;

/* What its partition is for, by the type of that; "" when there is none, or it says nothing. */
const char *layout_purpose(const struct layout_volume *volume);

/* Do some of its bytes depend on what else lies in the same row? */
bool layout_type_has_parity(enum layout_type type);

/**
 * struct layout_group - volumes that share disks: an LDM disk group, a volume group, an MD array
 * @missing: names of members that are not among the disks
 * @mark: for the search
 */
struct layout_group {
	enum layout_kind kind;
	char *name;
	char id[40];
	size_t n_missing;
	char **missing;
	bool mark;
};

/**
 * struct layout_volume - something that may hold a file system
 * @name: the drive or volume name where one is known, else "disk0-p1", or "disk0" for a file
 *        system on a whole disk; safe in a path, unique in the layout
 * @title: the name as it stands on disk (GPT partition name), in UTF-8; "" when there is none
 * @group: the group that it belongs to, or NULL
 * @partition: number in its table, as the kernel counts; 0 when it is not a partition
 * @partition_type: type GUID or two hex digits; "" when it is not a partition
 * @size: bytes
 * @reason: why it is not LAYOUT_OK; "" when it is
 * @blk: its bytes, the layout holds a reference; NULL when LAYOUT_INCOMPLETE
 * @map: where its bytes lie; owned by @blk when there is one, else by the volume; NULL when it
 *       could not be described
 * @filesystem: "ntfs", ...; "" when unknown. This and the next two are filled in by fs_identify()
 * @label: in UTF-8
 * @uuid: as the file system's tools print it
 * @holds: other volumes were found in it, and all of them can be read: with these and the metadata,
 *         everything that matters of it is there
 * @inside: it was found in a volume that is in the layout, too: one that users know by name, or
 *          whose partition it is
 * @settled: no other disk would change its state: its kind is not known, or its disk ends before it
 * @number: for the search
 */
struct layout_volume {
	char *name;
	char *title;
	const struct layout_group *group;
	enum layout_type type;
	unsigned int partition;
	char partition_type[40];
	uint64_t size;
	enum layout_state state;
	char reason[256];
	struct blk *blk;
	const struct map *map;
	char filesystem[32];
	char *label;
	char uuid[40];
	bool holds;
	bool inside;
	bool settled;
	unsigned int number;
};

/**
 * struct layout - everything that was found
 * @warnings: sentences for the user: which table is damaged and what was used instead, ...
 * @untold: the last of them that says that nobody can tell what is on a disk or a volume, so that
 *	    others may be missing here; NULL without one
 * @unplaced: there is metadata of which nobody can say where on the disks it lies: a backup that
 *            must have it stores them whole
 * @names: those of the volumes, in a tree of <search.h>'s: the library's own
 */
struct layout {
	size_t n_disks;
	struct layout_disk *disks;
	size_t n_groups;
	struct layout_group **groups;
	size_t n_volumes;
	struct layout_volume *volumes;
	size_t n_warnings;
	char **warnings;
	const char *untold;
	bool unplaced;
	void *names;
};

/**
 * struct layout_input - a disk to look at
 * @blk: the layout takes its own reference
 * @source: for messages and the document; copied
 */
struct layout_input {
	struct blk *blk;
	const char *source;
};

/* ---- keys -------------------------------------------------------------------------------------
 */

#define LAYOUT_KEY_MAX 512

/**
 * struct layout_key - a password, or what else opens an encrypted volume
 * @bytes: @length of them
 */
struct layout_key {
	size_t length;
	uint8_t bytes[LAYOUT_KEY_MAX];
};

/**
 * struct layout_lock - what a key is wanted for
 * @volume: its name in the layout
 * @kind: "LUKS", "BitLocker", ...
 * @id: UUID; "" when it has none
 */
struct layout_lock {
	const char *volume;
	const char *kind;
	const char *id;
};

/**
 * typedef layout_key_fn - find a key
 * @attempt: from 0; the keys before were wrong
 * @ret: wiped by whoever asks
 *
 * Return: 1 and @ret set; 0 when there is none, or no other; a negative errno ends the search.
 */
typedef int layout_key_fn(void *ctx, const struct layout_lock *lock, unsigned int attempt,
			  struct layout_key *ret, struct error *err);

#define LAYOUT_OPENED_RANGES 16

/**
 * struct layout_opened - what is behind a key
 * @blk: its bytes
 * @metadata: @n_metadata ranges of the encrypted volume that a backup must have in full: headers,
 *            and whatever else does not lie below @blk
 */
struct layout_opened {
	struct blk *blk;
	size_t n_metadata;
	struct layout_range metadata[LAYOUT_OPENED_RANGES];
};

/**
 * struct layout_opener - knows one kind of encrypted volume
 * @kind: as in struct layout_lock
 * @recognise: 1 if @blk is one, and @id set to its UUID or ""; 0 if not; a negative errno when it
 *             cannot be read
 * @open: 0; -EACCES when the key is not the right one; another negative errno when no key would do.
 *        NULL when such a volume is only recognised.
 */
struct layout_opener {
	const char *kind;
	int (*recognise)(struct blk *blk, char id[static 40], struct error *err);
	int (*open)(struct blk *blk, const struct layout_key *key, struct layout_opened *ret,
		    struct error *err);
};

/**
 * struct layout_options - how to look; every member may be NULL
 * @key: asked for the key of each encrypted volume that there is an opener for
 * @key_ctx: for @key
 * @openers: asked before those that the layout has itself; NULL-terminated
 */
struct layout_options {
	layout_key_fn *key;
	void *key_ctx;
	const struct layout_opener *const *openers;
};

/**
 * layout_new() - look at disks that belong to one server at one moment
 * @disks: @n_disks of them, at least one
 * @options: may be NULL
 * @ret: to be freed with layout_free()
 *
 * A disk without a partition table becomes a volume of LAYOUT_DISK, because it may hold a file
 * system; fs_identify() takes it away again when there is none.
 *
 * A disk whose first sector is bad has no volumes, and is metadata as a whole; a warning says so.
 *
 * Return: 0, also when nothing at all was found; -ENOMEM; the disk's error, but -EIO, when not even
 * the first sector of a disk can be read; what @options->key returned.
 */
int layout_new(const struct layout_input *disks, size_t n_disks,
	       const struct layout_options *options, struct layout **ret, struct error *err);

/**
 * layout_free() - free a layout and give back its references
 * @layout: may be NULL
 */
void layout_free(struct layout *layout);
DEFINE_CLEANUP(struct layout *, layout_free)

/**
 * layout_introduce() - say who a disk is, for whoever reads of it
 * @disk: the number of a disk that has not been introduced yet
 * @identity: copied
 *
 * Return: 0 or -ENOMEM.
 */
int layout_introduce(struct layout *layout, size_t disk, const struct layout_identity *identity,
		     struct error *err);

/**
 * layout_find() - a volume by name
 *
 * Return: the volume, owned by the layout, or NULL.
 */
struct layout_volume *layout_find(const struct layout *layout, const char *name);

/**
 * typedef layout_range_fn - a range of one of the layout's disks
 *
 * Return: 0 to go on; a negative errno, recorded in @err, ends the walk with it.
 */
typedef int layout_range_fn(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
			    struct error *err);

/**
 * layout_walk() - the ranges of the layout's disks behind a range of a volume, parity and mirrors
 * included
 * @blk: a volume, or a disk, which is behind itself
 *
 * Return: 0; -ENXIO when bytes lie on none of these disks; -ENOTSUP when it cannot be said where
 * they lie: then they may lie anywhere on all disks; as blk_walk().
 */
int layout_walk(const struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
		layout_range_fn *fn, void *ctx, struct error *err);

/**
 * layout_doubt() - what lies in a range may be another's than that of the file system in it
 * @blk: a disk of the layout or a blk that stands on them
 *
 * Return: 0; as layout_add_metadata().
 */
int layout_doubt(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
		 struct error *err);

/**
 * layout_is_doubted() - does a part of a blk lie where that is so?
 *
 * Return: 1 or 0; as layout_walk().
 */
int layout_is_doubted(const struct layout *layout, struct blk *blk, struct error *err);

/**
 * layout_drop() - take a volume away that turned out to be none
 *
 * The volumes behind it move up: pointers to volumes are void.
 */
void layout_drop(struct layout *layout, struct layout_volume *volume);

/**
 * layout_warn() - add a sentence to the layout's warnings
 *
 * Return: 0 or -ENOMEM.
 */
int layout_warn(struct layout *layout, struct error *err, const char *fmt, ...) ERROR_FORMAT(3, 4);

/**
 * layout_json() - the document of `probe --json` and `layout.json`
 * @ret: indented JSON with a final newline, to be freed with free()
 *
 * Return: 0 or -ENOMEM.
 */
int layout_json(const struct layout *layout, char **ret, struct error *err);

#endif
