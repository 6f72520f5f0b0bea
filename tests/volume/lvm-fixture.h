/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lvm-fixture - disks that are physical volumes of a group, whose text a test writes. */
#ifndef LVM_FIXTURE_H
#define LVM_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "lunette/layout.h"
#include "make-lvm.h"

#define SIZE   (1u << 20)
#define START  4096
#define LENGTH 32768
#define DISKS  6

/* Extents of 64 KiB; the first is behind 64 KiB, and there are 15. Disk i is filled with 'a' + i.
 */
struct fixture {
	struct blk_mem *disks[DISKS];
	struct layout_input inputs[DISKS];
	size_t n;
	struct layout *layout;
};

static inline void setup(struct fixture *f, size_t n)
{
	*f = (struct fixture){ .n = n };
	for (size_t i = 0; i < n; i++) {
		f->disks[i] = blk_mem_new(SIZE, 512);
		memset(f->disks[i]->bytes + 65536, (int)('a' + i), SIZE - 65536);
		make_lvm_label(f->disks[i], 1, (char)('A' + i), START, LENGTH);
		f->inputs[i] = (struct layout_input){ &f->disks[i]->blk, "disk.img" };
	}
}

static inline void probe(struct fixture *f)
{
	struct error err = { 0 };
	assert_int_equal(layout_new(f->inputs, f->n, NULL, &f->layout, &err), 0);
}

static inline void teardown(struct fixture *f)
{
	layout_free(f->layout);
	for (size_t i = 0; i < f->n; i++)
		blk_unref(&f->disks[i]->blk);
}

/* The text of group vg0 with as many physical volumes and what stands in logical_volumes. */
static inline const char *group(unsigned int seqno, size_t n_pvs, const char *lvs)
{
	static char text[16384];
	int len = snprintf(text, sizeof(text),
			   "contents = \"Text Format Volume Group\"\nversion = 1\n"
			   "vg0 {\nid = \"%s\"\nseqno = %u\nextent_size = 128 # 64 Kilobytes\n"
			   "physical_volumes {\n",
			   make_lvm_id('V'), seqno);
	for (size_t i = 0; i < n_pvs; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"pv%zu {\nid = \"%s\"\npe_start = 128\npe_count = 15\n}\n", i,
				make_lvm_id((char)('A' + i)));
	snprintf(text + len, sizeof(text) - (size_t)len,
		 "}\nlogical_volumes {\n%s}\n}\ncreation_host = \"h\"\n", lvs);
	return text;
}

#define LV(name, visible, segments) \
	name " {\nid = \"x\"\nstatus = [\"READ\", " visible "]\n" segments "}\n"
#define SHOWN  "\"VISIBLE\""
#define HIDDEN "\"WRITE\""
#define SEGMENT(number, start, count, rest) \
	"segment" number " {\nstart_extent = " start "\nextent_count = " count "\n" rest "}\n"
#define LINEAR(number, start, count, pv, extent) \
	SEGMENT(number, start, count,            \
		"type = \"striped\"\nstripe_count = 1\nstripes = [\n\"" pv "\", " extent "\n]\n")
#define ROOT LV("root", SHOWN, LINEAR("1", "0", "2", "pv0", "3"))

static inline void write_all(struct fixture *f, const char *text)
{
	for (size_t i = 0; i < f->n; i++)
		make_lvm_area(f->disks[i], START, LENGTH, 512, text);
}

static inline char byte_at(const struct layout_volume *v, uint64_t off)
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
