/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * make-ldm - makes a group of Windows dynamic disks in memory: tables, headers, database, and
 * volumes whose bytes tell which volume and which sector they are.
 *
 * It knows the format by its offsets alone, and shares nothing with the reader. Sound by default;
 * what a test wants otherwise it sets before make_ldm_write(), or pokes afterwards.
 */
#ifndef MAKE_LDM_H
#define MAKE_LDM_H

#include "blk-mem.h"

#define MAKE_LDM_CONCAT  2
#define MAKE_LDM_STRIPED 1
#define MAKE_LDM_RAID5   3

/* A run of a disk: disk by index, sizes in units of 512 bytes. */
struct make_ldm_extent {
	unsigned int plex, column, disk;
	uint64_t start, size;
};

struct make_ldm_disk {
	struct blk_mem *mem;
	bool gpt;
	uint64_t public_start, public_size, private_start, private_size; /* device sectors */
	uint64_t id;
};

struct make_ldm_fragment {
	uint32_t record;
	uint16_t index, count;
	uint8_t data[112];
};

/**
 * struct make_ldm - a group; what a test may change before make_ldm_write() comes first
 * @minor: of version 2 of the private header
 * @revision: of disk and group records, 3 or 4
 * @status: of the database's head
 * @counts: volumes, components, extents, disks, as make_ldm_volume() and others counted
 * @volume_state: of volumes made from now on; @plex_state, @plex_flags, @extent_flags the same
 * @mix: scatter the fragments over the database
 * @empty: volumes made from now on are not filled
 * @content: what volumes made from now on hold, their whole size; NULL: make_ldm_byte()
 */
struct make_ldm {
	uint16_t minor;
	unsigned int revision;
	uint16_t status;
	uint64_t committed, pending, changed;
	uint32_t counts[4];
	const char *volume_state, *plex_state;
	uint32_t plex_flags, extent_flags;
	bool mix;
	bool empty;
	const uint8_t *content;
	uint8_t seed; /* of its GUIDs */
	const char *name;

	unsigned int n_disks;
	struct make_ldm_disk disks[20];
	uint64_t next_id;
	uint32_t next_record;
	size_t n_fragments;
	struct make_ldm_fragment fragments[5920];
};

/* A group without disks; freed with make_ldm_free(), which gives the disks back. */
struct make_ldm *make_ldm_new(const char *name, uint8_t seed);
void make_ldm_free(struct make_ldm *group);

/* A disk of so many bytes. Its record is made at once. */
unsigned int make_ldm_add_disk(struct make_ldm *group, uint64_t size, uint32_t sector, bool gpt);

/*
 * A volume of any kind, filled. Extents come plex by plex, column by column, in order; the kind is
 * that of all its plexes, @chunk in units. Returns its size in bytes.
 */
uint64_t make_ldm_volume(struct make_ldm *group, const char *name, unsigned int kind,
			 uint64_t chunk, const struct make_ldm_extent *extents, size_t n,
			 const char *hint);

/* A raw record. */
void make_ldm_record(struct make_ldm *group, uint16_t status, uint8_t flags, uint8_t type,
		     const void *body, size_t len);

/* Writes tables, headers and the database to every disk, or to one. */
void make_ldm_write(struct make_ldm *group);
void make_ldm_write_disk(struct make_ldm *group, unsigned int disk);

/* A disk as a file, sparse where it is zero. 0, or a negative errno. */
int make_ldm_save(const struct make_ldm *group, unsigned int disk, const char *path);

/* What a byte of a volume must be; volumes are told apart by their names. */
uint8_t make_ldm_byte(const char *volume, uint64_t off);

/* The sum that seals a PRIVHEAD or a TOCBLOCK, of what it says now. */
void make_ldm_seal(uint8_t *sector);

/* Where they are on a disk. */
uint8_t *make_ldm_private(struct make_ldm *group, unsigned int disk, uint64_t sector);
uint8_t *make_ldm_config(struct make_ldm *group, unsigned int disk);

/* The text of a disk's GUID, as it is told to users. */
void make_ldm_guid(const struct make_ldm *group, unsigned int disk, char buf[37]);

/* A big-endian number of @bytes bytes. */
void put_be(uint8_t *p, uint64_t n, unsigned int bytes);

#endif
