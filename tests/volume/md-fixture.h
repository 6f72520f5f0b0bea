/* SPDX-License-Identifier: GPL-3.0-or-later */
/* md-fixture - disks with a member of an array each; a test changes what it is about. */
#ifndef MD_FIXTURE_H
#define MD_FIXTURE_H

#include <string.h>

#include "lunette/layout.h"
#include "make-md.h"
#include "make-table.h"

#define SIZE    (1u << 20)
#define MEMBERS 8

/* Disks with a member each; a test changes what it is about. */
struct fixture {
	struct make_md md[MEMBERS];
	struct blk_mem *disks[MEMBERS];
	struct layout_input inputs[MEMBERS];
	size_t n;
	struct layout *layout;
};

static inline void setup(struct fixture *f, size_t n, int level, unsigned int minor)
{
	*f = (struct fixture){ .n = n };
	for (size_t i = 0; i < n; i++) {
		f->disks[i] = blk_mem_new(SIZE, 512);
		memset(f->disks[i]->bytes, (int)('a' + i), SIZE);
		memset(f->disks[i]->bytes, 0, 8192); /* no table, no other super-block */
		memset(f->disks[i]->bytes + SIZE - 8192, 0, 8192);
		f->md[i] = (struct make_md){
			.minor = minor,
			.level = level,
			.layout = 2,
			.chunk = 64,
			.raid_disks = (unsigned int)n,
			.size = 512,
			.data = minor == 90 ? 0 : 256,
			.events = 10,
			.resync = UINT64_MAX,
			.number = (unsigned int)i,
			.n_roles = (unsigned int)n,
			.uuid = 0x11,
		};
		for (unsigned int r = 0; r < n; r++)
			f->md[i].roles[r] = (uint16_t)r;
		f->inputs[i] = (struct layout_input){ &f->disks[i]->blk, "disk.img" };
	}
}

static inline void probe(struct fixture *f)
{
	for (size_t i = 0; i < f->n; i++)
		make_md(f->disks[i], &f->md[i]);
	struct error err = { 0 };
	assert_int_equal(layout_new(f->inputs, f->n, NULL, &f->layout, &err), 0);
}

static inline void teardown(struct fixture *f)
{
	layout_free(f->layout);
	for (size_t i = 0; i < f->n; i++)
		blk_unref(&f->disks[i]->blk);
}

static inline char byte_at(struct layout_volume *v, uint64_t off)
{
	char byte = '?';
	assert_int_equal(blk_read(v->blk, &byte, 1, off, NULL), 0);
	return byte;
}

static inline bool warned(const struct fixture *f, const char *phrase)
{
	for (size_t i = 0; i < f->layout->n_warnings; i++)
		if (strstr(f->layout->warnings[i], phrase))
			return true;
	return false;
}

#endif
