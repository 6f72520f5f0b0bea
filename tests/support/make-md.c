/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "make-md.h"

static void put(uint8_t *at, uint64_t value, unsigned int bytes, bool big)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[big ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned int bytes, bool big)
{
	uint64_t value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)at[big ? bytes - 1 - i : i] << 8 * i;
	return value;
}

uint64_t make_md_offset(const struct blk_mem *disk, unsigned int minor)
{
	uint64_t sectors = disk->blk.size / 512;
	switch (minor) {
	case 0:
		return (sectors - 16) / 8 * 8 * 512;
	case 1:
		return 0;
	case 2:
		return 4096;
	default:
		return (sectors / 128 * 128 - 128) * 512;
	}
}

void make_md_seal(struct blk_mem *disk, const struct make_md *md)
{
	uint8_t *sb = disk->bytes + make_md_offset(disk, md->minor);
	size_t at = md->minor == 90 ? 38 * 4 : 216, len = 4096;
	if (md->minor != 90)
		len = 256 + 2 * (size_t)get(sb + 220, 4, false);
	put(sb + at, 0, 4, md->big);
	uint64_t sum = 0;
	for (size_t i = 0; i < len; i += 4)
		sum += get(sb + i, len - i < 4 ? 2 : 4, md->big);
	put(sb + at, (sum & 0xffffffff) + (sum >> 32), 4, md->big);
}

static void make_1(uint8_t *sb, const struct make_md *md, uint64_t off)
{
	put(sb + 0, 0xa92b4efc, 4, false);
	put(sb + 4, 1, 4, false);
	put(sb + 8, md->features, 4, false);
	memset(sb + 16, md->uuid, 16);
	snprintf((char *)sb + 32, 32, "%s", md->name ? md->name : "host:array");
	put(sb + 72, (uint32_t)md->level, 4, false);
	put(sb + 76, md->layout, 4, false);
	put(sb + 80, md->size * 2, 8, false);
	put(sb + 88, md->chunk * 2, 4, false);
	put(sb + 92, md->raid_disks, 4, false);
	put(sb + 128, md->data, 8, false);
	put(sb + 136, md->data_size ? md->data_size : md->size * 2, 8, false);
	put(sb + 144, off / 512, 8, false);
	put(sb + 152, md->recovered, 8, false);
	put(sb + 160, md->number, 4, false);
	memset(sb + 168, (int)md->number + 1, 16);
	put(sb + 200, md->events, 8, false);
	put(sb + 208, md->resync, 8, false);
	put(sb + 220, md->n_roles, 4, false);
	for (unsigned int i = 0; i < md->n_roles; i++)
		put(sb + 256 + 2 * i, md->roles[i], 2, false);
}

static void make_0(uint8_t *sb, const struct make_md *md)
{
	const struct {
		unsigned int word;
		uint32_t value;
	} words[] = {
		{ 0, 0xa92b4efc },
		{ 2, md->features & 4 ? 91 : 90 },
		{ 5, md->uuid * 0x01010101u },
		{ 7, (uint32_t)md->level },
		{ 8, (uint32_t)md->size },
		{ 10, md->raid_disks },
		{ 11, 7 },
		{ 13, md->uuid * 0x01010101u },
		{ 33, md->resync ? 1 : 0 },
		{ md->big ? 40 : 39, (uint32_t)md->events },
		{ 64, md->layout },
		{ 65, md->chunk * 1024 },
		{ 992, md->number },
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		put(sb + 4 * words[i].word, words[i].value, 4, md->big);
	for (unsigned int i = 0; i < md->n_roles; i++) {
		uint8_t *d = sb + 4 * (128 + 32 * i);
		put(d, i, 4, md->big);
		put(d + 12, md->roles[i], 4, md->big);
		put(d + 16, md->roles[i] < 0xff00 ? 6 : md->roles[i] == 0xfffe, 4, md->big);
	}
}

void make_md(struct blk_mem *disk, const struct make_md *md)
{
	uint64_t off = make_md_offset(disk, md->minor);
	memset(disk->bytes + off, 0, 4096);
	if (md->minor == 90)
		make_0(disk->bytes + off, md);
	else
		make_1(disk->bytes + off, md, off);
	make_md_seal(disk, md);
}
