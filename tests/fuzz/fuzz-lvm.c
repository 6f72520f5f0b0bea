/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-lvm - a volume group of two physical volumes, whose text is the input.
 *
 * The first byte of the input chooses: the text in a sound metadata area, or the bytes of label and
 * area themselves.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "lunette/layout.h"
#include "make-lvm.h"

#define SIZE   (1u << 20)
#define START  4096
#define LENGTH 131072

static int inside(void *ctx, struct layout_disk *disk, uint64_t length, uint64_t off,
		  struct error *err)
{
	(void)ctx;
	(void)err;
	fuzz_check(range_inside(length, off, disk->blk->size));
	return 0;
}

static void check(const struct layout *layout)
{
	char buf[4096];
	for (size_t i = 0; i < layout->n_volumes; i++) {
		const struct layout_volume *v = &layout->volumes[i];
		fuzz_check(!v->blk == (v->state == LAYOUT_INCOMPLETE));
		fuzz_check((v->state == LAYOUT_OK) == (*v->reason == '\0'));
		fuzz_check(layout_find(layout, v->name) == v);
		if (!v->blk)
			continue;
		size_t n = (size_t)MIN(v->blk->size, (uint64_t)sizeof(buf));
		(void)blk_read(v->blk, buf, n, 0, NULL);
		(void)blk_read(v->blk, buf, n, v->blk->size - n, NULL);
		/* A walk over stripes goes chunk by chunk. */
		(void)layout_walk(layout, v->blk, MIN(v->blk->size, (uint64_t)SIZE), 0, inside,
				  NULL, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct layout_input inputs[2];
	struct blk_mem *disks[2];
	CLEANUP(free_cleanup) char *text = calloc(1, size);
	fuzz_check(text);
	memcpy(text, data + 1, size - 1);
	size_t len = MIN(strlen(text), (size_t)LENGTH - 1024);
	text[len] = '\0';
	for (int i = 0; i < 2; i++) {
		disks[i] = blk_mem_new(SIZE, 512);
		make_lvm_label(disks[i], 1, (char)('A' + i), START, LENGTH);
		make_lvm_area(disks[i], START, LENGTH, 512, text);
		inputs[i] = (struct layout_input){ &disks[i]->blk, "fuzz" };
	}
	if (data[0] & 1) {
		memcpy(disks[0]->bytes + 512, data + 1, MIN(size - 1, (size_t)512));
		make_lvm_label_seal(disks[0], 1);
		if (size > 513)
			memcpy(disks[0]->bytes + START, data + 513,
			       MIN(size - 513, (size_t)LENGTH));
		make_lvm_area_seal(disks[0], START);
	}
	struct layout *layout;
	if (layout_new(inputs, 2, NULL, &layout, NULL) == 0) {
		check(layout);
		layout_free(layout);
	}
	for (int i = 0; i < 2; i++)
		blk_unref(&disks[i]->blk);
	return 0;
}
