/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recognise - the search for volumes: what may hold something, and who looks at it.
 *
 * A candidate is something whose bytes may hold more than a file system: a disk, a partition, an
 * array, a logical volume, an unlocked volume. Each recogniser looks at each of them. One that
 * finds a whole (a table, an encrypted volume) adds volumes at once; one that finds a member
 * remembers it, and makes the group's volumes when no more members come. Every volume that is added
 * is a candidate in its turn, to a depth and a number beyond which nothing real goes.
 *
 * layout-search.c drives it and recognisers.c has the list; what recognisers call is below them, in
 * layout-candidate.c and layout-group.c.
 */
#ifndef RECOGNISE_H
#define RECOGNISE_H

#include "lunette/layout.h"
#include "lunette/recognisers.h"

struct table;

/**
 * struct candidate - something that is looked at
 * @blk: its bytes, referenced: what volumes are mapped on; NULL for a volume that cannot be read
 * @look: the same with both ends in memory; only while it is being looked at
 * @name: of the disk or volume
 * @where: for messages: the same, and with a disk also its source
 * @number: in the search, from 1; those of what it lies in are smaller
 * @depth: how many things it lies in
 * @inside: what it is a partition of, or was unlocked from; NULL when it is a disk or a group's
 * @made_by: the group whose volume it is, or NULL
 * @member_of: the group that it is a member of, or NULL
 * @disk: NULL when it is not one of the layout's disks
 * @table: its partition table; NULL when it has none that counts
 * @kept: something that it lies in is a volume of the layout
 * @gone: nothing, after all: what it lies in turned out to be something else
 */
struct candidate {
	struct blk *blk;
	struct blk *look;
	char *name;
	char *where;
	unsigned int number;
	unsigned int depth;
	struct candidate *inside;
	struct layout_group *made_by;
	struct layout_group *member_of;
	struct layout_disk *disk;
	struct table *table;
	bool kept;
	bool gone;
};

/**
 * struct search - a search under way
 * @list: @n candidates, in the order in which they were found
 * @n_inner: how many of them are neither disks nor partitions of disks
 * @full: there were too many: what was found last is not looked at
 */
struct search {
	struct layout *layout;
	const struct layout_options *options;
	size_t n;
	size_t n_inner;
	struct candidate **list;
	bool full;
};

/* Instead of a depth: only groups of which no member is missing. */
#define SEARCH_COMPLETE UINT32_MAX

/**
 * struct recogniser - knows one kind of thing that holds volumes
 * @state_size: bytes of what it remembers during a search, zeroed at first
 * @look: at @c; 1 when it is his, and nobody else need look; 0 when not; -ENOMEM; the disk's error
 *        when not even the first sector of a disk can be read, of which -EIO is no end of the
 *        search. What else is wrong is a warning.
 * @assemble: make volumes of groups: of all that are complete, or of those that are not although
 *            nothing more comes, as far as no member lies deeper than @depth. 1 when there were
 *            any, 0 when not, -ENOMEM. NULL for what has no groups.
 * @clear: frees what the state points to; NULL when there is nothing
 */
struct recogniser {
	size_t state_size;
	int (*look)(void *state, struct search *search, struct candidate *c, struct error *err);
	int (*assemble)(void *state, struct search *search, unsigned int depth, struct error *err);
	void (*clear)(void *state);
};

/* ---- layout-candidate.c: what is looked at ----------------------------------------------------
 */

/**
 * search_add_disk() - make a disk a candidate
 *
 * Return: 0 or -ENOMEM.
 */
int search_add_disk(struct search *search, struct layout_disk *disk, struct error *err);

/**
 * search_add() - add a volume to the layout, and its bytes to what is looked at
 * @volume: name, title, label, blk and map, when it has no blk, are taken over, also on failure;
 *          its group's members have been taken
 * @inside: what it is a partition of; NULL when it is its group's
 *
 * Return: 0 or -ENOMEM.
 */
int search_add(struct search *search, struct layout_volume *volume, struct candidate *inside,
	       struct error *err);

/**
 * search_unlocked() - a volume's bytes are others now, which are looked at again
 * @blk: taken over, also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int search_unlocked(struct search *search, struct candidate *c, struct blk *blk, struct error *err);

/**
 * search_take() - a candidate has become a member of a group
 *
 * Its volume goes, but a volume that has its name from a group that users know by name stays.
 */
void search_take(struct search *search, struct candidate *c, struct layout_group *group);

/* The volume of a candidate; NULL for a disk with a table, and when it is gone. */
struct layout_volume *search_volume(const struct search *search, const struct candidate *c);

/* Drops the partitions of a candidate, and what is remembered of them. */
void search_drop_inside(struct search *search, const struct candidate *c,
			bool (*which)(const struct layout_volume *volume));

/**
 * search_is_late() - is there a group with this identity already?
 *
 * It would be the second of a clone, or what was missing when the first was put together.
 */
bool search_is_late(const struct search *search, enum layout_kind kind, const char *id);

/* Does a candidate lie in a group with this identity? Then it is no member of it. */
bool search_is_in_itself(const struct search *search, const struct candidate *c,
			 enum layout_kind kind, const char *id);

/* There is too much already, and @c, a member of a group, lies so deep that the group may wait for
 * ever. */
bool search_is_enough(const struct search *search, const struct candidate *c);

/* Tells volumes what lies in what; when everything has been found. */
void search_end(struct search *search);

/* Frees the candidates, not the layout. */
void search_clear(struct search *search);

/* ---- layout.c: lists --------------------------------------------------------------------------
 */

/**
 * layout_add_volume() - append a volume
 * @volume: name, title, label, blk and map, when it has no blk, are taken over, also on failure
 *
 * Return: 0 or -ENOMEM.
 */
int layout_add_volume(struct layout *layout, struct layout_volume *volume, struct error *err);

/* Frees what a volume owns; for a recogniser that gives one up before it was added. */
void layout_clear_volume(struct layout_volume *volume);

/* ---- layout-group.c: what recognisers of groups have in common --------------------------------
 */

/**
 * layout_add_group() - append a group without missing members
 * @id: cut when it is too long
 * @ret: owned by the layout, stays where it is
 *
 * Return: 0 or -ENOMEM.
 */
int layout_add_group(struct layout *layout, enum layout_kind kind, const char *name, const char *id,
		     struct layout_group **ret, struct error *err);

/**
 * layout_miss() - add the name of a missing member to a group
 *
 * Return: 0 or -ENOMEM.
 */
int layout_miss(struct layout_group *group, struct error *err, const char *fmt, ...)
	ERROR_FORMAT(3, 4);

/** layout_is_taken() - whether a volume of the layout has this name */
bool layout_is_taken(const struct layout *layout, const char *name);

/**
 * layout_unique_name() - make a name from a disk safe for a path, and unlike those of all volumes
 * @name: what it should be; "." and "/" and control characters do not stay
 *
 * Return: a name to be freed, or NULL for want of memory.
 */
char *layout_unique_name(const struct layout *layout, const char *name);

/**
 * layout_describe() - set a volume's size and state, and the reason when it has none yet, by its
 * map
 */
void layout_describe(struct layout_volume *volume);

/**
 * layout_set_map() - give a volume the bytes that a map describes
 * @volume: its size, map, blk and state are set; the reason when it has none yet
 * @map: taken over, also on failure
 * @sector: logical sector size in bytes
 *
 * Return: 0 or -ENOMEM.
 */
int layout_set_map(struct layout_volume *volume, struct map *map, uint32_t sector,
		   struct error *err);

/**
 * layout_add_metadata() - have a range stored in full by backups, wherever its bytes lie
 * @blk: a disk of the layout or a blk that stands on them; when it cannot say where its bytes lie
 *       on them, the layout is marked as unplaced
 *
 * Return: 0; -ERANGE if the range is not inside @blk; -ENXIO when bytes lie on no disk of the
 * layout; -ENOMEM.
 */
int layout_add_metadata(struct layout *layout, struct blk *blk, uint64_t length, uint64_t off,
			struct error *err);

#endif
