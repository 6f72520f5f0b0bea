/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make-ldm.h"
#include "make-table.h"
#include "lunette/hex.h"

#define CONFIG_SECTORS 1481u /* of 512 bytes, as Windows makes it */
#define SLOTS          (CONFIG_SECTORS * 4 - 4)

void put_be(uint8_t *p, uint64_t n, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
}

/* ---- records --------------------------------------------------------------------------------- */

struct body {
	size_t n;
	uint8_t bytes[1024];
};

static void raw(struct body *b, const void *p, size_t n)
{
	memcpy(b->bytes + b->n, p, n);
	b->n += n;
}

static void fixed(struct body *b, uint64_t value, unsigned int bytes)
{
	put_be(b->bytes + b->n, value, bytes);
	b->n += bytes;
}

static void number(struct body *b, uint64_t value)
{
	unsigned int bytes = 0;
	while (bytes < 8 && value >> 8 * bytes)
		bytes++;
	fixed(b, bytes, 1);
	fixed(b, value, bytes);
}

static void text(struct body *b, const char *s)
{
	fixed(b, strlen(s), 1);
	raw(b, s, strlen(s));
}

void make_ldm_record(struct make_ldm *group, uint16_t status, uint8_t flags, uint8_t type,
		     const void *body, size_t len)
{
	uint8_t record[2048] = { 0 };
	put_be(record, status, 2);
	record[2] = flags;
	record[3] = type;
	put_be(record + 4, len, 4);
	memcpy(record + 8, body, len);
	size_t count = (8 + len + 111) / 112;
	group->next_record++;
	for (size_t i = 0; i < count; i++) {
		struct make_ldm_fragment *f = &group->fragments[group->n_fragments++];
		*f = (struct make_ldm_fragment){ .record = group->next_record,
						 .index = (uint16_t)i,
						 .count = (uint16_t)count };
		memcpy(f->data, record + 112 * i, 112);
	}
}

static void guid_bytes(const struct make_ldm *group, unsigned int what, uint8_t ret[16])
{
	for (unsigned int i = 0; i < 16; i++)
		ret[i] = (uint8_t)(group->seed * 17 + what * 5 + i * 11 + 0xa0);
}

static void guid_text(const struct make_ldm *group, unsigned int what, char buf[37])
{
	uint8_t b[16];
	guid_bytes(group, what, b);
	hex_uuid(b, buf);
}

void make_ldm_guid(const struct make_ldm *group, unsigned int disk, char buf[37])
{
	guid_text(group, disk + 1, buf);
}

static void guid_field(struct body *b, const struct make_ldm *group, unsigned int what)
{
	char s[37];
	uint8_t bytes[16], none[16] = { 0 };
	if (group->revision == 3) {
		guid_text(group, what, s);
		text(b, s);
		return;
	}
	guid_bytes(group, what, bytes);
	raw(b, bytes, 16);
	raw(b, none, 16);
}

/* ---- groups and disks ------------------------------------------------------------------------ */

struct make_ldm *make_ldm_new(const char *name, uint8_t seed)
{
	struct make_ldm *group = calloc(1, sizeof(*group));
	if (!group)
		abort();
	*group = (struct make_ldm){ .minor = 12,
				    .revision = 3,
				    .status = 1,
				    .committed = 40,
				    .pending = 40,
				    .changed = UINT64_C(129918418359706677),
				    .volume_state = "ACTIVE",
				    .plex_state = "ACTIVE",
				    .seed = seed,
				    .name = name,
				    .next_id = 1000 };
	return group;
}

void make_ldm_free(struct make_ldm *group)
{
	for (unsigned int i = 0; i < group->n_disks; i++)
		blk_unref(&group->disks[i].mem->blk);
	free(group);
}

unsigned int make_ldm_add_disk(struct make_ldm *group, uint64_t size, uint32_t sector, bool gpt)
{
	struct make_ldm_disk *d = &group->disks[group->n_disks];
	const uint64_t sectors = size / sector, in_table = 2 + 128 * 128 / sector;
	*d = (struct make_ldm_disk){ .mem = blk_mem_new(size, sector),
				     .gpt = gpt,
				     .private_size = (1u << 20) / sector,
				     .id = group->next_id++ };
	d->private_start = gpt ? in_table : sectors - d->private_size;
	d->public_start = gpt ? in_table + d->private_size : 63;
	d->public_size = (gpt ? sectors - in_table : d->private_start) - d->public_start;

	struct body b = { 0 };
	char name[16];
	snprintf(name, sizeof(name), "Disk%u", group->n_disks + 1);
	number(&b, d->id);
	text(&b, name);
	guid_field(&b, group, group->n_disks + 1);
	text(&b, "SCSI\\DISK&VEN_TEST&PROD_MADE_FOR_A_TEST&REV_0001\\4&35110308&0&000000");
	fixed(&b, 0, 4);
	fixed(&b, group->committed, 8);
	make_ldm_record(group, 0, 0, group->revision == 3 ? 0x34 : 0x44, b.bytes, b.n);
	group->counts[3]++;
	return group->n_disks++;
}

/* ---- volumes --------------------------------------------------------------------------------- */

uint8_t make_ldm_byte(const char *volume, uint64_t off)
{
	uint64_t sector = off / 512, sum = 1;
	for (; *volume; volume++)
		sum = sum * 31 + (uint8_t)*volume;
	return (uint8_t)((sum + sector * 7 + (sector >> 8) * 13) * 5 + off % 512 * 3);
}

struct shape {
	unsigned int kind, n_plexes, n_columns;
	uint64_t chunk, column, size; /* units */
};

static struct shape shape_of(unsigned int kind, uint64_t chunk, const struct make_ldm_extent *e,
			     size_t n)
{
	struct shape s = { .kind = kind, .chunk = chunk };
	for (size_t i = 0; i < n; i++) {
		s.n_plexes = MAX(s.n_plexes, e[i].plex + 1);
		s.n_columns = MAX(s.n_columns, e[i].column + 1);
		if (e[i].plex == 0 && e[i].column == 0)
			s.column += e[i].size;
	}
	s.size = s.column * (s.n_columns - (kind == MAKE_LDM_RAID5));
	return s;
}

/* Adds (exclusive or) a unit of content to a column of a plex. */
static void add_unit(struct make_ldm *group, const struct make_ldm_extent *e, size_t n,
		     unsigned int plex, unsigned int column, uint64_t at, const uint8_t *unit)
{
	for (size_t i = 0; i < n; i++) {
		if (e[i].plex != plex || e[i].column != column)
			continue;
		if (at < e[i].size) {
			struct make_ldm_disk *d = &group->disks[e[i].disk];
			uint64_t off =
				d->public_start * d->mem->blk.sector + (e[i].start + at) * 512;
			if (off + 512 > d->mem->blk.size)
				abort();
			for (size_t b = 0; b < 512; b++)
				d->mem->bytes[off + b] ^= unit[b];
			return;
		}
		at -= e[i].size;
	}
}

static void fill(struct make_ldm *group, const char *name, const struct shape *s,
		 const struct make_ldm_extent *e, size_t n)
{
	for (uint64_t u = 0; u < s->size; u++) {
		uint8_t unit[512];
		for (size_t b = 0; b < 512; b++)
			unit[b] = group->content ? group->content[u * 512 + b]
						 : make_ldm_byte(name, u * 512 + b);
		for (unsigned int p = 0; p < s->n_plexes; p++) {
			if (s->kind == MAKE_LDM_CONCAT) {
				add_unit(group, e, n, p, 0, u, unit);
				continue;
			}
			uint64_t c = u / s->chunk, in = u % s->chunk;
			unsigned int data = s->n_columns - (s->kind == MAKE_LDM_RAID5);
			uint64_t row = c / data, at = row * s->chunk + in;
			add_unit(group, e, n, p, (unsigned int)(c % s->n_columns), at, unit);
			if (s->kind == MAKE_LDM_RAID5)
				add_unit(group, e, n, p,
					 s->n_columns - 1 - (unsigned int)(row % s->n_columns), at,
					 unit);
		}
	}
}

static void add_extent(struct make_ldm *group, const struct make_ldm_extent *e, uint64_t offset,
		       uint64_t plex)
{
	struct body b = { 0 };
	char name[32];
	snprintf(name, sizeof(name), "Disk%u-%02u", e->disk + 1, group->counts[2]);
	uint8_t flags = (uint8_t)((e->column ? 0x08 : 0) | (group->minor == 12 ? 0x40 : 0));
	number(&b, group->next_id++);
	text(&b, name);
	fixed(&b, group->extent_flags, 4);
	fixed(&b, group->committed, 8);
	fixed(&b, e->start, 8);
	fixed(&b, offset, 8);
	number(&b, e->size);
	number(&b, plex);
	number(&b, group->disks[e->disk].id);
	if (e->column)
		number(&b, e->column);
	if (flags & 0x40)
		number(&b, 0);
	make_ldm_record(group, 0, flags, 0x33, b.bytes, b.n);
	group->counts[2]++;
}

static void add_plex(struct make_ldm *group, const char *volume, uint64_t id, const struct shape *s,
		     unsigned int plex, const struct make_ldm_extent *e, size_t n)
{
	struct body b = { 0 };
	char name[80];
	uint64_t plex_id = group->next_id++, offset = 0;
	size_t n_mine = 0;
	for (size_t i = 0; i < n; i++) {
		if (e[i].plex != plex)
			continue;
		if (n_mine++ == 0 || e[i].column != e[i - 1].column)
			offset = 0;
		add_extent(group, &e[i], offset, plex_id);
		offset += e[i].size;
	}
	snprintf(name, sizeof(name), "%s-%02u", volume, plex + 1);
	number(&b, plex_id);
	text(&b, name);
	text(&b, group->plex_state);
	fixed(&b, s->kind, 1);
	fixed(&b, group->plex_flags, 4);
	number(&b, n_mine);
	fixed(&b, group->committed, 8);
	fixed(&b, 0, 8);
	number(&b, id);
	number(&b, 0);
	if (s->kind != MAKE_LDM_CONCAT) {
		number(&b, s->chunk);
		number(&b, s->n_columns);
	}
	make_ldm_record(group, 0, s->kind != MAKE_LDM_CONCAT ? 0x10 : 0, 0x32, b.bytes, b.n);
	group->counts[1]++;
}

uint64_t make_ldm_volume(struct make_ldm *group, const char *name, unsigned int kind,
			 uint64_t chunk, const struct make_ldm_extent *extents, size_t n,
			 const char *hint)
{
	struct shape s = shape_of(kind, chunk, extents, n);
	uint64_t id = group->next_id++;
	for (unsigned int p = 0; p < s.n_plexes; p++)
		add_plex(group, name, id, &s, p, extents, n);
	struct body b = { 0 };
	uint8_t guid[16];
	guid_bytes(group, 100 + (unsigned int)id, guid);
	number(&b, id);
	text(&b, name);
	text(&b, kind == MAKE_LDM_RAID5 ? "raid5" : "gen");
	text(&b, "8000000000000000");
	snprintf((char *)b.bytes + b.n, 14, "%s", group->volume_state);
	b.n += 14;
	fixed(&b, kind == MAKE_LDM_RAID5 ? 4 : 3, 1);
	number(&b, group->counts[0] + 1);
	fixed(&b, 0x11, 4);
	number(&b, s.n_plexes);
	fixed(&b, group->committed, 8);
	fixed(&b, 0, 8);
	number(&b, s.size);
	fixed(&b, 0, 4);
	fixed(&b, 7, 1);
	raw(&b, guid, 16);
	number(&b, 1106); /* flag 0x20, as 2003 R2 has it */
	if (hint)
		text(&b, hint);
	make_ldm_record(group, 0, hint ? 0x22 : 0x20, 0x51, b.bytes, b.n);
	group->counts[0]++;
	if (!group->empty)
		fill(group, name, &s, extents, n);
	return s.size * 512;
}

/* ---- disks ----------------------------------------------------------------------------------- */

/* In sectors of the private region. Real disks have the database behind sector 16. */
static uint64_t config_at(const struct make_ldm_disk *d)
{
	return d->mem->blk.sector == 512 ? 17 : 2;
}

uint8_t *make_ldm_private(struct make_ldm *group, unsigned int disk, uint64_t sector)
{
	const struct make_ldm_disk *d = &group->disks[disk];
	return d->mem->bytes + (d->private_start + sector) * d->mem->blk.sector;
}

uint8_t *make_ldm_config(struct make_ldm *group, unsigned int disk)
{
	return make_ldm_private(group, disk, config_at(&group->disks[disk]));
}

void make_ldm_seal(uint8_t *sector)
{
	uint32_t sum = 0;
	put_be(sector + 8, 0, 4);
	for (size_t i = 0; i < 512; i++)
		sum += sector[i];
	put_be(sector + 8, sum, 4);
}

static void write_database(struct make_ldm *group, uint8_t *config)
{
	memset(config, 0, (size_t)CONFIG_SECTORS * 512);
	memcpy(config, "VMDB", 4);
	put_be(config + 4, SLOTS + 4, 4);
	put_be(config + 8, 128, 4);
	put_be(config + 0xc, 512, 4);
	put_be(config + 0x10, group->status, 2);
	put_be(config + 0x12, 4, 2);
	put_be(config + 0x14, 10, 2);
	snprintf((char *)config + 0x16, 31, "%s", group->name);
	guid_text(group, 0, (char *)config + 0x35);
	put_be(config + 0x75, group->committed, 8);
	put_be(config + 0x7d, group->pending, 8);
	for (size_t i = 0; i < 4; i++) {
		put_be(config + 0x85 + 4 * i, group->counts[i], 4);
		put_be(config + 0xa1 + 4 * i, group->counts[i], 4);
	}
	put_be(config + 0xbd, group->changed, 8);
	for (uint32_t i = 0; i < SLOTS; i++) {
		memcpy(config + 512 + (size_t)128 * i, "VBLK", 4);
		put_be(config + 512 + (size_t)128 * i + 4, i + 4, 4);
	}
	for (size_t i = 0; i < group->n_fragments; i++) {
		const struct make_ldm_fragment *f = &group->fragments[i];
		/* 5920 and 2017 have no common divisor: every slot is hit once. */
		size_t slot = group->mix ? (i * 2017 + 99) % SLOTS : i;
		uint8_t *to = config + 512 + 128 * slot;
		put_be(to + 8, f->record, 4);
		put_be(to + 12, f->index, 2);
		put_be(to + 14, f->count, 2);
		memcpy(to + 16, f->data, 112);
	}
}

static void write_toc(const struct make_ldm_disk *d, uint8_t *to)
{
	const uint64_t per = d->mem->blk.sector / 512;
	const uint64_t config = (CONFIG_SECTORS + per - 1) / per;
	memcpy(to, "TOCBLOCK", 8);
	put_be(to + 0xc, 1, 8);
	for (size_t i = 0; i < 2; i++) {
		uint8_t *region = to + 0x24 + 34 * i;
		memcpy(region, i ? "log" : "config", i ? 3 : 6);
		put_be(region + 10, config_at(d) + (i ? config : 0), 8);
		put_be(region + 18, i ? 224 / per : config, 8);
		put_be(region + 26, 6, 2);
		put_be(region + 28, 1, 2);
	}
	make_ldm_seal(to);
}

static void write_head(struct make_ldm *group, unsigned int disk, uint8_t *to)
{
	const struct make_ldm_disk *d = &group->disks[disk];
	const uint64_t size = d->private_size, per = d->mem->blk.sector / 512;
	memcpy(to, "PRIVHEAD", 8);
	put_be(to + 0xc, 2, 2);
	put_be(to + 0xe, group->minor, 2);
	put_be(to + 0x18, 1, 8);
	put_be(to + 0x20, size - 1, 8);
	put_be(to + 0x28, 1856 / per, 8);
	guid_text(group, disk + 1, (char *)to + 0x30);
	snprintf((char *)to + 0x70, 64, "1b77da20-c717-11d0-a5be-00a0c91db73c");
	guid_text(group, 0, (char *)to + 0xb0);
	snprintf((char *)to + 0xf0, 31, "%s", group->name);
	const uint64_t fields[] = { d->public_start, d->public_size, d->private_start, size, 1,
				    size - 2 };
	put_be(to + 0x10f, d->mem->blk.sector, 4);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		put_be(to + 0x11b + 8 * i, fields[i], 8);
	make_ldm_seal(to);
}

/* A GUID in the mixed order of partition tables. */
static void put_type(uint8_t *to, const char *guid)
{
	static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	for (size_t i = 0, at = 0; i < 16; i++, at += 2) {
		at += guid[at] == '-';
		char digits[3] = { guid[at], guid[at + 1] };
		to[order[i]] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static void write_table(const struct make_ldm_disk *d)
{
	const uint32_t sector = d->mem->blk.sector;
	if (!d->gpt) {
		make_mbr_entry(d->mem, sector, 0, 0, 0x42, 63, (uint32_t)d->public_size);
		return;
	}
	make_gpt(d->mem, sector);
	make_gpt_entry(d->mem, sector, 0, 1, d->private_start,
		       d->private_start + d->private_size - 1);
	make_gpt_entry(d->mem, sector, 1, 1, d->public_start, d->public_start + d->public_size - 1);
	const uint64_t last = d->mem->blk.size / sector - 1;
	const uint64_t arrays[] = { 2, last - 128 * 128 / sector };
	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		uint8_t *array = d->mem->bytes + arrays[i] * sector;
		put_type(array, "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3");
		put_type(array + 128, "af9b60a0-1431-4f62-bc68-3311714a69ad");
	}
	make_gpt_seal_both(d->mem, sector);
}

void make_ldm_write_disk(struct make_ldm *group, unsigned int disk)
{
	const struct make_ldm_disk *d = &group->disks[disk];
	const uint64_t per = d->mem->blk.sector / 512;
	write_table(d);
	write_database(group, make_ldm_config(group, disk));
	write_toc(d, make_ldm_private(group, disk, 1));
	write_toc(d, make_ldm_private(group, disk, d->private_size - 2));
	write_head(group, disk, make_ldm_private(group, disk, d->private_size - 1));
	write_head(group, disk, make_ldm_private(group, disk, 1856 / per));
	if (!d->gpt)
		write_head(group, disk, d->mem->bytes + (size_t)6 * d->mem->blk.sector);
}

void make_ldm_write(struct make_ldm *group)
{
	struct body b = { 0 };
	number(&b, group->next_id++);
	text(&b, group->name);
	guid_field(&b, group, 0);
	fixed(&b, 0, 4);
	fixed(&b, group->committed, 8);
	if (group->minor == 11) {
		number(&b, 0xffffffff);
		number(&b, 0xffffffff);
	}
	make_ldm_record(group, 0, group->minor == 11 ? 0x08 : 0, group->revision == 3 ? 0x35 : 0x45,
			b.bytes, b.n);
	for (unsigned int i = 0; i < group->n_disks; i++)
		make_ldm_write_disk(group, i);
}

/* Only what is not zero, so that the file stays as sparse as it was. */
int make_ldm_save(const struct make_ldm *group, unsigned int disk, const char *path)
{
	enum { BLOCK = 4096 };
	static const uint8_t zero[BLOCK];
	const struct blk_mem *mem = group->disks[disk].mem;
	CLEANUP(close_cleanup) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)mem->blk.size) < 0)
		return -errno;
	for (uint64_t off = 0; off < mem->blk.size; off += BLOCK)
		if (memcmp(mem->bytes + off, zero, BLOCK) != 0 &&
		    pwrite(fd, mem->bytes + off, BLOCK, (off_t)off) != BLOCK)
			return -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}
