/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * md-super0 - version 0.90 of the MD super-block: 1024 words in the byte order of the host that
 * made the array.
 *
 * Source: Linux, include/uapi/linux/raid/md_p.h, struct mdp_superblock_s; drivers/md/md.c,
 * super_90_load() and super_90_validate().
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "md-super.h"

#define WORDS       1024
#define DESCRIPTORS 27

/* Which of the words is what. Those that are not named are not needed. */
enum word {
	W_MAGIC = 0,
	W_MAJOR = 1,
	W_MINOR = 2, /* 90; 91 while the array is reshaped */
	W_UUID0 = 5,
	W_LEVEL = 7, /* signed */
	W_SIZE = 8,  /* KiB used of each member */
	W_RAID_DISKS = 10,
	W_MD_MINOR = 11, /* number of the kernel device */
	W_UUID1 = 13,    /* and UUID2, UUID3 */
	W_STATE = 33,
	W_CHECKSUM = 38,
	W_EVENTS = 39, /* 64 bits in the host's order */
	W_LAYOUT = 64,
	W_CHUNK = 65, /* bytes */
	W_DISKS = 128,
	W_THIS_DISK = 992,
};

/* A descriptor is 32 words. */
enum descriptor {
	D_NUMBER = 0,
	D_RAID_DISK = 3,
	D_STATE = 4,
	D_WORDS = 32,
};

enum {
	STATE_CLEAN = 1 << 0,
	DISK_FAULTY = 1 << 0,
	DISK_SYNC = 1 << 2,
};

static uint32_t word(const uint32_t *sb, bool big, unsigned int i)
{
	return big ? be32toh(sb[i]) : le32toh(sb[i]);
}

static uint32_t checksum(const uint32_t *sb, bool big)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < WORDS; i++)
		if (i != W_CHECKSUM)
			sum += word(sb, big, i);
	return (uint32_t)((sum & UINT32_MAX) + (sum >> 32));
}

static uint16_t role(uint32_t raid_disk, uint32_t state)
{
	if (state & DISK_FAULTY)
		return MD_ROLE_FAULTY;
	return state & DISK_SYNC && raid_disk < DESCRIPTORS ? (uint16_t)raid_disk : MD_ROLE_SPARE;
}

static void fill(const uint32_t *sb, bool big, uint64_t off, struct md_super *ret)
{
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->version, sizeof(ret->version), "0.90");
	snprintf(ret->uuid, sizeof(ret->uuid),
		 "%08" PRIx32 ":%08" PRIx32 ":%08" PRIx32 ":%08" PRIx32, word(sb, big, W_UUID0),
		 word(sb, big, W_UUID1), word(sb, big, W_UUID1 + 1), word(sb, big, W_UUID1 + 2));
	snprintf(ret->name, sizeof(ret->name), "%" PRIu32, word(sb, big, W_MD_MINOR));
	ret->level = (int)word(sb, big, W_LEVEL);
	ret->layout = ret->level == MD_RAID0 ? MD_RAID0_UNKNOWN : word(sb, big, W_LAYOUT);
	ret->chunk = word(sb, big, W_CHUNK);
	ret->raid_disks = word(sb, big, W_RAID_DISKS);
	ret->size = (uint64_t)word(sb, big, W_SIZE) * 1024;
	ret->events = (uint64_t)word(sb, big, W_EVENTS + (big ? 0 : 1)) << 32 |
		      word(sb, big, W_EVENTS + (big ? 1 : 0));
	ret->clean = word(sb, big, W_STATE) & STATE_CLEAN;
	ret->reshaping = word(sb, big, W_MINOR) > 90;
	ret->number = word(sb, big, W_THIS_DISK + D_NUMBER);
	snprintf(ret->device, sizeof(ret->device), "%u", ret->number);
	ret->data_length = off;
	ret->recovered = UINT64_MAX;
	ret->n_roles = DESCRIPTORS;
	/* A descriptor's number is its place in the table; empty ones say 0. */
	for (unsigned int i = 0; i < DESCRIPTORS; i++)
		ret->roles[i] = role(word(sb, big, W_DISKS + i * D_WORDS + D_RAID_DISK),
				     word(sb, big, W_DISKS + i * D_WORDS + D_STATE));
}

int md_super0_parse(const void *buf, uint64_t off, struct md_super *ret, struct error *err)
{
	uint32_t sb[WORDS];
	memcpy(sb, buf, sizeof(sb));
	bool big = be32toh(sb[W_MAGIC]) == MD_MAGIC;
	if (word(sb, big, W_MAJOR) != 0)
		return 0;
	if (checksum(sb, big) != word(sb, big, W_CHECKSUM))
		return error_set(err, -EUCLEAN, "MD super-block 0.90: its checksum is wrong");
	uint32_t disks = word(sb, big, W_RAID_DISKS);
	if (disks == 0 || disks > DESCRIPTORS)
		return error_set(err, -EUCLEAN,
				 "MD super-block 0.90: an array of %" PRIu32 " members", disks);
	fill(sb, big, off, ret);
	return 1;
}
