/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool-ldm LUN_MIB VOLUME_MIB REST_MIB FILE FILE... - makes Windows dynamic disks: GPT disks of
 * LUN_MIB with one spanned volume, D, that has VOLUME_MIB of each, and behind that an ordinary
 * Linux partition of REST_MIB.
 *
 * Says of each disk where, in bytes: START and LENGTH of its part of the volume, in the order of
 * the volume, then START and LENGTH of the partition. The volume itself is empty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make-ldm.h"
#include "make-table.h"

#define MIB       UINT64_C(1048576)
#define SECTOR    512
#define DISKS_MAX 8
#define PART_SLOT 2 /* behind LDM's two */

/* Where things are on each disk: aligned, as Windows and Linux would lay them. */
#define VOLUME_START (2 * MIB)

/* "Linux filesystem data", 0fc63daf-8483-4772-8e79-3d69d8477de4, as it stands in a table. */
static const uint8_t linux_type[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
					0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

static void add_partition(struct make_ldm *group, unsigned int disk, uint64_t start, uint64_t size)
{
	struct blk_mem *mem = group->disks[disk].mem;
	const uint64_t last = mem->blk.size / SECTOR - 1, array = 128 * 128 / SECTOR;
	const uint64_t headers[] = { 1, last }, arrays[] = { 2, last - array };
	make_gpt_entry(mem, SECTOR, PART_SLOT, 0, start / SECTOR, (start + size) / SECTOR - 1);
	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		uint8_t *entries = mem->bytes + arrays[i] * SECTOR;
		memcpy(entries + (size_t)128 * PART_SLOT, linux_type, sizeof(linux_type));
		for (unsigned int slot = 0; slot <= PART_SLOT; slot++) /* their own GUIDs */
			memset(entries + (size_t)128 * slot + 16, (int)(0x10 * (disk + 1) + slot),
			       16);
		memset(mem->bytes + headers[i] * SECTOR + 56, (int)(0xd1 + disk), 16);
	}
	make_gpt_seal_both(mem, SECTOR);
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 5 ? (unsigned int)argc - 4 : 0;
	if (n < 2 || n > DISKS_MAX) {
		fprintf(stderr, "Usage: tool-ldm LUN_MIB VOLUME_MIB REST_MIB FILE FILE...\n");
		return 2;
	}
	const uint64_t size = strtoull(argv[1], NULL, 10) * MIB;
	const uint64_t part = strtoull(argv[2], NULL, 10) * MIB;
	const uint64_t rest = strtoull(argv[3], NULL, 10) * MIB;
	const uint64_t rest_start = VOLUME_START + part;
	if (part == 0 || rest == 0 || size > 4096 * MIB || rest_start + rest + MIB > size) {
		fprintf(stderr, "tool-ldm: the volume and the partition do not fit\n");
		return 2;
	}
	struct make_ldm *group = make_ldm_new("DemoDg0", 7);
	struct make_ldm_extent extents[DISKS_MAX];
	group->empty = true;
	for (unsigned int i = 0; i < n; i++) {
		make_ldm_add_disk(group, size, SECTOR, true);
		struct make_ldm_disk *d = &group->disks[i];
		d->public_size = rest_start / SECTOR - d->public_start;
		extents[i] = (struct make_ldm_extent){
			.disk = i,
			.start = VOLUME_START / SECTOR - d->public_start,
			.size = part / SECTOR,
		};
	}
	make_ldm_volume(group, "Volume1", MAKE_LDM_CONCAT, 0, extents, n, "D:");
	make_ldm_write(group);
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < n; i++) {
		add_partition(group, i, rest_start, rest);
		rc = make_ldm_save(group, i, argv[4 + i]);
		if (rc < 0)
			fprintf(stderr, "tool-ldm: '%s': %s\n", argv[4 + i], strerror(-rc));
		else
			printf("%ju %ju %ju %ju\n", (uintmax_t)VOLUME_START, (uintmax_t)part,
			       (uintmax_t)rest_start, (uintmax_t)rest);
	}
	make_ldm_free(group);
	return rc < 0;
}
