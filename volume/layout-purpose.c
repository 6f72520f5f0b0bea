/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout-purpose - what a partition is for, in words for people. */
#include <string.h>

#include "lunette/layout.h"
#include "lunette/util.h"

static const struct {
	const char *type, *meaning;
} partition_types[] = {
	{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system" },
	{ "21686148-6449-6e6f-744e-656564454649", "BIOS boot" },
	{ "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved" },
	{ "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Microsoft basic data" },
	{ "de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery" },
	{ "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "LDM metadata" },
	{ "af9b60a0-1431-4f62-bc68-3311714a69ad", "LDM data" },
	{ "e75caf8f-f680-4cee-afa3-b001e56efc2d", "Storage Spaces" },
	{ "0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux" },
	{ "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap" },
	{ "e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM" },
	{ "a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID" },
	{ "07", "NTFS or exFAT" },
	{ "0b", "FAT" },
	{ "0c", "FAT" },
	{ "0e", "FAT" },
	{ "27", "Windows recovery" },
	{ "42", "LDM" },
	{ "82", "Linux swap" },
	{ "83", "Linux" },
	{ "8e", "Linux LVM" },
	{ "ef", "EFI system" },
	{ "fd", "Linux RAID" },
};

const char *layout_purpose(const struct layout_volume *volume)
{
	for (size_t i = 0; i < ARRAY_SIZE(partition_types); i++)
		if (strcmp(volume->partition_type, partition_types[i].type) == 0)
			return partition_types[i].meaning;
	return "";
}
