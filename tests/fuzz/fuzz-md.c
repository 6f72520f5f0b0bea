/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz-md - an array of up to four members, whose super-blocks are the input's.
 *
 * Each member is 4096 bytes of input: its first byte says which version they are, the rest is the
 * super-block. Checksums and places are made right, or no input would come past them.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "lunette/layout.h"
#include "make-md.h"

#define MEMBERS 4
#define SIZE    (1u << 20)

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
		if (!v->blk)
			continue;
		size_t n = (size_t)MIN(v->blk->size, (uint64_t)sizeof(buf));
		fuzz_check(blk_read(v->blk, buf, n, 0, NULL) == 0);
		fuzz_check(blk_read(v->blk, buf, n, v->blk->size - n, NULL) == 0);
		fuzz_check(layout_walk(layout, v->blk, v->blk->size, 0, inside, NULL, NULL) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int minors[] = { 0, 1, 2, 90 };
	struct layout_input inputs[MEMBERS];
	struct blk_mem *disks[MEMBERS];
	size_t n = 0;
	for (; n < MEMBERS && size > 300; n++) {
		struct make_md md = { .minor = minors[data[0] % 4], .big = data[0] & 4 };
		size_t len = MIN(size - 1, (size_t)4095);
		disks[n] = blk_mem_new(SIZE, 512);
		uint64_t off = make_md_offset(disks[n], md.minor);
		uint8_t *sb = disks[n]->bytes + off;
		memcpy(sb, data + 1, len);
		if (md.minor == 90) {
			make_md_seal(disks[n], &md);
		} else {
			uint64_t sector = off / 512;
			memcpy(sb + 144, &sector, sizeof(sector));
			sb[221] &= 7; /* roles that fit, for what seals it */
			sb[222] = sb[223] = 0;
			if ((sb[221] << 8 | sb[220]) <= 1920)
				make_md_seal(disks[n], &md);
		}
		inputs[n] = (struct layout_input){ &disks[n]->blk, "fuzz" };
		data += len + 1;
		size -= len + 1;
	}
	struct layout *layout;
	if (n && layout_new(inputs, n, NULL, &layout, NULL) == 0) {
		check(layout);
		layout_free(layout);
	}
	for (size_t i = 0; i < n; i++)
		blk_unref(&disks[i]->blk);
	return 0;
}
